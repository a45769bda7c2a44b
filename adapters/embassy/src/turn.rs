//! The lane driven: what it wants of the network is awaited here, and all else is
//! [`drive::step`]'s.

use core::pin::pin;
use core::time::Duration;

use embedded_nal_async::TcpConnect;
use imds_core::drive::{self, Sink, Step};
use imds_core::{Error, Event, Gather, Instant, Leaf, Missing, OpId, Route, Want};

use crate::client::Client;
use crate::link::Addresses;
use crate::output::Output;
use crate::timer::{Timer, before};

/// Between two looks at a session that names no deadline to come. With one lane it always does.
const SHORTEST_NAP: Duration = Duration::from_millis(1);

impl<S: TcpConnect, T: Timer, const WINDOW: usize, const ARENA: usize>
    Client<'_, S, T, WINDOW, ARENA>
{
    /// Does one thing: what the lane wants, awaited until the next deadline. Chunks of `get` go to
    /// `output`, all other nodes to `gather`. Answers whether only time can change anything.
    pub(crate) async fn turn<O: Output>(
        &mut self,
        get: Option<OpId>,
        output: &mut O,
        gather: Option<&mut Gather<'_>>,
    ) -> Result<bool, O::Stop> {
        let Self {
            session,
            lane,
            link,
            timer,
            ..
        } = self;
        let timer = &*timer;
        let until = session.deadline(lane).map(|(at, _)| at);
        let event = match lane.poll() {
            Some(Want::Connect) => {
                let addresses = Addresses::of(&session.route());
                let phase = lane.deadline().map(|(at, _)| at);
                let io = pin!(link.connect(addresses, timer, phase));
                before(timer, until, io).await.unwrap_or(Event::Blocked)
            }
            Some(Want::Send(bytes)) => {
                let io = pin!(link.send(bytes));
                before(timer, until, io).await.unwrap_or(Event::Blocked)
            }
            Some(Want::Receive) => {
                let io = pin!(link.receive(lane.rx_window()));
                before(timer, until, io).await.unwrap_or(Event::Blocked)
            }
            Some(Want::Leaf(leaf)) if get == Some(leaf.op) => {
                output.take(&leaf).await?;
                Event::Taken
            }
            Some(Want::Close) => {
                link.give_up();
                Event::Closed
            }
            Some(Want::Leaf(_) | Want::Missing(_) | Want::Idle | Want::Done(..)) | None => {
                Event::Blocked
            }
        };
        let mut sink = Rest {
            get,
            taken: event == Event::Taken,
            gather,
        };
        let clock = || timer.now();
        let step = drive::step(clock, session, lane, &mut Happened(event), &mut sink);
        let step = step.map_err(|misuse| O::Stop::from(Error::Misuse(misuse)))?;
        self.hear();
        // No socket gives `Blocked` before a deadline, so then it is the gather that is full.
        let refused = || match self.lane.poll() {
            Some(Want::Leaf(leaf)) => get != Some(leaf.op),
            Some(Want::Missing(_)) => true,
            Some(
                Want::Idle
                | Want::Connect
                | Want::Send(_)
                | Want::Receive
                | Want::Close
                | Want::Done(..),
            )
            | None => false,
        };
        Ok(step == Step::Idle || (step == Step::Blocked && refused()))
    }

    /// Sleeps until there may be something to do without the network: a pause before another
    /// attempt, or for the pace.
    pub(crate) async fn nap(&mut self) {
        let now = self.timer.now();
        let at = self.session.deadline(&self.lane).map(|(at, _)| at);
        // One that has passed would be no sleep at all, and other tasks would not have their turn.
        let at = at.filter(|at| *at > now).unwrap_or(now + SHORTEST_NAP);
        self.timer.wait_until(at).await;
    }
}

/// What has happened on the network already, told to the one call that asks for it. (Whose window
/// the bytes are in: the lane's stays the same until it is told of them.)
struct Happened(Event);

impl drive::Socket for Happened {
    fn connect(&mut self, _route: &Route, _until: Option<Instant>) -> Event {
        self.0
    }

    fn send(&mut self, _bytes: &[u8], _until: Option<Instant>) -> Event {
        self.0
    }

    fn receive(&mut self, _window: &mut [u8], _until: Option<Instant>) -> Event {
        self.0
    }

    fn close(&mut self) -> Event {
        self.0
    }
}

/// A chunk of the get, which is taken while nothing else is done; or what goes to a walk's
/// `Gather`.
struct Rest<'g, 'm> {
    get: Option<OpId>,
    taken: bool,
    gather: Option<&'g mut Gather<'m>>,
}

impl Sink for Rest<'_, '_> {
    fn leaf(&mut self, leaf: &Leaf<'_>) -> bool {
        if self.get == Some(leaf.op) {
            return self.taken;
        }
        self.gather.as_mut().is_none_or(|gather| gather.leaf(leaf))
    }

    fn missing(&mut self, missing: &Missing<'_>) -> bool {
        self.gather
            .as_mut()
            .is_none_or(|gather| gather.missing(missing))
    }
}
