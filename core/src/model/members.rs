//! The pre-scan: finds the members of one object, or the elements of one array, and judges
//! nothing else of the values it passes over.
//!
//! serde-json-core refuses a whole document for what an unknown member holds (a surrogate pair,
//! for one). Here a value is only measured: strings up to their closing quote, brackets up to
//! the one that closes them, numbers and words as runs of their letters.

use serde_json_core::str::{EscapedStr, EscapedStringFragment};

use super::error::DocumentError;

/// One JSON object: the brackets of the whole text pair, and nothing stands behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'a>(&'a [u8]);

/// A value as it stands in the text, without the blanks around it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Raw<'a>(pub(super) &'a [u8]);

impl<'a> Raw<'a> {
    /// What stands between the quotes, escapes and all; `None` if the value is not a string.
    pub(super) fn string(self) -> Option<&'a [u8]> {
        self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")
    }
}

impl<'a> Object<'a> {
    pub(super) fn new(text: &'a [u8]) -> Result<Self, DocumentError> {
        let mut members = Items::new(text, b'{').map_err(|kind| match kind {
            Start::OtherValue => DocumentError::NotAnObject,
            Start::NoValue => DocumentError::NotJson,
        })?;
        while members.member()?.is_some() {}
        Ok(Self(text))
    }

    /// The value of a member; `None` if it is absent or null.
    ///
    /// Names compare without regard to ASCII case, as in the AWS SDK (facts §4.5). The exact
    /// spelling outranks others; of equal ones the last counts, as in most JSON readers.
    pub(super) fn member(&self, name: &str) -> Option<Raw<'a>> {
        let mut members = Items::new(self.0, b'{').ok()?;
        let mut found = None;
        let mut found_exact = false;
        while let Ok(Some((key, value))) = members.member() {
            match spelling(key, name) {
                Some(exact) if exact || !found_exact => {
                    found = Some(value);
                    found_exact = exact;
                }
                _ => {}
            }
        }
        found.filter(|value| value.0 != b"null")
    }
}

/// The elements of one array. The whole of it was checked before the first is handed out.
#[derive(Clone, Debug)]
pub(super) struct Elements<'a>(Items<'a>);

impl<'a> Elements<'a> {
    pub(super) fn new(text: &'a [u8]) -> Result<Self, DocumentError> {
        let items = Items::new(text, b'[').map_err(|kind| match kind {
            Start::OtherValue => DocumentError::NotAnArray,
            Start::NoValue => DocumentError::NotJson,
        })?;
        let mut rehearsal = items.clone();
        while rehearsal.element()?.is_some() {}
        Ok(Self(items))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        self.0.element().ok().flatten()
    }
}

/// Why a text does not begin like the container it should be.
enum Start {
    OtherValue,
    NoValue,
}

/// What stands between two brackets, up to the end of the text.
#[derive(Clone, Debug)]
struct Items<'a> {
    text: &'a [u8],
    at: usize,
    close: u8,
    first: bool,
    ended: bool,
}

impl<'a> Items<'a> {
    fn new(text: &'a [u8], open: u8) -> Result<Self, Start> {
        let mut items = Self {
            text,
            at: 0,
            close: if open == b'{' { b'}' } else { b']' },
            first: true,
            ended: false,
        };
        items.skip_blanks();
        match items.peek() {
            Some(byte) if byte == open => {
                items.at += 1;
                Ok(items)
            }
            Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9') => Err(Start::OtherValue),
            Some(_) if matches!(text.trim_ascii(), b"true" | b"false" | b"null") => {
                Err(Start::OtherValue)
            }
            _ => Err(Start::NoValue),
        }
    }

    /// The next key, between its quotes, and its value.
    fn member(&mut self) -> Result<Option<(&'a [u8], Raw<'a>)>, DocumentError> {
        if !self.more()? {
            return Ok(None);
        }
        let key = self.string()?;
        self.skip_blanks();
        self.expect(b':')?;
        self.skip_blanks();
        Ok(Some((key, self.value()?)))
    }

    fn element(&mut self) -> Result<Option<Raw<'a>>, DocumentError> {
        if !self.more()? {
            return Ok(None);
        }
        self.value().map(Some)
    }

    /// Steps to the next item, or over the closing bracket to the end of the text.
    fn more(&mut self) -> Result<bool, DocumentError> {
        if self.ended {
            return Ok(false);
        }
        self.skip_blanks();
        if self.peek() == Some(self.close) {
            self.at += 1;
            self.skip_blanks();
            self.ended = true;
            return match self.peek() {
                None => Ok(false),
                Some(_) => Err(DocumentError::NotJson),
            };
        }
        if !self.first {
            self.expect(b',')?;
            self.skip_blanks();
        }
        self.first = false;
        Ok(true)
    }

    /// Steps over one value, however deep: a loop with a counter, no recursion.
    fn value(&mut self) -> Result<Raw<'a>, DocumentError> {
        let start = self.at;
        let mut nesting = Nesting::default();
        loop {
            match self.peek().ok_or(DocumentError::NotJson)? {
                b'"' => {
                    self.string()?;
                }
                open @ (b'{' | b'[') => {
                    nesting.open(open);
                    self.at += 1;
                }
                close @ (b'}' | b']') => {
                    nesting.close(close)?;
                    self.at += 1;
                }
                b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if nesting.depth > 0 => self.at += 1,
                byte if in_word(byte) => {
                    while self.peek().is_some_and(in_word) {
                        self.at += 1;
                    }
                }
                _ => return Err(DocumentError::NotJson),
            }
            if nesting.depth == 0 {
                return Ok(Raw(self.text.get(start..self.at).unwrap_or_default()));
            }
        }
    }

    /// Steps over one string and gives what stands between its quotes, escapes and all.
    fn string(&mut self) -> Result<&'a [u8], DocumentError> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.peek().ok_or(DocumentError::NotJson)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        let inner = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        Ok(inner)
    }

    fn expect(&mut self, byte: u8) -> Result<(), DocumentError> {
        if self.peek() != Some(byte) {
            return Err(DocumentError::NotJson);
        }
        self.at += 1;
        Ok(())
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }
}

/// Which brackets are open: the kinds of the outer 64, and how many in all.
#[derive(Default)]
struct Nesting {
    depth: usize,
    /// Bit n is set if the bracket at depth n is curly.
    curly: u64,
}

impl Nesting {
    fn open(&mut self, bracket: u8) {
        if let Some(bit) = self.bit() {
            self.curly = (self.curly & !bit) | if bracket == b'{' { bit } else { 0 };
        }
        self.depth += 1;
    }

    /// Below the 64 a bracket may close one of the other kind: nothing there is ever read.
    fn close(&mut self, bracket: u8) -> Result<(), DocumentError> {
        self.depth = self.depth.checked_sub(1).ok_or(DocumentError::NotJson)?;
        match self.bit() {
            Some(bit) if (self.curly & bit != 0) != (bracket == b'}') => {
                Err(DocumentError::NotJson)
            }
            _ => Ok(()),
        }
    }

    fn bit(&self) -> Option<u64> {
        let depth = u32::try_from(self.depth).ok()?;
        1_u64.checked_shl(depth)
    }
}

/// Numbers and words, right or wrong: `-0.0`, `1e400`, `true`.
const fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// Is this key the name, and if so, letter for letter?
fn spelling(key: &[u8], name: &str) -> Option<bool> {
    let key = core::str::from_utf8(key).ok()?;
    if !well_escaped(key) {
        return None;
    }
    let mut rest = name;
    let mut exact = true;
    for fragment in EscapedStr(key).fragments() {
        let mut utf8 = [0; 4];
        let piece = match fragment.ok()? {
            EscapedStringFragment::NotEscaped(text) => text,
            EscapedStringFragment::Escaped(letter) => letter.encode_utf8(&mut utf8),
        };
        let (head, tail) = rest.split_at_checked(piece.len())?;
        if !head.eq_ignore_ascii_case(piece) {
            return None;
        }
        exact &= head == piece;
        rest = tail;
    }
    rest.is_empty().then_some(exact)
}

/// Has every `\u` its four hexadecimal digits? serde-json-core takes `\u+041` for `A`.
pub(super) fn well_escaped(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, escape)) = rest.split_once('\\') {
        let mut letters = escape.chars();
        if letters.next() == Some('u') && !starts_with_unit(letters.as_str()) {
            return false;
        }
        rest = letters.as_str();
    }
    true
}

fn starts_with_unit(text: &str) -> bool {
    text.as_bytes()
        .get(..4)
        .is_some_and(|unit| unit.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
#[path = "members_tests.rs"]
mod tests;
