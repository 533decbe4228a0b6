//! What enforcement points asked about a workspace's keys, hour by hour, and where from.
//!
//! It is heard beside the cached credential, by atomics, and told with the usage each second, as groups of counters that add
//! up over hosts. Addresses are kept apart up to a stated number a day; beyond it networks are, and beyond that nothing but a
//! sum. No decision waits for any of it, and a host that is killed takes its last second along.
//!
//! `POST …/network/preview` ([`preview`]) asks the policies themselves what another allow-list would have done to that traffic.
//!

mod days;
mod heard;
mod origin;
mod preview;
mod show;

pub(crate) use days::Days;
pub(crate) use heard::{Heard, Taken};
pub(crate) use origin::Origin;
pub use preview::{ACTION_PREVIEW, AskerPreview, ClientPreview, KeyPreview, PreviewRequest, PreviewView};
pub use show::{ClientTraffic, Counts, HourTraffic, TrafficRequest, TrafficView};

/// The action of showing it.
pub const ACTION_GET: &str = "traffic.get";
