//! Everything at once, by chance: operations begun and cancelled while others run, lanes driven
//! in any order, servers that fail in every way. What must hold then is little: every operation
//! ends, values are values of the tree, and nothing is heard of what was cancelled.

use core::time::Duration;

use imds_core::config::Pace;
use imds_core::walk::{Options, Why};
use imds_core::{Config, Error, OpId, Reply};
use imds_mock::{Fault, Mock, Profile, Tokens, Tree};

use crate::common::{ALL, AMI, META, attempts, leaves, millis, names};
use crate::{Bare, Machine, Missed, Random};

/// A client with operations that come and go.
///
/// # Panics
/// If it does what must not be.
pub fn client(mut random: Random) {
    match random.below(4) {
        0 => shared_client::<1, 1024, 1024>(random),
        1 => shared_client::<2, 800, 4096>(random),
        2 => shared_client::<4, 2048, 500>(random),
        _ => shared_client::<8, 4096, 8192>(random),
    }
}

/// A session with two walks, and gets beside them.
///
/// # Panics
/// If it does what must not be.
pub fn session(mut random: Random) {
    match random.below(4) {
        0 => shared_session::<1, 8192>(random),
        1 => shared_session::<2, 8192>(random),
        2 => shared_session::<2, 300>(random),
        _ => shared_session::<5, 800>(random),
    }
}

fn tree(random: &mut Random) -> Tree {
    let mut tree = Tree::new().with("meta-data/ami-id", "ami-1");
    for n in 0..3 + random.below(12) {
        let dirs: String = (0..random.below(4))
            .map(|_| format!("d{}/", random.below(3)))
            .collect();
        let value = vec![b'a' + n.to_le_bytes()[0]; random.pick(&[0, 1, 30, 1500, 5000])];
        tree.insert(&format!("meta-data/{dirs}leaf{n}"), value);
    }
    tree
}

fn faults(random: &mut Random, mock: &mut Mock) {
    for _ in 0..random.below(6) {
        let fault = match random.below(4) {
            0 => Fault::token(),
            1 => Fault::on("GET", "/latest/meta-data/"),
            2 => Fault::below("GET", "/latest/meta-data/d1/"),
            _ => Fault::method("GET"),
        };
        let fault = fault
            .skip(random.below_u32(30))
            .times(1 + random.below_u32(6));
        let at = random.below(3000);
        mock.push_fault(match random.below(16) {
            0 => fault.status(503),
            1 => fault.status(429).header("Retry-After", "1"),
            2 => fault.reset_before_reply(),
            3 => fault.close_before_reply(),
            4 => fault.reset_after(at),
            5 => fault.close_after(at),
            6 => fault.stall_after(at),
            7 => fault.stall(),
            8 => fault.status(401),
            9 => fault.status(404),
            10 => fault.delay(Duration::from_millis(700)),
            11 => fault.status(403),
            12 => fault.dribble(),
            13 => fault.status(405),
            _ => fault.status(500),
        });
    }
}

/// Listings that are hard to read: long ones, lines that are no names, framing that is not EC2's.
fn listings(random: &mut Random, mock: &mut Mock) {
    mock.data_mut().insert("user-data", "a secret");
    mock.data_mut()
        .insert("meta-data/iam/security-credentials/role", "{}");
    mock.data_mut()
        .insert("meta-data/public-keys/0=a key/openssh-key", "ssh-rsa AAAA");
    for n in 0..random.pick(&[0, 0, 0, 20]) {
        let path = format!("meta-data/wide/{n}-{}", "long".repeat(random.below(16)));
        mock.data_mut().insert(&path, "");
    }
    if random.one_in(2) {
        let mut lines = mock.data().directory("meta-data").unwrap_or_default();
        for _ in 0..random.below(4) {
            let line = match random.below(8) {
                0 => String::new(),
                1 => "..".to_owned(),
                2 => "a/b".to_owned(),
                3 => "\t".to_owned(),
                4 => "ami-id".to_owned(),
                5 => "l".repeat(random.pick(&[300, 5000])),
                6 => "<html>".to_owned(),
                _ => "\u{7f}".to_owned(),
            };
            lines.insert(random.below(lines.len() + 1), line);
        }
        let listing = Fault::on("GET", "/latest/meta-data/");
        mock.push_fault(listing.body(lines.join("\n")));
    }
    match random.below(4) {
        0 => mock.push_fault(Fault::below("GET", "/latest/").until_close()),
        1 => mock.push_fault(Fault::below("GET", "/latest/").chunks_of(1 + random.below(99))),
        _ => {}
    }
}

fn mock(random: &mut Random) -> Mock {
    let tree = tree(random);
    let profile = random.pick(&[Profile::Ec2, Profile::Ec2Legacy, Profile::Mmds]);
    let tokens = random.pick(&[Tokens::Required, Tokens::Optional]);
    let mut mock = Mock::new(profile).tree(tree).tokens(tokens);
    match random.below(4) {
        0 => mock = mock.always_close(true),
        1 => mock = mock.never_close(true),
        _ => {}
    }
    if random.one_in(3) {
        mock = mock.max_connections(8);
    }
    if random.one_in(3) {
        mock = mock.token_ttl_override(imds_mock::TtlOverride::Fixed(1 + random.below_u32(5)));
    }
    faults(random, &mut mock);
    mock
}

fn settings(random: &mut Random) -> Config {
    Config {
        seed: random.number(),
        ..attempts(1 + random.number().to_le_bytes()[0] % 4)
    }
}

/// A leaf's path as a get has to ask for it; none of these trees has key pairs.
fn check_value(mock: &Mock, path: &str, value: &[u8]) {
    match mock.data().leaf(path) {
        Some(leaf) => assert_eq!(leaf, value, "{path}"),
        None => {
            let names = mock.data().directory(path).expect("a path of the tree");
            let listing = names.join("\n");
            assert_eq!(listing.as_bytes(), value, "{path}");
        }
    }
}

struct Under {
    op: OpId,
    /// None: a walk.
    path: Option<String>,
}

fn shared_client<const L: usize, const W: usize, const A: usize>(mut random: Random) {
    let mut mock = mock(&mut random);
    let mut settings = settings(&mut random);
    settings.allow_v1 = random.one_in(2);
    if settings.allow_v1 && random.one_in(2) {
        mock.set_profile(random.pick(&[Profile::V1Only, Profile::V1Only405]));
    }
    let mut world = Machine::<L, W, A>::new(mock, settings);
    world.network.looks.set(random.one_in(2));
    world
        .network
        .piece
        .set(random.pick(&[1, 7, 100, 1460, usize::MAX]));
    let paths: Vec<String> = leaves(&world.mock(), "/latest/")
        .into_iter()
        .map(|(path, _)| path)
        .chain(["/latest/meta-data/".to_owned()])
        .collect();
    let mut under: Vec<Under> = Vec::new();
    let mut cancelled: Vec<OpId> = Vec::new();
    let mut begun = 0;
    let mut quiet = 0;
    for _ in 0..200_000 {
        if begun < 12 && random.one_in(25) {
            let now = world.now();
            let path = random.pick(&paths);
            let started = match random.below(4) {
                0 => world
                    .start_walk("/latest/", ALL)
                    .map(|op| Under { op, path: None }),
                1 => world.client.list(now, "/latest/meta-data").map(|op| Under {
                    op,
                    path: Some("/latest/meta-data/".to_owned()),
                }),
                _ => world.client.get(now, &path).map(|op| Under {
                    op,
                    path: Some(path),
                }),
            };
            if let Ok(started) = started {
                under.push(started);
                begun += 1;
            }
        }
        if !under.is_empty() && random.one_in(60) {
            let gone = under.swap_remove(random.below(under.len()));
            world.client.cancel(gone.op);
            if world.take_ended(gone.op).is_none() {
                world.gathered.forget(gone.op);
                cancelled.push(gone.op);
            } else {
                world.gathered.forget(gone.op);
            }
        }
        if random.one_in(200) {
            world.hang_up();
        }
        if under.is_empty() && random.one_in(3) {
            // Nothing is under way that could run out of time.
            world.pass(Duration::from_secs(random.number() % 400));
        }
        if random.one_in(10) {
            world.gathered.stubborn = random.one_in(3);
        }
        let moved = world.turn(random.below(L));
        quiet = if moved { 0 } else { quiet + 1 };
        if quiet > 20 * L {
            world.gathered.stubborn = false;
            world.drive();
            world.step();
            quiet = 0;
        }
        let mut n = 0;
        while n < under.len() {
            match world.take_ended(under[n].op) {
                Some(result) => {
                    let ended = under.swap_remove(n);
                    settle(&mut world, &ended, result);
                }
                None => n += 1,
            }
        }
        for op in &cancelled {
            assert!(!world.heard_of(*op), "heard of a cancelled operation");
        }
        if begun == 12 && under.is_empty() {
            break;
        }
    }
    assert!(under.is_empty(), "operations that do not end");

    // And after all that the client is as good as new.
    world.gathered.stubborn = false;
    world.mock().clear_faults();
    // What was under way for operations that were cancelled runs out first.
    let rests = (0..10_000).any(|_| {
        world.drive();
        !world.step()
    });
    assert!(rests, "a world without operations that never rests");
    world.hang_up();
    let walked = world.walk("/latest/", ALL);
    let tree = leaves(&world.mock(), "/latest/");
    assert_eq!(walked.missing, []);
    assert!(walked.result.is_ok(), "{:?}", walked.result);
    assert_eq!(names(&walked.sorted()), names(&tree));
}

fn settle<const L: usize, const W: usize, const A: usize>(
    world: &mut Machine<L, W, A>,
    ended: &Under,
    result: Result<Reply, Error>,
) {
    match (&ended.path, result) {
        (None, result) => {
            let before = world.network.mock.borrow().data().clone();
            match result {
                Ok(_) => {
                    let walked = world.walked(ended.op, result);
                    for (path, value) in &walked.leaves {
                        assert_eq!(
                            before.leaf(path).as_deref(),
                            Some(value.as_slice()),
                            "{path}"
                        );
                    }
                    for missed in &walked.missing {
                        assert!(matches!(missed.why, Why::Absent | Why::Failed(_)));
                    }
                }
                // Some leaf may be open: the walk ended in its middle.
                Err(_) => world.gathered.forget(ended.op),
            }
        }
        (Some(path), Ok(Reply::Found)) => {
            let value = world.gathered.take_value(ended.op).expect("found");
            check_value(&world.mock(), path, &value);
        }
        (Some(_), Ok(Reply::Absent) | Err(_)) => world.gathered.forget(ended.op),
        (Some(_), Ok(Reply::Walked(_))) => panic!("a get ended as a walk"),
    }
}

/// A failure has an exit code, and what is told of it is plain text.
fn check_error(error: Error) {
    check_text(&error.to_string());
    check_text(error.cause().name());
    assert!((1..=13).contains(&error.cause().exit_code()));
}

/// What is told of a failure is one line of plain text.
fn check_text(text: &str) {
    assert!(!text.is_empty() && !text.chars().any(char::is_control));
}

fn shared_session<const L: usize, const A: usize>(mut random: Random) {
    let mut mock = mock(&mut random);
    listings(&mut random, &mut mock);
    let mut settings = settings(&mut random);
    settings.pace = random.pick(&[
        None,
        None,
        Some(Pace {
            burst: 3,
            per_second: 9,
        }),
    ]);
    settings.timeouts.operation = random.pick(&[settings.timeouts.operation, Some(millis(900))]);
    settings.limits.nodes = random.pick(&[settings.limits.nodes, 20]);
    let mut bare = Bare::<L, 2, A>::new(mock, settings);
    bare.network
        .piece
        .set(random.pick(&[1, 50, 1460, usize::MAX]));
    let now = bare.now();
    // With their slashes: where the parent cannot be listed, they say what the path is.
    let (options, start) = random.pick(&[
        (ALL, META),
        (Options::default(), META),
        (ALL, "/latest/meta-data/d1/"),
        (
            Options::default(),
            "/latest/meta-data/iam/security-credentials/",
        ),
    ]);
    let one = bare.session.walk(now, "/latest/", options).expect("room");
    let two = bare.session.walk(now, start, options).expect("room");
    let list = bare.session.list(now, "/latest/meta-data/d1");
    let list = list.expect("room");
    let mut gets: Vec<(OpId, &str)> = Vec::new();
    for _ in 0..random.below(300) {
        match random.below(16) {
            0 => bare.session.pause(random.pick(&[one, two])),
            1 => bare.session.resume(random.pick(&[one, two])),
            2 => {
                let lane = random.below(L);
                bare.session.abandon(&mut bare.lanes[lane]);
            }
            3 => {
                bare.drive_lane(random.below(L));
            }
            4 => bare.gathered.stubborn = random.one_in(3),
            5 if gets.len() < 5 => {
                let path = random.pick(&[
                    AMI,
                    META,
                    "/latest/meta-data/d1",
                    "/latest/user-data",
                    "/latest/meta-data/public-keys/0/openssh-key",
                    "/latest/meta-data/public-keys/0",
                ]);
                let now = bare.now();
                gets.push((bare.session.get(now, path).expect("room"), path));
            }
            6 if !gets.is_empty() => {
                let (gone, _) = gets.swap_remove(random.below(gets.len()));
                bare.forget(gone);
            }
            _ => {
                bare.turn(random.below(L));
            }
        }
    }
    bare.gathered.stubborn = false;
    bare.session.resume(one);
    bare.session.resume(two);
    gets.push((list, "/latest/meta-data/d1"));
    for (op, path) in gets {
        match bare.run(op) {
            Ok(_) => {
                let value = bare.gathered.take_value(op);
                // The listing that was spoilt, and those that the tree has under other names.
                if path != META && !path.contains("/public-keys/") {
                    value
                        .iter()
                        .for_each(|value| check_value(&bare.network.mock(), path, value));
                }
            }
            Err(error) => check_error(error),
        }
    }
    for (op, below) in [(one, "/latest/"), (two, start)] {
        if bare.run(op).is_ok() {
            let (got, missing) = bare.gathered.take_walk(op);
            let mut rest = leaves(&bare.network.mock(), below);
            for leaf in got {
                let at = rest.iter().position(|known| *known == leaf);
                rest.swap_remove(at.unwrap_or_else(|| panic!("not, or twice: {leaf:?}")));
            }
            for missed in &missing {
                check_text(&missed.why.to_string());
                if let Why::Failed(error) = missed.why {
                    check_error(error);
                }
            }
            for (path, _) in rest {
                let tells = |missed: &Missed| match missed.path.strip_suffix('/') {
                    Some(_) => path.starts_with(&missed.path),
                    None => path == missed.path,
                };
                let told = missing.iter().any(|m| m.is_node() && tells(m));
                assert!(told, "neither found nor missing: {path}");
            }
        }
    }
}
