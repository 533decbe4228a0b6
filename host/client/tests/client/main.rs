//! The client and the layer over real connections, against hosts that answer as a test says.
#![cfg(test)]

mod asking;
mod cached;
mod failing;
mod layer;
mod server;
#[cfg(feature = "tls")]
mod tls;
