//! Scripts, drawn by chance.

use imds_mock::{Profile, Tokens};

use super::script::{
    AMI, ClientTerms, KeepAlive, Kind, LOOP, META, Place, Planted, Script, Server, Step, Terms,
    Trouble, What,
};
use crate::Random;
use crate::common::millis;

impl Script {
    /// The script of a seed.
    pub fn new(seed: u64) -> Self {
        Self::drawn(&mut Random::new(seed))
    }

    /// A script that these choices make.
    pub fn drawn(random: &mut Random) -> Self {
        let seed = random.number();
        // Now and then nothing is wrong, so that nothing may go wrong.
        let calm = random.one_in(8);
        let clients: Vec<_> = (0..random.pick(&[1, 1, 1, 2, 3]))
            .map(|_| client(random))
            .collect();
        let server = server(random, &clients);
        let wire = terms(random, calm);
        let leaves = leaves(random, server.profile, wire.piece);
        let mut script = Self {
            seed,
            server,
            wire,
            leaves,
            clients,
            faults: Vec::new(),
            troubles: Vec::new(),
            steps: Vec::new(),
        };
        if !calm {
            for _ in 0..random.below(6) {
                script.faults.push(planted(random, &script.leaves));
            }
            for _ in 0..random.below(5) {
                script.troubles.push(Trouble {
                    connection: random.below(30),
                    what: trouble(random),
                });
            }
            script.part_what_no_client_can_tell();
        }
        let span = random.pick(&[1, 100, 5_000, 700_000]);
        for _ in 0..1 + random.below(12) {
            let at = millis(u64::from(random.below_u32(span)));
            let step = script.step(random, calm);
            script.steps.push((at, step));
        }
        script.steps.sort_by_key(|(at, _)| *at);
        script
    }

    /// An answer that ends with its connection, and a connection that ends early: what is missing
    /// then nobody can know.
    fn part_what_no_client_can_tell(&mut self) {
        if self.faults.iter().any(|f| f.kind == Kind::UntilClose) {
            self.troubles
                .retain(|t| !matches!(t.what, What::HalfClose(_) | What::Unasked));
        }
        // What was there before the request is told from its answer by looking only.
        if !self.wire.looks || self.clients.iter().any(|client| client.in_turns) {
            self.troubles.retain(|t| t.what != What::Unasked);
        }
    }

    fn step(&self, random: &mut Random, calm: bool) -> Step {
        let client = random.below(self.clients.len());
        // A key pair is asked for by its number.
        let by_name: Vec<_> = self.leaves.iter().filter(|l| !l.0.contains("0=")).collect();
        let leaf = random.pick(&by_name).0.clone();
        let path = match random.below(8) {
            0 => "/latest/meta-data/no-such-key".to_owned(),
            1 => META.to_owned(),
            2 => AMI.to_owned(),
            _ => leaf.clone(),
        };
        let some_time = |random: &mut Random| {
            millis(u64::from(
                random.pick::<u32>(&[1, 30, 300, 1_500, 8_000, 90_000]),
            ))
        };
        match random.below(if calm { 10 } else { 28 }) {
            0..3 => Step::Get(client, path),
            3 => Step::List(client, random.pick(&["/latest/meta-data", META]).to_owned()),
            4 => Step::List(client, path),
            5 | 6 => Step::Walk(client, "/latest/".to_owned(), true),
            7 => Step::Walk(client, META.to_owned(), random.one_in(2)),
            8 => {
                let slash = if random.one_in(3) { "/" } else { "" };
                let start = path.trim_end_matches('/');
                Step::Walk(client, format!("{start}{slash}"), true)
            }
            9 => Step::Cancel(client, random.below(4)),
            10 => Step::Rest(client, some_time(random)),
            11 => Step::Abandon(client, random.below(8)),
            12 => Step::Busy(client, some_time(random)),
            13 => Step::Suspend(client, some_time(random)),
            14 => Step::ClockBack(client, some_time(random)),
            15 | 16 => Step::HangUp,
            17 => Step::Cut,
            18 => Step::Restart,
            19 => Step::Revoke,
            20 => self.other_server(random),
            21 => Step::Terms(random.pick(&[Tokens::Required, Tokens::Optional])),
            22 | 23 => Step::Set(leaf, random.pick(&[0, 3, 300, 5000])),
            24 => {
                let new = format!("{META}new{}", random.below(3));
                Step::Set(new, random.pick(&[0, 3, 300]))
            }
            25 | 26 if leaf != AMI => Step::Remove(leaf),
            _ => {
                let door = random.pick(&[What::Refused, What::Unreachable, What::Blackhole]);
                Step::Door(door, some_time(random))
            }
        }
    }

    /// Another generation of servers answers from now on, or nobody that can.
    fn other_server(&self, random: &mut Random) -> Step {
        if self.server.profile == Profile::Mmds {
            return Step::Restart;
        }
        Step::Become(random.pick(&[
            Profile::Ec2,
            Profile::Ec2,
            Profile::Ec2Legacy,
            Profile::Ec2Legacy,
            Profile::Disabled,
            Profile::HopLimited,
            Profile::Html,
            Profile::Html405,
            Profile::V1Only,
        ]))
    }
}

fn leaves(random: &mut Random, profile: Profile, piece: usize) -> Vec<(String, usize)> {
    // Firecracker does not decode what it is asked for.
    let names: &[_] = if profile == Profile::Mmds {
        &["leaf", "tag:x="]
    } else {
        &["leaf", "a b", "per%cent", "tag:x=", "ü"]
    };
    let mut leaves = vec![(AMI.to_owned(), 12)];
    // Many bytes one by one teach no more than some.
    let sizes: &[_] = if piece < 100 {
        &[0, 1, 30, 300, 1500]
    } else {
        &[0, 1, 30, 30, 1500, 5000, 20_000]
    };
    for n in 0..2 + random.below(12) {
        let dirs: String = (0..random.below(4))
            .map(|_| format!("d{}/", random.below(3)))
            .collect();
        let name = random.pick(names);
        leaves.push((format!("{META}{dirs}{name}{n}"), random.pick(sizes)));
    }
    for (path, size) in [
        ("/latest/user-data", 3000),
        ("/latest/meta-data/iam/security-credentials/role", 900),
        ("/latest/dynamic/instance-identity/document", 500),
        ("/latest/meta-data/loop/x", 5),
        ("/latest/meta-data/public-keys/0=my key/openssh-key", 400),
    ] {
        // Firecracker has no such exception for key pairs.
        if random.one_in(3) && !(profile == Profile::Mmds && path.contains("0=")) {
            leaves.push((path.to_owned(), size));
        }
    }
    leaves
}

fn client(random: &mut Random) -> ClientTerms {
    let (lanes, window, arena) = random.pick(&[
        (1, 1024, 1024),
        (1, 2048, 300),
        (2, 800, 4096),
        (4, 2048, 500),
        (8, 4096, 8192),
    ]);
    ClientTerms {
        lanes,
        window,
        arena,
        attempts: random.pick(&[1, 2, 3, 5]),
        allow_v1: random.one_in(4),
        pace: random.pick(&[None, None, Some((4, 10)), Some((96, 96))]),
        token_ttl: random.pick(&[1, 60, 21_600]),
        longest: random.pick(&[65_536, 65_536, 1_000]),
        in_turns: random.one_in(3),
    }
}

fn server(random: &mut Random, clients: &[ClientTerms]) -> Server {
    let v1 = clients.iter().all(|client| client.allow_v1);
    let profile = match random.below(12) {
        0..4 => Profile::Ec2,
        4..7 => Profile::Ec2Legacy,
        7 | 8 => Profile::Mmds,
        _ if v1 => random.pick(&[Profile::V1Only, Profile::V1Only405]),
        _ => Profile::Ec2,
    };
    // Firecracker never closes, and has a limit of its own.
    let keep_alive = random.pick(&[KeepAlive::AsAsked, KeepAlive::Always, KeepAlive::Never]);
    Server {
        profile,
        tokens: random.pick(&[Tokens::Required, Tokens::Required, Tokens::Optional]),
        keep_alive,
        max_connections: (clients.len() == 1 && random.one_in(6)).then_some(8),
        token_life: random.one_in(4).then(|| random.pick(&[1, 1, 5])),
    }
}

fn terms(random: &mut Random, calm: bool) -> Terms {
    Terms {
        latency: random.pick(&[0, 100, 2_000, 20_000]),
        piece: random.pick(&[1, 7, 100, 1460, usize::MAX]),
        coalesces: random.one_in(2),
        loss: (!calm && random.one_in(4)).then_some(40),
        looks: random.one_in(2),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others are one case")]
fn planted(random: &mut Random, leaves: &[(String, usize)]) -> Planted {
    let at = random.below(3000);
    let kind = match random.below(27) {
        0 => Kind::Status(random.pick(&[500, 502, 504, 501])),
        1 | 2 => Kind::Status(401),
        3 => Kind::Status(random.pick(&[403, 404, 405])),
        4 => Kind::Throttle(random.pick(&[429, 503]), None),
        5 | 6 => Kind::Throttle(
            random.pick(&[429, 503]),
            Some(random.pick(&[0, 1, 2, 20, 3600])),
        ),
        7 => Kind::ResetBefore,
        8 => Kind::CloseBefore,
        9 => Kind::ResetAfter(at),
        10 => Kind::CloseAfter(at),
        11 => Kind::StallAfter(at),
        12 => Kind::Delay(millis(random.pick(&[200, 700, 1500]))),
        13 => Kind::Dribble,
        14 => Kind::Chunks(1 + at),
        15 => random.pick(&[Kind::UntilClose, Kind::UntilReset(at % 40)]),
        16 => Kind::Oversized,
        17 => Kind::Html,
        18 => Kind::Garbage(random.pick(&[
            "SSH-2.0-OpenSSH_9.6\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nwrong",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwrongX",
        ])),
        19 => Kind::EndlessDepth,
        20 => Kind::EndlessWidth,
        21 => Kind::Elsewhere(random.pick(&[301, 302, 307])),
        22 => random.pick(&[
            Kind::LongToken,
            Kind::NoTtl,
            Kind::BadTtl("21601"),
            Kind::BadTtl("60 s"),
        ]),
        23 | 24 => Kind::BadNames,
        25 => Kind::Oversized,
        _ => Kind::Status(206),
    };
    let place = match kind {
        Kind::EndlessDepth | Kind::EndlessWidth => Place::Below(LOOP.to_owned()),
        Kind::LongToken | Kind::NoTtl | Kind::BadTtl(_) => Place::Token,
        Kind::BadNames => Place::On(META.to_owned()),
        // In the place of a listing it would be one line that is no name.
        Kind::Oversized => Place::On(random.pick(leaves).0),
        _ => match random.below(4) {
            0 => Place::Token,
            1 => Place::On(META.to_owned()),
            2 => Place::Below(format!("{META}d1/")),
            _ => Place::Reads,
        },
    };
    let endless = matches!(kind, Kind::EndlessDepth | Kind::EndlessWidth);
    let skip = match &place {
        _ if endless => 0,
        Place::Token | Place::On(_) => random.below_u32(3),
        Place::Reads | Place::Below(_) => random.below_u32(30),
    };
    Planted {
        place,
        skip,
        times: if endless || random.one_in(8) {
            500
        } else {
            1 + random.below_u32(6)
        },
        kind,
    }
}

fn trouble(random: &mut Random) -> What {
    let at = random.pick(&[0, 1, 17, 100, 400, 2_000]);
    match random.below(12) {
        0 => What::Refused,
        1 => What::Unreachable,
        2 => What::Blackhole,
        3 | 4 => What::Reset(at),
        5 | 6 => What::HalfClose(at),
        7 => What::Stall(at),
        8 => What::Unasked,
        9 => What::Continue,
        10 => What::Pause(at, millis(random.pick(&[200, 900, 1_500]))),
        _ => What::Drip(at, millis(random.pick(&[3, 400, 900]))),
    }
}
