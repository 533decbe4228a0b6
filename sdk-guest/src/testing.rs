//! Testing a policy natively: facts to judge, and the runner of the cases that the host runs too. Not in guests.
//!
//! ```
//! use cronflow_policy::prelude::*;
//! use cronflow_policy::testing;
//!
//! /// Forbids what is asked from elsewhere than the office.
//! #[policy]
//! fn evaluate(facts: &Facts) -> Verdict {
//!     match is_in(facts.request.ip.as_deref(), &["203.0.113.0/24".to_owned()]) {
//!         true => no_match(),
//!         false => forbid("not_in_the_office", "come to the office"),
//!     }
//! }
//!
//! # fn main() {
//! assert_eq!(evaluate(&testing::facts().ip("203.0.113.7").build()), no_match());
//! assert_eq!(evaluate(&testing::facts().ip("192.0.2.1").build()).reasons[0].code, "not_in_the_office");
//!
//! // What `cargo test` does with the policy's own files:
//! let manifest = r#"reasons = ["not_in_the_office"]"#;
//! let cases = r#"
//!     [[case]]
//!     name = "no address"
//!     absent = ["request.ip"]
//!     expect = { effect = "forbid", codes = ["not_in_the_office"] }
//! "#;
//! testing::check_cases(&POLICY, manifest, cases);
//! # }
//! ```

mod cases;
mod facts;

pub use cases::{check_cases, run_cases};
pub use cronflow_policy_cases::Report;
pub use facts::{FactsBuilder, facts};
