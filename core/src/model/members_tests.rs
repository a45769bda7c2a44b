use std::format;
use std::string::String;
use std::vec::Vec;

use super::*;

/// What real and unreal servers may put into a member that nobody knows (facts §4.6).
const ODD_VALUES: [&str; 21] = [
    r#""\ud83d\ude00""#,
    r#""\ud83d""#,
    r#""\ude00\ud83d""#,
    r#""\x \u12 \u+041""#,
    r#""a \"quoted\" } ] , : \\""#,
    r#""\\\\\\""#,
    r#""""#,
    r#"{"Name": "ignore-me-1"}"#,
    r#"{"Token": {"Token": [{"Token": "}"}]}}"#,
    "[]",
    "{}",
    "[1, [2, [3, {\"a\": null}]]]",
    "null",
    "true",
    "false",
    "1e400",
    "-0.0",
    "-1E-400",
    "123456789012345678901234567890",
    "NaN",
    "\"\u{0}\n\u{1b}\"",
];

fn member(body: &[u8], name: &str) -> Option<String> {
    let object = Object::new(body).unwrap();
    object
        .member(name)
        .map(|raw| String::from_utf8(raw.0.to_vec()).unwrap())
}

fn refused(body: &[u8]) -> DocumentError {
    Object::new(body).unwrap_err()
}

#[test]
fn an_unknown_member_may_hold_anything() {
    for value in ODD_VALUES {
        for body in [
            format!(r#"{{"odd":{value},"Token":"t"}}"#),
            format!(r#"{{ "Token" : "t" , "odd" : {value} }}"#),
            format!(r#"{{"odd":[{value},{{"odd":{value}}}],"Token":"t"}}"#),
        ] {
            assert_eq!(
                member(body.as_bytes(), "Token").as_deref(),
                Some("\"t\""),
                "{body}"
            );
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_are_passed_over() {
    assert_eq!(
        member(b"{\"\xff\":\"\xfe\",\"a\":1}", "a").as_deref(),
        Some("1")
    );
}

#[test]
fn nesting_has_no_limit() {
    for depth in [1, 40, 63, 64, 65, 66, 5000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
            let (open, close) = (open.repeat(depth), close.repeat(depth));
            let body = format!(r#"{{"odd":{open}1{close},"a":2}}"#);
            assert_eq!(member(body.as_bytes(), "a").as_deref(), Some("2"));
            let body = format!(r#"{{"odd":{open}1{close}]}}"#);
            assert_eq!(refused(body.as_bytes()), DocumentError::NotJson);
            let body = format!(r#"{{"odd":{open}1"#);
            assert_eq!(refused(body.as_bytes()), DocumentError::NotJson);
        }
    }
}

#[test]
fn brackets_must_pair() {
    for body in [
        r#"{"a":[}]}"#,
        r#"{"a":{]}}"#,
        r#"{"a":[{]}}"#,
        r#"{"a":[[]}"#,
        r#"{"a":]}"#,
        r#"{"a":}}"#,
        "{]",
        "{{}",
    ] {
        assert_eq!(refused(body.as_bytes()), DocumentError::NotJson, "{body}");
    }
}

#[test]
fn what_is_not_one_whole_object_is_refused() {
    for body in [
        "",
        " \n",
        "<?xml version=\"1.0\"?>",
        "<!DOCTYPE html>",
        "\u{feff}{}",
        "text",
        "nullify",
        "{} {}",
        "{}x",
        "{}\0",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{,\"a\":1}",
        "{\"a\":1,,\"b\":2}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1 2}",
        "{\"a\" 1}",
        "{\"a\"::1}",
        "{\"a\":,\"b\":2}",
        "{a:1}",
        "{'a':1}",
        "{null:1}",
        "{\"a\":'b'}",
        "{\"a\":\"b}",
        "{\"a\":\"b\\\"}",
        "{\"a\":\"b\\",
        "{\"a\":1/2}",
    ] {
        assert_eq!(refused(body.as_bytes()), DocumentError::NotJson, "{body:?}");
    }
    for body in ["[]", "\"a\"", "1", "-1", " null\n", "true", "false"] {
        assert_eq!(refused(body.as_bytes()), DocumentError::NotAnObject);
    }
}

#[test]
fn blanks_are_where_the_server_likes_them() {
    for body in ["{\"a\":1,\"b\":[2]}", " {\t\"a\" :\r\n1 , \"b\" : [2] } \n"] {
        assert_eq!(member(body.as_bytes(), "a").as_deref(), Some("1"));
        assert_eq!(member(body.as_bytes(), "b").as_deref(), Some("[2]"));
    }
    assert_eq!(member(b"{}", "a"), None);
}

#[test]
fn only_members_of_the_object_itself_are_found() {
    let body = br#"{"x":{"Token":1},"y":[{"Token":2}],"z":"\"Token\":3"}"#;
    assert_eq!(member(body, "Token"), None);
}

#[test]
fn names_compare_without_case_and_with_their_escapes() {
    for key in [
        "Token",
        "token",
        "TOKEN",
        "T\\u006fken",
        "\\u0054\\u004F\\u004b\\u0045\\u004E",
    ] {
        let body = format!(r#"{{"{key}":1}}"#);
        assert_eq!(
            member(body.as_bytes(), "Token").as_deref(),
            Some("1"),
            "{key}"
        );
    }
    for key in [
        "",
        "Toke",
        "Tokens",
        "T\\u+06fken",
        "Token\\ud83d",
        "T\u{00f6}ken",
        "T\\nken",
        "To\u{212a}en",
    ] {
        let body = format!(r#"{{"{key}":1}}"#);
        assert_eq!(member(body.as_bytes(), "Token"), None, "{key}");
    }
}

#[test]
fn of_a_repeated_member_the_exact_spelling_counts_then_the_last() {
    for (body, value) in [
        (r#"{"a":1,"a":2}"#, "2"),
        (r#"{"A":1,"a":2,"A":3}"#, "2"),
        (r#"{"a":2,"A":3}"#, "2"),
        (r#"{"A":1,"\u0041":3}"#, "3"),
        (r#"{"a":1,"A":3,"\u0061":2}"#, "2"),
    ] {
        assert_eq!(
            member(body.as_bytes(), "a").as_deref(),
            Some(value),
            "{body}"
        );
    }
}

#[test]
fn a_null_member_counts_as_absent() {
    assert_eq!(member(br#"{"a": null }"#, "a"), None);
    assert_eq!(member(br#"{"a":1,"a":null}"#, "a"), None);
    assert_eq!(member(br#"{"a":"null"}"#, "a").as_deref(), Some("\"null\""));
}

#[test]
fn elements_come_one_by_one() {
    let text = br#" [ 1 , "a,]" , [2, 3], {"b": [4]}, null ] "#;
    let elements: Vec<_> = Elements::new(text).unwrap().map(|raw| raw.0).collect();
    assert_eq!(
        elements,
        [&b"1"[..], b"\"a,]\"", b"[2, 3]", b"{\"b\": [4]}", b"null"]
    );
    assert_eq!(Elements::new(b"[ ]").unwrap().count(), 0);
    for text in [
        &b"[1,]"[..],
        b"[,1]",
        b"[1 2]",
        b"[1",
        b"[",
        b"",
        b"[1]]",
        b"[1}",
    ] {
        assert_eq!(Elements::new(text).unwrap_err(), DocumentError::NotJson);
    }
    assert_eq!(Elements::new(b"{}").unwrap_err(), DocumentError::NotAnArray);
}

#[test]
fn escapes_are_checked_as_json_has_them() {
    for text in ["", "a", "\\n", "\\\\", "\\\\u", "\\u00e9", "\\uD83D", "\\x"] {
        assert!(well_escaped(text), "{text}");
    }
    for text in [
        "\\u",
        "\\u12",
        "\\u+041",
        "\\\\\\u+041",
        "\\u12g4",
        "\\u00é",
    ] {
        assert!(!well_escaped(text), "{text}");
    }
}
