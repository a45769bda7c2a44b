//! What a client sends and what it sees, read from the bytes at its own end of the wire; and the
//! rules that can be judged from them alone.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use imds_core::{Event, Fault};

use super::exchange::{Exchange, Head, decoded, head, is_chunked, same};

/// Reads may go without a token for so long before one is asked for again.
const V1_PERIOD: Duration = Duration::from_secs(300);
/// Longer than a lane goes on that was at work when another saw something.
const SOON: Duration = Duration::from_secs(2);
/// How far a clock that jumps back may be behind: shorter than every time-out.
pub(crate) const BLINK: Duration = Duration::from_millis(50);
/// The longest life of a token.
const LONGEST: Duration = Duration::from_secs(21_600);
/// How long a token may wait for its first use, whatever its life.
const FIRST_USE: Duration = Duration::from_secs(60);

/// An attempt to connect.
struct Attempt {
    connection: usize,
    begun: Duration,
    over: Option<Duration>,
    fault: Option<Fault>,
}

#[derive(Default)]
pub(crate) struct Tap {
    pub(crate) exchanges: Vec<Exchange>,
    attempts: Vec<Attempt>,
    /// When connections broke in the middle of an exchange.
    breaks: Vec<Duration>,
    /// The last exchange of each connection that is open.
    open: BTreeMap<usize, Option<usize>>,
    /// Most connections at once.
    pub(crate) peak: usize,
    /// Counts what happens.
    order: u64,
    /// Tokens that were ever answered 401.
    refused: BTreeSet<String>,
    /// When it was that each of them proved to be of no use, in the order of things.
    rejected: BTreeMap<String, u64>,
    /// Where each token came from, and whether it was used.
    tokens: BTreeMap<String, usize>,
    /// Whether reads may go without a token.
    pub(crate) v1: bool,
}

impl Tap {
    /// Every token the client has had.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = &str> {
        self.tokens.keys().map(String::as_str)
    }

    pub(crate) fn connecting(&mut self, connection: usize, now: Duration) {
        self.open.insert(connection, None);
        self.peak = self.peak.max(self.open.len());
        self.attempts.push(Attempt {
            connection,
            begun: now,
            over: None,
            fault: None,
        });
    }

    pub(crate) fn connected(&mut self, connection: usize, now: Duration, event: Event) {
        let attempt = self.attempt(connection);
        attempt.over = Some(now);
        if let Event::Failed(fault) = event {
            attempt.fault = Some(fault);
        }
    }

    fn attempt(&mut self, connection: usize) -> &mut Attempt {
        let mut attempts = self.attempts.iter_mut().rev();
        attempts
            .find(|attempt| attempt.connection == connection)
            .expect("it was begun")
    }

    pub(crate) fn sent(&mut self, connection: usize, now: Duration, bytes: &[u8]) {
        self.order += 1;
        let last = self.open[&connection];
        let number = match last {
            Some(number) if self.exchanges[number].written.is_none() => number,
            _ => {
                if let Some(before) = last {
                    let before = self.exchanges[before].head;
                    let before = before.expect("no request before the last answer");
                    assert!(!before.closes, "a request after the server's word to close");
                }
                self.exchanges.push(Exchange {
                    put: false,
                    path: String::new(),
                    token: None,
                    first: now,
                    written: None,
                    order: self.order,
                    bytes: Vec::new(),
                    answer: Vec::new(),
                    head: None,
                    latest: None,
                    over: None,
                    fresh: last.is_none(),
                    broken: false,
                });
                let number = self.exchanges.len() - 1;
                self.open.insert(connection, Some(number));
                number
            }
        };
        let exchange = &mut self.exchanges[number];
        exchange.bytes.extend_from_slice(bytes);
        if exchange.bytes.ends_with(b"\r\n\r\n") {
            exchange.written = Some(now);
            self.request(number);
        }
    }

    /// A request is whole: is it one, and may it be sent?
    fn request(&mut self, number: usize) {
        let bytes = core::mem::take(&mut self.exchanges[number].bytes);
        let text = str::from_utf8(&bytes).expect("a request is text");
        let mut lines = text.trim_end().split("\r\n");
        let line = lines.next().unwrap_or_default();
        let mut headers = BTreeMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a header");
            let before = headers.insert(name.to_ascii_lowercase(), value.to_owned());
            assert_eq!(before, None, "a header twice: {name}");
        }
        let (method, rest) = line.split_once(' ').expect("a request line");
        let target = rest.strip_suffix(" HTTP/1.1").expect("a request line");
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&b);
        assert!(target.bytes().all(legal), "not a legal target: {target}");
        assert!(target.starts_with('/'), "not a path: {target}");
        let odd = |segment: &str| matches!(&*decoded(segment), "" | "." | "..");
        let inner = target[1..].strip_suffix('/').unwrap_or(&target[1..]);
        assert!(!inner.split('/').any(odd), "not a name in a path: {target}");
        assert!(headers.contains_key("host"), "no host: {line}");
        let token = headers.remove("x-aws-ec2-metadata-token");
        let ttl = headers.remove("x-aws-ec2-metadata-token-ttl-seconds");
        let put = match method {
            "PUT" => true,
            "GET" => false,
            _ => panic!("neither GET nor PUT: {line}"),
        };
        if put {
            assert_eq!(target, "/latest/api/token", "where a token is asked for");
            assert!(ttl.is_some(), "a token request without a life");
            assert_eq!(token, None, "a token request with a token");
            let pending = self.pending(number, |e| e.put);
            assert!(!pending, "two token requests at once");
            self.has_reason(number);
        } else {
            assert_eq!(ttl, None, "a read with a life");
        }
        let path = decoded(target);
        let mut before = self.exchanges[..number].iter().rev();
        let before = before.find(|e| !e.put && same(&e.path, &path));
        let redirected = before.and_then(|e| e.head.filter(|_| !e.path.ends_with('/')));
        assert!(
            !target.ends_with('/') || redirected.is_none_or(|h| h.status != 301 || h.slash),
            "a redirect to elsewhere is followed: {path}"
        );
        let exchange = &mut self.exchanges[number];
        exchange.put = put;
        exchange.path = path;
        exchange.token.clone_from(&token);
        match token {
            Some(token) => self.uses(number, token),
            None if !put => self.goes_without(number),
            None => {}
        }
    }

    /// Is another exchange like this under way?
    fn pending(&self, number: usize, like: impl Fn(&Exchange) -> bool) -> bool {
        let mut open = self.open.values().flatten();
        open.any(|other| {
            let exchange = &self.exchanges[*other];
            *other != number && exchange.head.is_none() && exchange.over.is_none() && like(exchange)
        })
    }

    /// A token is asked for if there is none, or none that lives long enough.
    fn has_reason(&self, number: usize) {
        let now = self.exchanges[number].first;
        let Some((token, origin)) = self.newest() else {
            return;
        };
        // It is renewed in its last fifth, or in the last two minutes of a longer one.
        let life = self.life(origin);
        let margin = (life / 5).min(Duration::from_secs(120));
        let stale = self.exchanges[origin].first + life.saturating_sub(margin);
        let others = self.exchanges[origin + 1..number].iter().any(|e| e.put);
        assert!(
            others || now + BLINK >= stale || self.refused.contains(token),
            "a token is asked for, and there is a good one"
        );
    }

    /// The token that was granted last of those that were used, and where it came from.
    fn newest(&self) -> Option<(&String, usize)> {
        let tokens = self.tokens.iter().map(|(token, origin)| (token, *origin));
        tokens.max_by_key(|(_, origin)| *origin)
    }

    fn life(&self, origin: usize) -> Duration {
        let life = self.exchanges[origin].head.and_then(|head| head.life);
        Duration::from_secs(life.unwrap_or_default())
    }

    /// When the newest token ends.
    pub(crate) fn token_ends(&self) -> Duration {
        let end = |(_, origin): (_, usize)| self.exchanges[origin].first + self.life(origin);
        self.newest().map_or(Duration::ZERO, end)
    }

    fn uses(&mut self, number: usize, token: String) {
        let exchange = &self.exchanges[number];
        if let Some(rejected) = self.rejected.get(&token) {
            assert!(
                exchange.order < *rejected,
                "a token sent again after its 401, for {}",
                exchange.path
            );
        }
        let first = exchange.first;
        if let Some(origin) = self.tokens.get(&token) {
            let until = self.exchanges[*origin].first + self.life(*origin);
            assert!(
                first < until,
                "a token used {:?} past its life",
                first - until
            );
            return;
        }
        // The first use: its token is what was granted last.
        let mut before = self.exchanges[..number].iter().enumerate().rev();
        let granted = |e: &Exchange| e.put && e.head.is_some_and(|head| head.status == 200);
        let (origin, put) = before
            .find(|(_, e)| granted(e))
            .expect("a token that was never granted");
        let end = put.answer.windows(4).position(|w| w == b"\r\n\r\n");
        let body = &put.answer[end.map_or(0, |end| end + 4)..];
        assert!(
            is_chunked(&put.answer) || body == token.as_bytes(),
            "not the token that was granted last"
        );
        let life = put.head.and_then(|head| head.life);
        let life = Duration::from_secs(life.expect("a token is granted with its life"));
        assert!(life <= LONGEST, "a token of a longer life than there is");
        assert!(
            first < put.first + life.max(FIRST_USE),
            "a token used for the first time long past its life"
        );
        self.tokens.insert(token, origin);
    }

    fn goes_without(&self, number: usize) {
        let read = &self.exchanges[number];
        assert!(self.v1, "a read without a token: {}", read.path);
        let before = &self.exchanges[..number];
        let asked = before.iter().rposition(|e| e.put && e.head.is_some());
        let asked = asked.expect("a read without a token, and none was ever asked for");
        let (trials, asked) = (&before[asked + 1..], &before[asked]);
        let status = asked.head.map_or(0, |head| head.status);
        assert!(
            matches!(status, 403..=405),
            "a read without a token after {status} to the token request"
        );
        // Until one of them is answered it is a trial, and ends with a failure for good.
        let trials = trials.iter().filter(|e| !e.put && e.token.is_none());
        let mut heads = trials.filter_map(|e| e.head);
        let proof = |head: &Head| matches!(head.status, 200 | 404);
        let failure = |head: &Head| matches!(head.status, 206 | 302 | 307 | 403 | 405 | 501);
        let failed = |head: &Head| failure(head) && head.at + SOON < read.first;
        assert!(
            heads.clone().any(|head| proof(&head)) || !heads.any(|head| failed(&head)),
            "a read without a token after the trial of it failed"
        );
        let since = read.first.saturating_sub(asked.first);
        assert!(
            since <= V1_PERIOD,
            "a read without a token {since:?} after it was asked for"
        );
    }

    pub(crate) fn received(&mut self, connection: usize, now: Duration, bytes: &[u8]) {
        self.order += 1;
        let Some(number) = self.open[&connection] else {
            return;
        };
        let exchange = &mut self.exchanges[number];
        exchange.latest = Some(now);
        if exchange.head.is_none() || exchange.put || exchange.is_refused() {
            exchange.answer.extend_from_slice(bytes);
        }
        if exchange.head.is_none() {
            self.look(number, now);
        }
        // Its word counts when it is all there.
        let exchange = &self.exchanges[number];
        if exchange.is_refused() && exchange.is_whole() {
            self.refusal(number);
        }
    }

    /// Is the head of the answer there?
    fn look(&mut self, number: usize, now: Duration) {
        let exchange = &mut self.exchanges[number];
        let Some(end) = exchange.answer.windows(4).position(|w| w == b"\r\n\r\n") else {
            return;
        };
        let Some(head) = head(&exchange.answer[..end], now) else {
            return;
        };
        if head.status < 200 {
            // Another head follows.
            exchange.answer.drain(..end + 4);
            return self.look(number, now);
        }
        exchange.head = Some(head);
        if !exchange.put && !exchange.is_refused() {
            exchange.answer = Vec::new();
        }
    }

    /// No more of this answer comes.
    fn ended(&mut self, number: usize) {
        if self.exchanges[number].is_refused() {
            self.refusal(number);
        }
    }

    /// A read was answered 401.
    fn refusal(&mut self, number: usize) {
        let (before, exchange) = self.exchanges.split_at(number);
        let exchange = &exchange[0];
        let Some(token) = exchange.token.clone() else {
            return;
        };
        // That a new token is refused too says that the path is, and not the token.
        let again = before.iter().any(|e| {
            e.is_refused() && same(&e.path, &exchange.path) && e.token.as_ref() != Some(&token)
        });
        if !again {
            self.rejected.entry(token.clone()).or_insert(self.order);
        }
        self.refused.insert(token);
    }

    /// The peer ended it.
    pub(crate) fn broken(&mut self, connection: usize, now: Duration) {
        self.order += 1;
        if let Some(Some(number)) = self.open.get(&connection).copied() {
            self.exchanges[number].over = Some(now);
            self.exchanges[number].broken = true;
            self.breaks.push(now);
            self.ended(number);
        }
    }

    /// The client gave it up.
    pub(crate) fn closed(&mut self, connection: usize, now: Duration) {
        if let Some(Some(number)) = self.open.remove(&connection) {
            self.exchanges[number].over.get_or_insert(now);
            self.ended(number);
        }
        self.attempt(connection).over.get_or_insert(now);
    }

    /// If this is a token request, and the one before it went over a fresh connection, met nothing
    /// but silence, and left no token that serves: when that was over.
    pub(crate) fn silent_put(&self, number: usize, silence: Duration) -> Option<Duration> {
        let mut before = self.exchanges[..number].iter().rev();
        let before = before.find(|e| e.put && self.exchanges[number].put)?;
        let over = before.over?;
        let silent = before.fresh && !before.broken && before.latest.is_none();
        let served = self.token_ends() > over;
        (silent && !served && over >= before.first + silence).then_some(over)
    }

    /// Was this status seen, for a token request or for a read?
    pub(crate) fn saw(&self, put: bool, status: u16, since: Duration) -> bool {
        self.exchanges.iter().any(|e| {
            let head = e.head.filter(|head| head.status == status);
            e.put == put && head.is_some_and(|head| head.at >= since)
        })
    }

    /// Was a read of this path answered so?
    pub(crate) fn saw_on(&self, path: &str, status: u16, since: Duration) -> bool {
        self.exchanges.iter().any(|e| {
            let head = e.head.filter(|head| head.status == status);
            !e.put && same(&e.path, path) && head.is_some_and(|head| head.at >= since)
        })
    }

    /// Did a connection break in the middle of an exchange?
    pub(crate) fn saw_break(&self, since: Duration) -> bool {
        self.breaks.iter().any(|at| *at >= since)
    }

    /// Did connecting fail so?
    pub(crate) fn saw_fault(&self, fault: Fault, since: Duration) -> bool {
        self.attempts
            .iter()
            .any(|a| a.fault == Some(fault) && a.over.is_some_and(|at| at >= since))
    }

    /// Did connecting take so long?
    pub(crate) fn saw_slow_connect(&self, time: Duration, since: Duration) -> bool {
        self.attempts.iter().any(|a| {
            a.over
                .is_some_and(|over| over >= since && over + BLINK >= a.begun + time)
        })
    }

    /// Was a whole request without any byte of an answer for so long?
    pub(crate) fn saw_silence(&self, put: bool, time: Duration, since: Duration) -> bool {
        self.exchanges.iter().any(|e| {
            e.put == put
                && e.latest.is_none()
                && e.over
                    .is_some_and(|over| over >= since && over + BLINK >= e.first + time)
        })
    }

    /// Did a token come when its life was over?
    pub(crate) fn saw_late_token(&self) -> bool {
        let mut puts = self.exchanges.iter().enumerate().filter(|(_, e)| e.put);
        puts.any(|(number, e)| {
            let life = self.life(number).max(FIRST_USE);
            e.latest.is_some_and(|latest| latest >= e.first + life)
        })
    }

    /// Was a token asked for, with no whole answer until now?
    pub(crate) fn awaits_token(&self, now: Duration) -> bool {
        let mut puts = self.exchanges.iter().filter(|e| e.put);
        puts.any(|e| e.over.is_none_or(|over| over >= now))
    }

    /// Is a connection being made?
    pub(crate) fn is_connecting(&self, now: Duration) -> bool {
        let mut attempts = self.attempts.iter();
        attempts.any(|a| a.over.is_none_or(|over| over >= now))
    }

    /// Did an answer stop for so long?
    pub(crate) fn saw_stop(&self, time: Duration, since: Duration) -> bool {
        self.exchanges.iter().any(|e| {
            let (Some(latest), Some(over)) = (e.latest, e.over) else {
                return false;
            };
            over >= since && over + BLINK >= latest + time
        })
    }
}
