//! The text of one setting, read. Each error is what would have been right, for the third line of
//! the error.

use core::time::Duration;

use imds_core::Endpoint;

/// Longest timeout that can be set.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(3600);
/// Longest time to wait for a path to appear.
pub const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);
/// Most lanes of a walk.
pub const MAX_LANES: u8 = 64;

/// What a value of some setting must be.
pub type Expected = String;

/// `true` or `false` in any case.
pub fn boolean(text: &str) -> Result<bool, Expected> {
    if text.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if text.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err("`true` or `false`".to_owned())
    }
}

/// Whole seconds, as the environment and the profile have them.
pub fn whole_seconds(text: &str) -> Result<Duration, Expected> {
    integer(text, 1, 3600)
        .map(Duration::from_secs)
        .map_err(|_| "whole seconds from 1 to 3600".to_owned())
}

/// `500ms`, `2s`, `1.5s`, `2m` or plain seconds, up to an hour.
pub fn timeout(text: &str) -> Result<Duration, Expected> {
    duration(text)
        .filter(|duration| *duration >= Duration::from_millis(1) && *duration <= MAX_TIMEOUT)
        .ok_or_else(|| "a time from `1ms` to `3600s`, like `500ms`, `1.5s` or `2`".to_owned())
}

/// How long to wait for something to appear: up to a day.
pub fn wait(text: &str) -> Result<Duration, Expected> {
    duration(text)
        .filter(|duration| *duration >= Duration::from_millis(1) && *duration <= MAX_WAIT)
        .ok_or_else(|| "a time from `1ms` to `24h`, like `30s` or `5m`".to_owned())
}

/// How long the built-in server may take over an answer: up to an hour, or not at all.
pub fn delay(text: &str) -> Result<Duration, Expected> {
    duration(text)
        .filter(|duration| *duration <= MAX_TIMEOUT)
        .ok_or_else(|| "a time from `0` to `3600s`, like `200ms`".to_owned())
}

/// How often a request is tried.
pub fn attempts(text: &str) -> Result<u8, Expected> {
    small(text, u8::MAX).map_err(|()| "a whole number from 1 to 255".to_owned())
}

/// Connections of a walk.
pub fn lanes(text: &str) -> Result<u8, Expected> {
    small(text, MAX_LANES).map_err(|()| format!("a whole number from 1 to {MAX_LANES}"))
}

/// Requests a second of a walk; `None` is `off`.
pub fn pace(text: &str) -> Result<Option<u16>, Expected> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    integer(text, 1, 10_000)
        .ok()
        .and_then(|number| u16::try_from(number).ok())
        .map(Some)
        .ok_or_else(|| "`off` or requests a second from 1 to 10000".to_owned())
}

/// The base URL of the service.
pub fn endpoint(text: &str) -> Result<Endpoint, Expected> {
    Endpoint::parse(text).map_err(|error| format!("a URL like `http://127.0.0.1:1338`; {error}"))
}

/// Which of the two addresses of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// IPv4 first, IPv6 beside it if that takes long.
    Auto,
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
}

impl Mode {
    /// As `imdsctl config` prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        }
    }
}

/// `IPv4` or `IPv6` in any case.
pub fn mode(text: &str) -> Result<Mode, Expected> {
    if text.eq_ignore_ascii_case("ipv4") {
        Ok(Mode::Ipv4)
    } else if text.eq_ignore_ascii_case("ipv6") {
        Ok(Mode::Ipv6)
    } else {
        Err("`IPv4` or `IPv6`".to_owned())
    }
}

/// The name of a network interface as Linux allows it.
pub fn interface(text: &str) -> Result<String, Expected> {
    let legal = !matches!(text, "" | "." | "..")
        && text.len() <= 15
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':'));
    if legal {
        Ok(text.to_owned())
    } else {
        Err("the name of a network interface, like `eth0`".to_owned())
    }
}

/// A duration as `config` prints it: `250ms`, `1.5s`, `1s`.
#[must_use]
pub fn shown(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis.is_multiple_of(1000) {
        format!("{}s", millis / 1000)
    } else if millis > 1000 {
        format!("{}s", duration.as_secs_f64())
    } else {
        format!("{millis}ms")
    }
}

/// A number with an optional unit. Decimal digits and one point, nothing else: no sign, no
/// exponent.
fn duration(text: &str) -> Option<Duration> {
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let nanos_per_unit: u64 = match unit {
        "ms" => 1_000_000,
        "" | "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || number.ends_with('.') || fraction.contains('.') || fraction.len() > 9 {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let mut nanos = whole.checked_mul(nanos_per_unit)?;
    let mut place = nanos_per_unit;
    for digit in fraction.bytes() {
        place /= 10;
        nanos = nanos.checked_add(u64::from(digit - b'0') * place)?;
    }
    Some(Duration::from_nanos(nanos))
}

/// Decimal digits alone: `+1` and ` 1` are not what a person means to write.
fn integer(text: &str, low: u64, high: u64) -> Result<u64, ()> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(());
    }
    text.parse()
        .ok()
        .filter(|number| (low..=high).contains(number))
        .ok_or(())
}

fn small(text: &str, high: u8) -> Result<u8, ()> {
    integer(text, 1, u64::from(high)).and_then(|number| u8::try_from(number).map_err(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_two_words_in_any_case() {
        assert_eq!(boolean("True"), Ok(true));
        assert_eq!(boolean("FALSE"), Ok(false));
        for text in ["1", "0", "yes", "no", "on", " true"] {
            assert!(
                boolean(text).unwrap_err().contains("`true` or `false`"),
                "{text}"
            );
        }
    }

    #[test]
    fn seconds_of_the_environment_are_whole_and_bounded() {
        assert_eq!(whole_seconds("1"), Ok(Duration::from_secs(1)));
        assert_eq!(whole_seconds("3600"), Ok(Duration::from_secs(3600)));
        for text in [
            "0",
            "0.5",
            "1e9",
            "3601",
            "-1",
            "+1",
            "1s",
            " 1",
            "99999999999999999999",
        ] {
            assert!(
                whole_seconds(text).unwrap_err().contains("1 to 3600"),
                "{text}"
            );
        }
    }

    #[test]
    fn flags_take_units() {
        let millis = Duration::from_millis;
        assert_eq!(timeout("500ms"), Ok(millis(500)));
        assert_eq!(timeout("2s"), Ok(millis(2000)));
        assert_eq!(timeout("1.5s"), Ok(millis(1500)));
        assert_eq!(timeout("2"), Ok(millis(2000)));
        assert_eq!(timeout("0.25"), Ok(millis(250)));
        assert_eq!(timeout("1m"), Ok(millis(60_000)));
        assert_eq!(timeout("1h"), Ok(MAX_TIMEOUT));
        for text in [
            "0",
            "0s",
            "0.1ms",
            "",
            "s",
            ".5",
            "1.",
            "1.2.3",
            "-1",
            "1e3",
            "2h",
            "3601",
            "1d",
            "1 s",
            "1.0000000001",
        ] {
            assert!(timeout(text).is_err(), "{text}");
        }
        assert!(timeout("99999999999999999999h").is_err());
        assert!(timeout("9999999999h").is_err());
    }

    #[test]
    fn waits_go_up_to_a_day_and_delays_from_nothing() {
        assert_eq!(wait("24h"), Ok(MAX_WAIT));
        assert!(wait("25h").is_err());
        assert!(wait("0").is_err());
        assert_eq!(delay("0"), Ok(Duration::ZERO));
        assert!(delay("2h").is_err());
    }

    #[test]
    fn attempts_start_at_one() {
        assert_eq!(attempts("1"), Ok(1));
        assert_eq!(attempts("255"), Ok(255));
        for text in ["0", "256", "1.5", "-1", "three"] {
            assert!(attempts(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lanes_are_one_to_sixty_four() {
        assert_eq!(lanes("1"), Ok(1));
        assert_eq!(lanes("64"), Ok(64));
        for text in ["0", "65", "1000", "-1", "x"] {
            assert!(lanes(text).unwrap_err().contains("1 to 64"), "{text}");
        }
    }

    #[test]
    fn a_pace_is_a_rate_or_off() {
        assert_eq!(pace("96"), Ok(Some(96)));
        assert_eq!(pace("OFF"), Ok(None));
        for text in ["0", "10001", "fast", "-1"] {
            assert!(pace(text).is_err(), "{text}");
        }
    }

    #[test]
    fn modes_are_read_in_any_case() {
        assert_eq!(mode("ipV6"), Ok(Mode::Ipv6));
        assert_eq!(mode("IPV4"), Ok(Mode::Ipv4));
        for text in ["IPv7", "error", "6", "auto"] {
            assert!(
                mode(text).unwrap_err().contains("`IPv4` or `IPv6`"),
                "{text}"
            );
        }
    }

    #[test]
    fn endpoints_that_cannot_be_are_refused_by_name() {
        for (text, named) in [
            ("https://h", "https"),
            ("http://user@h", "user"),
            ("http://h?q", "query"),
            ("http://h#f", "fragment"),
            ("http://[fe80::1%eth0]", "zone id"),
            ("http://h:0", "port 0"),
            ("not a uri", "invalid uri character"),
        ] {
            let error = endpoint(text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn interfaces_are_names_linux_would_take() {
        assert_eq!(interface("eth0"), Ok("eth0".to_owned()));
        for text in ["", ".", "a/b", "a b", "a-name-too-long-1"] {
            assert!(interface(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_shown_as_a_person_writes_them() {
        assert_eq!(shown(Duration::from_millis(250)), "250ms");
        assert_eq!(shown(Duration::from_millis(1500)), "1.5s");
        assert_eq!(shown(Duration::from_secs(5)), "5s");
    }
}
