//! A moment as the service writes it.

use core::fmt;

use heapless::String;

/// A UTC time: RFC 3339 with `Z`, seconds or fractions of them (facts §5.1).
///
/// Two are equal if their texts are; compare [`unix_seconds`](Self::unix_seconds) for the
/// moment.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timestamp {
    text: String<31, u8>,
    unix: i64,
}

impl Timestamp {
    /// Stands where no time was read yet.
    pub(super) const EPOCH: Self = Self {
        text: String::new(),
        unix: 0,
    };

    /// Reads `2021-09-21T17:31:21Z` or `2025-03-12T21:53:17.832308Z`.
    ///
    /// Only the capital letters, only `Z`, at most ten digits of a fraction, which is not
    /// counted. The leap second `23:59:60` counts as the second before it.
    pub fn parse(text: &str) -> Option<Self> {
        let (moment, fraction) = text.strip_suffix('Z')?.split_at_checked(FORM.len())?;
        if let Some((point, digits)) = fraction.as_bytes().split_first()
            && !(*point == b'.' && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
        {
            return None;
        }
        let [year, month, day, hour, minute, second] = fields(moment)?;
        if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
            return None;
        }
        let second = match (hour, minute, second) {
            (23, 59, 60) => 59,
            (0..=23, 0..=59, 0..=59) => second,
            _ => return None,
        };
        let seconds = (hour * 60 + minute) * 60 + second;
        Some(Self {
            text: String::try_from(text).ok()?,
            unix: i64::from(days_since_1970(year, month, day)) * 86_400 + i64::from(seconds),
        })
    }

    /// The text as received.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
    pub const fn unix_seconds(&self) -> i64 {
        self.unix
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A digit for each zero, and between them these very characters.
const FORM: &[u8; 19] = b"0000-00-00T00:00:00";

/// The six numbers of a moment.
fn fields(moment: &str) -> Option<[i32; 6]> {
    let mut numbers = [0; 6];
    let mut number = numbers.iter_mut();
    let mut present = number.next()?;
    for (byte, form) in moment.bytes().zip(*FORM) {
        match form {
            b'0' if byte.is_ascii_digit() => *present = *present * 10 + i32::from(byte - b'0'),
            b'0' => return None,
            _ if byte == form => present = number.next()?,
            _ => return None,
        }
    }
    Some(numbers)
}

const fn days_in(year: i32, month: i32) -> i32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// The proleptic Gregorian calendar, in years that begin in March: the leap day comes last.
const fn days_since_1970(year: i32, month: i32, day: i32) -> i32 {
    let march_year = if month > 2 { year } else { year - 1 };
    let march_month = (month + 9) % 12;
    let leap_days =
        march_year.div_euclid(4) - march_year.div_euclid(100) + march_year.div_euclid(400);
    // 153 days are five months from March on; 719,468 days from 0000-03-01 to 1970-01-01.
    march_year * 365 + leap_days + (153 * march_month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(text: &str) -> Option<i64> {
        Timestamp::parse(text).map(|time| time.unix_seconds())
    }

    #[test]
    fn known_moments_are_counted_right() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("0000-01-01T00:00:00Z", -62_167_219_200),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("2015-01-05T18:02:00Z", 1_420_480_920),
            ("2021-09-21T17:31:21Z", 1_632_245_481),
            ("2025-03-12T21:53:17.832308Z", 1_741_816_397),
        ] {
            assert_eq!(unix(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn every_day_of_800_years_is_one_after_the_day_before() {
        let mut expected = days_since_1970(1600, 1, 1);
        for year in 1600..2400 {
            for month in 1..=12 {
                for day in 1..=days_in(year, month) {
                    assert_eq!(days_since_1970(year, month, day), expected);
                    expected += 1;
                }
            }
        }
    }

    #[test]
    fn the_text_stays_as_received() {
        let text = "2025-03-12T21:53:17.832308Z";
        assert_eq!(Timestamp::parse(text).unwrap().as_str(), text);
    }

    #[test]
    fn a_leap_second_counts_as_the_second_before_it() {
        assert_eq!(unix("2016-12-31T23:59:60Z"), unix("2016-12-31T23:59:59Z"));
        assert_eq!(unix("2016-12-31T23:58:60Z"), None);
    }

    #[test]
    fn what_is_not_a_utc_time_is_refused() {
        for text in [
            "",
            "Z",
            "T",
            "none",
            "2021-09-21",
            "2021-09-21T17:31Z",
            "2021-09-21T17:31:21",
            "2021-09-21T17:31:21+00:00",
            "2021-09-21t17:31:21z",
            "2021-09-21 17:31:21Z",
            "2021-09-21T17:31:21.Z",
            "2021-09-21T17:31:21,5Z",
            "2021-09-21T17:31:21.5.5Z",
            "2021-09-21T17:31:21.00000000001Z",
            "2021-9-21T17:31:21ZZ",
            "+021-09-21T17:31:21Z",
            "2021-13-01T00:00:00Z",
            "2021-00-01T00:00:00Z",
            "2021-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2021-04-31T00:00:00Z",
            "2021-01-00T00:00:00Z",
            "2021-01-01T24:00:00Z",
            "2021-01-01T00:60:00Z",
            "2021-01-01T00:00:61Z",
            "2021-01-01T00:00:0éZ",
            "21 Jan 2019 09:00:43 GMT",
        ] {
            assert_eq!(unix(text), None, "{text}");
        }
        assert!(unix("2021-09-21T17:31:21.1234567890Z").is_some());
    }
}

#[cfg(test)]
#[path = "time_properties.rs"]
mod properties;
