//! The use cases, told in order. Everything that the product does happens here; the rooms around it only speak HTTP, keep
//! records and evaluate policies.
//!
//! Reading order: [`decide`] (identify → gather → evaluate → settle; start with `decide/authorize.rs`), then the books that
//! decisions stand on: [`organizations`], [`workspaces`], [`members`], [`invitations`], [`roles`], [`permissions`] (its people, and who may do what), [`sign_in`] (how people come in), [`keys`], [`oauth`], [`gateways`], [`network`], [`settings`], [`audit`], [`events`], [`webhooks`] and [`mail`] (who is told of them), [`leaks`] (what becomes of secrets that others came upon); [`policies`] (which decide, the platform's and
//! the workspaces' own); [`hosts`] (who else serves from the store), [`fleet`] (whether all of them have heard of a change),
//! `due` (what happens by itself); [`lifecycle`] (how an installation begins: root key, first records, demo);
//! [`secrets`] (how its keys are replaced).
//!
//! To add a use case: one file in the room of its noun. It takes a [`Permit`] for its action, reads, makes one
//! [`access_store::Commit`] with its audit record inside, and returns the new record.
//!
//! It must never decide by an `if` what a policy can decide, and never change anything without an audit record in the
//! same commit.

mod already;
mod authority;
mod current;
mod due;
mod error;
mod failpoint;
mod heads;
mod idempotency;
mod issued;
mod numbers;
mod page;
mod records;
mod trouble;

pub mod audit;
pub mod decide;
pub mod events;
pub mod explain;
pub mod fleet;
pub mod gateways;
pub mod hosts;
pub mod invitations;
pub mod keys;
pub mod leaks;
pub mod lifecycle;
pub mod mail;
pub mod members;
pub mod network;
pub mod oauth;
pub mod organizations;
pub mod overview;
pub mod permissions;
pub mod policies;
pub mod roles;
pub mod secrets;
pub mod settings;
pub mod sign_in;
pub mod traffic;
pub mod usage;
pub mod webhooks;
pub mod workspaces;

pub use access_store::confirming;
pub use authority::{Authority, World};
pub use current::{Current, IfMatch};
pub use decide::{Answer, Caller, Outcome, Permit, Place, Properties, Question, Stated, Target, Whom};
pub use error::Error;
pub use failpoint::FAILPOINTS;
pub use heads::OwnerChange;
pub use idempotency::{Done, Idempotency};
pub use issued::Issued;
pub use page::{Page, PageRequest};
