//! A client of a world, what it was asked, and the rules on what it does.

use core::time::Duration;
use std::collections::BTreeMap;
use std::rc::Rc;

use imds_core::config::{Limits, Pace};
use imds_core::walk::{Include, Options};
use imds_core::{Config, Error, Instant, OpId, Reply};

use super::actor::{Actor, Ended, actor};
use super::exchange::{Exchange, same};
use super::script::{ClientTerms, LOOP, Step};
use super::tap::{BLINK, Tap};
use super::verdict::{Sight, Verdict, is_sensitive};
use super::wire::{Ends, Wire};
use crate::{Gathered, Random, Walked, config};

/// Nodes of a walk, because some trees have no end.
const NODES: u32 = 400;

/// Longest that it takes to connect.
const CONNECTING: Duration = Duration::from_millis(250);

/// An operation that was begun.
pub(crate) struct Op {
    id: OpId,
    pub(crate) what: What,
    pub(crate) path: String,
    pub(crate) began: Duration,
    deadline: Option<Duration>,
    /// When it ended or was cancelled.
    over: Option<Duration>,
    cancelled: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Get,
    List,
    /// With everything that is sensitive, or without.
    Walk(bool),
}

impl Op {
    fn is_live(&self) -> bool {
        self.over.is_none()
    }

    /// May it ask for this?
    fn wants(&self, path: &str) -> bool {
        let parent = self.path.trim_end_matches('/').rsplit_once('/');
        let is_parent = parent.is_some_and(|(parent, _)| same(parent, path));
        match self.what {
            What::Get => same(&self.path, path),
            What::List => same(&self.path, path) || is_parent,
            What::Walk(all) => {
                let below = format!("{}/", self.path.trim_end_matches('/'));
                let asked_for = all || !is_sensitive(path);
                same(&self.path, path) || is_parent || (path.starts_with(&below) && asked_for)
            }
        }
    }

    /// Was it under way at some time between these?
    fn overlaps(&self, from: Duration, to: Duration) -> bool {
        self.began <= to && self.over.is_none_or(|over| over >= from)
    }
}

/// How often operations came to what.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) values: u64,
    pub(crate) absent: u64,
    pub(crate) errors: u64,
}

pub(crate) struct Player {
    number: usize,
    actor: Box<dyn Actor>,
    ends: Ends,
    pub(crate) gathered: Gathered,
    ops: Vec<Op>,
    pub(crate) terms: ClientTerms,
    pub(crate) config: Config,
    ended: Vec<Ended>,
    /// How far back its clock jumps, and until when.
    pub(crate) behind: Option<(Duration, Duration)>,
    /// When it was driven last.
    driven: Duration,
    /// Until when it takes nothing.
    pub(crate) busy: Option<Duration>,
    /// Until when it is not driven.
    pub(crate) suspended: Option<Duration>,
    /// Until when walks are paused.
    rests: Vec<(OpId, Duration)>,
    /// Exchanges that were judged.
    judged: usize,
    pub(crate) tally: Tally,
    /// Nothing is wrong any more: a walk brings the tree as it is.
    pub(crate) whole: bool,
}

const fn instant(at: Duration) -> Instant {
    // 300,000 years of microseconds fit.
    #[expect(clippy::cast_possible_truncation, reason = "see above")]
    Instant::from_micros(at.as_micros() as u64)
}

impl Player {
    pub(crate) fn new(number: usize, terms: ClientTerms, seed: u64, wire: &Rc<Wire>) -> Self {
        let base = config();
        let config = Config {
            attempts: terms.attempts,
            allow_v1: terms.allow_v1,
            token_ttl: terms.token_ttl,
            pace: terms
                .pace
                .map(|(burst, per_second)| Pace { burst, per_second }),
            limits: Limits {
                nodes: NODES,
                value: terms.longest,
                ..base.limits
            },
            seed,
            ..base
        };
        wire.taps[number].borrow_mut().v1 = terms.allow_v1;
        Self {
            number,
            actor: actor(terms.lanes, terms.window, terms.arena, config.clone()),
            ends: wire.ends(number, terms.lanes),
            gathered: Gathered::default(),
            ops: Vec::new(),
            terms,
            config,
            ended: Vec::new(),
            behind: None,
            driven: Duration::ZERO,
            busy: None,
            suspended: None,
            rests: Vec::new(),
            judged: 0,
            tally: Tally::default(),
            whole: false,
        }
    }

    /// Begins an operation, unless there is no room for it.
    pub(crate) fn begin(&mut self, now: Duration, what: What, path: &str) {
        let at = instant(now);
        let begun = match what {
            What::Get => self.actor.get(at, path),
            What::List => self.actor.list(at, path),
            What::Walk(all) => {
                let include = if all { Include::ALL } else { Include::NONE };
                self.actor.walk(at, path, Options::include(include))
            }
        };
        let live = self.ops.iter().filter(|op| op.is_live());
        let walks = live
            .clone()
            .filter(|op| matches!(op.what, What::Walk(_)))
            .count();
        let is_walk = matches!(what, What::Walk(_));
        let room = live.count() < imds_core::CLIENT_OPS && !(is_walk && walks > 0);
        assert_eq!(begun.is_ok(), room, "room for an operation: {begun:?}");
        let Ok(id) = begun else { return };
        let budget = self.config.timeouts.operation.filter(|_| !is_walk);
        self.ops.push(Op {
            id,
            what,
            path: path.to_owned(),
            began: now,
            deadline: budget.map(|budget| now + budget),
            over: None,
            cancelled: false,
        });
    }

    fn live(&mut self) -> impl Iterator<Item = &mut Op> {
        self.ops.iter_mut().filter(|op| op.is_live())
    }

    pub(crate) fn is_idle(&self) -> bool {
        !self.ops.iter().any(Op::is_live)
    }

    /// Cancels the `nth` operation that is under way.
    pub(crate) fn cancel(&mut self, now: Duration, nth: usize) {
        let Some(op) = self.live().nth(nth) else {
            return;
        };
        (op.over, op.cancelled) = (Some(now), true);
        let id = op.id;
        self.actor.cancel(id);
        self.gathered.forget(id);
    }

    /// Lets walks rest until then.
    pub(crate) fn rest(&mut self, until: Duration) {
        let walks: Vec<_> = self
            .live()
            .filter(|op| matches!(op.what, What::Walk(_)))
            .map(|op| op.id)
            .collect();
        for id in walks {
            self.actor.pause(id);
            self.rests.push((id, until));
        }
    }

    pub(crate) fn abandon(&mut self, lane: usize) {
        self.actor.abandon(lane % self.terms.lanes);
    }

    /// What it shows of itself.
    pub(crate) fn debug(&self) -> String {
        self.actor.debug()
    }

    /// Ends what was to last until now.
    pub(crate) fn wake(&mut self, now: Duration) {
        self.busy = self.busy.filter(|until| *until > now);
        self.behind = self.behind.filter(|(_, until)| *until > now);
        self.suspended = self.suspended.filter(|until| *until > now);
        self.gathered.stubborn = self.busy.is_some();
        let due = |(_, until): &(OpId, Duration)| *until <= now;
        for (id, _) in self.rests.iter().filter(|rest| due(rest)) {
            self.actor.resume(*id);
        }
        self.rests.retain(|rest| !due(rest));
    }

    /// Drives it until it rests.
    pub(crate) fn drive(&mut self, now: Duration, random: &mut Random) {
        if self.suspended.is_some() {
            return;
        }
        // One that was long away would think that it was not.
        if let Some((behind, _)) = self.behind
            && now - self.driven < BLINK
        {
            self.pump(self.driven.saturating_sub(behind));
        }
        if self.terms.in_turns {
            let mut quiet = 0;
            while quiet < 2 * self.terms.lanes {
                let lane = random.below(self.terms.lanes);
                let (ends, sink) = (&mut self.ends, &mut self.gathered);
                let moved = self
                    .actor
                    .turn(instant(now), lane, ends, sink, &mut self.ended);
                quiet = if moved { 0 } else { quiet + 1 };
            }
        }
        self.pump(now);
        self.driven = now;
    }

    fn pump(&mut self, now: Duration) {
        let (ends, sink) = (&mut self.ends, &mut self.gathered);
        self.actor.drive(instant(now), ends, sink, &mut self.ended);
    }

    /// When it has to be driven again though nothing comes.
    pub(crate) fn next_event(&self, now: Duration) -> Option<Duration> {
        let rest = self.rests.iter().map(|(_, until)| *until).min();
        if self.suspended.is_some() {
            return [self.suspended, rest].into_iter().flatten().min();
        }
        let deadline = self.actor.next_deadline();
        let deadline = deadline.map(|at| Duration::from_micros(at.as_micros()));
        if let Some(at) = deadline
            && self.busy.is_none()
        {
            assert!(at > now, "a deadline that does not advance: {at:?}");
        }
        [self.busy, rest, deadline.filter(|at| *at > now)]
            .into_iter()
            .flatten()
            .min()
    }

    /// Judges what it sent, then what ended.
    pub(crate) fn judge(&mut self, verdict: &Verdict<'_>) {
        let tap = &verdict.wire.taps[self.number].borrow();
        assert!(
            tap.peak <= self.terms.lanes,
            "more connections than lanes: {}",
            tap.peak
        );
        while let Some(exchange) = tap.exchanges.get(self.judged) {
            if exchange.path.is_empty() {
                break;
            }
            self.judged += 1;
            // (One that was broken off may be asked again.)
            let abandoned = verdict.has_step(|step| matches!(step, Step::Abandon(..)));
            if !abandoned
                && let Some(silence) =
                    tap.silent_put(self.judged - 1, self.config.timeouts.first_byte)
            {
                assert!(
                    self.ops.iter().any(|op| op.began >= silence),
                    "a token is asked for again after silence"
                );
            }
            let first = exchange.first;
            let may = |op: &Op| {
                if exchange.put {
                    // It was begun for somebody, who may have gone while a connection was made.
                    return op.overlaps(first.saturating_sub(CONNECTING), first);
                }
                op.overlaps(first, first)
                    && op.wants(&exchange.path)
                    && op.deadline.is_none_or(|until| first < until)
            };
            assert!(
                self.ops.iter().any(may),
                "a request that nobody is waiting for: {}",
                exchange.path
            );
            self.obeys_retry_after(tap, self.judged - 1);
        }
        for (id, result) in core::mem::take(&mut self.ended) {
            let live = |op: &Op| op.id == id && op.is_live();
            let at = self.ops.iter().position(live);
            let at = at.expect("what ends is under way, and ends once");
            self.ops[at].over = Some(verdict.now());
            match result {
                Ok(Reply::Absent) => self.tally.absent += 1,
                Ok(_) => self.tally.values += 1,
                Err(_) => self.tally.errors += 1,
            }
            self.settle(verdict, tap, at, result);
        }
        for op in self.ops.iter().filter(|op| op.cancelled) {
            assert!(
                !self.gathered.heard_of(op.id),
                "heard of a cancelled operation"
            );
        }
    }

    /// Is what an operation brought what it may bring?
    fn settle(
        &mut self,
        verdict: &Verdict<'_>,
        tap: &Tap,
        at: usize,
        result: Result<Reply, Error>,
    ) {
        let op = &self.ops[at];
        self.is_frugal(verdict, tap, op);
        let sight = Sight {
            tap,
            config: &self.config,
            since: op.began,
        };
        match (op.what, result) {
            (What::Get | What::List, Ok(Reply::Found)) => {
                let value = self.gathered.take_value(op.id);
                let value = value.expect("found, so it was delivered");
                verdict.value(&sight, op, &value);
            }
            (What::Get | What::List, Ok(Reply::Absent)) => {
                let value = self.gathered.take_value(op.id);
                assert_eq!(value, None, "absent, yet delivered");
                verdict.absent(&sight, op.began, &op.path);
            }
            (What::Walk(all), Ok(Reply::Walked(summary))) => {
                let (leaves, missing) = self.gathered.take_walk(op.id);
                let walked = Walked::new(leaves, missing, Ok(Some(summary)));
                verdict.walk(&sight, op, all, &walked);
                if self.whole {
                    verdict.whole(&walked, self.terms.longest);
                }
            }
            (_, Err(error)) => {
                // Something may have begun, for a value that never ended.
                self.gathered.forget(op.id);
                assert!(!self.whole, "{error:?}, and nothing is wrong any more");
                verdict.error(&sight, op, error);
            }
            (What::Get | What::List, Ok(Reply::Walked(_)))
            | (What::Walk(_), Ok(Reply::Found | Reply::Absent)) => {
                panic!("it ended as something else")
            }
        }
    }

    /// Nothing is asked before the server's own word says so, if nobody else wants it meanwhile.
    fn obeys_retry_after(&self, tap: &Tap, number: usize) {
        let exchange = &tap.exchanges[number];
        let like = |e: &&Exchange| e.put == exchange.put && e.path == exchange.path;
        let Some(before) = tap.exchanges[..number].iter().rev().find(like) else {
            return;
        };
        let Some((head, seconds)) = before.head.and_then(|h| Some((h, h.retry_after?))) else {
            return;
        };
        let between = |op: &&Op| {
            op.overlaps(before.first, exchange.first) && (exchange.put || op.wants(&exchange.path))
        };
        let mut ops = self.ops.iter().filter(between);
        let (Some(op), None) = (ops.next(), ops.next()) else {
            return;
        };
        if matches!(head.status, 429 | 503) && op.began <= before.first {
            let patience = self.config.limits.retry_after;
            assert!(
                exchange.put || op.deadline.is_some() || Duration::from_secs(seconds) <= patience,
                "a walk that waits {seconds} s for one node: {}",
                exchange.path
            );
            let since = exchange.first.saturating_sub(head.at);
            let mut demanded = Duration::from_secs(seconds);
            if exchange.put {
                // Without a token that serves everything would have to wait.
                demanded = demanded.min(tap.token_ends().saturating_sub(head.at));
            }
            assert!(
                since + BLINK >= demanded,
                "asked again after {since:?}, {demanded:?} were demanded: {}",
                exchange.path
            );
        }
    }

    /// No node is asked for more often than attempts, and what befell it, explain; and walks keep
    /// to their pace.
    fn is_frugal(&self, verdict: &Verdict<'_>, tap: &Tap, op: &Op) {
        let over = verdict.now();
        let alone = |e: &Exchange| {
            let others = self.ops.iter().filter(|other| other.id != op.id);
            let mut others = others.filter(|other| other.overlaps(op.began, over));
            op.wants(&e.path) && !others.any(|other| other.wants(&e.path))
        };
        let reads = tap.exchanges.iter();
        let reads = reads.filter(|e| !e.put && e.first >= op.began && alone(e));
        let abandoned = verdict.has_step(|step| matches!(step, Step::Abandon(..)));
        let mut failed: BTreeMap<&str, usize> = BTreeMap::new();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut times = Vec::new();
        for read in reads {
            *counts.entry(read.path.trim_end_matches('/')).or_default() += 1;
            let status = read.head.map(|head| head.status);
            if matches!(status, Some(429 | 500 | 502..=504)) {
                let count = failed.entry(read.path.trim_end_matches('/')).or_default();
                *count += 1;
                let most = usize::from(self.config.attempts.max(1));
                let is_leaf = !verdict.model.is_directory(&read.path);
                assert!(
                    abandoned || !is_leaf || read.path.starts_with(LOOP) || *count <= most,
                    "more attempts than {most}: {}",
                    read.path
                );
            }
            times.push(read.first);
        }
        let most = usize::from(self.config.attempts.max(1)) + 4 + verdict.script.steps.len();
        for (path, count) in counts {
            // A listing that outgrows the arena is read again for each few of its names.
            let reads = if verdict.model.is_directory(path) || path.starts_with(LOOP) {
                verdict.model.size() + usize::from(path.starts_with(LOOP)) * 50
            } else {
                1
            };
            assert!(count <= most * reads, "asked for {count} times: {path}");
        }
        if let (What::Walk(_), Some(pace)) = (op.what, self.config.pace) {
            let (burst, rate) = (usize::from(pace.burst), u32::from(pace.per_second));
            for (first, last) in times.iter().zip(times.iter().skip(burst)) {
                let least = Duration::from_secs(1) / rate;
                assert!(
                    *last + BLINK >= *first + least,
                    "walks faster than its pace"
                );
            }
        }
    }
}
