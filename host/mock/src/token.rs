//! Session tokens: how they look, how long they live, who may go without.

use core::time::Duration;
use std::collections::HashMap;

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE},
};

use crate::random::Random;

/// The longest life a token may be asked for: six hours (facts §1.2).
pub(crate) const LONGEST: u32 = 21_600;

/// Whether a request without a token is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// 401 without a token: `HttpTokens=required`; MMDS `V2`.
    Required,
    /// Served without a token too: `HttpTokens=optional` (facts §1.4); MMDS `V1`.
    Optional,
}

/// What the PUT says about the life of the token it grants. EC2 has always granted what was asked (facts §1.3);
/// everything else is for tests of clients.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum TtlOverride {
    /// The life asked for.
    #[default]
    Echo,
    /// This many seconds, whatever was asked; the token really ends then.
    Fixed(u32),
    /// This text in the header; the token lives as long as asked.
    Raw(String),
    /// The header once for each of these texts; the token lives as long as asked.
    Repeated(Vec<String>),
    /// No such header; the token lives as long as asked.
    Absent,
}

/// What a request said about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// It carried no token header.
    None,
    /// A live token.
    Valid,
    /// A token that was never issued, has expired or was revoked; or several token headers, which no server promises
    /// to understand.
    Invalid,
}

/// The alphabet and length of a token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// 56 characters of URL-safe base64 ending in `==` (facts §0.3, 5).
    Ec2,
    /// 48 characters of standard base64, with `+` and `/` in it (facts §9.2).
    Mmds,
}

/// Issues tokens and remembers when they end.
#[derive(Debug)]
pub(crate) struct TokenDesk {
    live: HashMap<String, Duration>,
    issued: u64,
    pub(crate) seed: u64,
    pub(crate) longest: u32,
    pub(crate) ttl: TtlOverride,
}

impl TokenDesk {
    pub(crate) fn new() -> Self {
        Self {
            live: HashMap::new(),
            issued: 0,
            seed: 0,
            longest: LONGEST,
            ttl: TtlOverride::Echo,
        }
    }

    pub(crate) fn issued(&self) -> u64 {
        self.issued
    }

    /// A new token, and the texts of the TTL header that goes with it.
    pub(crate) fn issue(
        &mut self,
        now: Duration,
        asked: u32,
        shape: Shape,
    ) -> (String, Vec<String>) {
        let (life, texts) = match &self.ttl {
            TtlOverride::Echo => (asked, vec![asked.to_string()]),
            TtlOverride::Fixed(seconds) => (*seconds, vec![seconds.to_string()]),
            TtlOverride::Raw(text) => (asked, vec![text.clone()]),
            TtlOverride::Repeated(texts) => (asked, texts.clone()),
            TtlOverride::Absent => (asked, Vec::new()),
        };
        self.issued += 1;
        let token = spell(self.seed, self.issued, shape);
        self.live.retain(|_, end| now < *end);
        self.live.insert(
            token.clone(),
            now.saturating_add(Duration::from_secs(life.into())),
        );
        (token, texts)
    }

    /// Whole seconds that this token still has, or `None` if it has ended or never was.
    pub(crate) fn remaining(&self, now: Duration, token: &str) -> Option<u64> {
        let end = self.live.get(token)?;
        (now < *end).then(|| (*end - now).as_secs())
    }

    pub(crate) fn revoke_all(&mut self) {
        self.live.clear();
    }
}

fn spell(seed: u64, counter: u64, shape: Shape) -> String {
    let mut random = Random::new(seed ^ counter.wrapping_mul(0xd6e8_feb8_6659_fd93));
    match shape {
        Shape::Ec2 => {
            let mut bytes = [0; 40];
            random.fill(&mut bytes);
            // Real ones begin `AQAE`.
            bytes[..3].copy_from_slice(&[0x01, 0x00, 0x04]);
            BASE64_URL_SAFE.encode(bytes)
        }
        Shape::Mmds => {
            let mut bytes = [0; 36];
            random.fill(&mut bytes);
            // Spells `+/+/`: a client must never take such a token for a path or encode it.
            bytes[3..6].copy_from_slice(&[0xfb, 0xff, 0xbf]);
            BASE64_STANDARD.encode(bytes)
        }
    }
}

/// The header's text as a number of seconds, `None` if it is not an ASCII decimal.
pub(crate) fn parse_seconds(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ec2_tokens_have_56_url_safe_characters_ending_in_two_pads() {
        for counter in 0..200 {
            let token = spell(7, counter, Shape::Ec2);
            assert_eq!(token.len(), 56);
            assert!(token.ends_with("==") && token.starts_with("AQAE"));
            assert!(
                token[..54]
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            );
        }
    }

    #[test]
    fn mmds_tokens_have_48_characters_with_plus_and_slash() {
        for counter in 0..200 {
            let token = spell(7, counter, Shape::Mmds);
            assert_eq!(token.len(), 48);
            assert!(token.contains('+') && token.contains('/'));
            assert!(
                token
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
            );
        }
    }

    #[test]
    fn same_seed_same_tokens_and_no_token_twice() {
        let mut one = TokenDesk::new();
        let mut two = TokenDesk::new();
        let first = one.issue(Duration::ZERO, 60, Shape::Ec2).0;
        assert_eq!(first, two.issue(Duration::ZERO, 60, Shape::Ec2).0);
        assert_ne!(first, one.issue(Duration::ZERO, 60, Shape::Ec2).0);
        two.seed = 1;
        assert_ne!(
            one.issue(Duration::ZERO, 60, Shape::Ec2).0,
            two.issue(Duration::ZERO, 60, Shape::Ec2).0
        );
    }

    #[test]
    fn a_token_ends_with_its_last_second() {
        let mut desk = TokenDesk::new();
        let (token, texts) = desk.issue(Duration::from_secs(10), 5, Shape::Ec2);
        assert_eq!(texts, ["5"]);
        assert_eq!(desk.remaining(Duration::from_secs(10), &token), Some(5));
        assert_eq!(
            desk.remaining(Duration::from_millis(14_999), &token),
            Some(0)
        );
        assert_eq!(desk.remaining(Duration::from_secs(15), &token), None);
    }

    #[test]
    fn a_fixed_ttl_is_announced_and_enforced() {
        let mut desk = TokenDesk::new();
        desk.ttl = TtlOverride::Fixed(3);
        let (token, texts) = desk.issue(Duration::ZERO, 21_600, Shape::Ec2);
        assert_eq!(texts, ["3"]);
        assert_eq!(desk.remaining(Duration::from_secs(3), &token), None);
    }

    #[test]
    fn only_plain_decimals_are_numbers() {
        assert_eq!(parse_seconds("60"), Some(60));
        assert_eq!(parse_seconds("99999999999999999999999"), Some(u64::MAX));
        for text in ["", "+60", "-1", "6 0", "0x3c", "1.5", "abc"] {
            assert_eq!(parse_seconds(text), None, "{text:?}");
        }
    }
}
