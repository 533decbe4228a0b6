//! Facts, verdicts and cases: what a policy is told, what it says, and how both are written down as tests.
//!
//! The one crate that the guest SDK and the host share. Reading order: `facts` (the Rust face of
//! `sdk-guest/wit/policy.wit`), `verdict`, `decision`, `case` (a case and how to read a file of them), `report`
//! (how a run of cases is told).
//!
//! To add a fact: add it to the WIT record with a doc comment, to the struct in `facts`, run `UPDATE=1 cargo test -p
//! cronflow-policy-cases --test schema` and commit the schemas that it rewrites. A test holds the three together.
//!
//! It must never know an engine, a store or a clock.

mod case;
mod decision;
mod facts;
mod report;
mod verdict;

pub use case::{Case, CaseError, CaseFile, Expectation};
pub use decision::{Decision, Reason};
pub use facts::{
    Action, Attributes, Facts, FactsRef, Gateway, Organization, Principal, Request, Resource, Value, Workspace,
    distinct,
};
pub use report::{CaseOutcome, Report, Said};
pub use verdict::{Effect, Obligation, Verdict, VerdictReason};

/// The JSON Schema of [`Facts`], generated from the WIT record.
pub const FACTS_SCHEMA: &str = include_str!("../schema/facts.schema.json");

/// The JSON Schema of a file of cases.
pub const CASES_SCHEMA: &str = include_str!("../schema/cases.schema.json");
