//! Scenarios: the client against the mock, in sentences.

mod carriers;
mod chaos;
mod classify;
mod common;
mod concurrency;
mod foreign;
mod gets;
mod limits;
mod order;
mod pieces;
mod retries;
mod routes;
mod sensitive;
mod tokens;
mod v1;
mod walks;
