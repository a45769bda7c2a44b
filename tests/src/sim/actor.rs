//! Clients of any number of lanes, behind one face.

use imds_core::walk::Options;
use imds_core::{Client, Config, Error, Instant, Misuse, OpId, Reply};

use super::wire::Ends;
use crate::Gathered;
use crate::machine::turn;

/// How an operation ended.
pub(crate) type Ended = (OpId, Result<Reply, Error>);

/// What a world does with a client.
pub(crate) trait Actor {
    fn get(&mut self, now: Instant, path: &str) -> Result<OpId, Misuse>;
    fn list(&mut self, now: Instant, path: &str) -> Result<OpId, Misuse>;
    fn walk(&mut self, now: Instant, path: &str, options: Options) -> Result<OpId, Misuse>;
    fn cancel(&mut self, op: OpId);
    fn pause(&mut self, op: OpId);
    fn resume(&mut self, op: OpId);
    fn abandon(&mut self, lane: usize);
    /// Drives all lanes to rest.
    fn drive(&mut self, now: Instant, ends: &mut Ends, sink: &mut Gathered, ended: &mut Vec<Ended>);
    /// Has one lane do one thing. False: there is nothing it can do now.
    fn turn(
        &mut self,
        now: Instant,
        lane: usize,
        ends: &mut Ends,
        sink: &mut Gathered,
        ended: &mut Vec<Ended>,
    ) -> bool;
    fn next_deadline(&self) -> Option<Instant>;
    /// What it shows of itself.
    fn debug(&self) -> String;
}

/// A client with these settings, as many lanes, and so much memory for each and for walks.
///
/// # Panics
/// If it is not 1, 2, 4 or 8 lanes.
pub(crate) fn actor(lanes: usize, window: usize, arena: usize, config: Config) -> Box<dyn Actor> {
    fn of<const LANES: usize>(window: usize, arena: usize, config: Config) -> Box<dyn Actor> {
        let windows = core::array::from_fn(|_| vec![0; window]);
        let client: Client<LANES, _, _> = Client::with_memory(config, windows, vec![0; arena]);
        Box::new(client)
    }
    match lanes {
        1 => of::<1>(window, arena, config),
        2 => of::<2>(window, arena, config),
        4 => of::<4>(window, arena, config),
        8 => of::<8>(window, arena, config),
        _ => panic!("no client has {lanes} lanes here"),
    }
}

impl<const LANES: usize> Actor for Client<LANES, Vec<u8>, Vec<u8>> {
    fn get(&mut self, now: Instant, path: &str) -> Result<OpId, Misuse> {
        Self::get(self, now, path)
    }

    fn list(&mut self, now: Instant, path: &str) -> Result<OpId, Misuse> {
        Self::list(self, now, path)
    }

    fn walk(&mut self, now: Instant, path: &str, options: Options) -> Result<OpId, Misuse> {
        Self::walk(self, now, path, options)
    }

    fn cancel(&mut self, op: OpId) {
        Self::cancel(self, op);
    }

    fn pause(&mut self, op: OpId) {
        Self::pause(self, op);
    }

    fn resume(&mut self, op: OpId) {
        Self::resume(self, op);
    }

    fn abandon(&mut self, lane: usize) {
        Self::abandon(self, lane);
    }

    fn drive(
        &mut self,
        now: Instant,
        ends: &mut Ends,
        sink: &mut Gathered,
        ended: &mut Vec<Ended>,
    ) {
        Self::drive(self, now, ends, sink).expect("the sockets keep to the order of calls");
        ended.extend(core::iter::from_fn(|| self.next_done()));
    }

    fn turn(
        &mut self,
        now: Instant,
        lane: usize,
        ends: &mut Ends,
        sink: &mut Gathered,
        ended: &mut Vec<Ended>,
    ) -> bool {
        turn(self, now, lane, &mut ends.0[lane], sink, ended)
    }

    fn next_deadline(&self) -> Option<Instant> {
        Self::next_deadline(self)
    }

    fn debug(&self) -> String {
        format!("{self:?}")
    }
}
