//! Frames in a stream of bytes: four bytes of length, the highest first, then the frame.

use core::fmt;

/// The longest frame that QEMU sends.
const LONGEST: usize = 64 * 1024 + 4096;

const PREFIX: usize = size_of::<u32>();

/// The peer's own word for a stream that cannot be one of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong(u32);

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a frame of {} bytes: this is no stream of frames",
            self.0
        )
    }
}

impl core::error::Error for TooLong {}

/// Cuts a stream into frames, however it arrives.
#[derive(Debug, Default)]
pub(crate) struct Deframer {
    buffer: Vec<u8>,
}

impl Deframer {
    /// The stream goes on like this.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame that is complete.
    pub(crate) fn pop(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let Some((prefix, rest)) = self.buffer.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*prefix);
        let long = usize::try_from(length).unwrap_or(usize::MAX);
        if long > LONGEST {
            return Err(TooLong(length));
        }
        if rest.len() < long {
            return Ok(None);
        }
        let frame = rest[..long].to_vec();
        self.buffer.drain(..PREFIX + long);
        Ok(Some(frame))
    }
}

/// A frame with its length in front, to be written at once.
pub(crate) fn enframe(frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).expect("a frame is shorter than 4 GiB");
    [&length.to_be_bytes(), frame].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Vec<u8> {
        [b"one".as_slice(), b"", b"three"].map(enframe).concat()
    }

    fn drain(deframer: &mut Deframer) -> Vec<Vec<u8>> {
        core::iter::from_fn(|| deframer.pop().expect("short frames")).collect()
    }

    #[test]
    fn frames_that_come_together_are_cut_apart() {
        let mut deframer = Deframer::default();
        deframer.push(&stream());
        assert_eq!(
            drain(&mut deframer),
            [b"one".to_vec(), vec![], b"three".to_vec()]
        );
    }

    #[test]
    fn frames_that_come_byte_by_byte_are_put_together() {
        let mut deframer = Deframer::default();
        let mut frames = Vec::new();
        for byte in stream() {
            deframer.push(&[byte]);
            frames.extend(drain(&mut deframer));
        }
        assert_eq!(frames, [b"one".to_vec(), vec![], b"three".to_vec()]);
    }

    #[test]
    fn a_length_beyond_any_frame_is_an_error() {
        let mut deframer = Deframer::default();
        deframer.push(b"HTTP/1.1 200 OK");
        assert_eq!(deframer.pop(), Err(TooLong(0x4854_5450)));
    }
}
