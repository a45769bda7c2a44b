//! Notices that EC2 will take the instance back (facts §2.2).

use heapless::String;

use super::error::DocumentError;
use super::members::Object;
use super::time::Timestamp;

/// What EC2 will do.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Action {
    /// `stop`.
    Stop,
    /// `terminate`.
    Terminate,
    /// `hibernate`: begins at once, without the two minutes.
    Hibernate,
    /// Something that this version does not know.
    Other(String<32>),
}

impl Action {
    /// The word as the service writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stop => "stop",
            Self::Terminate => "terminate",
            Self::Hibernate => "hibernate",
            Self::Other(word) => word,
        }
    }
}

/// `spot/instance-action`: present only while an interruption is pending.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SpotAction {
    /// What EC2 will do.
    pub action: Action,
    /// When it will begin, at the earliest.
    pub time: Timestamp,
}

impl SpotAction {
    /// Reads the body of a 200.
    pub fn parse(body: &[u8]) -> Result<Self, DocumentError> {
        let document = Object::new(body)?;
        let mut word = None;
        document.text("action", &mut word)?;
        let word = word
            .filter(|word: &String<32>| !word.is_empty())
            .ok_or(DocumentError::Missing("action"))?;
        Ok(Self {
            action: match word.as_str() {
                "stop" => Action::Stop,
                "terminate" => Action::Terminate,
                "hibernate" => Action::Hibernate,
                _ => Action::Other(word),
            },
            time: document
                .time("time")?
                .ok_or(DocumentError::Missing("time"))?,
        })
    }
}

/// `events/recommendations/rebalance`: present once the instance is at a raised risk of
/// interruption.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Rebalance {
    /// When the recommendation was made.
    pub notice_time: Timestamp,
}

impl Rebalance {
    /// Reads the body of a 200.
    pub fn parse(body: &[u8]) -> Result<Self, DocumentError> {
        let document = Object::new(body)?;
        Ok(Self {
            notice_time: document
                .time("noticeTime")?
                .ok_or(DocumentError::Missing("noticeTime"))?,
        })
    }
}

/// The time in the body of `spot/termination-time`.
///
/// `None` for anything else: the key may hold a value that is not a time, and then nothing is
/// pending. A time that is past stays there if EC2 failed to terminate the instance.
pub fn spot_termination_time(body: &[u8]) -> Option<Timestamp> {
    Timestamp::parse(core::str::from_utf8(body).ok()?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(body: &[u8]) -> Result<SpotAction, DocumentError> {
        SpotAction::parse(body)
    }

    #[test]
    fn every_action_is_read() {
        for word in ["stop", "terminate", "hibernate", "evaporate"] {
            let body = std::format!(r#"{{"action": "{word}", "time": "2017-09-18T08:22:00Z"}}"#);
            let notice = action(body.as_bytes()).unwrap();
            assert_eq!(notice.action.as_str(), word);
            assert_eq!(notice.time.unix_seconds(), 1_505_722_920);
            assert_eq!(
                matches!(notice.action, Action::Other(_)),
                word == "evaporate"
            );
        }
    }

    #[test]
    fn a_notice_without_one_of_its_members_is_an_error() {
        for (body, error) in [
            (r#"{"action":"stop"}"#, DocumentError::Missing("time")),
            (
                r#"{"time":"2017-09-18T08:22:00Z"}"#,
                DocumentError::Missing("action"),
            ),
            (
                r#"{"action":"","time":"2017-09-18T08:22:00Z"}"#,
                DocumentError::Missing("action"),
            ),
            (
                r#"{"action":"stop","time":"soon"}"#,
                DocumentError::BadTime("time"),
            ),
            (
                r#"{"action":true,"time":"soon"}"#,
                DocumentError::WrongType("action"),
            ),
            (
                r#"{"action":"12345678901234567890123456789012x"}"#,
                DocumentError::TooLong("action"),
            ),
        ] {
            assert_eq!(action(body.as_bytes()), Err(error), "{body}");
        }
    }

    #[test]
    fn a_recommendation_is_read() {
        let body = br#"{"noticeTime":"2020-11-05T08:22:00Z"}"#;
        let notice = Rebalance::parse(body).unwrap();
        assert_eq!(notice.notice_time.as_str(), "2020-11-05T08:22:00Z");
        assert_eq!(notice.notice_time.unix_seconds(), 1_604_564_520);
        assert_eq!(
            Rebalance::parse(b"{}"),
            Err(DocumentError::Missing("noticeTime"))
        );
    }

    #[test]
    fn a_termination_time_that_is_no_time_is_none() {
        let time = |body: &[u8]| spot_termination_time(body).map(|time| time.unix_seconds());
        assert_eq!(time(b"2015-01-05T18:02:00Z"), Some(1_420_480_920));
        assert_eq!(time(b" 2015-01-05T18:02:00Z\n"), Some(1_420_480_920));
        for body in [
            &b""[..],
            b"none",
            b"THEN to Z",
            b"\xff",
            b"<html>",
            b"2015-01-05T18:02:00Z x",
        ] {
            assert_eq!(time(body), None);
        }
    }
}
