//! Typed documents. What their values are is held against another reader of JSON elsewhere; here
//! is what has to hold for any text.

use super::check_text;
use crate::model::{
    DocumentError, IamInfo, IdentityDocument, MaintenanceEvents, Rebalance, RoleCredentials,
    SpotAction, Timestamp, role_name, spot_termination_time,
};

/// Credentials that are accepted are complete, and can stand in a header.
///
/// # Panics
/// If not.
pub fn credentials(input: &[u8]) {
    let _ = role_name(input);
    let Some(read) = accepted(RoleCredentials::<4096>::parse(input)) else {
        return;
    };
    for text in [
        read.access_key_id(),
        read.secret_access_key(),
        read.session_token(),
    ] {
        assert!(!text.is_empty() && !text.chars().any(char::is_control));
    }
    time(read.expiration());
    read.last_updated().into_iter().for_each(time);
}

/// Every other document: what is accepted is legal text.
///
/// # Panics
/// If not.
pub fn documents(input: &[u8]) {
    if let Some(read) = accepted(IdentityDocument::parse(input)) {
        read.pending_time.iter().for_each(time);
        let texts = [read.region.as_deref(), read.instance_id.as_deref()];
        for text in texts.into_iter().flatten() {
            assert!(!text.chars().any(char::is_control));
        }
    }
    if let Some(read) = accepted(IamInfo::parse(input)) {
        assert!(read.is_success() || read.hint().is_some());
        read.hint().iter().for_each(|hint| check_text(hint));
        read.last_updated.iter().for_each(time);
    }
    if let Some(read) = accepted(SpotAction::parse(input)) {
        assert!(!read.action.as_str().is_empty());
        time(&read.time);
    }
    if let Some(read) = accepted(Rebalance::parse(input)) {
        time(&read.notice_time);
    }
    if let Some(events) = accepted(MaintenanceEvents::parse(input)) {
        assert!(events.count() <= input.len(), "an event takes some bytes");
    }
    spot_termination_time(input).iter().for_each(time);
}

/// The document, or what is told instead.
fn accepted<T>(read: Result<T, DocumentError>) -> Option<T> {
    if let Err(error) = &read {
        check_text(error);
        error.hint().iter().for_each(|hint| check_text(hint));
    }
    read.ok()
}

/// A time means the same when its text is read again.
fn time(read: &Timestamp) {
    let again = Timestamp::parse(read.as_str());
    assert_eq!(again.as_ref(), Some(read));
    assert_eq!(
        again.map(|time| time.unix_seconds()),
        Some(read.unix_seconds())
    );
}
