//! The readers of what the server sends.

use super::check_text;
use crate::http::{Chunks, Framing, Head, HttpError, Item, MAX_HEAD, Reader, end, find, parse};

/// What reading came to. Two ways to read the same bytes have to come to the same.
#[derive(PartialEq, Debug)]
struct Outcome {
    head: Option<Head>,
    payload: Payload,
    /// Has the answer ended?
    result: Result<bool, HttpError>,
}

/// Which bytes were payload, told by a hash, for there is no memory to keep them: FNV-1a.
#[derive(PartialEq, Debug)]
struct Payload {
    bytes: usize,
    hash: u64,
}

impl Payload {
    const NONE: Self = Self {
        bytes: 0,
        hash: 0xcbf2_9ce4_8422_2325,
    };

    fn add(&mut self, at: usize, bytes: &[u8]) {
        for (n, byte) in bytes.iter().enumerate() {
            for part in (at + n).to_le_bytes().iter().chain([byte]) {
                self.hash = (self.hash ^ u64::from(*part)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        self.bytes += bytes.len();
    }
}

/// The end of a head is where it is however it is looked for, and what is read is what stands
/// there.
///
/// # Panics
/// If not.
pub fn head(input: &[u8]) {
    let whole = end(input, 0);
    let grown = (0..=input.len()).find_map(|len| end(&input[..len], len.saturating_sub(1)));
    assert_eq!(whole, grown, "the end of the head");
    let Some(len) = whole.filter(|len| *len <= MAX_HEAD) else {
        return;
    };
    let bytes = &input[..len];
    let read = parse(bytes, false);
    let _ = find(bytes, "x-aws-ec2-metadata-token-ttl-seconds");
    let head = match read {
        Ok(head) => head,
        Err(error) => return check_text(&error),
    };
    assert!((100..600).contains(&head.status));
    assert_eq!(head.len, len);
    assert!(!(head.keep_alive && head.framing == Framing::UntilClose));
    let bodiless = parse(bytes, true).expect("what it answers makes no head illegal");
    assert_eq!(
        (bodiless.status, bodiless.framing),
        (head.status, Framing::Empty)
    );
}

/// A chunked body is the same in pieces of every size.
///
/// # Panics
/// If not.
pub fn chunked(input: &[u8]) {
    let whole = chunks(input, input.len().max(1));
    for piece in [1, 2, 7] {
        assert_eq!(whole, chunks(input, piece), "in pieces of {piece}");
    }
}

/// Payload, and how many bytes were taken up to the end of the body.
fn chunks(input: &[u8], piece: usize) -> (Payload, Result<Option<usize>, HttpError>) {
    let (mut chunks, mut payload) = (Chunks::new(), Payload::NONE);
    let (mut at, mut end) = (0, 0);
    while at < input.len() {
        if at == end {
            end = (end + piece).min(input.len());
        }
        let chunk = match chunks.next(&input[at..end]) {
            Ok(chunk) => chunk,
            Err(error) => return (payload, Err(error)),
        };
        let data = at + chunk.skip;
        assert!(data + chunk.data <= end, "more than was given");
        payload.add(data, &input[data..data + chunk.data]);
        assert!(data + chunk.data > at || chunk.done, "no way forward");
        at = data + chunk.data;
        if chunk.done {
            return (payload, Ok(Some(at)));
        }
    }
    (payload, Ok(None))
}

/// An answer is the same at once and in pieces of every size, and no more is taken than is given.
/// The first byte says whether it answers a HEAD and whether the stream ends behind it.
///
/// # Panics
/// If not.
pub fn response(input: &[u8]) {
    let Some((choices, input)) = input.split_first() else {
        return;
    };
    let (answers_head, eof) = (choices & 1 != 0, choices & 2 != 0);
    let whole = read(input, input.len().max(1), answers_head, eof);
    for piece in [1, 2, 3, 16, 1 + usize::from(choices >> 2)] {
        let pieces = read(input, piece, answers_head, eof);
        assert_eq!(whole, pieces, "in pieces of {piece}");
    }
}

fn read(input: &[u8], piece: usize, answers_head: bool, eof: bool) -> Outcome {
    let mut reader = Reader::new(answers_head);
    let mut outcome = Outcome {
        head: None,
        payload: Payload::NONE,
        result: Ok(false),
    };
    let (mut at, mut end) = (0, piece.min(input.len()));
    loop {
        let last = end == input.len();
        let step = match reader.next(&input[at..end], eof && last) {
            Ok(step) => step,
            Err(error) => {
                check_text(&error);
                outcome.result = Err(error);
                return outcome;
            }
        };
        at += step.skip;
        assert!(at <= end, "more than was given");
        match step.item {
            Item::Head(head) => {
                assert!(head.len <= end - at, "more than was given");
                assert_eq!(outcome.head.replace(head), None, "one head");
                at += head.len;
            }
            Item::Data(n) => {
                assert!(0 < n && n <= end - at, "more than was given");
                outcome.payload.add(at, &input[at..at + n]);
                at += n;
            }
            item @ (Item::More | Item::End) if last => {
                let ended = matches!(item, Item::End);
                assert!(ended || !eof, "more than there will be");
                assert!(!ended || at == end, "bytes behind the end");
                outcome.result = Ok(ended);
                return outcome;
            }
            Item::More | Item::End => end = (end + piece).min(input.len()),
        }
    }
}
