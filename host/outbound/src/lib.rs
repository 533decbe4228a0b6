//! Everything that leaves: the one room that opens connections to places that others name, and to the operator's mail relay.
//!
//! Reading order: [`destination`] (which URLs may be called at all), [`address`] (which addresses may be connected to),
//! [`egress`] (the client: it resolves, judges what it will connect to, connects, and reads no more than it was told),
//! `tls`; [`secrets`] (what is read from secret managers); and apart from them [`mail`], which no tenant has a say in.
//!
//! The judgement is about the address that is connected to, after resolving and without a second look-up, so that a name
//! that answers otherwise the second time gains nothing. Nothing is redirected, no proxy of the environment is asked, and no
//! connection is kept for somebody else's request.
//!
//! To add another protocol: connect by [`Egress::connect`], which judges. It must never hand out an address that it has not
//! judged, and never open a connection by another way.

pub mod address;
pub mod destination;
pub mod egress;
pub mod mail;
pub mod secrets;
mod tls;

pub use address::{NotPrivate, Private};
pub use destination::{Destination, UrlError};
pub use egress::{Answer, Egress, EgressError, Limits, Rules};
pub use mail::{Letter, MailError, Relay, RelayError};
pub use secrets::{Keepers, SecretError, Source};
