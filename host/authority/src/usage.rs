//! How much keys are used.
//!
//! Every request that identified a key counts, allowed or not; a secret that identifies nobody is no use of anything.
//! Counting is an addition to a number beside the cached credential; each second what came together goes to the store, as
//! sums by workspace and day. A host that is killed takes its last second along, and no decision ever waits for any of it.

mod count;
mod needed;
mod show;
mod suggestions;

pub(crate) use count::{Usage, Uses};
pub use show::{Asked, DayUsage, KeyUsage, UsageRequest, UsageView};
pub(crate) use show::{day_of, last_used};
pub use suggestions::SuggestionsView;

/// The action of showing it.
pub const ACTION_GET: &str = "usage.get";
