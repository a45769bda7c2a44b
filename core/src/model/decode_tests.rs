use std::format;

use serde::de::IgnoredAny;
use serde_json_core::de::Error;
use serde_json_core::from_slice_escaped;

use super::*;

fn read<const N: usize>(value: &str) -> Result<Option<String<N>>, DocumentError> {
    let body = format!(r#"{{"a":{value}}}"#);
    let mut text = None;
    Object::new(body.as_bytes())
        .unwrap()
        .text("a", &mut text)
        .map(|()| text)
}

/// What DESIGN says of serde-json-core 0.7 and unknown members: the reason for the pre-scan.
#[test]
fn serde_json_core_alone_refuses_documents_for_what_it_would_ignore() {
    let ignore = |value: &[u8]| from_slice_escaped::<IgnoredAny>(value, &mut [0; 32]);
    for (value, error) in [
        (&br#"["\ud83d\ude00"]"#[..], Error::InvalidEscapeSequence),
        (br#"["\ud83d"]"#, Error::InvalidEscapeSequence),
        (br#"[{"\ud83d\ude00":1}]"#, Error::InvalidEscapeSequence),
        (b"[\"\xff\"]", Error::InvalidUnicodeCodePoint),
        (
            br#"["\n longer than the unescape buffer"]"#,
            Error::EscapedStringIsTooLong,
        ),
    ] {
        assert_eq!(ignore(value), Err(error));
        let body = [&br#"{"odd":"#[..], value, br#","a":"b"}"#].concat();
        let mut text = None::<String<8>>;
        Object::new(&body).unwrap().text("a", &mut text).unwrap();
        assert_eq!(text.unwrap(), "b");
    }
    // These it passes over, and so do we.
    for value in ["[null]", "[1e400, -0.0]", "[[[{}]]]"] {
        assert!(ignore(value.as_bytes()).is_ok(), "{value}");
    }
}

#[test]
fn texts_are_decoded_with_their_escapes() {
    for (value, text) in [
        ("\"plain\"", "plain"),
        ("\"\"", ""),
        (r#""a \"b\" \\ \/""#, r#"a "b" \ /"#),
        (r#""\u00e9\u2600""#, "é☀"),
        ("\"é😀\"", "é😀"),
    ] {
        assert_eq!(read::<16>(value).unwrap().unwrap(), text);
    }
    assert_eq!(read::<16>("null"), Ok(None));
}

#[test]
fn other_types_are_refused_by_name() {
    for value in ["1", "-0.0", "true", "{}", "[]", "[\"a\"]", "nul", "NaN"] {
        assert_eq!(
            read::<16>(value),
            Err(DocumentError::WrongType("a")),
            "{value}"
        );
    }
}

#[test]
fn texts_that_are_not_plain_are_refused_by_name() {
    for value in [
        r#""\ud83d\ude00""#,
        r#""\ud83d""#,
        r#""\x""#,
        r#""\u12""#,
        r#""\u+041""#,
        r#""a\nb""#,
        r#""\u0000""#,
        "\"a\nb\"",
    ] {
        assert_eq!(
            read::<16>(value),
            Err(DocumentError::BadText("a")),
            "{value}"
        );
    }
    let document = Object::new(b"{\"a\":\"\xff\"}").unwrap();
    assert_eq!(
        document.text::<8>("a", &mut None),
        Err(DocumentError::BadText("a"))
    );
}

#[test]
fn texts_that_do_not_fit_are_refused_by_name() {
    assert!(read::<4>("\"1234\"").is_ok());
    assert_eq!(read::<4>("\"12345\""), Err(DocumentError::TooLong("a")));
    assert!(read::<4>(r#""\u0031234""#).is_ok(), "as decoded");
}

#[test]
fn a_secret_is_decoded_where_it_stays() {
    let secret = |value: &str| {
        let mut secret = Secret::<8>::empty();
        let body = format!(r#"{{"a":{value}}}"#);
        let outcome = Object::new(body.as_bytes())
            .unwrap()
            .secret("a", &mut secret);
        outcome.map(|()| std::string::String::from(secret.as_str()))
    };
    assert_eq!(secret(r#""s3\/cr3t""#).as_deref(), Ok("s3/cr3t"));
    assert_eq!(secret("\"12345678\"").as_deref(), Ok("12345678"));
    for (value, error) in [
        ("\"123456789\"", DocumentError::TooLong("a")),
        (r#""\/23456789""#, DocumentError::TooLong("a")),
        ("\"\"", DocumentError::Missing("a")),
        ("null", DocumentError::Missing("a")),
        ("5", DocumentError::WrongType("a")),
        (r#""a\n""#, DocumentError::BadText("a")),
        (r#""\ud83d\ude00""#, DocumentError::BadText("a")),
    ] {
        assert_eq!(secret(value), Err(error), "{value}");
    }
}

#[test]
fn arrays_of_texts_are_whole_or_an_error() {
    let texts = |value: &str| {
        let body = format!(r#"{{"a":{value}}}"#);
        let mut texts = None;
        Object::new(body.as_bytes())
            .unwrap()
            .texts::<4, 2>("a", &mut texts)
            .map(|()| texts)
    };
    let two = texts(r#"["b", "\u0063"]"#).unwrap().unwrap();
    assert_eq!(two.as_slice(), ["b", "c"]);
    assert_eq!(texts("[]").unwrap().unwrap().len(), 0);
    assert_eq!(texts("null"), Ok(None));
    for (value, error) in [
        (r#"["b", "c", "d"]"#, DocumentError::TooLong("a")),
        (r#"["12345"]"#, DocumentError::TooLong("a")),
        ("[null]", DocumentError::WrongType("a")),
        ("[[\"b\"]]", DocumentError::WrongType("a")),
        ("\"b\"", DocumentError::WrongType("a")),
        ("{}", DocumentError::WrongType("a")),
        ("nul", DocumentError::WrongType("a")),
    ] {
        assert_eq!(texts(value), Err(error), "{value}");
    }
}
