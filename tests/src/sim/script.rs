//! What happens in a world, as data: it can be drawn from a seed, printed, and made shorter.

use core::fmt;
use core::time::Duration;

use imds_mock::{Fault, Profile, Tokens, TtlOverride};

use crate::Random;
use crate::common::millis;

/// The directory that every tree has, and below which an endless tree may be.
pub(crate) const META: &str = "/latest/meta-data/";
/// Below it a listing may name itself for ever.
pub(crate) const LOOP: &str = "/latest/meta-data/loop/";
/// A leaf that every tree has and keeps.
pub(crate) const AMI: &str = "/latest/meta-data/ami-id";

/// What an answer says that is not the value asked for.
const NO_VALUE: &str = "this is no value\n";

/// Everything that a run depends on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// Decides what the network does where the script does not say.
    pub(crate) seed: u64,
    pub(crate) server: Server,
    pub(crate) wire: Terms,
    /// Paths, and the sizes of their values.
    pub(crate) leaves: Vec<(String, usize)>,
    pub(crate) clients: Vec<ClientTerms>,
    pub(crate) faults: Vec<Planted>,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) steps: Vec<(Duration, Step)>,
}

/// What kind of server it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Server {
    pub(crate) profile: Profile,
    pub(crate) tokens: Tokens,
    pub(crate) keep_alive: KeepAlive,
    pub(crate) max_connections: Option<usize>,
    /// Seconds that a token lives, whatever was asked for.
    pub(crate) token_life: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KeepAlive {
    AsAsked,
    Always,
    Never,
}

/// How bytes travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Terms {
    /// One way, in microseconds: up to this.
    pub(crate) latency: usize,
    /// Most bytes of a segment.
    pub(crate) piece: usize,
    /// What has arrived in several segments is read at once.
    pub(crate) coalesces: bool,
    /// One segment in so many is lost, and comes a fifth of a second later with all behind it.
    pub(crate) loss: Option<usize>,
    /// Kept connections are looked at before they are used again.
    pub(crate) looks: bool,
}

/// A client and how it is driven.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ClientTerms {
    pub(crate) lanes: usize,
    pub(crate) window: usize,
    pub(crate) arena: usize,
    pub(crate) attempts: u8,
    pub(crate) allow_v1: bool,
    /// Requests at once, and a second.
    pub(crate) pace: Option<(u16, u16)>,
    pub(crate) token_ttl: u16,
    /// Longest value that it takes.
    pub(crate) longest: u32,
    /// One event at a time on a lane by chance, and not all lanes until they rest.
    pub(crate) in_turns: bool,
}

/// A fault of the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Planted {
    pub(crate) place: Place,
    pub(crate) skip: u32,
    pub(crate) times: u32,
    pub(crate) kind: Kind,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Token,
    Reads,
    Below(String),
    On(String),
}

/// What a fault does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Status(u16),
    Throttle(u16, Option<u32>),
    ResetBefore,
    CloseBefore,
    ResetAfter(usize),
    CloseAfter(usize),
    StallAfter(usize),
    Delay(Duration),
    Dribble,
    Chunks(usize),
    UntilClose,
    /// A value beyond every limit.
    Oversized,
    /// A web page with status 200.
    Html,
    /// Bytes that are no HTTP.
    Garbage,
    /// A listing that names itself.
    EndlessDepth,
    /// A listing of many directories, each with the same listing.
    EndlessWidth,
    /// A redirect, with this status.
    Elsewhere(u16),
    /// A listing with lines that are no names.
    BadNames,
    LongToken,
    NoTtl,
    /// A token with a life that cannot be.
    BadTtl(&'static str),
}

/// What befalls a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Trouble {
    /// Which one, counted from 0 over all clients.
    pub(crate) connection: usize,
    pub(crate) what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    Refused,
    Unreachable,
    Blackhole,
    /// So many bytes reach the client, then a reset.
    Reset(usize),
    /// So many bytes reach the client, then the end of the stream; the other way stays open.
    HalfClose(usize),
    /// So many bytes reach the client, then never anything more.
    Stall(usize),
    /// So many bytes reach the client, then there is a pause.
    Pause(usize, Duration),
    /// After so many bytes they come one by one, this far from each other.
    Drip(usize, Duration),
    /// Behind the first answer comes another that nobody asked for.
    Unasked,
    /// Before the first answer comes an informational one.
    Continue,
}

/// What happens at a certain time. Who is not there any more is left alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Get(usize, String),
    List(usize, String),
    /// With everything that is sensitive, or without.
    Walk(usize, String, bool),
    /// The operation with this number, counted from the oldest that is under way.
    Cancel(usize, usize),
    /// The client's walks are paused for so long.
    Rest(usize, Duration),
    Abandon(usize, usize),
    /// The client takes no value and no report for so long.
    Busy(usize, Duration),
    /// The client is not driven for so long.
    Suspend(usize, Duration),
    /// For so long the client's clock jumps back by as much, again and again.
    ClockBack(usize, Duration),
    /// The server closes its connections.
    HangUp,
    /// Every connection is reset.
    Cut,
    /// The server is a new process: no token, no connection lives on.
    Restart,
    Revoke,
    Become(Profile),
    Terms(Tokens),
    Set(String, usize),
    Remove(String),
    /// Whoever connects is refused, or never answered, for so long.
    Door(What, Duration),
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Status(401) => "401 for a live token",
            Self::Status(403..=405) => "403, 404 or 405",
            Self::Status(206) => "206",
            Self::Status(_) => "5xx",
            Self::Throttle(_, None) => "429 or 503",
            Self::Throttle(_, Some(_)) => "429 or 503 with Retry-After",
            Self::ResetBefore => "reset before the answer",
            Self::CloseBefore => "close before the answer",
            Self::ResetAfter(_) => "reset in the answer",
            Self::CloseAfter(_) => "truncated answer",
            Self::StallAfter(_) => "answer that stops",
            Self::Delay(_) => "late answer",
            Self::Dribble => "answer byte by byte",
            Self::Chunks(_) => "chunked answer",
            Self::UntilClose => "answer until close",
            Self::Oversized => "oversized value",
            Self::Html => "web page",
            Self::Garbage => "no HTTP",
            Self::EndlessDepth | Self::EndlessWidth => "endless tree",
            Self::Elsewhere(_) => "redirect to elsewhere",
            Self::BadNames => "listing with bad names",
            Self::LongToken => "oversized token",
            Self::NoTtl | Self::BadTtl(_) => "token without a life that can be",
        }
    }

    fn on(self, fault: Fault) -> Fault {
        match self {
            Self::Status(status) | Self::Throttle(status, None) => {
                fault.status(status).body(NO_VALUE)
            }
            Self::Throttle(status, Some(seconds)) => fault
                .status(status)
                .header("Retry-After", &seconds.to_string())
                .body(NO_VALUE),
            Self::ResetBefore => fault.reset_before_reply(),
            Self::CloseBefore => fault.close_before_reply(),
            Self::ResetAfter(n) => fault.reset_after(n),
            Self::CloseAfter(n) => fault.close_after(n),
            Self::StallAfter(n) => fault.stall_after(n),
            Self::Delay(by) => fault.delay(by),
            Self::Dribble => fault.dribble(),
            Self::Chunks(n) => fault.chunks_of(n),
            Self::UntilClose => fault.until_close(),
            Self::Oversized => fault.body(vec![b'x'; 80_000]),
            Self::Html => fault
                .status(200)
                .header("Content-Type", "text/html")
                .body("<!DOCTYPE html><html><body>Log in to go on.</body></html>"),
            Self::Garbage => fault.raw("SSH-2.0-OpenSSH_9.6\r\n"),
            Self::EndlessDepth => fault.body("a/\nb"),
            Self::EndlessWidth => {
                let names: Vec<String> = (0..40).map(|n| format!("n{n}/")).collect();
                fault.body(names.join("\n"))
            }
            Self::BadNames => {
                fault.body("ami-id\n../secret\n.\na/b\nc\u{1}d\n\u{ff}/\n//\nami-id\n")
            }
            Self::Elsewhere(status) => fault
                .status(status)
                .header("Location", "http://192.0.2.1/latest/meta-data/"),
            Self::LongToken => fault
                .status(200)
                .header("X-aws-ec2-metadata-token-ttl-seconds", "21600")
                .body("t".repeat(300)),
            Self::NoTtl => fault.status(200).body("AQAAtoken=="),
            Self::BadTtl(life) => fault
                .status(200)
                .header("X-aws-ec2-metadata-token-ttl-seconds", life)
                .body("AQAAtoken=="),
        }
    }
}

impl What {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Refused => "connection refused",
            Self::Unreachable => "no route",
            Self::Blackhole => "connect never answered",
            Self::Reset(_) => "reset after some bytes",
            Self::HalfClose(_) => "half-close after some bytes",
            Self::Stall(_) => "stall for ever",
            Self::Pause(..) => "stall for a while",
            Self::Drip(..) => "slow drip",
            Self::Unasked => "answer that nobody asked for",
            Self::Continue => "100 Continue",
        }
    }
}

impl Step {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Get(..) => "(get begun)",
            Self::List(..) => "(listing begun)",
            Self::Walk(..) => "(walk begun)",
            Self::Cancel(..) => "operation cancelled",
            Self::Rest(..) => "walk paused",
            Self::Abandon(..) => "exchange abandoned",
            Self::Busy(..) => "consumer takes nothing",
            Self::Suspend(..) => "client suspended",
            Self::ClockBack(..) => "clock runs backwards",
            Self::HangUp => "server closes connections",
            Self::Cut => "all connections reset",
            Self::Restart => "server restarted",
            Self::Revoke => "tokens revoked",
            Self::Become(_) => "another generation of servers",
            Self::Terms(_) => "tokens required or not any more",
            Self::Set(..) => "leaf set",
            Self::Remove(_) => "leaf removed",
            Self::Door(..) => "nobody can connect",
        }
    }
}

impl Planted {
    /// As the mock has it.
    pub(crate) fn fault(&self) -> Fault {
        let fault = match &self.place {
            Place::Token => Fault::token(),
            Place::Reads => Fault::method("GET"),
            Place::Below(path) => Fault::below("GET", path),
            Place::On(path) => Fault::on("GET", path),
        };
        self.kind.on(fault.skip(self.skip).times(self.times))
    }
}

impl Server {
    pub(crate) const PLAIN: Self = Self {
        profile: Profile::Ec2,
        tokens: Tokens::Required,
        keep_alive: KeepAlive::AsAsked,
        max_connections: None,
        token_life: None,
    };

    pub(crate) fn ttl(&self) -> TtlOverride {
        self.token_life
            .map_or(TtlOverride::Echo, TtlOverride::Fixed)
    }
}

impl Terms {
    pub(crate) const PLAIN: Self = Self {
        latency: 0,
        piece: usize::MAX,
        coalesces: true,
        loss: None,
        looks: true,
    };
}

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

    /// Is there nothing in it that may keep an operation from its value?
    pub(crate) fn is_calm(&self) -> bool {
        self.faults.is_empty()
            && self.troubles.is_empty()
            && self.wire.loss.is_none()
            && self.server.max_connections.is_none()
            && self.steps.iter().all(|(_, step)| {
                matches!(
                    step,
                    Step::Get(..) | Step::List(..) | Step::Walk(..) | Step::Cancel(..)
                )
            })
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
        15 => Kind::UntilClose,
        16 => Kind::Oversized,
        17 => Kind::Html,
        18 => Kind::Garbage,
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

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  server: {}", plain(&self.server))?;
        writeln!(f, "  wire: {}", plain(&self.wire))?;
        for (number, client) in self.clients.iter().enumerate() {
            writeln!(f, "  client {number}: {}", plain(client))?;
        }
        for (path, size) in &self.leaves {
            writeln!(f, "  {path}: {size} bytes")?;
        }
        for fault in &self.faults {
            let Planted {
                place,
                skip,
                times,
                kind,
            } = fault;
            writeln!(
                f,
                "  fault: {place:?}, {kind:?}, {times} times after {skip}"
            )?;
        }
        for trouble in &self.troubles {
            writeln!(f, "  connection {}: {:?}", trouble.connection, trouble.what)?;
        }
        for (at, step) in &self.steps {
            writeln!(f, "  at {at:?}: {step:?}")?;
        }
        Ok(())
    }
}

/// The fields of a struct without its name.
fn plain(of: &impl fmt::Debug) -> String {
    let text = format!("{of:?}");
    let fields = text.split_once('{').map_or(&*text, |(_, fields)| fields);
    fields.trim_matches(['{', '}', ' ']).to_owned()
}
