use std::format;
use std::string::String as Text;

use super::*;

type Credentials = RoleCredentials<64>;

/// As EC2 lays it out (facts §5.1).
const DOCUMENT: &str = r#"{
  "Code" : "Success",
  "LastUpdated" : "2021-09-21T17:31:21Z",
  "Type" : "AWS-HMAC",
  "AccessKeyId" : "ASIAIOSFODNN7EXAMPLE",
  "SecretAccessKey" : "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  "Token" : "IQoJb3JpZ2luX2VjE==",
  "Expiration" : "2021-09-21T23:33:13Z"
}"#;

/// The extended form of the SDK specification, with its unknown member (facts §4.6).
const EXTENDED: &str = r#"{"Code":"Success","LastUpdated":"2025-03-12T20:53:17.832308Z",
"Type":"AWS-HMAC","AccessKeyId":"ASIAIOSFODNN7EXAMPLE",
"SecretAccessKey":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY","Token":"IQoJb3JpZ2luX2VjE==",
"Expiration":"2025-03-12T21:53:17.832308Z","AccountId":"123456789101",
"UnexpectedElement1":{"Name":"ignore-me-1"}}"#;

fn parse(body: &str) -> Result<Credentials, DocumentError> {
    Credentials::parse(body.as_bytes())
}

fn error(body: &str) -> DocumentError {
    parse(body).unwrap_err()
}

#[test]
fn the_document_of_ec2_is_read() {
    let credentials = parse(DOCUMENT).unwrap();
    assert_eq!(credentials.access_key_id(), "ASIAIOSFODNN7EXAMPLE");
    assert_eq!(
        credentials.secret_access_key(),
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    );
    assert_eq!(credentials.session_token(), "IQoJb3JpZ2luX2VjE==");
    assert_eq!(credentials.expiration().as_str(), "2021-09-21T23:33:13Z");
    assert_eq!(credentials.expiration().unix_seconds(), 1_632_267_193);
    assert_eq!(
        credentials.last_updated().unwrap().unix_seconds(),
        1_632_245_481
    );
    assert_eq!(credentials.kind(), Some("AWS-HMAC"));
    assert_eq!(credentials.account_id(), None);
}

#[test]
fn the_extended_document_is_read_with_its_microseconds() {
    let credentials = parse(EXTENDED).unwrap();
    assert_eq!(credentials.account_id(), Some("123456789101"));
    assert_eq!(
        credentials.expiration().as_str(),
        "2025-03-12T21:53:17.832308Z"
    );
    assert_eq!(credentials.expiration().unix_seconds(), 1_741_816_397);
}

#[test]
fn an_escape_stands_for_its_character() {
    let escaped = DOCUMENT.replace('/', "\\/");
    assert_eq!(
        parse(&escaped).unwrap().secret_access_key(),
        parse(DOCUMENT).unwrap().secret_access_key()
    );
}

#[test]
fn keys_are_read_in_any_case_and_by_their_second_names() {
    for body in [
        DOCUMENT.to_lowercase().replace('t', "T").replace('z', "Z"),
        DOCUMENT.replace("\"Token\"", "\"SessionToken\""),
        DOCUMENT.replace("\"Expiration\"", "\"ExpiresAt\""),
        DOCUMENT.replace("\"Token\"", "\"T\\u006fken\""),
        DOCUMENT.replace("\"Token\"", "\"Token\":null,\"SessionToken\""),
    ] {
        assert!(parse(&body).is_ok(), "{body}");
    }
    let both = DOCUMENT.replace("\"Token\"", "\"SessionToken\":\"other\",\"Token\"");
    assert_eq!(parse(&both).unwrap().session_token(), "IQoJb3JpZ2luX2VjE==");
}

#[test]
fn a_code_that_is_absent_or_success_in_any_case_is_a_success() {
    for code in [
        "",
        "\"Code\":null,",
        "\"code\":\"SUCCESS\",",
        "\"Code\":\"success\",",
    ] {
        let body = DOCUMENT.replace("\"Code\" : \"Success\",", code);
        assert!(parse(&body).is_ok(), "{body}");
    }
}

#[test]
fn any_other_code_is_told_with_its_message() {
    let body = r#"{"Code":"AssumeRoleUnauthorizedAccess",
"Message":"EC2 cannot assume the role web-server-role.","LastUpdated":"2021-09-21T17:31:21Z"}"#;
    let refused = error(body);
    let DocumentError::NotSuccess { code, message } = &refused else {
        panic!("{refused}")
    };
    assert_eq!(code, "AssumeRoleUnauthorizedAccess");
    assert_eq!(message, "EC2 cannot assume the role web-server-role.");
    assert!(refused.hint().unwrap().contains("trust policy"));

    // Keys beside it do not make it a success, and faults beside it are not what is told.
    for rest in [
        DOCUMENT.trim_start_matches("{\n  \"Code\" : \"Success\","),
        r#""AccessKeyId":5}"#,
        r#""x":1}"#,
    ] {
        for code in ["Failed", "", "Successful"] {
            let refused = error(&format!(r#"{{"Code":"{code}",{rest}"#));
            assert!(
                matches!(&refused, DocumentError::NotSuccess { code: c, message } if c == code && message.is_empty()),
                "{refused:?}"
            );
        }
    }
    // Container credentials write it so (facts §5.6).
    assert!(matches!(
        error(r#"{"code":"Failed","message":"m"}"#),
        DocumentError::NotSuccess { message, .. } if message == "m"
    ));
    assert_eq!(error(r#"{"Code":500}"#), DocumentError::WrongType("Code"));
}

#[test]
fn an_error_document_with_extra_data_behind_it_is_not_json() {
    let body = r#"{"Code":"Failed","Message":"m"} extra"#;
    assert_eq!(error(body), DocumentError::NotJson);
}

#[test]
fn no_message_makes_the_code_unreadable() {
    let long = format!("\"{}é\"", "x".repeat(5000));
    for (message, shown) in [
        (r#""so \ud83d\ude00""#, "so 😀"),
        (r#""so \ud83d""#, "so \u{fffd}"),
        ("5", ""),
        ("null", ""),
        ("{\"a\":[]}", ""),
        (long.as_str(), "xxxxxxxxxxxxxxxx"),
    ] {
        let refused = error(&format!(r#"{{"Code":"Failed","Message":{message}}}"#));
        let DocumentError::NotSuccess { code, message } = refused else {
            panic!("{refused}")
        };
        assert_eq!(code, "Failed");
        assert!(message.starts_with(shown), "{message}");
        assert_eq!(message.ends_with('…'), message.len() > 60);
    }
    let ok = DOCUMENT.replace("\"Type\"", "\"Message\":\"\\ud83d\",\"Type\"");
    assert!(parse(&ok).is_ok());
}

#[test]
fn a_code_that_is_no_code_is_still_told() {
    for code in [
        r#"\ud83d\ude00"#,
        r#"\ud83d"#,
        &"x".repeat(500),
        r"Success\u0000",
    ] {
        assert!(matches!(
            error(&format!(r#"{{"Code":"{code}"}}"#)),
            DocumentError::NotSuccess { .. }
        ));
    }
}

#[test]
fn each_required_member_is_missed_by_name() {
    for name in ["AccessKeyId", "SecretAccessKey", "Token", "Expiration"] {
        let renamed = DOCUMENT.replace(&format!("\"{name}\""), "\"Other\"");
        assert_eq!(error(&renamed), DocumentError::Missing(name));
        let null = DOCUMENT.replace(
            &format!("\"{name}\""),
            &format!("\"{name}\":null,\"Other\""),
        );
        assert_eq!(error(&null), DocumentError::Missing(name));
        let number = DOCUMENT.replace(&format!("\"{name}\""), &format!("\"{name}\":5,\"Other\""));
        assert_eq!(error(&number), DocumentError::WrongType(name));
    }
    for name in ["AccessKeyId", "SecretAccessKey", "Token"] {
        let empty = DOCUMENT.replace(&format!("\"{name}\""), &format!("\"{name}\":\"\",\"x\""));
        assert_eq!(error(&empty), DocumentError::Missing(name));
    }
    assert_eq!(error("{}"), DocumentError::Missing("AccessKeyId"));
}

#[test]
fn members_that_are_not_what_they_should_be_are_named() {
    for (from, to, expected) in [
        (
            "23:33:13Z",
            "23:33:13+00:00",
            DocumentError::BadTime("Expiration"),
        ),
        (
            "2021-09-21T23:33:13Z",
            "",
            DocumentError::BadTime("Expiration"),
        ),
        (
            "2021-09-21T23:33:13Z",
            "a time that is longer than any time could ever be",
            DocumentError::BadTime("Expiration"),
        ),
        ("IQoJ", "IQ\\noJ", DocumentError::BadText("Token")),
        ("\"AWS-HMAC\"", "{}", DocumentError::WrongType("Type")),
        (
            "IQoJ",
            "a session token longer than sixty-four bytes, which is the room",
            DocumentError::TooLong("Token"),
        ),
    ] {
        assert_eq!(error(&DOCUMENT.replace(from, to)), expected, "{to}");
    }
}

#[test]
fn nothing_fails_for_the_time_of_the_last_update() {
    for value in ["\"yesterday\"", "5", "null", "{}", "\"\\ud83d\""] {
        let body = DOCUMENT.replace("\"2021-09-21T17:31:21Z\"", value);
        assert_eq!(parse(&body).unwrap().last_updated(), None);
    }
}

#[test]
fn an_unknown_member_never_makes_it_unreadable() {
    let deep = format!("{}1{}", "[{\"Token\":".repeat(40), "}]".repeat(40));
    for value in [
        r#""\ud83d\ude00""#,
        r#""\ud83d""#,
        r#"{"Token":{"Code":"Failed"}}"#,
        "1e400",
        "-0.0",
        "null",
        "true",
        &deep,
    ] {
        for body in [
            DOCUMENT.replacen('{', &format!("{{\"odd\":{value},"), 1),
            DOCUMENT.replace("\n}", &format!(",\"odd\":{value}}}")),
        ] {
            assert!(parse(&body).is_ok(), "{body}");
        }
    }
}

#[test]
fn what_is_not_one_whole_object_is_refused() {
    for body in [
        "",
        "\n",
        "<?xml version=\"1.0\"?><html></html>",
        "\u{feff}{}",
    ] {
        assert_eq!(error(body), DocumentError::NotJson);
    }
    assert_eq!(error("[]"), DocumentError::NotAnObject);
    assert_eq!(error(&format!("{DOCUMENT}}}")), DocumentError::NotJson);
    assert!(parse(&format!("{DOCUMENT}\n")).is_ok());
    for document in [DOCUMENT, EXTENDED] {
        for end in 0..document.len() {
            assert_eq!(error(&document[..end]), DocumentError::NotJson);
        }
    }
}

#[test]
fn no_changed_byte_makes_it_panic() {
    let mut body = EXTENDED.replace('/', "\\u002f").into_bytes();
    for at in 0..body.len() {
        let whole = body[at];
        for byte in *b"{}[]\",:\\/ \n09aAuU-.\0\x7f\x80\xc3\xf0\xff" {
            body[at] = byte;
            if let Err(error) = Credentials::parse(&body) {
                let _ = format!("{error} {error:?} {:?}", error.hint());
            }
        }
        body[at] = whole;
    }
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!(
        "{:?} {:#?}",
        parse(DOCUMENT).unwrap(),
        parse(EXTENDED).unwrap()
    );
    for secret in ["wJalr", "EXAMPLEKEY", "IQoJ", "ASIA", "IOSFODNN7"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("…MPLE"), "{shown}");
    assert!(shown.contains("2021-09-21T23:33:13Z"), "{shown}");

    let short = format!(
        "{:?}",
        parse(&DOCUMENT.replace("ASIAIOSFODNN7EXAMPLE", "ab")).unwrap()
    );
    assert!(!short.contains("ab\""), "{short}");
    let odd = DOCUMENT.replace("ASIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXA€€");
    assert!(format!("{:?}", parse(&odd).unwrap()).contains('…'));
}

#[test]
fn the_room_for_a_token_is_what_makes_the_size() {
    assert!(size_of::<RoleCredentials>() <= 4096 + 600);
}

#[test]
fn a_role_is_the_first_line_that_is_not_blank() {
    for (listing, name) in [
        ("web-server-role", "web-server-role"),
        ("my-profile-0001\n", "my-profile-0001"),
        ("\r\n \t\n  role@x=1 \r\nother", "role@x=1"),
    ] {
        assert_eq!(role_name(listing.as_bytes()), Some(name));
    }
    for listing in [
        "", "\n \r\n", "a/b", "..", ".", "a\u{1}b", "a\0", "a\u{85}b",
    ] {
        assert_eq!(role_name(listing.as_bytes()), None, "{listing:?}");
    }
    assert_eq!(role_name(b"role\xff"), None);
    let long: Text = "r".repeat(64);
    assert_eq!(role_name(long.as_bytes()), Some(long.as_str()));
}
