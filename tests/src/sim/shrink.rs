//! The shortest script that still fails.

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use super::script::{Script, Server, Terms};
use super::world::{Report, run};

/// A seed whose world breaks a rule.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The rule, as the world says it.
    pub why: String,
    /// What of its script it takes.
    pub script: Script,
    /// What the shorter script breaks.
    pub still: String,
    /// Scripts that were tried.
    pub tries: usize,
}

/// More scripts than it takes to shorten one.
const TRIES: usize = 3_000;

/// Runs the world of a seed. One that fails is made shorter while it does.
///
/// # Errors
/// A rule is broken.
pub fn check(seed: u64) -> Result<Report, Box<Failure>> {
    let script = Script::new(seed);
    let why = match attempt(&script) {
        Ok(report) => return Ok(report),
        Err(why) => why,
    };
    let mut shortest = Failure {
        still: why.clone(),
        why,
        script,
        tries: 0,
    };
    while shortest.shorten() {}
    Err(Box::new(shortest))
}

fn attempt(script: &Script) -> Result<Report, String> {
    catch_unwind(AssertUnwindSafe(|| run(script))).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        text.unwrap_or_else(|| "a panic without words".to_owned())
    })
}

impl Failure {
    /// Takes the first shorter script that still fails. False: there is none.
    fn shorten(&mut self) -> bool {
        for shorter in shorter(&self.script) {
            if self.tries == TRIES {
                return false;
            }
            self.tries += 1;
            if let Err(still) = attempt(&shorter) {
                (self.script, self.still) = (shorter, still);
                return true;
            }
        }
        false
    }
}

/// Scripts with a little less, the greatest steps first.
fn shorter(script: &Script) -> Vec<Script> {
    let mut all = Vec::new();
    without(script, &mut all, |s| &mut s.steps);
    without(script, &mut all, |s| &mut s.faults);
    without(script, &mut all, |s| &mut s.troubles);
    without(script, &mut all, |s| &mut s.leaves);
    let mut change = |change: &dyn Fn(&mut Script)| {
        let mut changed = script.clone();
        change(&mut changed);
        if changed != *script {
            all.push(changed);
        }
    };
    if script.clients.len() > 1 {
        change(&|s| s.clients.truncate(s.clients.len() - 1));
    }
    change(&|s| s.wire = Terms::PLAIN);
    change(&|s| s.server = Server::PLAIN);
    change(&|s| s.wire.loss = None);
    change(&|s| s.wire.latency = 0);
    change(&|s| s.wire.piece = usize::MAX);
    for n in 0..script.clients.len() {
        change(&|s| s.clients[n].in_turns = false);
        change(&|s| s.clients[n].pace = None);
        change(&|s| s.clients[n].lanes = 1);
        change(&|s| s.clients[n].allow_v1 = false);
    }
    all
}

/// The script without a half, a quarter, … of a list. The first leaf stays: a tree has a name.
fn without<T: Clone>(
    script: &Script,
    all: &mut Vec<Script>,
    list: impl Fn(&mut Script) -> &mut Vec<T>,
) {
    let len = list(&mut script.clone()).len();
    let mut size = len;
    while size > 0 {
        for start in (0..len).step_by(size) {
            let mut less = script.clone();
            let end = (start + size).min(len);
            list(&mut less).drain(start..end);
            if !less.leaves.is_empty() {
                all.push(less);
            }
        }
        size /= 2;
    }
}
