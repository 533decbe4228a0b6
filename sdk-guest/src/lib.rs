//! Write policies for CronFlow Access in Rust: allow or deny, and why.
//!
//! A policy is one plain function from facts to a verdict. The host asks it for every request to an action that it sees,
//! in a sandbox, in a fresh instance each time: it keeps nothing, reaches nothing, and can only say what it thinks.
//!
//! ```
//! use cronflow_policy::prelude::*;
//! use serde::Deserialize;
//!
//! /// What a binding of this policy may set. Read once per evaluation; refused at upload when it can't be read.
//! #[derive(Deserialize)]
//! struct Settings {
//!     max_cost: i64,
//! }
//!
//! /// Forbids requests that cost more than the setting `max_cost`.
//! #[policy]
//! fn evaluate(facts: &Facts, settings: &Settings) -> Verdict {
//!     match facts.context.integer("cost") {
//!         Some(cost) if cost <= settings.max_cost => no_match(),
//!         Some(cost) => forbid("cost_too_high", format!("{cost} is more than the {} allowed", settings.max_cost)),
//!         None => forbid("cost_unknown", "the request does not state its cost"),
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! `cronflow-access policy new --rust NAME` writes such a policy, with its cases, ready to be tested and built. The same
//! cases run natively under `cargo test` ([`testing`]), and in the sandbox by `cronflow-access policy test`.
//!
//! Reading order: [`policy`](macro@policy) (the attribute) and [`Policy`] (what it makes), [`facts`] (what a policy is told), [`verdict`] (what it
//! says), [`network`] (addresses), `settings`, [`log`]; then `runtime` (memory of a guest, the one file that is unsafe by
//! hand) and `bindings` (generated from `wit/policy.wit`).
//!
//! # What a policy must know
//!
//! - **What is absent was not stated.** It is `None`, never an empty text, and an absent list is not an empty one.
//! - **What goes wrong denies.** A panic, a setting that can't be read or an attribute of another type than it is asked for ends
//!   the evaluation, and the host denies `policy_error`.
//! - **A tenant's policy narrows.** Its [`permit`](verdict::permit) counts as [`no_match`](verdict::no_match).
//!
//! It must never import anything of the host's, nor need more of an author's machine than a Rust toolchain.

mod fail;
mod policy;
mod settings;

pub mod facts;
pub mod log;
pub mod network;
pub mod verdict;

#[cfg(not(target_family = "wasm"))]
pub mod testing;

mod runtime;

#[doc(hidden)]
#[rustfmt::skip]
pub mod bindings;

pub use cronflow_policy_macros::policy;
pub use policy::Policy;

/// What a policy's source begins with: `use cronflow_policy::prelude::*;`.
pub mod prelude {
    pub use crate::facts::{Attribute, Attributes, Facts, Value};
    pub use crate::log::log;
    pub use crate::network::{Network, is_in};
    pub use crate::policy;
    pub use crate::verdict::{Verdict, forbid, no_match, permit, step_up};
}

/// What `#[policy]` writes down. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use crate::policy::{evaluate, validate_settings};
    pub use crate::settings::{no_settings, settings};
}
