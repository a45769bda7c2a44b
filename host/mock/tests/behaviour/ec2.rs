//! Facts §1.3–1.9 and the transcripts of §1.13, for the profile `ec2`.

use imds_mock::{Mock, Profile, TokenUse, Tokens};

use crate::talk::{Rest, Talk, request};

fn optional() -> Talk {
    Talk::with(Mock::new(Profile::Ec2).tokens(Tokens::Optional))
}

#[test]
fn the_put_answers_as_in_the_transcript() {
    let response = Talk::to(Profile::Ec2).ask(
        "PUT",
        "/latest/api/token",
        &["X-aws-ec2-metadata-token-ttl-seconds: 21600"],
    );
    assert_eq!(response.line, "HTTP/1.1 200 OK");
    assert_eq!(
        response.names(),
        [
            "X-Aws-Ec2-Metadata-Token-Ttl-Seconds",
            "Content-Length",
            "Date",
            "Server",
            "Connection",
            "Content-Type"
        ]
    );
    assert_eq!(
        response.header("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"),
        Some("21600")
    );
    assert_eq!(response.header("Content-Length"), Some("56"));
    assert_eq!(
        response.header("Date"),
        Some("Wed, 30 Jul 2025 06:20:00 GMT")
    );
    assert_eq!(response.header("Server"), Some("EC2ws"));
    assert_eq!(response.header("Connection"), Some("close"));
    assert_eq!(response.header("Content-Type"), Some("text/plain"));
    assert_eq!(response.body.len(), 56);
    assert_eq!(response.rest, Rest::Closed);
}

#[test]
fn a_leaf_answers_as_in_the_transcript() {
    let mut talk = Talk::to(Profile::Ec2);
    let token = talk.token(21_600);
    let response = talk
        .at(82)
        .get_with("/latest/meta-data/placement/region", &token);
    assert_eq!(response.line, "HTTP/1.1 200 OK");
    assert_eq!(
        response.names(),
        [
            "X-Aws-Ec2-Metadata-Token-Ttl-Seconds",
            "Content-Type",
            "Accept-Ranges",
            "Last-Modified",
            "Content-Length",
            "Date",
            "Server",
            "Connection"
        ]
    );
    assert_eq!(
        response.header("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"),
        Some("21518")
    );
    assert_eq!(response.header("Accept-Ranges"), Some("none"));
    assert_eq!(
        response.header("Date"),
        Some("Wed, 30 Jul 2025 06:21:22 GMT")
    );
    assert_eq!(response.text(), "eu-central-1");
    assert_eq!(response.rest, Rest::Closed);
}

#[test]
fn without_a_token_401_is_empty() {
    let response = Talk::to(Profile::Ec2).ask("GET", "/", &[]);
    assert_eq!(response.line, "HTTP/1.1 401 Unauthorized");
    assert_eq!(
        response.names(),
        [
            "Content-Length",
            "Date",
            "Server",
            "Connection",
            "Content-Type"
        ]
    );
    assert_eq!(response.header("Content-Length"), Some("0"));
    assert!(response.body.is_empty());
}

#[test]
fn get_on_the_token_path_is_405_with_its_own_reason() {
    for token in [None, Some("X-aws-ec2-metadata-token: x")] {
        let response = Talk::to(Profile::Ec2).ask("GET", "/latest/api/token", token.as_slice());
        assert_eq!(response.line, "HTTP/1.1 405 Not Allowed");
        assert_eq!(
            response.names(),
            [
                "Allow",
                "Content-Length",
                "Date",
                "Server",
                "Connection",
                "Content-Type"
            ]
        );
        assert_eq!(response.header("Allow"), Some("OPTIONS, PUT"));
        assert!(response.body.is_empty());
    }
}

#[test]
fn options_on_the_token_path_is_200_with_allow() {
    let response = Talk::to(Profile::Ec2).ask("OPTIONS", "/latest/api/token", &[]);
    assert_eq!(response.status(), 200);
    assert_eq!(response.header("Allow"), Some("OPTIONS, PUT"));
    assert!(response.body.is_empty());
}

#[test]
fn other_methods_are_405_everywhere() {
    for (method, path) in [
        ("POST", "/latest/api/token"),
        ("DELETE", "/latest/api/token"),
        ("POST", "/latest/meta-data/"),
        ("PATCH", "/latest/meta-data/ami-id"),
    ] {
        let response = Talk::to(Profile::Ec2).ask(method, path, &[]);
        assert_eq!(response.status(), 405, "{method} {path}");
        assert!(response.header("Allow").is_some());
    }
}

#[test]
fn a_put_anywhere_else_is_403() {
    for path in [
        "/2021-03-23/api/token",
        "/latest/api/token/",
        "/latest//api/token",
        "/latest/meta-data/ami-id",
    ] {
        let response =
            Talk::to(Profile::Ec2).ask("PUT", path, &["X-aws-ec2-metadata-token-ttl-seconds: 60"]);
        assert_eq!(response.status(), 403, "{path}");
        assert!(response.body.is_empty());
    }
    assert_eq!(
        Talk::to(Profile::Ec2)
            .ask("GET", "/latest/api/token/", &[])
            .status(),
        403
    );
}

#[test]
fn a_ttl_out_of_range_or_absent_is_400() {
    for ttl in [
        "0",
        "-1",
        "21601",
        "99999999999999999999",
        "abc",
        "",
        "1.5",
        "+5",
    ] {
        let header = format!("X-aws-ec2-metadata-token-ttl-seconds: {ttl}");
        let response = Talk::to(Profile::Ec2).ask("PUT", "/latest/api/token", &[&header]);
        assert_eq!(response.line, "HTTP/1.1 400 Bad Request", "{ttl:?}");
        assert!(response.text().contains("<title>400 - Bad Request</title>"));
        assert_eq!(response.header("Content-Type"), Some("text/html"));
    }
    assert_eq!(
        Talk::to(Profile::Ec2)
            .ask("PUT", "/latest/api/token", &[])
            .status(),
        400
    );
    for ttl in ["1", "21600"] {
        let header = format!("x-aws-ec2-metadata-token-ttl-seconds: {ttl}");
        assert_eq!(
            Talk::to(Profile::Ec2)
                .ask("PUT", "/latest/api/token", &[&header])
                .status(),
            200
        );
    }
}

#[test]
fn x_forwarded_for_is_403_on_v2_requests_and_harmless_on_v1() {
    let mut talk = optional();
    let forwarded = "x-forwarded-for: 10.0.0.1";
    let ttl = "X-aws-ec2-metadata-token-ttl-seconds: 60";
    assert_eq!(
        talk.ask("PUT", "/latest/api/token", &[ttl, forwarded])
            .status(),
        403
    );
    let token = format!("X-aws-ec2-metadata-token: {}", talk.token(60));
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/ami-id", &[&token, forwarded])
            .status(),
        403
    );
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/ami-id", &[forwarded])
            .status(),
        200
    );
}

#[test]
fn expect_is_417() {
    let response = Talk::to(Profile::Ec2).ask(
        "PUT",
        "/latest/api/token",
        &[
            "Expect: 100-continue",
            "X-aws-ec2-metadata-token-ttl-seconds: 60",
        ],
    );
    assert_eq!(response.line, "HTTP/1.1 417 Expectation Failed");
    assert!(response.text().contains("417 - Expectation Failed"));
}

#[test]
fn a_bad_token_is_401_even_where_none_is_needed() {
    let mut talk = optional();
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/ami-id", &[]).status(),
        200
    );
    let response = talk.get_with("/latest/meta-data/ami-id", "AQAEwrong==");
    assert_eq!(response.status(), 401);
    assert!(response.body.is_empty());
    assert_eq!(
        response.header("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"),
        None
    );
}

#[test]
fn two_token_headers_are_no_token() {
    let mut talk = Talk::to(Profile::Ec2);
    let token = format!("X-aws-ec2-metadata-token: {}", talk.token(60));
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/ami-id", &[&token, &token])
            .status(),
        401
    );
    assert_eq!(talk.mock.log()[1].token, TokenUse::Invalid);
}

#[test]
fn absent_is_404_with_the_page_of_339_bytes_and_the_echo() {
    let response = Talk::to(Profile::Ec2).get("/latest/meta-data/spot/instance-action");
    assert_eq!(response.line, "HTTP/1.1 404 Not Found");
    assert_eq!(response.header("Content-Type"), Some("text/html"));
    assert_eq!(response.header("Content-Length"), Some("339"));
    assert_eq!(
        response.header("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"),
        Some("60")
    );
    assert_eq!(response.body.len(), 339);
}

#[test]
fn served_without_a_token_there_is_no_echo() {
    let response = optional().ask("GET", "/latest/meta-data/ami-id", &[]);
    assert_eq!(
        response.header("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"),
        None
    );
}

#[test]
fn head_has_the_length_and_no_body() {
    let mut talk = optional();
    let head = talk.ask("HEAD", "/latest/meta-data/instance-id", &[]);
    assert_eq!(head.status(), 200);
    assert_eq!(head.header("Content-Length"), Some("19"));
    assert!(head.body.is_empty());
    let absent = talk.ask(
        "HEAD",
        "/latest/meta-data/managed-ssh-keys/active-keys/x",
        &[],
    );
    assert_eq!((absent.status(), absent.body.len()), (404, 0));
}

#[test]
fn host_may_be_absent_and_the_target_absolute() {
    let mut talk = optional();
    assert_eq!(
        talk.send("GET /latest/meta-data/ami-id HTTP/1.1\r\n\r\n")
            .status(),
        200
    );
    let absolute =
        talk.send("GET http://169.254.169.254/latest/meta-data/ami-id?x=1 HTTP/1.1\r\n\r\n");
    assert_eq!(absolute.text(), "ami-0123456789abcdef0");
}

#[test]
fn garbage_is_400_and_closes() {
    for garbage in [
        "\x16\x03\x01\x02\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET latest/meta-data/ HTTP/1.1\r\n\r\n",
    ] {
        let response = Talk::to(Profile::Ec2).send(garbage);
        assert_eq!((response.status(), response.rest), (400, Rest::Closed));
    }
}

#[test]
fn an_endless_head_is_400() {
    let mut talk = Talk::to(Profile::Ec2);
    let long = request("GET", "/", &[&format!("X: {}", "x".repeat(70_000))]);
    assert_eq!(talk.send(&long[..66_000]).status(), 400);
    assert_eq!(talk.send(&long).status(), 400);
}

#[test]
fn the_log_tells_method_path_token_status_and_time() {
    let mut talk = Talk::to(Profile::Ec2);
    let token = talk.token(60);
    let mut talk = talk.at(2);
    talk.get_with("/latest/meta-data/ami-id", &token);
    talk.ask(
        "GET",
        "/latest/meta-data/",
        &["X-aws-ec2-metadata-token: x"],
    );
    let log = talk.mock.log();
    let rows: Vec<_> = log
        .iter()
        .map(|e| {
            (
                e.connection,
                e.method.as_str(),
                e.path.as_str(),
                e.token,
                e.status,
                e.at.as_secs(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (1, "PUT", "/latest/api/token", TokenUse::None, 200, 0),
            (
                2,
                "GET",
                "/latest/meta-data/ami-id",
                TokenUse::Valid,
                200,
                2
            ),
            (3, "GET", "/latest/meta-data/", TokenUse::Invalid, 401, 2),
        ]
    );
    assert_eq!(log[0].header("HOST"), Some("169.254.169.254"));
    assert_eq!(
        log[1].to_string(),
        "#2 GET \"/latest/meta-data/ami-id\" (token) 200"
    );
}
