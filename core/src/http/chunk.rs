//! Chunked transfer coding (RFC 9112 §7.1), read strictly: CRLF only, no blanks around sizes.

use super::HttpError;

/// Most bytes of extensions a chunk line, and of trailers a body, may have.
const MAX_IGNORED: u16 = 1024;

/// Position in a chunked body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunks {
    state: State,
    /// Payload bytes left in this chunk.
    left: u32,
    ignored: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Before the first digit of a size.
    Size,
    /// After at least one digit.
    MoreSize,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a trailer line.
    Trailer,
    TrailerLine,
    TrailerLf,
    LastLf,
    Done,
}

/// What stands at the front of the input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Chunk {
    /// Framing bytes, to be dropped.
    pub(crate) skip: usize,
    /// Payload bytes behind them.
    pub(crate) data: usize,
    /// The body ends behind them.
    pub(crate) done: bool,
}

impl Chunks {
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Size,
            left: 0,
            ignored: 0,
        }
    }

    /// Reads framing up to the next payload, the end of the body or the end of `input`.
    pub(crate) fn next(&mut self, input: &[u8]) -> Result<Chunk, HttpError> {
        for (skip, byte) in input.iter().enumerate() {
            match self.state {
                State::Data => {
                    let left = usize::try_from(self.left).unwrap_or(usize::MAX);
                    let data = left.min(input.len() - skip);
                    // `data <= left`, a u32.
                    self.left -= u32::try_from(data).unwrap_or(self.left);
                    if self.left == 0 {
                        self.state = State::DataCr;
                    }
                    return Ok(Chunk {
                        skip,
                        data,
                        done: false,
                    });
                }
                State::Done => {
                    return Ok(Chunk {
                        skip,
                        data: 0,
                        done: true,
                    });
                }
                State::Size
                | State::MoreSize
                | State::Extension
                | State::SizeLf
                | State::DataCr
                | State::DataLf
                | State::Trailer
                | State::TrailerLine
                | State::TrailerLf
                | State::LastLf => self.framing(*byte)?,
            }
        }
        Ok(Chunk {
            skip: input.len(),
            data: 0,
            done: self.state == State::Done,
        })
    }

    fn framing(&mut self, byte: u8) -> Result<(), HttpError> {
        self.state = match (self.state, byte) {
            (State::Size | State::MoreSize, _) if byte.is_ascii_hexdigit() => {
                // Eight digits are more than any window or limit; a ninth overflows. Zeros before
                // them have no end of their own.
                self.ignore()?;
                let digit = char::from(byte).to_digit(16).ok_or(HttpError::BadChunk)?;
                let shifted = self.left.checked_mul(16).ok_or(HttpError::BadChunk)?;
                self.left = shifted | digit;
                State::MoreSize
            }
            (State::MoreSize | State::Extension, b'\r') => {
                self.ignored = 0;
                State::SizeLf
            }
            (State::MoreSize, b';') => State::Extension,
            (State::Extension, b'\t' | b' '..=b'~' | 0x80..) => {
                self.ignore()?;
                State::Extension
            }
            (State::SizeLf, b'\n') if self.left == 0 => State::Trailer,
            (State::SizeLf, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size,
            (State::Trailer, b'\r') => State::LastLf,
            (State::Trailer | State::TrailerLine, b'\t' | b' '..=b'~' | 0x80..) => {
                self.ignore()?;
                State::TrailerLine
            }
            (State::TrailerLine, b'\r') => State::TrailerLf,
            (State::TrailerLf, b'\n') => State::Trailer,
            (State::LastLf, b'\n') => State::Done,
            _ => return Err(HttpError::BadChunk),
        };
        Ok(())
    }

    fn ignore(&mut self) -> Result<(), HttpError> {
        self.ignored += 1;
        if self.ignored > MAX_IGNORED {
            return Err(HttpError::BadChunk);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// Decodes `input` in pieces of `step` bytes; returns the payload and what is left over.
    fn decode(input: &[u8], step: usize) -> Result<(Vec<u8>, usize, bool), HttpError> {
        let (mut chunks, mut out, mut at, mut done) = (Chunks::new(), Vec::new(), 0, false);
        let mut end = 0;
        while !done && end < input.len() {
            end = (end + step).min(input.len());
            while at < end && !done {
                let chunk = chunks.next(&input[at..end])?;
                at += chunk.skip;
                out.extend_from_slice(&input[at..at + chunk.data]);
                at += chunk.data;
                done = chunk.done;
            }
        }
        Ok((out, input.len() - at, done))
    }

    #[test]
    fn a_body_is_the_same_in_pieces_of_every_size() {
        let body = b"4\r\nWiki\r\n00A;x=\"y\"\r\npedia\r\n123\r\n0;e\r\nTrailer: t\r\n\r\nrest";
        for step in 1..=body.len() {
            let (out, rest, done) = decode(body, step).unwrap();
            assert_eq!(out, b"Wikipedia\r\n123", "step {step}");
            assert!(done);
            assert_eq!(rest, 4, "step {step}");
        }
    }

    #[test]
    fn an_empty_body_is_one_last_chunk() {
        assert_eq!(decode(b"0\r\n\r\n", 9), Ok((Vec::new(), 0, true)));
    }

    #[test]
    fn an_unfinished_body_is_not_done() {
        let body = b"3\r\nabc\r\n0\r\n\r\n";
        for end in 0..body.len() {
            assert!(!decode(&body[..end], 64).unwrap().2, "{end}");
        }
    }

    #[test]
    fn bad_framing_is_refused() {
        for body in [
            &b"\r\n"[..],
            b"g\r\n",
            b"3\nabc",
            b" 3\r\nabc",
            b"3 \r\nabc",
            b"+3\r\nabc",
            b"3\r\nabcX\r\n",
            b"3\r\nabc\n0\r\n",
            b"3\r\nabcd\r\n",
            b"0x3\r\nabc",
            b"123456789\r\n",
            b"0\r\n\n",
            b"0\r\nA\n\r\n",
            b"3;a\nb\r\n",
            b"-1\r\n",
        ] {
            assert_eq!(decode(body, 64), Err(HttpError::BadChunk), "{body:?}");
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let long = |n: usize| {
            let mut body = b"1;".to_vec();
            body.resize(2 + n, b'x');
            body.extend_from_slice(b"\r\na\r\n0\r\n\r\n");
            decode(&body, 64)
        };
        assert!(long(1023).is_ok());
        assert_eq!(long(1024), Err(HttpError::BadChunk));
        let zeros = [&[b'0'; 2000][..], b"1\r\na\r\n"].concat();
        assert_eq!(decode(&zeros, 64), Err(HttpError::BadChunk));
    }
}
