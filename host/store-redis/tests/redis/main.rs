//! The store on a real Redis: what every backend must pass, what is refused at the door, several hosts on one server, servers that
//! fail, and going over from a file and back.

#![expect(clippy::unwrap_used, clippy::panic, reason = "all of this is tests")]

mod cluster;
mod contract;
mod door;
mod failures;
mod hosts;
mod moving;
mod replay;
mod sentinel;
mod support;
mod tls;
