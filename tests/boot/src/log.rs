//! defmt's bytes in words.

use core::fmt;
use std::path::Path;

use crate::Error;

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When, as the image spells it; empty if it tells no times.
    pub time: String,
    /// `trace`, `debug`, `info`, `warn` or `error`; empty for a line without a level.
    pub level: &'static str,
    /// What.
    pub message: String,
    /// File and line; the image has to have debug information for that.
    pub place: Option<(String, u64)>,
}

impl LogLine {
    /// The line without what differs between two boots or two machines that build: no time, no number of the line, and of the
    /// file only its name.
    #[must_use]
    pub fn masked(&self) -> String {
        let mut line = format!("{:<5} {}", self.level, self.message);
        if let Some((file, _)) = &self.place {
            let name = file.rsplit('/').next().unwrap_or(file);
            line.push_str(&format!(" ({name})"));
        }
        line
    }
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.time.is_empty() {
            write!(f, "{} ", self.time)?;
        }
        write!(f, "{:<5} {}", self.level, self.message)?;
        match &self.place {
            Some((file, line)) => write!(f, " ({file}:{line})"),
            None => Ok(()),
        }
    }
}

/// Reads a log by the format strings of this image.
pub(crate) fn decode(image: &Path, bytes: &[u8]) -> Result<Vec<LogLine>, Error> {
    #[cfg(feature = "defmt")]
    return with_defmt::decode(image, bytes);
    #[cfg(not(feature = "defmt"))]
    Err(Error::Log(format!(
        "{} bytes of {}, for which imds-boot has to be built with its feature defmt",
        bytes.len(),
        image.display()
    )))
}

#[cfg(feature = "defmt")]
mod with_defmt {
    use core::fmt;
    use std::fs;
    use std::path::Path;

    use defmt_decoder::{DecodeError, Frame, Locations, Table};

    use super::LogLine;
    use crate::Error;

    pub(super) fn decode(image: &Path, bytes: &[u8]) -> Result<Vec<LogLine>, Error> {
        let elf = fs::read(image).map_err(|error| Error::File(image.to_owned(), error))?;
        let bad = |why: &dyn fmt::Display| Error::Log(format!("{}: {why}", image.display()));
        let table = Table::parse(&elf)
            .map_err(|error| bad(&format!("{error:#}")))?
            .ok_or_else(|| bad(&"it has no defmt in it; was it stripped?"))?;
        // Without debug information it still has its messages.
        let locations = table.get_locations(&elf).unwrap_or_default();
        let mut decoder = table.new_stream_decoder();
        decoder.received(bytes);
        let mut lines = Vec::new();
        loop {
            match decoder.decode() {
                Ok(frame) => lines.push(line(&frame, &locations)),
                // The rest of a frame that a dying machine did not finish.
                Err(DecodeError::UnexpectedEof) => return Ok(lines),
                Err(DecodeError::Malformed) => {
                    lines.push(LogLine {
                        time: String::new(),
                        level: "",
                        message: "(bytes that are no log)".into(),
                        place: None,
                    });
                    // Only this encoding has marks to go on from.
                    if !table.encoding().can_recover() {
                        return Ok(lines);
                    }
                }
            }
        }
    }

    fn line(frame: &Frame<'_>, locations: &Locations) -> LogLine {
        LogLine {
            time: frame
                .display_timestamp()
                .map(|time| time.to_string())
                .unwrap_or_default(),
            level: frame.level().map_or("", |level| level.as_str()),
            message: frame.display_message().to_string(),
            place: locations
                .get(&frame.index())
                .map(|at| (at.file.display().to_string(), at.line)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_line_has_nothing_that_differs_between_boots() {
        let line = LogLine {
            time: "12.5".into(),
            level: "info",
            message: "hello".into(),
            place: Some(("/home/me/firmware/src/main.rs".into(), 7)),
        };
        assert_eq!(
            line.to_string(),
            "12.5 info  hello (/home/me/firmware/src/main.rs:7)"
        );
        assert_eq!(line.masked(), "info  hello (main.rs)");
    }

    #[cfg(feature = "defmt")]
    #[test]
    fn an_image_without_defmt_says_so() {
        let own = std::env::current_exe().expect("this test");
        let error = decode(&own, b"").expect_err("a test has no defmt");
        assert!(error.to_string().contains("no defmt"), "{error}");
    }
}
