//! What happens in a world, as data: it can be drawn (`draw.rs`), printed, and made shorter.

use core::fmt;
use core::time::Duration;

use imds_mock::{Fault, Profile, Tokens, TtlOverride};

use super::exchange::ELSEWHERE;

/// The directory that every tree has, and below which an endless tree may be.
pub(crate) const META: &str = "/latest/meta-data/";
/// Below it a listing may name itself for ever.
pub(crate) const LOOP: &str = "/latest/meta-data/loop/";
/// A leaf that every tree has and keeps.
pub(crate) const AMI: &str = "/latest/meta-data/ami-id";

/// What an answer says that is not the value asked for.
const NO_VALUE: &str = "this is no value\n";

/// Everything that a run depends on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// Decides what the network does where the script does not say.
    pub(crate) seed: u64,
    pub(crate) server: Server,
    pub(crate) wire: Terms,
    /// Paths, and the sizes of their values.
    pub(crate) leaves: Vec<(String, usize)>,
    pub(crate) clients: Vec<ClientTerms>,
    pub(crate) faults: Vec<Planted>,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) steps: Vec<(Duration, Step)>,
}

/// What kind of server it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Server {
    pub(crate) profile: Profile,
    pub(crate) tokens: Tokens,
    pub(crate) keep_alive: KeepAlive,
    pub(crate) max_connections: Option<usize>,
    /// Seconds that a token lives, whatever was asked for.
    pub(crate) token_life: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KeepAlive {
    AsAsked,
    Always,
    Never,
}

/// How bytes travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Terms {
    /// One way, in microseconds: up to this.
    pub(crate) latency: usize,
    /// Most bytes of a segment.
    pub(crate) piece: usize,
    /// What has arrived in several segments is read at once.
    pub(crate) coalesces: bool,
    /// One segment in so many is lost, and comes a fifth of a second later with all behind it.
    pub(crate) loss: Option<usize>,
    /// Kept connections are looked at before they are used again.
    pub(crate) looks: bool,
}

/// A client and how it is driven.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ClientTerms {
    pub(crate) lanes: usize,
    pub(crate) window: usize,
    pub(crate) arena: usize,
    pub(crate) attempts: u8,
    pub(crate) allow_v1: bool,
    /// Requests at once, and a second.
    pub(crate) pace: Option<(u16, u16)>,
    pub(crate) token_ttl: u16,
    /// Longest value that it takes.
    pub(crate) longest: u32,
    /// One event at a time on a lane by chance, and not all lanes until they rest.
    pub(crate) in_turns: bool,
}

/// A fault of the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Planted {
    pub(crate) place: Place,
    pub(crate) skip: u32,
    pub(crate) times: u32,
    pub(crate) kind: Kind,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Token,
    Reads,
    Below(String),
    On(String),
}

/// What a fault does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Status(u16),
    Throttle(u16, Option<u32>),
    ResetBefore,
    CloseBefore,
    ResetAfter(usize),
    CloseAfter(usize),
    StallAfter(usize),
    Delay(Duration),
    Dribble,
    Chunks(usize),
    UntilClose,
    /// A value beyond every limit.
    Oversized,
    /// A web page with status 200.
    Html,
    /// An answer that goes on until the connection closes, and is reset after so many bytes of it.
    UntilReset(usize),
    /// Bytes that are no HTTP, or none that says one thing.
    Garbage(&'static str),
    /// A listing that names itself.
    EndlessDepth,
    /// A listing of many directories, each with the same listing.
    EndlessWidth,
    /// A redirect, with this status.
    Elsewhere(u16),
    /// A listing with lines that are no names.
    BadNames,
    LongToken,
    NoTtl,
    /// A token with a life that cannot be.
    BadTtl(&'static str),
}

/// What befalls a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Trouble {
    /// Which one, counted from 0 over all clients.
    pub(crate) connection: usize,
    pub(crate) what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    Refused,
    Unreachable,
    Blackhole,
    /// So many bytes reach the client, then a reset.
    Reset(usize),
    /// So many bytes reach the client, then the end of the stream; the other way stays open.
    HalfClose(usize),
    /// So many bytes reach the client, then never anything more.
    Stall(usize),
    /// So many bytes reach the client, then there is a pause.
    Pause(usize, Duration),
    /// After so many bytes they come one by one, this far from each other.
    Drip(usize, Duration),
    /// Behind the first answer comes another that nobody asked for.
    Unasked,
    /// Before the first answer comes an informational one.
    Continue,
}

/// What happens at a certain time. Who is not there any more is left alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Get(usize, String),
    List(usize, String),
    /// With everything that is sensitive, or without.
    Walk(usize, String, bool),
    /// The operation with this number, counted from the oldest that is under way.
    Cancel(usize, usize),
    /// The client's walks are paused for so long.
    Rest(usize, Duration),
    Abandon(usize, usize),
    /// The client takes no value and no report for so long.
    Busy(usize, Duration),
    /// The client is not driven for so long.
    Suspend(usize, Duration),
    /// For so long the client's clock jumps back by as much, again and again.
    ClockBack(usize, Duration),
    /// The server closes its connections.
    HangUp,
    /// Every connection is reset.
    Cut,
    /// The server is a new process: no token, no connection lives on.
    Restart,
    Revoke,
    Become(Profile),
    Terms(Tokens),
    Set(String, usize),
    Remove(String),
    /// Whoever connects is refused, or never answered, for so long.
    Door(What, Duration),
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Status(401) => "401 for a live token",
            Self::Status(403..=405) => "403, 404 or 405",
            Self::Status(206) => "206",
            Self::Status(_) => "5xx",
            Self::Throttle(_, None) => "429 or 503",
            Self::Throttle(_, Some(_)) => "429 or 503 with Retry-After",
            Self::ResetBefore => "reset before the answer",
            Self::CloseBefore => "close before the answer",
            Self::ResetAfter(_) => "reset in the answer",
            Self::CloseAfter(_) => "truncated answer",
            Self::StallAfter(_) => "answer that stops",
            Self::Delay(_) => "late answer",
            Self::Dribble => "answer byte by byte",
            Self::Chunks(_) => "chunked answer",
            Self::UntilClose => "answer until close",
            Self::UntilReset(_) => "answer until close, reset in it",
            Self::Oversized => "oversized value",
            Self::Html => "web page",
            Self::Garbage(_) => "no HTTP",
            Self::EndlessDepth | Self::EndlessWidth => "endless tree",
            Self::Elsewhere(_) => "redirect to elsewhere",
            Self::BadNames => "listing with bad names",
            Self::LongToken => "oversized token",
            Self::NoTtl | Self::BadTtl(_) => "token without a life that can be",
        }
    }

    fn on(self, fault: Fault) -> Fault {
        match self {
            Self::Status(status) | Self::Throttle(status, None) => {
                fault.status(status).body(NO_VALUE)
            }
            Self::Throttle(status, Some(seconds)) => fault
                .status(status)
                .header("Retry-After", &seconds.to_string())
                .body(NO_VALUE),
            Self::ResetBefore => fault.reset_before_reply(),
            Self::CloseBefore => fault.close_before_reply(),
            Self::ResetAfter(n) => fault.reset_after(n),
            Self::CloseAfter(n) => fault.close_after(n),
            Self::StallAfter(n) => fault.stall_after(n),
            Self::Delay(by) => fault.delay(by),
            Self::Dribble => fault.dribble(),
            Self::Chunks(n) => fault.chunks_of(n),
            Self::UntilClose => fault.until_close(),
            Self::Oversized => fault.body(vec![b'x'; 80_000]),
            Self::Html => fault
                .status(200)
                .header("Content-Type", "text/html")
                .body("<!DOCTYPE html><html><body>Log in to go on.</body></html>"),
            Self::UntilReset(n) => fault.until_close().reset_in_body(n),
            Self::Garbage(bytes) => fault.raw(bytes),
            Self::EndlessDepth => fault.body("a/\nb"),
            Self::EndlessWidth => {
                let names: Vec<String> = (0..40).map(|n| format!("n{n}/")).collect();
                fault.body(names.join("\n"))
            }
            Self::BadNames => {
                fault.body("ami-id\n../secret\n.\na/b\nc\u{1}d\n\u{ff}/\n//\nami-id\n")
            }
            Self::Elsewhere(status) => fault.status(status).header("Location", ELSEWHERE),
            Self::LongToken => fault
                .status(200)
                .header("X-aws-ec2-metadata-token-ttl-seconds", "21600")
                .body("t".repeat(300)),
            Self::NoTtl => fault.status(200).body("AQAAtoken=="),
            Self::BadTtl(life) => fault
                .status(200)
                .header("X-aws-ec2-metadata-token-ttl-seconds", life)
                .body("AQAAtoken=="),
        }
    }
}

impl What {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Refused => "connection refused",
            Self::Unreachable => "no route",
            Self::Blackhole => "connect never answered",
            Self::Reset(_) => "reset after some bytes",
            Self::HalfClose(_) => "half-close after some bytes",
            Self::Stall(_) => "stall for ever",
            Self::Pause(..) => "stall for a while",
            Self::Drip(..) => "slow drip",
            Self::Unasked => "answer that nobody asked for",
            Self::Continue => "100 Continue",
        }
    }
}

impl Step {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Get(..) => "(get begun)",
            Self::List(..) => "(listing begun)",
            Self::Walk(..) => "(walk begun)",
            Self::Cancel(..) => "operation cancelled",
            Self::Rest(..) => "walk paused",
            Self::Abandon(..) => "exchange abandoned",
            Self::Busy(..) => "consumer takes nothing",
            Self::Suspend(..) => "client suspended",
            Self::ClockBack(..) => "clock runs backwards",
            Self::HangUp => "server closes connections",
            Self::Cut => "all connections reset",
            Self::Restart => "server restarted",
            Self::Revoke => "tokens revoked",
            Self::Become(_) => "another generation of servers",
            Self::Terms(_) => "tokens required or not any more",
            Self::Set(..) => "leaf set",
            Self::Remove(_) => "leaf removed",
            Self::Door(..) => "nobody can connect",
        }
    }
}

impl Planted {
    /// As the mock has it.
    pub(crate) fn fault(&self) -> Fault {
        let fault = match &self.place {
            Place::Token => Fault::token(),
            Place::Reads => Fault::method("GET"),
            Place::Below(path) => Fault::below("GET", path),
            Place::On(path) => Fault::on("GET", path),
        };
        self.kind.on(fault.skip(self.skip).times(self.times))
    }
}

impl Server {
    pub(crate) const PLAIN: Self = Self {
        profile: Profile::Ec2,
        tokens: Tokens::Required,
        keep_alive: KeepAlive::AsAsked,
        max_connections: None,
        token_life: None,
    };

    pub(crate) fn ttl(&self) -> TtlOverride {
        self.token_life
            .map_or(TtlOverride::Echo, TtlOverride::Fixed)
    }
}

impl Terms {
    pub(crate) const PLAIN: Self = Self {
        latency: 0,
        piece: usize::MAX,
        coalesces: true,
        loss: None,
        looks: true,
    };
}

impl Script {
    /// Is there nothing in it that may keep an operation from its value?
    pub(crate) fn is_calm(&self) -> bool {
        self.faults.is_empty()
            && self.troubles.is_empty()
            && self.wire.loss.is_none()
            && self.server.max_connections.is_none()
            && self.steps.iter().all(|(_, step)| {
                matches!(
                    step,
                    Step::Get(..) | Step::List(..) | Step::Walk(..) | Step::Cancel(..)
                )
            })
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  server: {}", plain(&self.server))?;
        writeln!(f, "  wire: {}", plain(&self.wire))?;
        for (number, client) in self.clients.iter().enumerate() {
            writeln!(f, "  client {number}: {}", plain(client))?;
        }
        for (path, size) in &self.leaves {
            writeln!(f, "  {path}: {size} bytes")?;
        }
        for fault in &self.faults {
            let Planted {
                place,
                skip,
                times,
                kind,
            } = fault;
            writeln!(
                f,
                "  fault: {place:?}, {kind:?}, {times} times after {skip}"
            )?;
        }
        for trouble in &self.troubles {
            writeln!(f, "  connection {}: {:?}", trouble.connection, trouble.what)?;
        }
        for (at, step) in &self.steps {
            writeln!(f, "  at {at:?}: {step:?}")?;
        }
        Ok(())
    }
}

/// The fields of a struct without its name.
fn plain(of: &impl fmt::Debug) -> String {
    let text = format!("{of:?}");
    let fields = text.split_once('{').map_or(&*text, |(_, fields)| fields);
    fields.trim_matches(['{', '}', ' ']).to_owned()
}
