//! Scenarios: the client against the mock, in sentences. The list is one, and is run over one
//! front at a time, as `IMDS_FRONT` says; only those of `fronts` are over all, always.
//!
//! Whatever is true of one client is true of all, but for what [`Front`](imds_tests::Front) says.

mod classify;
mod common;
mod documents;
mod foreign;
mod fronts;
mod gets;
mod limits;
mod retries;
mod routes;
mod sensitive;
mod tokens;
mod v1;
mod walks;
