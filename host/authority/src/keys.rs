//! API keys: issue, show, list, rotate, disable, enable, revoke, snooze.

mod change;
mod grant;
mod issue;
mod list;
mod rotate;
mod snooze;
mod view;

pub use change::Change;
pub use issue::KeyRequest;
pub use snooze::{ClientSnoozeRequest, SnoozeRequest, SnoozeView};
pub use view::KeyView;

pub(crate) use grant::{attributes as attributes_of, quota_of};
pub(crate) use issue::{NAME_LENGTH, check_name, distinct, is_disguising, put_new_key};
pub(crate) use snooze::Snoozes;

/// Actions of the catalog that these use cases need a permit for.
pub mod actions {
    /// Issue.
    pub const ISSUE: &str = "keys.issue";
    /// List.
    pub const LIST: &str = "keys.list";
    /// Show.
    pub const GET: &str = "keys.get";
    /// Rotate.
    pub const ROTATE: &str = "keys.rotate";
    /// Disable.
    pub const DISABLE: &str = "keys.disable";
    /// Enable.
    pub const ENABLE: &str = "keys.enable";
    /// Revoke.
    pub const REVOKE: &str = "keys.revoke";
    /// Snooze reminders of one.
    pub const SNOOZE: &str = "keys.snooze";
}
