//! What no metadata service should say: each its named error, and never more than the node that
//! it was said about.

use imds_core::http::HttpError;
use imds_core::walk::{BadName, Why};
use imds_core::{Config, Error, Peer, Reason, What, config::Limits};
use imds_mock::{Fault, Tree};
use imds_tests::{Walked, World, config};

use crate::common::{
    ALL, AMI, META, SIBLINGS, attempts, bad, ec2, ec2_with, get_once, names, small,
};

/// What a get makes of this answer, and how many requests it took.
fn get(fault: Fault) -> (Result<Option<Vec<u8>>, Error>, usize) {
    let got = get_once(ec2().fault(fault), config(), AMI);
    if got.result.is_err() {
        assert_eq!(got.exit_code(), 9, "{:?}", got.result);
    }
    let gets = got.world.gets();
    (got.result, gets)
}

fn refused(error: HttpError) -> (Result<Option<Vec<u8>>, Error>, usize) {
    (Err(Error::Peer(Peer::Http(error))), 1)
}

fn on() -> Fault {
    Fault::on("GET", AMI)
}

fn value() -> Option<Vec<u8>> {
    Some(b"ami-0123456789abcdef0".to_vec())
}

#[test]
fn a_length_that_promises_more_is_truncation() {
    let fault = || {
        on().status(200)
            .header("Content-Length", "10")
            .body("12345")
    };
    let got = get_once(ec2().always_close(true).fault(fault()), config(), AMI);
    assert_eq!(got.result, Err(Error::Peer(Peer::Truncated)));
    assert_eq!((got.exit_code(), got.world.gets()), (9, 3));
    // Where the server keeps the connection, the rest might still come.
    let got = get_once(ec2().fault(fault()), config(), AMI);
    assert_eq!(got.result, Err(Error::Timeout(Reason::BodyIdle)));
    assert_eq!((got.exit_code(), got.world.gets()), (13, 3));
}

#[test]
fn bytes_beyond_the_length_are_refused() {
    let fault = on().status(200).header("Content-Length", "3").body("12345");
    assert_eq!(get(fault), refused(HttpError::TrailingBytes));
}

#[test]
fn a_length_that_is_no_number_is_refused() {
    for text in [
        "5,6",
        "5, 5",
        "+5",
        "-1",
        "0x5",
        "5 5",
        "",
        "18446744073709551616",
    ] {
        let raw = format!("HTTP/1.1 200 OK\r\nContent-Length: {text}\r\n\r\n12345");
        let got = get(on().raw(raw));
        assert_eq!(got, refused(HttpError::BadContentLength), "{text:?}");
    }
}

#[test]
fn a_length_that_stands_twice_must_agree_with_itself() {
    let twice = |a, b| {
        let fault = on().status(200).header("Content-Length", a);
        get(fault.header("Content-Length", b).body("12345"))
    };
    assert_eq!(twice("5", "6"), refused(HttpError::ConflictingLengths));
    assert_eq!(twice("5", "5"), (Ok(Some(b"12345".to_vec())), 1));
}

#[test]
fn a_huge_length_is_too_large_before_a_byte_of_it_came() {
    for text in ["65537", "18446744073709551615"] {
        let fault = on().status(200).header("Content-Length", text).body("1");
        assert_eq!(get(fault), (Err(Error::TooLarge(What::Value)), 1), "{text}");
    }
}

#[test]
fn codings_that_were_not_asked_for_are_refused() {
    let with = |name, value| get(on().status(200).header(name, value).body("x"));
    assert_eq!(
        with("Transfer-Encoding", "chunked"),
        refused(HttpError::LengthAndTransferEncoding)
    );
    assert_eq!(
        with("Transfer-Encoding", "gzip"),
        refused(HttpError::BadTransferEncoding)
    );
    assert_eq!(
        with("Transfer-Encoding", "gzip, chunked"),
        refused(HttpError::BadTransferEncoding)
    );
    assert_eq!(
        with("Content-Encoding", "gzip"),
        refused(HttpError::ContentEncoding)
    );
    assert_eq!(
        with("Content-Encoding", "identity").0,
        Ok(Some(b"x".to_vec()))
    );
}

#[test]
fn a_part_of_a_value_is_refused() {
    let fault = on()
        .status(206)
        .header("Content-Range", "bytes 0-1/5")
        .body("12");
    assert_eq!(get(fault), (Err(Error::Peer(Peer::PartialContent)), 1));
}

#[test]
fn what_is_not_http_is_refused() {
    for (raw, error) in [
        (&b"SSH-2.0-OpenSSH_9.6\r\n"[..], HttpError::NotHttp),
        (b"\r\nHTTP/1.1 200 OK\r\n\r\n", HttpError::NotHttp),
        (b"HTTP/2 200\r\n\r\n", HttpError::NotHttp),
        (b"ICY 200 OK\r\n\r\n", HttpError::NotHttp),
        (b"\x15\x03\x01\x00\x02\x02\x46", HttpError::NotHttp),
        (b"HTTP/1.1 099 X\r\n\r\n", HttpError::BadStatusLine),
        (b"HTTP/1.1 600 X\r\n\r\n", HttpError::BadStatusLine),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", HttpError::BadHeader),
        (
            b"HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n",
            HttpError::BadHeader,
        ),
        (
            b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
            HttpError::BadInformational,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            HttpError::BadChunk,
        ),
        (
            b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            HttpError::BadTransferEncoding,
        ),
    ] {
        let text = String::from_utf8_lossy(raw).into_owned();
        assert_eq!(get(on().raw(raw)), refused(error), "{text:?}");
        let put = get_once(ec2().fault(Fault::token().raw(raw)), config(), AMI);
        // The head of this one already says that it is no token.
        let expected = if error == HttpError::BadChunk {
            Peer::NoTtl
        } else {
            Peer::Http(error)
        };
        assert_eq!(put.result, Err(Error::Peer(expected)), "{text:?}");
        assert_eq!((put.world.puts(), put.world.gets()), (1, 0));
    }
}

#[test]
fn informational_answers_are_skipped_but_not_for_ever() {
    let continues = |n: usize| {
        let mut raw = "HTTP/1.1 100 Continue\r\n\r\n".repeat(n).into_bytes();
        raw.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        get(on().raw(raw))
    };
    assert_eq!(continues(8), (Ok(Some(b"ok".to_vec())), 1));
    assert_eq!(continues(9), refused(HttpError::BadInformational));
}

#[test]
fn too_many_headers_are_refused() {
    let headers = |n: usize| (0..n).fold(on().status(200), |f, n| f.header(&format!("X-{n}"), "1"));
    // The mock adds five or six of its own.
    assert_eq!(get(headers(33)), refused(HttpError::TooManyHeaders));
    assert!(get(headers(20)).0.is_ok());
}

#[test]
fn a_value_beyond_the_limit_is_refused_in_every_framing() {
    let limits = |value| Config {
        limits: Limits {
            value,
            ..config().limits
        },
        ..config()
    };
    for framing in [
        |f: Fault| f,
        Fault::chunked as fn(Fault) -> Fault,
        Fault::until_close,
    ] {
        let fault = || framing(Fault::on("GET", AMI).body(vec![b'v'; 5000]));
        let got = get_once(ec2().fault(fault()), limits(4999), AMI);
        // Chunks that came before the limit are void.
        assert_eq!(got.result, Err(Error::TooLarge(What::Value)));
        assert_eq!(got.exit_code(), 9);
        assert_eq!(got.world.gets(), 1);
        let got = get_once(ec2().fault(fault()), limits(5000), AMI);
        assert_eq!(got.result, Ok(Some(vec![b'v'; 5000])));
    }
}

#[test]
fn oddities_that_do_no_harm_are_taken() {
    for raw in [
        &b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok"[..],
        b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nX: \xff\r\nCONTENT-LENGTH: 0002\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nT: 1\r\n\r\n",
    ] {
        assert_eq!(get(on().raw(raw)), (Ok(Some(b"ok".to_vec())), 1));
    }
}

#[test]
fn an_error_page_is_never_a_value() {
    let page = "<html>".repeat(100);
    for status in [400, 403, 404, 500, 501] {
        let fault = on().status(status).header("Content-Type", "text/html");
        let got = get_once(ec2().fault(fault.body(page.clone())), attempts(1), AMI);
        assert_ne!(got.result.ok().flatten(), Some(page.clone().into_bytes()));
    }
}

/// A walk over a directory whose listing is this, in the small tree.
fn listing(lines: impl Into<Vec<u8>>) -> (World<1>, Walked) {
    let fault = Fault::on("GET", META).body(lines);
    let mut world = World::<1>::new(ec2_with(small()).fault(fault), config());
    let walked = world.walk("/latest/", ALL);
    (world, walked)
}

#[test]
fn a_line_that_is_no_name_is_reported_and_its_siblings_come() {
    let cut = vec![b'x'; 64];
    for (line, name, why) in [
        (&b""[..], &b""[..], BadName::Blank),
        (b"  ", b"  ", BadName::Blank),
        (b"/", b"/", BadName::Blank),
        (b".", b".", BadName::DotSegment),
        (b"..", b"..", BadName::DotSegment),
        (b"../", b"../", BadName::DotSegment),
        (b"./", b"./", BadName::DotSegment),
        (b"a/b", b"a/b", BadName::InnerSlash),
        (b"/etc/passwd", b"/etc/passwd", BadName::InnerSlash),
        (b"a//", b"a//", BadName::InnerSlash),
        (b"a\xff", b"a\xff", BadName::NotUtf8),
        (b"a\0b", b"a\0b", BadName::ControlCharacter),
        (b"a\tb", b"a\tb", BadName::ControlCharacter),
        (b"a\x7f", b"a\x7f", BadName::ControlCharacter),
        (b"mac\r", b"mac\r", BadName::ControlCharacter),
        (&[b'x'; 10_000], &cut, BadName::TooLong),
        (&[b'x'; 384], &cut, BadName::TooLong),
        (b"ami-id", b"ami-id", BadName::Repeated),
    ] {
        let text = String::from_utf8_lossy(&line[..line.len().min(20)]).into_owned();
        let lines = [b"ami-id", line, b"iam/", b"mac"].join(&b'\n');
        let (world, walked) = listing(lines);
        assert_eq!(names(&walked.sorted()), SIBLINGS, "{text:?}");
        assert_eq!(walked.missing, [bad(name, why)], "{text:?}");
        assert_eq!(world.gets(), 6, "{text:?}: nothing of it was asked for");
    }
}

#[test]
fn a_listing_with_crlf_has_no_names() {
    let (world, walked) = listing("ami-id\r\niam/\r\nmac\r\n");
    assert_eq!(walked.leaves, []);
    assert_eq!(
        walked.missing,
        [
            bad("ami-id\r", BadName::ControlCharacter),
            bad("iam/\r", BadName::ControlCharacter),
            bad("mac\r", BadName::ControlCharacter),
        ]
    );
    assert_eq!(walked.exit_code(), 9);
    assert_eq!(world.gets(), 2);
}

#[test]
fn a_name_listed_as_leaf_and_as_directory_is_two_names() {
    let (_, walked) = listing("iam\niam/\nami-id\nmac");
    let paths = walked.paths();
    assert_eq!(paths.len(), 4);
    assert!(paths.contains(&"/latest/meta-data/iam"));
}

#[test]
fn a_listing_that_is_a_page_is_foreign() {
    for page in [
        "<!DOCTYPE html>\n<html></html>",
        "\n\n  <html>\nami-id\n</html>",
        "<?xml version=\"1.0\"?>",
    ] {
        let (_, walked) = listing(page);
        assert_eq!(walked.leaves, [], "{page}");
        assert_eq!(walked.missing.len(), 1);
        assert_eq!(walked.missing[0].path, META);
        assert_eq!(walked.missing[0].why, Why::Failed(Error::Peer(Peer::Html)));
        assert_eq!(walked.exit_code(), 9);
        let fault = Fault::on("GET", META).body(page);
        let mut world = World::<1>::new(ec2().fault(fault), config());
        let walked = world.walk("/latest/meta-data/mac", ALL);
        assert_eq!(
            walked.result,
            Err(Error::Peer(Peer::Html)),
            "asked what it is"
        );
    }
}

#[test]
fn a_leaf_that_is_a_page_is_a_value() {
    // `metrics/vhostmd` is one on EC2.
    let (_, walked) = listing("mac");
    assert_eq!(walked.leaves.len(), 1);
    let path = "/latest/meta-data/metrics/vhostmd";
    let got = get_once(ec2(), config(), path);
    assert!(got.result.unwrap().unwrap().starts_with(b"<?xml"));
}

#[test]
fn an_empty_listing_is_a_directory_of_nothing() {
    let (world, walked) = listing("");
    assert_eq!(walked.leaves, []);
    assert_eq!(walked.missing, []);
    assert_eq!(world.gets(), 2);
}

#[test]
fn names_that_look_like_requests_reach_the_wire_encoded() {
    let (world, walked) = listing("ami-id\niam/\nmac HTTP%1.1?#\nmac");
    assert_eq!(names(&walked.sorted()), SIBLINGS);
    assert_eq!(walked.missing.len(), 1);
    assert_eq!(walked.missing[0].why, Why::Absent);
    assert_eq!(world.gets_of("/latest/meta-data/mac%20HTTP%251.1%3F%23"), 1);
}

#[test]
fn a_bad_line_is_reported_once_though_its_listing_is_read_twice() {
    // The listing breaks off behind the window that held the bad line.
    let mut tree = Tree::new();
    let mut lines = String::from("..\n");
    for n in 0..200 {
        let name = format!("leaf-number-{n:03}");
        lines.push_str(&name);
        lines.push('\n');
        tree.insert(&format!("meta-data/{name}"), "v");
    }
    let mock = ec2_with(tree)
        .fault(
            Fault::on("GET", META)
                .times(1)
                .body(lines.clone())
                .close_in_body(3000),
        )
        .fault(Fault::on("GET", META).body(lines));
    let mut world = World::<1, 1024, 16384>::new(mock, config());
    let walked = world.walk(META, ALL);
    assert_eq!(walked.leaves.len(), 200);
    assert_eq!(walked.missing, [bad("..", BadName::DotSegment)]);
}

#[test]
fn an_answer_to_a_read_without_its_value_is_no_value() {
    for status in [201, 202, 204, 205] {
        let got = get_once(ec2().fault(on().status(status)), config(), AMI);
        assert_eq!(got.result, Err(Error::Peer(Peer::Status(status))));
        assert_eq!(got.world.gets(), 1);
    }
    assert_eq!(get(on().times(0)).0, Ok(value()));
}

#[test]
fn a_page_is_no_answer_to_a_listing() {
    for start in ["/latest/", "/latest/meta-data/", "/latest/meta-data/iam/"] {
        let page = "<!DOCTYPE html>\n<html></html>";
        let fault = Fault::on("GET", start).body(page);
        let mut world = World::<1>::new(ec2_with(small()).fault(fault), config());
        let error = Err(Error::Peer(Peer::Html));
        assert_eq!(world.list(start), error, "{start}");
    }
}

#[test]
fn a_name_as_long_as_a_path_may_be_is_taken_and_a_longer_one_is_not() {
    let longest = 384 - META.len() - 1;
    let name = "n".repeat(longest);
    let tree = Tree::new()
        .with(&format!("meta-data/{name}"), "leaf")
        .with(&format!("meta-data/{}/x", "d".repeat(longest - 3)), "below");
    let mut world = World::<1>::new(ec2_with(tree), config());
    let walked = world.walk("/latest/", ALL);
    assert_eq!(walked.missing, []);
    assert_eq!(walked.leaves.len(), 2);
    let tree = Tree::new()
        .with(&format!("meta-data/{name}n"), "leaf")
        .with(&format!("meta-data/{}/x", "d".repeat(longest - 1)), "below");
    let mut world = World::<1>::new(ec2_with(tree), config());
    let walked = world.walk("/latest/", ALL);
    assert_eq!(walked.leaves, []);
    let reasons: Vec<_> = walked.missing.iter().map(|m| m.why).collect();
    assert_eq!(reasons, [Why::BadName(BadName::TooLong); 2]);
}
