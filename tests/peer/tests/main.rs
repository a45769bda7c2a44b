//! A guest over smoltcp at the other end of the link, in virtual time.

mod guest;
mod network;
mod service;
