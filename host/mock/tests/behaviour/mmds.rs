//! Firecracker's service (facts §9.2, §9.3).

use core::time::Duration;

use imds_mock::{Mock, Profile, Tokens, Tree};

use crate::talk::{Response, Rest, Talk, drain, request};

fn v1() -> Talk {
    Talk::with(Mock::new(Profile::Mmds).tokens(Tokens::Optional))
}

fn store(json: &str) -> Talk {
    Talk::with(
        Mock::new(Profile::Mmds)
            .tokens(Tokens::Optional)
            .tree(Tree::from_json(json).unwrap()),
    )
}

fn put(headers: &[&str]) -> Response {
    Talk::to(Profile::Mmds).ask("PUT", "/latest/api/token", headers)
}

#[test]
fn the_put_echoes_the_header_as_it_was_spelled() {
    for name in [
        "X-metadata-token-ttl-seconds",
        "x-METADATA-token-ttl-seconds",
        "X-aws-ec2-metadata-token-ttl-seconds",
        "x-aws-ec2-metadata-token-ttl-seconds",
    ] {
        let response = put(&[&format!("{name}: 60")]);
        assert_eq!(response.line, "HTTP/1.1 200 ");
        assert_eq!(
            response.names(),
            [
                "Server",
                "Connection",
                name,
                "Content-Type",
                "Content-Length"
            ]
        );
        assert_eq!(response.header("Server"), Some("Firecracker API"));
        assert_eq!(response.header("Connection"), Some("keep-alive"));
        assert_eq!(response.header(name), Some("60"));
        assert_eq!(response.header("Content-Type"), Some("text/plain"));
        assert_eq!(response.body.len(), 48);
        assert!(response.text().contains('+') && response.text().contains('/'));
        assert_eq!(response.rest, Rest::Open);
    }
}

#[test]
fn the_put_is_refused_with_a_text() {
    let missing = put(&[]);
    assert_eq!(missing.line, "HTTP/1.1 400 ");
    assert_eq!(
        missing.text(),
        "Token time to live value not found. Use `X-metadata-token-ttl-seconds` or \
         `X-aws-ec2-metadata-token-ttl-seconds` header to specify the token's lifetime."
    );
    for ttl in ["0", "21601"] {
        let response = put(&[&format!("X-metadata-token-ttl-seconds: {ttl}")]);
        assert_eq!(response.status(), 400);
        assert_eq!(
            response.text(),
            format!(
                "Invalid time to live value provided for token: {ttl}. Please provide a value between 1 and 21600."
            )
        );
    }
    assert_eq!(put(&["X-metadata-token-ttl-seconds: abc"]).status(), 400);
    assert_eq!(
        put(&["X-metadata-token-ttl-seconds: 60", "X-Forwarded-For: a"]).status(),
        400
    );
}

#[test]
fn the_token_path_survives_double_slashes_only() {
    let ttl = &["X-metadata-token-ttl-seconds: 60"];
    let mut talk = Talk::to(Profile::Mmds);
    assert_eq!(talk.ask("PUT", "//latest///api/token", ttl).status(), 200);
    for path in ["/latest/api/token/", "/2021-03-23/api/token", "/latest"] {
        let response = talk.ask("PUT", path, ttl);
        assert_eq!(response.line, "HTTP/1.1 404 ");
        assert_eq!(response.text(), format!("Resource not found: {path}."));
    }
}

#[test]
fn either_token_header_is_taken_and_nothing_is_echoed() {
    let mut talk = Talk::to(Profile::Mmds);
    let token = talk.token(60);
    for name in [
        "X-metadata-token",
        "x-aws-ec2-metadata-token",
        "X-METADATA-TOKEN",
    ] {
        let response = talk.ask(
            "GET",
            "/latest/meta-data/ami-id",
            &[&format!("{name}: {token}")],
        );
        assert_eq!(response.line, "HTTP/1.1 200 ");
        assert_eq!(
            response.names(),
            ["Server", "Connection", "Content-Type", "Content-Length"]
        );
        assert_eq!(response.text(), "ami-0123456789abcdef0");
    }
}

#[test]
fn without_a_good_token_401_has_a_text() {
    let mut talk = Talk::to(Profile::Mmds);
    let none = talk.ask("GET", "/", &[]);
    assert_eq!(none.line, "HTTP/1.1 401 ");
    assert_eq!(
        none.text(),
        "No MMDS token provided. Use `X-metadata-token` or `X-aws-ec2-metadata-token` header to specify the session \
         token."
    );
    assert_eq!(talk.get_with("/", "bad").text(), "MMDS token not valid.");
    let token = talk.token(5);
    assert_eq!(talk.at(5).get_with("/", &token).status(), 401);
}

#[test]
fn version_1_issues_tokens_and_looks_at_none() {
    let mut talk = v1();
    talk.token(60);
    assert_eq!(
        talk.get_with("/latest/meta-data/ami-id", "bad").status(),
        200
    );
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/ami-id", &["X-Forwarded-For: a"])
            .status(),
        200
    );
}

#[test]
fn every_object_has_its_slash_and_the_slash_asked_for_does_not_matter() {
    let mut talk = v1();
    assert_eq!(talk.ask("GET", "/", &[]).text(), "latest/");
    for path in ["/latest", "/latest/", "//latest//"] {
        assert_eq!(
            talk.ask("GET", path, &[]).text(),
            "dynamic/\nmeta-data/\nuser-data",
            "{path}"
        );
    }
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/ami-id/", &[]).text(),
        "ami-0123456789abcdef0"
    );
}

#[test]
fn other_versions_exist_only_in_the_store() {
    assert_eq!(
        v1().ask("GET", "/2021-07-15/meta-data/", &[]).text(),
        "Resource not found: /2021-07-15/meta-data/."
    );
    let mut talk = store(r#"{"latest": {"a": "1"}, "2021-07-15": {"a": "2"}}"#);
    assert_eq!(talk.ask("GET", "/", &[]).text(), "latest/\n2021-07-15/");
    assert_eq!(talk.ask("GET", "/2021-07-15/a", &[]).text(), "2");
}

#[test]
fn values_that_are_no_strings_are_501() {
    let mut talk =
        store(r#"{"meta-data": {"n": 1, "b": true, "l": ["x"], "z": null, "s": "text", "d": {}}}"#);
    for name in ["n", "b", "l", "z"] {
        let response = talk.ask("GET", &format!("/latest/meta-data/{name}"), &[]);
        assert_eq!(response.line, "HTTP/1.1 501 ");
        assert_eq!(
            response.text(),
            "Cannot retrieve value. The value has an unsupported type."
        );
    }
    assert_eq!(talk.ask("GET", "/latest/meta-data/s", &[]).text(), "text");
    assert_eq!(talk.ask("GET", "/latest/meta-data/d", &[]).text(), "");
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/", &[]).text(),
        "n\nb\nl\nz\ns\nd/"
    );
}

#[test]
fn accept_chooses_json() {
    let mut talk = store(r#"{"meta-data": {"n": 1, "s": "a\"b"}}"#);
    let json = |talk: &mut Talk, path| talk.ask("GET", path, &["Accept: application/json"]);
    let response = json(&mut talk, "/latest");
    assert_eq!(response.text(), r#"{"meta-data":{"n":1,"s":"a\"b"}}"#);
    assert_eq!(response.header("Content-Type"), Some("application/json"));
    assert_eq!(json(&mut talk, "/latest/meta-data/n").text(), "1");
    assert_eq!(json(&mut talk, "/latest/meta-data/s").text(), r#""a\"b""#);
    for accept in ["*/*", "text/plain", "image/png", "plain/text"] {
        let response = talk.ask("GET", "/latest/meta-data/", &[&format!("Accept: {accept}")]);
        assert_eq!(response.text(), "n\ns", "{accept}");
    }
}

#[test]
fn imds_compat_forces_text_and_still_labels_it_as_asked() {
    let mut talk = Talk::with(
        Mock::new(Profile::Mmds)
            .tokens(Tokens::Optional)
            .imds_compat(true),
    );
    let response = talk.ask("GET", "/latest/", &["Accept: application/json"]);
    assert_eq!(response.text(), "dynamic/\nmeta-data/\nuser-data");
    assert_eq!(response.header("Content-Type"), Some("application/json"));
}

#[test]
fn paths_are_json_pointers() {
    let mut talk = store(r#"{"a~b": "tilde", "100%": "percent"}"#);
    assert_eq!(talk.ask("GET", "/latest/a~0b", &[]).text(), "tilde");
    assert_eq!(talk.ask("GET", "/latest/a~b", &[]).text(), "tilde");
    assert_eq!(talk.ask("GET", "/latest/100%", &[]).text(), "percent");
    assert_eq!(talk.ask("GET", "/latest/100%25", &[]).status(), 404);
}

#[test]
fn no_answer_to_head_has_a_body() {
    for path in ["/latest/meta-data/", "latest"] {
        let response = v1().ask("HEAD", path, &[]);
        assert!(matches!(response.status(), 405 | 400), "{path}");
        assert_ne!(response.header("Content-Length"), Some("0"), "{path}");
        assert_eq!(response.body, b"", "{path}");
    }
}

#[test]
fn other_methods_are_405() {
    for method in ["POST", "PATCH", "DELETE", "OPTIONS"] {
        let response = Talk::to(Profile::Mmds).ask(method, "/latest/", &[]);
        assert_eq!(response.line, "HTTP/1.1 405 ");
        assert_eq!(
            response.names(),
            [
                "Server",
                "Connection",
                "Allow",
                "Content-Type",
                "Content-Length"
            ]
        );
        assert_eq!(response.header("Allow"), Some("GET, PUT"));
    }
    assert_eq!(
        Talk::to(Profile::Mmds)
            .ask("FETCH", "/latest/", &[])
            .status(),
        400
    );
}

#[test]
fn the_version_of_the_request_comes_back() {
    assert_eq!(
        v1().send("GET /latest/meta-data/ami-id HTTP/1.0\r\n\r\n")
            .line,
        "HTTP/1.0 200 "
    );
}

#[test]
fn headers_its_library_does_not_bear_are_400() {
    for header in [
        "Content-Length: x",
        "Accept-Encoding: ",
        "Accept-Encoding: gzip, identity;q=0",
    ] {
        assert_eq!(
            v1().ask("GET", "/latest/", &[header]).status(),
            400,
            "{header}"
        );
    }
    for header in [
        "Content-Length: 0",
        "Accept-Encoding: identity",
        "Accept-Encoding: gzip",
    ] {
        assert_eq!(
            v1().ask("GET", "/latest/", &[header]).status(),
            200,
            "{header}"
        );
    }
}

#[test]
fn a_request_of_2500_bytes_is_reset() {
    let empty = request("GET", "/latest/", &["X: "]).len();
    for (size, rest) in [(2_499, Rest::Open), (2_500, Rest::Reset)] {
        let mut talk = v1();
        let text = request(
            "GET",
            "/latest/",
            &[&format!("X: {}", "x".repeat(size - empty))],
        );
        assert_eq!(text.len(), size);
        assert_eq!(talk.bytes(text.as_bytes()).1, rest);
    }
    let mut talk = v1();
    assert_eq!(talk.bytes(&[b'a'; 2_500]).1, Rest::Reset);
    assert_eq!(talk.mock.log()[0].status, 0);
}

#[test]
fn a_request_ends_at_a_bare_line_feed_too() {
    assert_eq!(v1().send("GET /latest/ HTTP/1.1\n\n").status(), 200);
    assert_eq!(
        v1().send("GET /latest/ HTTP/1.1\r\nHost: a\n\r\n").status(),
        200
    );
}

#[test]
fn one_request_is_read_per_segment_and_bodies_are_not_consumed() {
    let mut mock = Mock::new(Profile::Mmds).tokens(Tokens::Optional);
    let now = Duration::ZERO;
    let mut connection = mock.connect(now);
    let one = request("GET", "/latest/meta-data/ami-id", &[]);
    connection.receive(now, &mut mock, one.repeat(2).as_bytes());
    drain(&mut connection);
    assert_eq!(mock.log().len(), 1);
    connection.receive(now, &mut mock, b"");
    drain(&mut connection);
    assert_eq!(mock.log().len(), 2);
    let put = request(
        "PUT",
        "/latest/api/token",
        &["X-metadata-token-ttl-seconds: 60", "Content-Length: 4"],
    );
    connection.receive(now, &mut mock, (put + "body").as_bytes());
    assert!(drain(&mut connection).0.starts_with(b"HTTP/1.1 200 "));
    connection.receive(now, &mut mock, one.as_bytes());
    drain(&mut connection);
    assert_eq!(mock.log()[3].method, "bodyGET");
}

#[test]
fn it_never_closes_first_and_does_when_the_client_has() {
    let mut mock = Mock::new(Profile::Mmds).tokens(Tokens::Optional);
    let now = Duration::ZERO;
    let mut connection = mock.connect(now);
    connection.receive(
        now,
        &mut mock,
        request("GET", "/", &["Connection: close"]).as_bytes(),
    );
    assert_eq!(drain(&mut connection).1, Rest::Open);
    connection.receive(now, &mut mock, request("GET", "/", &[]).as_bytes());
    connection.receive_eof(now, &mut mock);
    let (bytes, rest) = drain(&mut connection);
    assert!(bytes.ends_with(b"latest/"));
    assert_eq!(rest, Rest::Closed);
}

#[test]
fn the_thirty_first_connection_is_reset() {
    let mut mock = Mock::new(Profile::Mmds);
    let now = Duration::ZERO;
    let mut open: Vec<_> = (0..31).map(|_| mock.connect(now)).collect();
    assert_eq!(drain(&mut open[29]).1, Rest::Open);
    assert_eq!(drain(&mut open[30]).1, Rest::Reset);
    for connection in &mut open {
        connection.closed(now, &mut mock);
    }
    assert_eq!(drain(&mut mock.connect(now)).1, Rest::Open);
}

#[test]
fn its_built_in_store_holds_strings_only_and_no_key_pairs() {
    let mut talk = v1();
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/public-keys/", &[])
            .status(),
        404
    );
    for (path, bytes) in Tree::built_in_mmds().leaves() {
        assert!(core::str::from_utf8(&bytes).is_ok());
        let response = talk.ask("GET", &path, &[]);
        assert_eq!((response.status(), &response.body), (200, &bytes), "{path}");
    }
}
