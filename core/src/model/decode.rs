//! Known members, decoded one by one by serde-json-core.

use core::fmt;

use heapless::{LenType, String, Vec};
use serde::de::{self, DeserializeSeed};
use serde_json_core::de::{Deserializer, Error};
use serde_json_core::from_slice_escaped;
use zeroize::Zeroize;

use super::error::DocumentError;
use super::members::{Elements, Object, Raw, well_escaped};
use super::prose::prose;
use super::secret::Secret;
use super::time::Timestamp;

/// One object and a lent buffer for texts with escapes, which is wiped at the end.
pub(super) struct Document<'a, 's> {
    object: Object<'a>,
    scratch: &'s mut [u8],
}

impl<'a, 's> Document<'a, 's> {
    pub(super) fn open(body: &'a [u8], scratch: &'s mut [u8]) -> Result<Self, DocumentError> {
        match Object::new(body) {
            Ok(object) => Ok(Self { object, scratch }),
            Err(error) => {
                scratch.zeroize();
                Err(error)
            }
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.object.member(name).is_some()
    }

    /// A text for machines; `None` if absent or null.
    pub(super) fn text<const N: usize>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<String<N>>, DocumentError> {
        match self.object.member(name) {
            Some(value) => text(value, name, self.scratch).map(Some),
            None => Ok(None),
        }
    }

    /// A text for machines that must be there and not be empty.
    pub(super) fn secret<const N: usize>(
        &mut self,
        name: &'static str,
        into: &mut Secret<N>,
    ) -> Result<(), DocumentError> {
        let value = self
            .object
            .member(name)
            .ok_or(DocumentError::Missing(name))?;
        secret(value, name, into, self.scratch)?;
        match into.as_str() {
            "" => Err(DocumentError::Missing(name)),
            _ => Ok(()),
        }
    }

    pub(super) fn time(&mut self, name: &'static str) -> Result<Option<Timestamp>, DocumentError> {
        // Longer than any time: such a text is refused as a time, not for its length.
        let text = match self.text::<40>(name) {
            Err(DocumentError::TooLong(name)) => return Err(DocumentError::BadTime(name)),
            text => text?,
        };
        match text {
            Some(text) => Timestamp::parse(&text)
                .ok_or(DocumentError::BadTime(name))
                .map(Some),
            None => Ok(None),
        }
    }

    /// `LastUpdated`: nothing depends on it, and so nothing fails for it.
    pub(super) fn last_updated(&mut self) -> Option<Timestamp> {
        self.time("LastUpdated").ok().flatten()
    }

    /// A text for people; `None` if there is none, and never an error.
    pub(super) fn prose<const N: usize, L: LenType>(
        &self,
        name: &'static str,
    ) -> Option<String<N, L>> {
        prose(self.object.member(name)?)
    }

    /// `Code`: absent means success. It is read like prose, so that an odd one is still named.
    pub(super) fn code<const N: usize, L: LenType>(
        &self,
    ) -> Result<Option<String<N, L>>, DocumentError> {
        match self.object.member("Code") {
            Some(value) => prose(value)
                .ok_or(DocumentError::WrongType("Code"))
                .map(Some),
            None => Ok(None),
        }
    }

    /// An array of texts for machines.
    pub(super) fn texts<const N: usize, const M: usize>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<Vec<String<N>, M>>, DocumentError> {
        let Some(value) = self.object.member(name) else {
            return Ok(None);
        };
        let mut texts = Vec::new();
        for element in Elements::new(value.0).map_err(|_| DocumentError::WrongType(name))? {
            texts
                .push(text(element, name, self.scratch)?)
                .map_err(|_| DocumentError::TooLong(name))?;
        }
        Ok(Some(texts))
    }
}

impl Drop for Document<'_, '_> {
    fn drop(&mut self) {
        self.scratch.zeroize();
    }
}

/// Is this the word for a document that holds what was asked for?
pub(super) fn is_success(code: &str) -> bool {
    code.eq_ignore_ascii_case("Success")
}

fn text<const N: usize>(
    value: Raw<'_>,
    name: &'static str,
    scratch: &mut [u8],
) -> Result<String<N>, DocumentError> {
    check_text(value, name)?;
    let (text, _) = from_slice_escaped::<String<N>>(value.0, scratch)
        .map_err(|error| document_error(error, name))?;
    check_printable(&text, name)?;
    Ok(text)
}

/// As [`text`], but `from_slice_escaped` would hand the value up through several frames and
/// leave a copy in each: the same reader writes it where it is to stay.
fn secret<const N: usize>(
    value: Raw<'_>,
    name: &'static str,
    into: &mut Secret<N>,
    scratch: &mut [u8],
) -> Result<(), DocumentError> {
    check_text(value, name)?;
    Fill(into)
        .deserialize(&mut Deserializer::new(value.0, Some(scratch)))
        .map_err(|error| document_error(error, name))?;
    check_printable(into.as_str(), name)
}

/// What serde-json-core would take, but JSON is not.
fn check_text(value: Raw<'_>, name: &'static str) -> Result<(), DocumentError> {
    if !value.0.starts_with(b"\"") {
        return Err(DocumentError::WrongType(name));
    }
    match core::str::from_utf8(value.0) {
        Ok(text) if well_escaped(text) => Ok(()),
        _ => Err(DocumentError::BadText(name)),
    }
}

/// These texts go into headers, host names and lines of output.
fn check_printable(text: &str, name: &'static str) -> Result<(), DocumentError> {
    if text.chars().any(char::is_control) {
        return Err(DocumentError::BadText(name));
    }
    Ok(())
}

/// The value is a string of legal characters; this is what can still be wrong with it.
fn document_error(error: Error, name: &'static str) -> DocumentError {
    if error == Error::EscapedStringIsTooLong {
        DocumentError::ScratchTooSmall
    } else if error == Error::InvalidEscapeSequence || error == Error::InvalidUnicodeCodePoint {
        DocumentError::BadText(name)
    } else {
        DocumentError::TooLong(name)
    }
}

struct Fill<'a, const N: usize>(&'a mut Secret<N>);

impl<'de, const N: usize> DeserializeSeed<'de> for Fill<'_, N> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<const N: usize> de::Visitor<'_> for Fill<'_, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a text of at most {N} bytes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        if !self.0.set(text) {
            return Err(E::invalid_length(text.len(), &self));
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
