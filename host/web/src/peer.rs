//! Whom a request came from: what the listener knows, and no request can say.

use std::net::{IpAddr, SocketAddr};

use axum::http::request::Parts;

/// Whom a request came from. The listener puts it into the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Somebody at this address.
    At(SocketAddr),
    /// Somebody on this machine, by a socket whose file says who may. It has no address, and is believed as a trusted proxy is.
    Local,
}

impl Peer {
    /// Whom the request came from; absent where nobody knows.
    pub(crate) fn of(parts: &Parts) -> Option<Self> {
        parts.extensions.get::<Self>().copied()
    }

    /// Its address, if it has one.
    pub(crate) const fn address(self) -> Option<IpAddr> {
        match self {
            Self::At(address) => Some(address.ip().to_canonical()),
            Self::Local => None,
        }
    }
}
