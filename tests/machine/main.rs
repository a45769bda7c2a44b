//! Scenarios that need the insides of the core's client: single events, lanes one by one,
//! operations side by side or cancelled, odd windows and arenas.

mod cancels;
mod chaos;
mod common;
mod concurrency;
mod foreign;
mod gets;
mod limits;
mod order;
mod pieces;
mod retries;
mod routes;
mod tokens;
mod v1;
mod walks;
