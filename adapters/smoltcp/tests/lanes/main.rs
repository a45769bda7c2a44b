//! The sockets of the lanes, seen from the wire and by the clock: which segment is sent, and when.

mod bench;
mod cable;
mod closing;
mod kept;
mod opening;
mod ports;
mod service;
mod turns;
mod ways;
