//! The way of a request: identify → gather → evaluate → settle.
//!
//! Reading order: [`authorize`] (the whole way, on one screen), [`identify`], [`gather`], [`evaluate`], [`settle`]; what they stand on:
//! [`cache`], [`freshness`], [`lane`], [`throttle`], [`meter`], [`log`]; of members, [`held`]; of subjects that nobody here knows, [`stated`], and what is stated of
//! subjects and actions, [`properties`]; what comes out: [`answer`], [`permit`].

pub(crate) mod answer;
pub(crate) mod authorize;
pub(crate) mod cache;
pub(crate) mod decision_id;
pub(crate) mod evaluate;
pub(crate) mod freshness;
pub(crate) mod gather;
pub(crate) mod held;
pub(crate) mod identify;
pub(crate) mod lane;
pub(crate) mod log;
pub(crate) mod meter;
pub(crate) mod permit;
pub(crate) mod properties;
pub(crate) mod refusal;
pub(crate) mod require;
pub(crate) mod settle;
pub(crate) mod stated;
pub(crate) mod throttle;

pub use answer::{Answer, Outcome, PrincipalView};
pub use authorize::ACTION as ASK;
pub use decision_id::DecisionId;
pub use freshness::Heard;
pub use gather::{Question, Whom};
pub use identify::Caller;
pub use permit::Permit;
pub use properties::Properties;
pub(crate) use require::Grant;
pub use require::{Place, Target};
pub use stated::Stated;
