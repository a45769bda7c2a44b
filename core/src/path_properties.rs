//! Every path that a caller may write, and what becomes of it on the wire.

use std::string::{String, ToString as _};
use std::vec::Vec;

use percent_encoding::percent_decode_str;
use proptest::prelude::*;

use super::*;
use crate::http::{self, Request};
use crate::properties::config;

/// Paths, and texts that are nearly some.
fn texts() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => "[a-z0-9._~=:-]{1,8}",
        2 => "[0-9]{1,2}=[ -~é]{0,6}",
        2 => Just("public-keys".to_string()),
        2 => any::<String>(),
        1 => "[.]{0,3}",
        1 => "[a-z%]{120,130}",
        1 => "[a-z]{370,395}",
    ];
    (
        any::<bool>(),
        prop::collection::vec(segment, 0..6),
        any::<bool>(),
    )
        .prop_map(|(absolute, segments, slash)| {
            let start = if absolute { "/" } else { "" };
            let end = if slash { "/" } else { "" };
            std::format!("{start}{}{end}", segments.join("/"))
        })
}

/// Every reason that the documentation of [`PathError`] has against a text.
fn reasons(text: &str) -> Vec<PathError> {
    let bare = &text[usize::from(text.starts_with('/'))..];
    let bare = bare.strip_suffix('/').unwrap_or(bare);
    let segments: Vec<&str> = bare.split('/').collect();
    [
        (!text.starts_with('/'), PathError::NotAbsolute),
        (text.len() > 384, PathError::TooLong),
        (
            text.contains(|c: char| c < ' ' || ('\u{7f}'..='\u{9f}').contains(&c)),
            PathError::ControlCharacter,
        ),
        (
            text != "/" && segments.contains(&""),
            PathError::EmptySegment,
        ),
        (
            segments.contains(&".") || segments.contains(&".."),
            PathError::DotSegment,
        ),
    ]
    .into_iter()
    .filter_map(|(holds, reason)| holds.then_some(reason))
    .collect()
}

/// The path as the service is to see it: an entry of `public-keys/` is called by its number.
fn on_the_wire(path: &str) -> String {
    let mut before = "";
    let mut segments = Vec::new();
    for segment in path.split('/') {
        let number = segment.split('=').next().unwrap_or(segment);
        let is_key = before == "public-keys"
            && segment.contains('=')
            && number
                .parse::<u128>()
                .is_ok_and(|_| !number.starts_with('+'));
        segments.push(if is_key { number } else { segment });
        before = segment;
    }
    segments.join("/")
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_text_is_refused_for_a_documented_reason_or_not_at_all(text in texts()) {
        let reasons = reasons(&text);
        match validate(&text) {
            Ok(()) => prop_assert_eq!(reasons, []),
            Err(error) => prop_assert!(reasons.contains(&error), "{error:?} of {reasons:?}"),
        }
    }

    #[test]
    fn a_path_comes_back_whole_from_its_request_line(text in texts(), prefix in "(/[a-z]{1,5})?") {
        prop_assume!(validate(&text).is_ok());
        let mut window = [0; 2048];
        let len = http::write(&mut window, &Request {
            method: "GET",
            prefix: &prefix,
            target: &Encoded(&text),
            host: &"h",
            header: None,
            empty_body: false,
        });
        let mut headers = [httparse::EMPTY_HEADER; 4];
        let mut request = httparse::Request::new(&mut headers);
        let bytes = &window[..len.expect("a legal path fits")];
        prop_assert_eq!(request.parse(bytes), Ok(httparse::Status::Complete(bytes.len())));
        prop_assert_eq!((request.method, request.headers.len()), (Some("GET"), 2));

        let target = request.path.expect("a path").strip_prefix(prefix.as_str());
        let target = target.expect("the prefix comes first");
        prop_assert!(target.starts_with('/'));
        let legal = |byte: u8| is_pchar(byte) || matches!(byte, b'/' | b'%');
        prop_assert!(target.bytes().all(legal), "{target}");
        let decoded: Vec<u8> = percent_decode_str(target).collect();
        prop_assert_eq!(String::from_utf8(decoded), Ok(on_the_wire(&text)));
        // A percent sign that begins no escape would be left as it is.
        let is_escape = |rest: &str| rest.bytes().take_while(u8::is_ascii_hexdigit).count() >= 2;
        prop_assert!(target.split('%').skip(1).all(is_escape), "{}", target);
    }
}
