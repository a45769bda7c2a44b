//! Maintenance events (facts §2.4).

use core::fmt;

use heapless::String;

use super::error::DocumentError;
use super::members::{Elements, Object};

/// One event. Every member may be absent.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct MaintenanceEvent {
    /// `EventId`: `instance-event-…`.
    pub event_id: Option<String<64>>,
    /// `Code`: `system-reboot`, `instance-reboot`, `system-maintenance`, `instance-stop`,
    /// `instance-retirement`.
    pub code: Option<String<48>>,
    /// `State`: `active`, `completed`, `canceled`.
    pub state: Option<String<24>>,
    /// `Description`, as far as it fits; a longer one ends in `…`. Of a past event it begins
    /// with `[Completed] ` or `[Canceled] `.
    pub description: Option<String<256>>,
    /// `NotBefore`, as it comes: `21 Jan 2019 09:00:43 GMT`.
    pub not_before: Option<String<40>>,
    /// `NotAfter`, as it comes.
    pub not_after: Option<String<40>>,
    /// `NotBeforeDeadline`, as it comes: of the EC2 API, not seen in IMDS.
    pub not_before_deadline: Option<String<40>>,
}

impl MaintenanceEvent {
    /// Reads one object.
    pub fn parse(body: &[u8]) -> Result<Self, DocumentError> {
        let document = Object::new(body)?;
        let mut read = Self {
            event_id: None,
            code: None,
            state: None,
            description: None,
            not_before: None,
            not_after: None,
            not_before_deadline: None,
        };
        document.prose_or_none("Description", &mut read.description);
        document.text("EventId", &mut read.event_id)?;
        document.text("Code", &mut read.code)?;
        document.text("State", &mut read.state)?;
        document.text("NotBefore", &mut read.not_before)?;
        document.text("NotAfter", &mut read.not_after)?;
        document.text("NotBeforeDeadline", &mut read.not_before_deadline)?;
        Ok(read)
    }
}

/// `events/maintenance/scheduled` and `events/maintenance/history`: the events, one after the
/// other. One that cannot be read does not end the others.
pub struct MaintenanceEvents<'a>(Elements<'a>);

impl<'a> MaintenanceEvents<'a> {
    /// Checks the array of the body of a 200.
    pub fn parse(body: &'a [u8]) -> Result<Self, DocumentError> {
        Elements::new(body).map(Self)
    }
}

/// Shows no byte of the body.
impl fmt::Debug for MaintenanceEvents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaintenanceEvents").finish_non_exhaustive()
    }
}

impl Iterator for MaintenanceEvents<'_> {
    type Item = Result<MaintenanceEvent, DocumentError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|event| MaintenanceEvent::parse(event.0))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const HISTORY: &[u8] = br#"[
  {
    "NotBefore" : "21 Jan 2019 09:00:43 GMT",
    "Code" : "system-reboot",
    "Description" : "[Completed] scheduled reboot",
    "EventId" : "instance-event-0d59937288b749b32",
    "NotAfter" : "21 Jan 2019 09:17:23 GMT",
    "State" : "completed"
  }
]"#;

    fn events(body: &[u8]) -> Result<Vec<Result<MaintenanceEvent, DocumentError>>, DocumentError> {
        Ok(MaintenanceEvents::parse(body)?.collect())
    }

    #[test]
    fn an_event_is_read_with_its_dates_as_they_come() {
        let events = events(HISTORY).unwrap();
        let [Ok(event)] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!(
            event.event_id.as_deref(),
            Some("instance-event-0d59937288b749b32")
        );
        assert_eq!(event.code.as_deref(), Some("system-reboot"));
        assert_eq!(event.state.as_deref(), Some("completed"));
        assert_eq!(
            event.description.as_deref(),
            Some("[Completed] scheduled reboot")
        );
        assert_eq!(
            event.not_before.as_deref(),
            Some("21 Jan 2019 09:00:43 GMT")
        );
        assert_eq!(event.not_after.as_deref(), Some("21 Jan 2019 09:17:23 GMT"));
        assert_eq!(event.not_before_deadline, None);
    }

    #[test]
    fn no_events_are_an_empty_array() {
        assert_eq!(events(b"[]"), Ok(Vec::new()));
        assert_eq!(events(b" [ ]\n"), Ok(Vec::new()));
    }

    #[test]
    fn an_unreadable_event_does_not_end_the_others() {
        let body = br#"[{"Code":1}, null, {"Code":"instance-stop"}]"#;
        let events = events(body).unwrap();
        assert_eq!(events[0], Err(DocumentError::WrongType("Code")));
        assert_eq!(events[1], Err(DocumentError::NotAnObject));
        assert_eq!(
            events[2].as_ref().unwrap().code.as_deref(),
            Some("instance-stop")
        );
        assert_eq!(events.len(), 3);
    }

    #[test]
    fn what_is_not_one_whole_array_is_refused_before_the_first_event() {
        assert_eq!(events(b""), Err(DocumentError::NotJson));
        assert_eq!(events(b"<html></html>"), Err(DocumentError::NotJson));
        assert_eq!(events(b"{}"), Err(DocumentError::NotAnArray));
        assert_eq!(events(b"[{}] x"), Err(DocumentError::NotJson));
        assert_eq!(events(b"[{},]"), Err(DocumentError::NotJson));
        assert_eq!(events(b"[{} {}]"), Err(DocumentError::NotJson));
        for end in 0..HISTORY.len() {
            assert!(events(&HISTORY[..end]).is_err());
        }
    }

    #[test]
    fn a_description_may_hold_anything() {
        let body = br#"[{"Description":"reboot \ud83d\ude00 \ud83d"}, {"Description":7}]"#;
        let events = events(body).unwrap();
        assert_eq!(
            events[0].as_ref().unwrap().description.as_deref(),
            Some("reboot 😀 \u{fffd}")
        );
        assert_eq!(events[1].as_ref().unwrap().description, None);
    }
}
