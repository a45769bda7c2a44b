//! Texts for people: whatever is wrong with one, the rest of it is shown.

use heapless::{LenType, string::StringView};
use serde_json_core::str::{EscapedStr, EscapedStringFragment};

use super::members::Raw;

/// Decodes a string as well as it can be: surrogate pairs are joined, what is no character
/// becomes U+FFFD, a control character a blank. What does not fit is cut at a character and ends
/// in `…`. False if the value is not a string.
pub(super) fn prose<L: LenType>(value: Raw<'_>, text: &mut StringView<L>) -> bool {
    let Some(inner) = value.string() else {
        return false;
    };
    for chunk in inner.utf8_chunks() {
        let fits = unescape(chunk.valid(), &mut |letter| push(text, letter))
            && (chunk.invalid().is_empty() || push(text, char::REPLACEMENT_CHARACTER));
        if !fits {
            break;
        }
    }
    true
}

/// Hands on letters until one is not taken; false if so.
fn unescape(text: &str, take: &mut dyn FnMut(char) -> bool) -> bool {
    let mut fragments = EscapedStr(text).fragments();
    loop {
        let rest = fragments.as_str().0;
        let taken = match fragments.next() {
            None => return true,
            Some(Ok(EscapedStringFragment::NotEscaped(text))) => text.chars().all(&mut *take),
            Some(Ok(EscapedStringFragment::Escaped(letter))) => take(letter),
            // serde-json-core stays where it is at an escape that it refuses.
            Some(Err(_)) => {
                let (letter, len) = refused_escape(rest);
                fragments = EscapedStr(rest.get(len..).unwrap_or_default()).fragments();
                take(letter)
            }
        };
        if !taken {
            return false;
        }
    }
}

/// The character of an escape that serde-json-core refuses, and how long the escape is.
fn refused_escape(text: &str) -> (char, usize) {
    let Some(first) = unit(text) else {
        let escaped = text.chars().nth(1).map_or(0, char::len_utf8);
        return (char::REPLACEMENT_CHARACTER, 1 + escaped);
    };
    let second = text.get(6..).and_then(unit);
    match char::decode_utf16([first].into_iter().chain(second)).next() {
        Some(Ok(letter)) => (letter, 12),
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// The UTF-16 unit of a `\uXXXX` in front.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

/// False if the text is full: then it ends in `…`.
fn push<L: LenType>(text: &mut StringView<L>, letter: char) -> bool {
    let letter = if letter.is_control() { ' ' } else { letter };
    if text.push(letter).is_ok() {
        return true;
    }
    while text.push('…').is_err() {
        if text.pop().is_none() {
            break;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use heapless::String;

    use super::*;

    fn read<const N: usize>(raw: &[u8]) -> std::string::String {
        let mut text = String::<N>::new();
        assert!(prose(Raw(raw), text.as_mut_view()));
        text.as_str().into()
    }

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(
            read::<64>(br#""a \"b\" \\ \/ \u00e9 \u2600""#),
            "a \"b\" \\ / é ☀"
        );
    }

    #[test]
    fn surrogate_pairs_are_joined() {
        assert_eq!(read::<64>(br#""so \ud83d\ude00!""#), "so 😀!");
        assert_eq!(read::<64>(br#""\uD83D\uDE00\ud83d\ude00""#), "😀😀");
    }

    #[test]
    fn what_is_no_character_is_replaced_and_the_rest_is_shown() {
        for (raw, shown) in [
            (&br#""a\ud83db""#[..], "a\u{fffd}b"),
            (br#""a\ude00\ud83d""#, "a\u{fffd}\u{fffd}"),
            (br#""a\ud83d\ud83d\ude00b""#, "a\u{fffd}😀b"),
            (br#""a\xb\u12g4c\u12""#, "a\u{fffd}b\u{fffd}12g4c\u{fffd}12"),
            (b"\"a\xffb\xe2\x82\"", "a\u{fffd}b\u{fffd}"),
            (b"\"a\\\xffb\\\xc3\xa9c\"", "a\u{fffd}\u{fffd}b\u{fffd}c"),
        ] {
            assert_eq!(read::<64>(raw), shown, "{raw:?}");
        }
    }

    #[test]
    fn control_characters_become_blanks() {
        assert_eq!(read::<64>(b"\"a\\nb\\u001bc\nd\""), "a b c d");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        assert_eq!(read::<8>(b"\"12345678\""), "12345678");
        assert_eq!(read::<8>(b"\"123456789\""), "12345…");
        assert_eq!(read::<8>("\"1234ééé\"".as_bytes()), "1234…");
        assert_eq!(read::<8>(br#""1234\ud83d\ude00x\ud83d""#), "1234…");
        assert_eq!(read::<2>(b"\"123\""), "");
    }

    #[test]
    fn what_is_not_a_string_is_no_text() {
        for raw in [&b"1"[..], b"{}", b"[\"a\"]", b"true", b"\""] {
            let mut text = String::<8>::new();
            assert!(!prose(Raw(raw), text.as_mut_view()));
        }
    }
}
