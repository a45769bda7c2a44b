//! Times, against what another reader makes of them.

use std::format;
use std::string::String;

use proptest::prelude::*;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::*;
use crate::properties::config;

/// Times in this form, the numbers right or wrong.
fn texts() -> impl Strategy<Value = String> {
    // As often as not at the end of a February, and of a century.
    let year = prop_oneof![0..=9999_u16, (0..=99_u16).prop_map(|century| century * 100)];
    let month = prop_oneof![0..=13_u8, Just(2)];
    let day = prop_oneof![0..=32_u8, 28..=30_u8];
    let date = (year, month, day);
    // No leap second: the other reader has a rule of its own for it.
    let time = (0..=24_u8, 0..=60_u8, 0..=59_u8);
    (date, time, "([.][0-9]{0,9})?").prop_map(
        |((year, month, day), (hour, minute, second), end)| {
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{end}Z")
        },
    )
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn another_reader_reads_the_same_moments(text in texts()) {
        let theirs = OffsetDateTime::parse(&text, &Rfc3339).ok();
        let ours = Timestamp::parse(&text);
        prop_assert_eq!(
            ours.as_ref().map(Timestamp::unix_seconds),
            theirs.map(OffsetDateTime::unix_timestamp)
        );
        prop_assert!(ours.is_none_or(|time| time.as_str() == text));
    }

    #[test]
    fn one_wrong_letter_is_not_read_differently(text in texts(), at in any::<prop::sample::Index>(), letter in "[ -~]") {
        let mut text = text;
        let at = at.index(text.len());
        text.replace_range(at..=at, &letter);
        // The other reader takes more: letters in small, zones, a blank for the `T`.
        if let Some(ours) = Timestamp::parse(&text) {
            let theirs = OffsetDateTime::parse(&text, &Rfc3339);
            prop_assert_eq!(theirs.map(OffsetDateTime::unix_timestamp), Ok(ours.unix_seconds()));
        }
    }
}
