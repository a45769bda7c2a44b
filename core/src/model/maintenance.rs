//! Maintenance events (facts §2.4).

use core::fmt;

use heapless::String;
use zeroize::Zeroize;

use super::decode::Document;
use super::error::DocumentError;
use super::members::Elements;

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
    /// Reads one object. `scratch` is for texts with escapes and is wiped.
    pub fn parse(body: &[u8], scratch: &mut [u8]) -> Result<Self, DocumentError> {
        let mut document = Document::open(body, scratch)?;
        Ok(Self {
            event_id: document.text("EventId")?,
            code: document.text("Code")?,
            state: document.text("State")?,
            description: document.prose("Description"),
            not_before: document.text("NotBefore")?,
            not_after: document.text("NotAfter")?,
            not_before_deadline: document.text("NotBeforeDeadline")?,
        })
    }
}

/// `events/maintenance/scheduled` and `events/maintenance/history`: the events, one after the
/// other. One that cannot be read does not end the others.
pub struct MaintenanceEvents<'a, 's> {
    elements: Elements<'a>,
    scratch: &'s mut [u8],
}

impl<'a, 's> MaintenanceEvents<'a, 's> {
    /// Checks the array of the body of a 200. `scratch` is for texts with escapes and is wiped.
    pub fn parse(body: &'a [u8], scratch: &'s mut [u8]) -> Result<Self, DocumentError> {
        match Elements::new(body) {
            Ok(elements) => Ok(Self { elements, scratch }),
            Err(error) => {
                scratch.zeroize();
                Err(error)
            }
        }
    }
}

impl Iterator for MaintenanceEvents<'_, '_> {
    type Item = Result<MaintenanceEvent, DocumentError>;

    fn next(&mut self) -> Option<Self::Item> {
        let event = self.elements.next()?;
        Some(MaintenanceEvent::parse(event.0, self.scratch))
    }
}

/// Shows no byte of the lent buffers.
impl fmt::Debug for MaintenanceEvents<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaintenanceEvents").finish_non_exhaustive()
    }
}

impl Drop for MaintenanceEvents<'_, '_> {
    fn drop(&mut self) {
        self.scratch.zeroize();
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
        Ok(MaintenanceEvents::parse(body, &mut [0; 64])?.collect())
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

    #[test]
    fn the_scratch_is_wiped() {
        let mut scratch = [7; 64];
        let body = br#"[{"Code":"a\/b"}]"#;
        assert_eq!(
            MaintenanceEvents::parse(body, &mut scratch)
                .unwrap()
                .count(),
            1
        );
        assert_eq!(scratch, [0; 64]);
        scratch = [7; 64];
        assert!(MaintenanceEvents::parse(b"[", &mut scratch).is_err());
        assert_eq!(scratch, [0; 64]);
    }
}
