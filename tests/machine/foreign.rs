//! What no metadata service should say: each its named error, and never more than the node that
//! it was said about.

use imds_core::walk::{BadName, Why};
use imds_core::{Error, What};
use imds_mock::{Fault, Tree};
use imds_tests::{Machine, config};

use crate::common::{ALL, AMI, ID, META, SIBLINGS, bad, ec2, ec2_with, names, small};

fn on() -> Fault {
    Fault::on("GET", AMI)
}

#[test]
fn a_head_too_large_is_refused_by_name() {
    let big = |bytes: usize| {
        on().status(200)
            .header("X-Big", &"x".repeat(bytes))
            .body("v")
    };
    let mut world = Machine::<1, 16384>::new(ec2().fault(big(4096)), config());
    assert_eq!(world.get(AMI), Err(Error::TooLarge(What::Head)));
    let mut world = Machine::<1, 16384>::new(ec2().fault(big(3500)), config());
    assert_eq!(world.get(AMI), Ok(Some(b"v".to_vec())));
    let mut world = Machine::<1, 1024>::new(ec2().fault(big(1500)), config());
    assert_eq!(
        world.get(AMI),
        Err(Error::TooLarge(What::Head)),
        "the window counts too"
    );
}

#[test]
fn the_connection_is_of_no_use_after_bytes_that_were_not_asked_for() {
    // A kept connection on which something stands that belongs to no request.
    let raw = &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"[..];
    for piece in [usize::MAX, 1, 13] {
        let fault = Fault::on("GET", AMI)
            .times(1)
            .raw(raw)
            .stall_after(usize::MAX);
        let mut world = Machine::<1>::new(ec2().fault(fault), config());
        world.network.piece.set(piece);
        let one = crate::common::start_get(&mut world, AMI);
        let two = crate::common::start_get(&mut world, ID);
        let first = world.run(one);
        let second = world.run(two);
        assert_ne!(
            world.gathered.take_value(two).as_deref(),
            Some(&b"evil"[..]),
            "pieces of {piece}: {first:?} {second:?}"
        );
    }
}

#[test]
fn a_bad_line_is_reported_once_though_the_arena_is_small() {
    let mut tree = Tree::new();
    let mut lines = format!("..\n{}\n", "x".repeat(3000));
    for n in 0..60 {
        let name = format!("leaf-number-{n:03}");
        lines.push_str(&name);
        lines.push('\n');
        tree.insert(&format!("meta-data/{name}"), "v");
    }
    lines.push_str("a/b\n");
    let mock = ec2_with(tree).fault(Fault::on("GET", META).body(lines));
    let mut world = Machine::<1, 1024, 400>::new(mock, config());
    let walked = world.walk(META, ALL);
    assert_eq!(walked.leaves.len(), 60);
    assert_eq!(
        walked.missing,
        [
            bad("..", BadName::DotSegment),
            bad([b'x'; 64], BadName::TooLong),
            bad("a/b", BadName::InnerSlash)
        ]
    );
    assert!(world.gets_of(META) > 1, "it did not fit");
}

#[test]
fn a_name_that_outgrows_the_window_when_encoded_is_said_by_name() {
    let name = "é".repeat(180);
    let tree = small().with(&format!("meta-data/{name}"), "leaf");
    let mut world = Machine::<1, 1024>::new(ec2_with(tree.clone()), config());
    let walked = world.walk("/latest/", ALL);
    assert_eq!(names(&walked.sorted()), SIBLINGS);
    assert_eq!(walked.missing.len(), 1);
    assert_eq!(
        walked.missing[0].why,
        Why::Failed(Error::TooLarge(What::Request))
    );
    let mut world = Machine::<1, 2048>::new(ec2_with(tree), config());
    assert_eq!(world.walk("/latest/", ALL).leaves.len(), 4);
}
