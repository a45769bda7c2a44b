//! The world: what happens next, and to whom.

use core::time::Duration;
use std::collections::BTreeMap;
use std::rc::Rc;

use imds_mock::{Mock, Profile, Tree};

use super::log;
use super::model::{Model, SECRET};
use super::player::{Player, What as Asked};
use super::script::{KeepAlive, Script, Step};
use super::verdict::Verdict;
use super::wire::Wire;
use crate::Random;
use crate::common::seconds;

/// More events than any script takes.
const EVENTS: usize = 300_000;
/// More turns than anything takes without time passing.
const TURNS: usize = 20_000;

/// What was done in a run.
#[derive(Clone, Default, Debug)]
pub struct Report {
    /// How often what befell servers, network and clients.
    pub struck: BTreeMap<&'static str, u64>,
    /// Operations that brought something, found nothing, or failed for a cause that was seen.
    pub values: u64,
    /// See [`values`](Self::values).
    pub absent: u64,
    /// See [`values`](Self::values).
    pub errors: u64,
    /// Requests that were sent.
    pub requests: u64,
    /// Time that passed in the world.
    pub time: Duration,
}

impl Report {
    /// Adds what another run did.
    pub fn add(&mut self, other: &Self) {
        for (what, count) in &other.struck {
            *self.struck.entry(what).or_default() += count;
        }
        self.values += other.values;
        self.absent += other.absent;
        self.errors += other.errors;
        self.requests += other.requests;
        self.time += other.time;
    }
}

/// Plays a script to its end.
///
/// # Panics
/// If a rule is broken: says which.
pub fn run(script: &Script) -> Report {
    log::keep();
    let mut world = World::new(script);
    world.drive();
    world.epilogue();
    world.report()
}

struct World<'a> {
    script: &'a Script,
    wire: Rc<Wire>,
    model: Model,
    players: Vec<Player>,
    random: Random,
    /// Steps that were taken.
    taken: usize,
    /// How often each fault acted.
    strikes: Vec<u32>,
}

impl<'a> World<'a> {
    fn new(script: &'a Script) -> Self {
        let mut model = Model::default();
        let mut tree = Tree::new();
        for (path, size) in &script.leaves {
            let value = model.new_value(path, *size);
            tree.insert(path, value.clone());
            model.set(path, Duration::ZERO, Some(value));
        }
        let server = script.server;
        let mut mock = Mock::new(server.profile)
            .tree(tree)
            .tokens(server.tokens)
            .seed(script.seed)
            .token_ttl_override(server.ttl());
        mock = match server.keep_alive {
            KeepAlive::AsAsked => mock,
            KeepAlive::Always => mock.never_close(true),
            KeepAlive::Never => mock.always_close(true),
        };
        if let Some(limit) = server.max_connections {
            mock = mock.max_connections(limit);
        }
        for planted in &script.faults {
            mock.push_fault(planted.fault());
        }
        let troubles = script.troubles.clone();
        let wire = Wire::new(
            mock,
            script.wire,
            troubles,
            script.seed,
            script.clients.len(),
        );
        let clients = script.clients.iter().enumerate();
        let players = clients.map(|(number, terms)| {
            let number_seed = script.seed.wrapping_add(number as u64);
            Player::new(number, *terms, number_seed, &wire)
        });
        Self {
            script,
            players: players.collect(),
            wire,
            model,
            random: Random::new(script.seed ^ 1),
            taken: 0,
            strikes: Vec::new(),
        }
    }

    fn now(&self) -> Duration {
        self.wire.now.get()
    }

    /// Goes on to the next thing that can happen. False: nothing can.
    fn step(&mut self) -> bool {
        let now = self.now();
        let script = self.script.steps.get(self.taken).map(|(at, _)| *at);
        let players = self.players.iter().filter_map(|p| p.next_event(now));
        let all = players.chain(script).chain(self.wire.next_event());
        let Some(next) = all.min() else { return false };
        assert!(next >= now, "an event in the past");
        self.wire.now.set(next);
        while let Some((at, step)) = self.script.steps.get(self.taken)
            && *at <= next
        {
            self.taken += 1;
            self.take(step);
        }
        self.settle();
        true
    }

    /// Runs until nothing can happen any more.
    fn drive(&mut self) {
        self.settle();
        let rests = (0..EVENTS).any(|_| !self.step());
        assert!(rests, "a world that does not come to rest");
        for player in &self.players {
            assert!(player.is_idle(), "an operation that nothing can end");
        }
    }

    /// Everything that needs no time.
    fn settle(&mut self) {
        let now = self.now();
        for player in &mut self.players {
            player.wake(now);
        }
        for _ in 0..TURNS {
            let before = self.wire.moves.get();
            self.wire.deliver();
            for player in &mut self.players {
                player.drive(now, &mut self.random);
                let verdict = Verdict {
                    script: self.script,
                    wire: &self.wire,
                    model: &self.model,
                };
                player.judge(&verdict);
            }
            if self.wire.moves.get() == before {
                self.keeps_secrets();
                return;
            }
        }
        panic!("much happens, and no time passes");
    }

    /// No token and no value is in a log line, or in what a client shows of itself.
    fn keeps_secrets(&mut self) {
        let lines = log::take();
        let some = self.random.one_in(100);
        let mut shown = vec![lines];
        if some {
            shown.extend(self.players.iter().map(Player::debug));
        }
        for text in shown.iter().filter(|text| !text.is_empty()) {
            assert!(!text.contains(SECRET), "a value is shown: {text}");
            for tap in &self.wire.taps {
                for token in tap.borrow().tokens() {
                    assert!(!text.contains(token), "a token is shown: {text}");
                }
            }
        }
    }

    fn take(&mut self, step: &Step) {
        let now = self.now();
        self.wire.strike(step.name());
        match step {
            Step::Get(client, path) => self.begin(*client, Asked::Get, path),
            Step::List(client, path) => self.begin(*client, Asked::List, path),
            Step::Walk(client, path, all) => self.begin(*client, Asked::Walk(*all), path),
            Step::Cancel(client, nth) => {
                if let Some(player) = self.players.get_mut(*client) {
                    player.cancel(now, *nth);
                }
            }
            Step::Rest(client, time) => {
                if let Some(player) = self.players.get_mut(*client) {
                    player.rest(now + *time);
                }
            }
            Step::Abandon(client, lane) => {
                if let Some(player) = self.players.get_mut(*client) {
                    player.abandon(*lane);
                }
            }
            Step::Busy(client, time) => {
                if let Some(player) = self.players.get_mut(*client) {
                    player.busy = Some(now + *time);
                }
            }
            Step::Suspend(client, time) => {
                if let Some(player) = self.players.get_mut(*client) {
                    player.suspended = Some(now + *time);
                }
            }
            Step::ClockBack(client, time) => {
                if let Some(player) = self.players.get_mut(*client) {
                    player.behind = Some((*time, now + *time));
                }
            }
            Step::HangUp => self.wire.hang_up(),
            Step::Cut => self.wire.cut(),
            Step::Restart => {
                self.wire.mock.borrow_mut().revoke_tokens();
                self.wire.cut();
            }
            Step::Revoke => self.wire.mock.borrow_mut().revoke_tokens(),
            Step::Become(profile) => self.wire.mock.borrow_mut().set_profile(*profile),
            Step::Terms(tokens) => self.wire.mock.borrow_mut().set_tokens(*tokens),
            Step::Set(path, size) => {
                let value = self.model.new_value(path, *size);
                let mut mock = self.wire.mock.borrow_mut();
                mock.data_mut().insert(path, value.clone());
                self.model.set(path, now, Some(value));
            }
            Step::Remove(path) => {
                self.wire.mock.borrow_mut().data_mut().remove(path);
                self.model.set(path, now, None);
            }
            Step::Door(door, time) => self.wire.door.set(Some((*door, now + *time))),
        }
    }

    fn begin(&mut self, client: usize, what: Asked, path: &str) {
        let now = self.now();
        if let Some(player) = self.players.get_mut(client)
            // Nobody calls a client that is not driven.
            && player.suspended.is_none()
        {
            player.begin(now, what, path);
        }
    }

    /// When all is over every client finds the tree as it is.
    fn epilogue(&mut self) {
        self.wire.calm();
        self.wire.cut();
        {
            let mut mock = self.wire.mock.borrow_mut();
            self.strikes = mock.strikes().collect();
            mock.clear_faults();
            mock.set_profile(self.script.server.profile);
            mock.set_tokens(self.script.server.tokens);
        }
        self.drive();
        let pause = seconds(self.random.number() % 400);
        self.wire.now.set(self.now() + pause);
        let speaks_v1 = matches!(
            self.script.server.profile,
            Profile::V1Only | Profile::V1Only405
        );
        for number in 0..self.players.len() {
            if speaks_v1 && !self.players[number].terms.allow_v1 {
                continue;
            }
            self.players[number].whole = true;
            self.begin(number, Asked::Walk(true), "/latest/");
            self.drive();
        }
    }

    fn report(&self) -> Report {
        let mut struck = self.wire.struck.take();
        for (planted, count) in self.script.faults.iter().zip(&self.strikes) {
            *struck.entry(planted.kind.name()).or_default() += u64::from(*count);
        }
        let mut report = Report {
            struck,
            time: self.now(),
            ..Report::default()
        };
        for (player, tap) in self.players.iter().zip(&self.wire.taps) {
            report.values += player.tally.values;
            report.absent += player.tally.absent;
            report.errors += player.tally.errors;
            report.requests += tap.borrow().exchanges.len() as u64;
        }
        report
    }
}
