//! Members: the people of an organization. List, show, change what they hold, suspend, resume, remove, reset their factors.
//!
//! What a member issued stays when it goes: keys and clients are their workspace's and organization's. `beyond` lists those that
//! it could not issue with the roles it has now. How one becomes a member is told in [`crate::invitations`].

mod beyond;
mod change;
mod list;
mod owners;
mod rights;
mod view;

pub use beyond::Beyond;
pub use change::{MemberChange, MemberChanged, MemberUpdate};
pub use view::MemberView;

pub(crate) use owners::put_new_member;
pub(crate) use rights::Rights;

/// Actions of the catalog that these use cases need a permit for.
pub mod actions {
    /// List.
    pub const LIST: &str = "members.list";
    /// Show.
    pub const GET: &str = "members.get";
    /// Change the name and the roles.
    pub const UPDATE: &str = "members.update";
    /// Keep out for now.
    pub const SUSPEND: &str = "members.suspend";
    /// Let in again.
    pub const RESUME: &str = "members.resume";
    /// Keep out for good.
    pub const REMOVE: &str = "members.remove";
    /// Take the second factors away.
    pub const RESET_FACTORS: &str = "members.reset_factors";
}
