//! Heads judged: what an answer is, and where its body goes.

use core::fmt::{self, Write};

use crate::error::{Error, Peer, What};
use crate::http::{Found, Framing, Head, decimal, find};
use crate::lane::{Buffer, Job, Lane, Sink};
use crate::path::Encoded;
use crate::retry::{Disposition, Exchange, Seen, disposition};
use crate::session::Session;
use crate::session::ops::{Kind, SHELF};
use crate::time::Instant;
use crate::token::read_ttl;
use crate::walk::listing::looks_like_html;

/// Facts §1.3; names of headers compare without regard to case.
const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";

impl<A: Buffer, const OPS: usize, const WALKS: usize, const TOKEN: usize>
    Session<A, OPS, WALKS, TOKEN>
{
    /// Judges the head of an answer and says where its body goes.
    pub(super) fn judge<B: Buffer>(&mut self, lane: &mut Lane<B>, head: &Head) -> bool {
        let exchange = lane.exchange();
        let mut verdict = disposition(exchange, Seen::Status(head.status));
        let bytes = lane.head_bytes(head);
        let mut retry_after = None;
        let mut ttl = 0;
        match verdict {
            Disposition::Deliver if exchange == Exchange::Token => {
                match read_ttl(find(bytes, TTL_HEADER)) {
                    Ok(seconds) => ttl = seconds,
                    Err(peer) => verdict = Disposition::Fatal(Error::Peer(peer)),
                }
            }
            // A token proves a metadata service. Without one, a page is a foreign server's.
            Disposition::Deliver if lane.verdict.generation.is_none() && is_html(bytes) => {
                verdict = Disposition::Fatal(Error::Peer(Peer::Html));
            }
            Disposition::Redirect(status) if !self.adds_a_slash(lane, bytes) => {
                verdict = Disposition::Fatal(Error::Peer(Peer::Redirect(status)));
            }
            Disposition::Retry(Error::Peer(Peer::Throttled(_))) => {
                self.counters.throttled = self.counters.throttled.wrapping_add(1);
                retry_after = retry_after_of(bytes);
            }
            Disposition::Retry(_) => retry_after = retry_after_of(bytes),
            Disposition::Deliver
            | Disposition::Refresh
            | Disposition::Absent
            | Disposition::Redirect(_)
            | Disposition::NoTokens(_)
            | Disposition::Fatal(_) => {}
        }
        let limits = self.config.limits;
        let mut allowance = usize::try_from(limits.value).unwrap_or(usize::MAX);
        let mut sink = Sink::Leaf;
        if matches!(verdict, Disposition::Deliver) {
            match lane.job {
                Job::Token(_) => {
                    sink = Sink::Token;
                    allowance = TOKEN;
                }
                Job::Classify(_) => sink = Sink::Listing,
                Job::Node(op) => {
                    if let Some(node) = &lane.node
                        && node.directory
                    {
                        sink = Sink::Listing;
                        let opened = self
                            .walk_of(op)
                            .map(|walk| walk.frontier.open(&node.path, node.depth));
                        if let Some(Err(_)) = opened {
                            verdict = Disposition::Fatal(Error::TooLarge(What::Frontier));
                        }
                    }
                }
                Job::None | Job::Read(_) => {}
            }
            if sink == Sink::Listing {
                allowance = usize::try_from(limits.walk).unwrap_or(usize::MAX);
            }
            if let Framing::Length(len) = head.framing
                && usize::try_from(len).map_or(true, |len| len > allowance)
            {
                verdict = Disposition::Fatal(Error::TooLarge(match sink {
                    Sink::Token => What::Token,
                    Sink::Leaf | Sink::Listing | Sink::Drain => What::Value,
                }));
            }
        }
        if !matches!(verdict, Disposition::Deliver) {
            sink = Sink::Drain;
            allowance = usize::MAX;
        }
        lane.verdict.disposition = verdict;
        lane.verdict.retry_after = retry_after;
        lane.verdict.ttl = ttl;
        lane.begin_body(head, sink, allowance);
        true
    }

    /// Does the answer redirect to the same path on the same host, with a slash added, for the
    /// first time?
    fn adds_a_slash<B: Buffer>(&self, lane: &Lane<B>, head: &[u8]) -> bool {
        let (path, slash) = match (lane.job, &lane.node) {
            (Job::Node(_), Some(node)) => (node.path.as_str(), node.tries.slash),
            (Job::Read(op), _) => match self.op(op) {
                Some(op) if op.kind == Kind::Get => (op.path.as_str(), op.tries.slash),
                _ => return false,
            },
            _ => return false,
        };
        let Found::Once(location) = find(head, "location") else {
            return false;
        };
        if slash || path.ends_with('/') {
            return false;
        }
        let endpoint = self.config.endpoint(lane.second);
        let mut rest = Rest(location);
        // Scheme and host in any case, the path as it was asked for.
        if rest
            .strip(format_args!("http://{}", endpoint.authority()), true)
            .is_err()
        {
            rest = Rest(location);
        }
        let target = format_args!("{}{}/", endpoint.prefix(), Encoded(path));
        rest.strip(target, false).is_ok() && rest.0.is_empty()
    }

    /// Lets a leaf be offered, unless another lane is offering one of the same walk.
    pub(super) fn clear_offer<B: Buffer>(&mut self, now: Instant, lane: &mut Lane<B>) -> bool {
        if let Job::Node(op) = lane.job
            && let Some(walk) = self.walk_of(op)
        {
            match walk.floor {
                // The leaf that has the floor is on the shelf, and all lanes may wait like this one.
                Some(SHELF) => return self.swap_with_shelf(now, op, lane),
                Some(id) if id != lane.id => return false,
                Some(_) => {}
                None => walk.floor = Some(lane.id),
            }
        }
        if let Job::Read(op) = lane.job
            && self.op(op).is_some_and(|op| op.kind == Kind::List)
            && lane.delivered() == 0
            && looks_like_html(lane.payload())
        {
            lane.fail(Error::Peer(Peer::Html));
            return true;
        }
        lane.cleared = true;
        true
    }
}

fn is_html(head: &[u8]) -> bool {
    const HTML: &[u8] = b"text/html";
    matches!(find(head, "content-type"), Found::Once(value)
        if value.get(..HTML.len()).is_some_and(|v| v.eq_ignore_ascii_case(HTML)))
}

/// Seconds; a date there is no clock for, so it counts as none.
fn retry_after_of(head: &[u8]) -> Option<u32> {
    match find(head, "retry-after") {
        Found::Once(value) => decimal(value).map(|s| u32::try_from(s).unwrap_or(u32::MAX)),
        Found::Missing | Found::Repeated => None,
    }
}

/// Compares bytes with formatted text, without a buffer: what is left to compare.
#[derive(Clone, Copy)]
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// Takes `text` off the front.
    fn strip(&mut self, text: fmt::Arguments<'_>, any_case: bool) -> fmt::Result {
        struct Strip<'r, 'a>(&'r mut Rest<'a>, bool);
        impl Write for Strip<'_, '_> {
            fn write_str(&mut self, s: &str) -> fmt::Result {
                let (front, rest) = (self.0.0).split_at_checked(s.len()).ok_or(fmt::Error)?;
                self.0.0 = rest;
                let same =
                    front == s.as_bytes() || self.1 && front.eq_ignore_ascii_case(s.as_bytes());
                if same { Ok(()) } else { Err(fmt::Error) }
            }
        }
        Strip(self, any_case).write_fmt(text)
    }
}
