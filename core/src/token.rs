//! The session token: its value, its life, its generation.

use core::fmt;

use zeroize::Zeroize;

use crate::config::MAX_TOKEN_TTL;
use crate::error::{BadToken, BadTtl, Error, Peer, What};
use crate::http::{Found, decimal};
use crate::place::put;
use crate::time::Instant;

/// How long a token of no life waits for its first use, in milliseconds.
const FIRST_USE: u32 = 60_000;

/// A token's bytes: legal as a header value, redacted in Debug, wiped when dropped or replaced.
pub(crate) struct Token<const CAP: usize> {
    bytes: [u8; CAP],
    len: usize,
    /// Expiry counts from before the request was sent: the server's clock started later.
    expires: Instant,
    /// A token in its last part of life, from here on, is renewed before use.
    stale: Instant,
    /// Tells tokens apart, so that a 401 discards exactly the one it answered.
    generation: u32,
    /// Its first use is granted whatever its life, if it comes soon: each PUT pays for at least
    /// one read.
    unused: bool,
    grace: Instant,
}

impl<const CAP: usize> Token<CAP> {
    pub(crate) const fn none() -> Self {
        Self {
            bytes: [0; CAP],
            len: 0,
            expires: Instant::ZERO,
            stale: Instant::ZERO,
            generation: 0,
            unused: false,
            grace: Instant::ZERO,
        }
    }

    /// Takes a token that was requested at `asked` and granted for `ttl` seconds.
    ///
    /// An error leaves what was there.
    pub(crate) fn accept(&mut self, asked: Instant, ttl: u16, value: &[u8]) -> Result<(), Error> {
        if value.is_empty() {
            return Err(Error::Peer(Peer::BadToken(BadToken::Empty)));
        }
        if value.len() > CAP {
            return Err(Error::TooLarge(What::Token));
        }
        if !value.iter().all(u8::is_ascii_graphic) {
            return Err(Error::Peer(Peer::BadToken(BadToken::IllegalByte)));
        }
        self.wipe();
        put(&mut self.bytes, 0, value);
        self.len = value.len();
        let life = u32::from(ttl) * 1000;
        let margin = (life / 5).min(120_000);
        let after = |millis| asked.plus(u64::from(millis) * 1000);
        self.expires = after(life);
        self.stale = after(life - margin);
        self.generation = self.generation.wrapping_add(1);
        self.unused = true;
        self.grace = after(life.max(FIRST_USE));
        Ok(())
    }

    /// May a request carry it?
    pub(crate) fn usable(&self, now: Instant) -> bool {
        self.len > 0 && (now < self.expires || self.may_first_serve(now))
    }

    /// When its life is over.
    pub(crate) const fn expires(&self) -> Instant {
        self.expires
    }

    /// Is it missing, or so near its end that it should be renewed?
    pub(crate) fn wants_refresh(&self, now: Instant) -> bool {
        !self.usable(now) || !(now < self.stale || self.may_first_serve(now))
    }

    fn may_first_serve(&self, now: Instant) -> bool {
        self.unused && now < self.grace
    }

    /// A request carries it.
    pub(crate) fn mark_used(&mut self) -> u32 {
        self.unused = false;
        self.generation
    }

    /// A request that carried `generation` was answered 401.
    pub(crate) fn reject(&mut self, generation: u32) {
        if self.generation == generation {
            self.wipe();
        }
    }

    fn wipe(&mut self) {
        self.bytes.zeroize();
        self.len = 0;
        self.unused = false;
    }
}

/// The header's value; graphic ASCII by construction.
impl<const CAP: usize> fmt::Display for Token<CAP> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        f.write_str(core::str::from_utf8(bytes).map_err(|_| fmt::Error)?)
    }
}

impl<const CAP: usize> fmt::Debug for Token<CAP> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("value", &"** redacted **")
            .field("expires", &self.expires)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

impl<const CAP: usize> Drop for Token<CAP> {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// The granted life in seconds. 0 is legal and means: for one request.
pub(crate) fn read_ttl(header: Found<'_>) -> Result<u16, Peer> {
    match header {
        Found::Missing => Err(Peer::NoTtl),
        Found::Repeated => Err(Peer::BadTtl(BadTtl::Repeated)),
        Found::Once(text) if text.is_empty() || !text.iter().all(u8::is_ascii_digit) => {
            Err(Peer::BadTtl(BadTtl::NotDecimal))
        }
        Found::Once(text) => decimal(text)
            .and_then(|ttl| u16::try_from(ttl).ok())
            .filter(|ttl| *ttl <= MAX_TOKEN_TTL)
            .ok_or(Peer::BadTtl(BadTtl::TooLong)),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use std::string::ToString;

    use super::*;

    const ASKED: Instant = Instant::from_millis(1000);

    fn granted(ttl: u16) -> Token<64> {
        let mut token = Token::none();
        token.accept(ASKED, ttl, b"AQ==").unwrap();
        token
    }

    fn at(seconds: u64) -> Instant {
        ASKED + Duration::from_secs(seconds)
    }

    #[test]
    fn a_long_token_is_renewed_two_minutes_before_its_end() {
        let mut token = granted(21600);
        token.mark_used();
        assert!(!token.wants_refresh(at(21_479)));
        assert!(token.wants_refresh(at(21_480)) && token.usable(at(21_480)));
        assert!(!token.usable(at(21_600)));
    }

    #[test]
    fn a_short_token_is_renewed_in_the_last_fifth_of_its_life() {
        let mut token = granted(10);
        token.mark_used();
        assert!(!token.wants_refresh(at(7)));
        assert!(token.wants_refresh(at(8)) && token.usable(at(9)));
        assert!(!token.usable(at(10)));
    }

    #[test]
    fn a_token_of_no_life_serves_one_request() {
        let mut token = granted(0);
        assert!(token.usable(at(59)) && !token.wants_refresh(at(59)));
        assert!(!token.usable(at(60)), "not for ever");
        token.mark_used();
        assert!(!token.usable(ASKED) && token.wants_refresh(ASKED));
    }

    #[test]
    fn bad_ttls_are_refused_by_name() {
        for ttl in [&b""[..], b"abc", b"-1", b"+1", b"1.0", b"1,2", b"\xff"] {
            let error = Peer::BadTtl(BadTtl::NotDecimal);
            assert_eq!(read_ttl(Found::Once(ttl)), Err(error), "{ttl:?}");
        }
        for ttl in [&b"21601"[..], b"65536", b"99999999999999999999999"] {
            assert_eq!(
                read_ttl(Found::Once(ttl)),
                Err(Peer::BadTtl(BadTtl::TooLong))
            );
        }
        assert_eq!(
            read_ttl(Found::Repeated),
            Err(Peer::BadTtl(BadTtl::Repeated))
        );
        assert_eq!(read_ttl(Found::Missing), Err(Peer::NoTtl));
        assert_eq!(read_ttl(Found::Once(b"21600")), Ok(21600));
        assert_eq!(read_ttl(Found::Once(b"0")), Ok(0));
    }

    #[test]
    fn bad_tokens_are_refused_by_name_and_leave_the_old_one() {
        let mut token = granted(60);
        for (value, error) in [
            (&b""[..], Error::Peer(Peer::BadToken(BadToken::Empty))),
            (b"a\n", Error::Peer(Peer::BadToken(BadToken::IllegalByte))),
            (b"a b", Error::Peer(Peer::BadToken(BadToken::IllegalByte))),
            (
                b"\xc3\xa9",
                Error::Peer(Peer::BadToken(BadToken::IllegalByte)),
            ),
            (&[b'a'; 65], Error::TooLarge(What::Token)),
        ] {
            assert_eq!(token.accept(ASKED, 60, value), Err(error));
        }
        assert_eq!(token.to_string(), "AQ==");
        assert!(token.accept(ASKED, 60, &[b'a'; 64]).is_ok());
    }

    #[test]
    fn a_401_discards_exactly_the_token_it_answered() {
        let mut token = granted(60);
        let old = token.mark_used();
        token.accept(ASKED, 60, b"new").unwrap();
        token.reject(old);
        assert!(token.usable(ASKED), "a late 401 for the old one");
        let new = token.mark_used();
        token.reject(new);
        assert!(!token.usable(ASKED));
    }

    #[test]
    fn debug_shows_no_byte_of_it() {
        let mut token = Token::<64>::none();
        token.accept(ASKED, 60, b"s3cr3t").unwrap();
        let text = std::format!("{token:?}");
        assert!(text.contains("redacted") && !text.contains("s3cr3t"));
    }
}
