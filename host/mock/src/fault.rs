//! Failures on demand: which request, and what happens to its answer.

use core::time::Duration;

/// How a connection ends, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Close,
    Reset,
    Silence,
}

/// Where an answer is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// After this many bytes of the whole answer.
    Answer(usize),
    /// After the head and this many bytes of what follows it.
    Body(usize),
}

#[derive(Clone, Debug)]
pub(crate) enum Substitute {
    Status {
        code: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    Body(Vec<u8>),
    Raw(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    Chunked(usize),
    UntilClose,
}

/// What happens to an answer: what it says, how it is framed, where it breaks off, how fast it comes.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    pub(crate) substitute: Option<Substitute>,
    pub(crate) framing: Framing,
    pub(crate) cut: Option<(At, End)>,
    pub(crate) delay: Duration,
    pub(crate) dribble: bool,
}

impl Effect {
    /// The server's own answer, whole and at once.
    pub(crate) const NONE: Self = Self {
        substitute: None,
        framing: Framing::Length,
        cut: None,
        delay: Duration::ZERO,
        dribble: false,
    };

    /// Nothing of the answer is sent, so no status is seen.
    pub(crate) fn hides_status(&self) -> bool {
        matches!(self.cut, Some((At::Answer(0), _)))
    }
}

#[derive(Clone, Debug)]
enum Place {
    Anywhere,
    Exactly(String),
    Below(String),
}

/// A failure and the requests it befalls. Without further word it befalls every match, always, and changes nothing.
///
/// Methods of different concern combine: `status(503).delay(..).dribble()`. The path is compared after percent-decoding
/// and with slashes collapsed; a final slash counts. Of several faults that match, the first one added acts.
///
/// ```
/// use imds_mock::Fault;
/// let throttled_once = Fault::on("GET", "/latest/meta-data/ami-id").times(1).status(429).header("Retry-After", "1");
/// let cut_short = Fault::below("GET", "/latest/dynamic/").skip(2).close_in_body(10);
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    method: Option<String>,
    place: Place,
    skip: u32,
    times: Option<u32>,
    /// How often it has acted.
    pub(crate) struck: u32,
    effect: Effect,
}

impl Fault {
    fn new(method: Option<String>, place: Place) -> Self {
        Self {
            method,
            place,
            skip: 0,
            times: None,
            struck: 0,
            effect: Effect::NONE,
        }
    }

    /// Requests with this method for exactly this path.
    #[must_use]
    pub fn on(method: &str, path: &str) -> Self {
        Self::new(Some(method.into()), Place::Exactly(path.into()))
    }

    /// Requests with this method for every path that starts so.
    #[must_use]
    pub fn below(method: &str, prefix: &str) -> Self {
        Self::new(Some(method.into()), Place::Below(prefix.into()))
    }

    /// Requests with this method, whatever the path.
    #[must_use]
    pub fn method(method: &str) -> Self {
        Self::new(Some(method.into()), Place::Anywhere)
    }

    /// Every request.
    #[must_use]
    pub fn any() -> Self {
        Self::new(None, Place::Anywhere)
    }

    /// The PUT that asks for a token.
    #[must_use]
    pub fn token() -> Self {
        Self::on("PUT", crate::TOKEN_PATH)
    }

    /// Spares the first `n` matches.
    #[must_use]
    pub fn skip(mut self, n: u32) -> Self {
        self.skip = n;
        self
    }

    /// Acts `n` times, then never again.
    #[must_use]
    pub fn times(mut self, n: u32) -> Self {
        self.times = Some(n);
        self
    }

    /// Answers with this status, without a body unless [`Fault::body`] follows.
    #[must_use]
    pub fn status(mut self, code: u16) -> Self {
        self.effect.substitute = Some(Substitute::Status {
            code,
            headers: Vec::new(),
            body: Vec::new(),
        });
        self
    }

    /// Adds a header to [`Fault::status`], or replaces the server's own of that name (a `Content-Length` that lies, say);
    /// 200 if no status was given.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if !matches!(self.effect.substitute, Some(Substitute::Status { .. })) {
            self = self.status(200);
        }
        if let Some(Substitute::Status { headers, .. }) = &mut self.effect.substitute {
            headers.push((name.into(), value.into()));
        }
        self
    }

    /// After [`Fault::status`] its body. Alone: 200 with the server's own headers and this body.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        match &mut self.effect.substitute {
            Some(Substitute::Status { body, .. }) => *body = bytes,
            Some(Substitute::Body(_) | Substitute::Raw(_)) | None => {
                self.effect.substitute = Some(Substitute::Body(bytes));
            }
        }
        self
    }

    /// Sends exactly these bytes instead of an answer, then closes, unless a cut behind them (`stall_after(usize::MAX)`)
    /// says otherwise.
    #[must_use]
    pub fn raw(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.effect.substitute = Some(Substitute::Raw(bytes.into()));
        self
    }

    /// Sends the answer in chunked encoding, 16 bytes to the chunk.
    #[must_use]
    pub fn chunked(self) -> Self {
        self.chunks_of(16)
    }

    /// Sends the answer in chunked encoding, this many bytes (at least one) to the chunk.
    #[must_use]
    pub fn chunks_of(mut self, size: usize) -> Self {
        self.effect.framing = Framing::Chunked(size.max(1));
        self
    }

    /// Sends the answer without `Content-Length` and closes behind it.
    #[must_use]
    pub fn until_close(mut self) -> Self {
        self.effect.framing = Framing::UntilClose;
        self
    }

    /// Resets the connection instead of answering. The request has its effect: a token is issued and lost.
    #[must_use]
    pub fn reset_before_reply(self) -> Self {
        self.reset_after(0)
    }

    /// Closes the connection instead of answering.
    #[must_use]
    pub fn close_before_reply(self) -> Self {
        self.close_after(0)
    }

    /// Never answers and keeps the connection open.
    #[must_use]
    pub fn stall(self) -> Self {
        self.stall_after(0)
    }

    /// Sends this many bytes of the answer, head included, then resets.
    #[must_use]
    pub fn reset_after(self, bytes: usize) -> Self {
        self.cut(At::Answer(bytes), End::Reset)
    }

    /// Sends this many bytes of the answer, head included, then closes: a truncated answer.
    #[must_use]
    pub fn close_after(self, bytes: usize) -> Self {
        self.cut(At::Answer(bytes), End::Close)
    }

    /// Sends this many bytes of the answer, head included, then nothing more, and keeps the connection open.
    #[must_use]
    pub fn stall_after(self, bytes: usize) -> Self {
        self.cut(At::Answer(bytes), End::Silence)
    }

    /// Sends the head and this many bytes of the body, then resets.
    #[must_use]
    pub fn reset_in_body(self, bytes: usize) -> Self {
        self.cut(At::Body(bytes), End::Reset)
    }

    /// Sends the head and this many bytes of the body, then closes.
    #[must_use]
    pub fn close_in_body(self, bytes: usize) -> Self {
        self.cut(At::Body(bytes), End::Close)
    }

    /// Sends the head and this many bytes of the body, then nothing more, and keeps the connection open.
    #[must_use]
    pub fn stall_in_body(self, bytes: usize) -> Self {
        self.cut(At::Body(bytes), End::Silence)
    }

    /// Holds the answer back for so long.
    #[must_use]
    pub fn delay(mut self, by: Duration) -> Self {
        self.effect.delay = by;
        self
    }

    /// Sends the answer byte by byte.
    #[must_use]
    pub fn dribble(mut self) -> Self {
        self.effect.dribble = true;
        self
    }

    fn cut(mut self, at: At, end: End) -> Self {
        self.effect.cut = Some((at, end));
        self
    }

    /// The effect on this request, if there is one; counts.
    pub(crate) fn strike(&mut self, method: &str, path: &str) -> Option<Effect> {
        let here = match &self.place {
            Place::Anywhere => true,
            Place::Exactly(exact) => path == exact,
            Place::Below(prefix) => path.starts_with(prefix.as_str()),
        };
        if !here || self.method.as_ref().is_some_and(|m| m != method) || self.times == Some(0) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if let Some(times) = &mut self.times {
            *times -= 1;
        }
        self.struck = self.struck.saturating_add(1);
        Some(self.effect.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spares_the_first_acts_so_often_and_then_never_again() {
        let mut fault = Fault::on("GET", "/a").skip(1).times(2).status(503);
        let struck: Vec<bool> = (0..5)
            .map(|_| fault.strike("GET", "/a").is_some())
            .collect();
        assert_eq!(struck, [false, true, true, false, false]);
    }

    #[test]
    fn other_requests_neither_match_nor_count() {
        let mut fault = Fault::on("GET", "/a").times(1).stall();
        assert!(fault.strike("PUT", "/a").is_none());
        assert!(fault.strike("GET", "/a/").is_none());
        assert!(fault.strike("GET", "/a").is_some());
    }

    #[test]
    fn below_matches_a_prefix_and_any_everything() {
        assert!(Fault::below("GET", "/a/").strike("GET", "/a/b").is_some());
        assert!(Fault::below("GET", "/a/").strike("GET", "/b").is_none());
        assert!(Fault::any().strike("PUT", "/b").is_some());
        assert!(Fault::method("PUT").strike("GET", "/b").is_none());
    }
}
