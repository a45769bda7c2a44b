//! Known members, decoded one by one where they are to stay.
//!
//! A document is a value of fixed size that is filled member by member. Nothing here depends on
//! how much room a member has: each is written through a view of its text, so that there is one
//! piece of code for all of them, and no copy of a secret is left behind.

use core::fmt;

use heapless::string::StringView;
use heapless::{LenType, String, Vec};
use serde_json_core::str::{EscapedStr, EscapedStringFragment};

use super::error::DocumentError;
use super::members::{Elements, Object, Raw, well_escaped};
use super::prose::prose;
use super::secret::Secret;
use super::time::Timestamp;

impl Object<'_> {
    pub(super) fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    /// A text for machines; left alone if absent or null.
    pub(super) fn text<const N: usize>(
        &self,
        name: &'static str,
        into: &mut Option<String<N>>,
    ) -> Result<(), DocumentError> {
        match self.member(name) {
            Some(value) => text(value, name, &mut into.insert(String::new()).as_mut_view()),
            None => Ok(()),
        }
    }

    /// A text for machines that must be there and not be empty.
    pub(super) fn secret<const N: usize>(
        &self,
        name: &'static str,
        into: &mut Secret<N>,
    ) -> Result<(), DocumentError> {
        let value = self.member(name).ok_or(DocumentError::Missing(name))?;
        text(value, name, into)?;
        match into.is_empty() {
            true => Err(DocumentError::Missing(name)),
            false => Ok(()),
        }
    }

    pub(super) fn time(&self, name: &'static str) -> Result<Option<Timestamp>, DocumentError> {
        let Some(value) = self.member(name) else {
            return Ok(None);
        };
        // Longer than any time: such a text is refused as a time, not for its length.
        let mut written = String::<40>::new();
        match text(value, name, &mut written.as_mut_view()) {
            Err(DocumentError::TooLong(name)) => return Err(DocumentError::BadTime(name)),
            done => done?,
        }
        Timestamp::parse(&written)
            .ok_or(DocumentError::BadTime(name))
            .map(Some)
    }

    /// `LastUpdated`: nothing depends on it, and so nothing fails for it.
    pub(super) fn last_updated(&self) -> Option<Timestamp> {
        self.time("LastUpdated").ok().flatten()
    }

    /// A text for people: is there one? Never an error.
    pub(super) fn prose<L: LenType>(&self, name: &'static str, into: &mut StringView<L>) -> bool {
        self.member(name).is_some_and(|value| prose(value, into))
    }

    /// As [`prose`](Self::prose), for a member that may be absent.
    pub(super) fn prose_or_none<const N: usize>(
        &self,
        name: &'static str,
        into: &mut Option<String<N>>,
    ) {
        if !self.prose(name, into.insert(String::new()).as_mut_view()) {
            *into = None;
        }
    }

    /// `Code`: is there one? Absent means success. It is read like prose, so that an odd one is
    /// still named.
    pub(super) fn code<L: LenType>(&self, into: &mut StringView<L>) -> Result<bool, DocumentError> {
        match self.has("Code") {
            true if !self.prose("Code", into) => Err(DocumentError::WrongType("Code")),
            there => Ok(there),
        }
    }

    /// An array of texts for machines; left alone if absent or null.
    pub(super) fn texts<const N: usize, const M: usize>(
        &self,
        name: &'static str,
        into: &mut Option<Vec<String<N>, M>>,
    ) -> Result<(), DocumentError> {
        let Some(value) = self.member(name) else {
            return Ok(());
        };
        let texts = into.insert(Vec::new());
        for element in Elements::new(value.0).map_err(|_| DocumentError::WrongType(name))? {
            texts
                .push(String::new())
                .map_err(|_| DocumentError::TooLong(name))?;
            if let Some(last) = texts.last_mut() {
                text(element, name, &mut last.as_mut_view())?;
            }
        }
        Ok(())
    }
}

/// Is this the word for a document that holds what was asked for?
pub(super) fn is_success(code: &str) -> bool {
    code.eq_ignore_ascii_case("Success")
}

/// Decodes a string. These texts go into headers, host names and lines of output, so none may
/// hold a control character.
fn text(
    value: Raw<'_>,
    name: &'static str,
    into: &mut dyn fmt::Write,
) -> Result<(), DocumentError> {
    let bad = DocumentError::BadText(name);
    let Some(inner) = value.string() else {
        return Err(DocumentError::WrongType(name));
    };
    let inner = match core::str::from_utf8(inner) {
        Ok(inner) if well_escaped(inner) => inner,
        _ => return Err(bad),
    };
    for fragment in EscapedStr(inner).fragments() {
        let mut utf8 = [0; 4];
        let piece = match fragment {
            Ok(EscapedStringFragment::NotEscaped(piece)) => piece,
            Ok(EscapedStringFragment::Escaped(letter)) => letter.encode_utf8(&mut utf8),
            Err(_) => return Err(bad),
        };
        if piece.chars().any(char::is_control) {
            return Err(bad);
        }
        into.write_str(piece)
            .map_err(|_| DocumentError::TooLong(name))?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
