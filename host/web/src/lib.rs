//! HTTP: the only room that knows axum. It reads requests, asks the authority, and writes answers; it decides nothing.
//!
//! Reading order: [`routes`] (the table of endpoints), [`app`] (what handlers share), [`Peer`] (whom a request came from), [`asker`] (who asks, from where), `visiting` (who would sign in), [`body`] (JSON in), `upload` (policies in), `segments` (ids in paths), `if_match` (versions), `waiting` (for other hosts), `idempotency` (requests that are sent again), `request_id` (what askers call theirs), `confirmed` (what a fail-over may undo),
//! [`problem`] (errors out, RFC 9457), then [`endpoints`], one file each, named by what it serves.
//!
//! To add an endpoint: a file in `endpoints/`, an entry in [`routes`]. It gets its [`access_authority::Permit`] first and looks
//! at the body after, so that nobody learns anything from an error who could not have acted.
//!
//! It must never decide by an `if`, hold state of its own, or show a secret anywhere but in the answers that issue one.

mod app;
mod asker;
mod body;
mod confirmed;
mod console;
mod docs;
mod endpoints;
mod headers;
mod idempotency;
mod if_match;
mod openapi;
mod peer;
mod problem;
mod public_url;
mod request_id;
mod routes;
mod segments;
mod upload;
mod visiting;
mod waiting;

pub use app::{App, metrics_router, router};
pub use console::{ConsoleRoute, console_routes};
pub use endpoints::invitations::join_path;
pub use peer::Peer;
pub use public_url::{NotAPublicUrl, PublicUrl};
