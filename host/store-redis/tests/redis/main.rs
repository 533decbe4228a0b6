//! The store on a real Redis: what every backend must pass, several hosts on one server, and servers that fail.

#![expect(clippy::unwrap_used, reason = "all of this is tests")]

mod contract;
mod support;
