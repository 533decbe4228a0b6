//! Leaks: whoever comes upon a secret of ours may say so, and what its kind states is done about it.
//!
//! Reading order: `report` (what is said, by whom, how often), `subject` (what the secret is of), `react` (what is done).
//!
//! A report needs nothing but the secret: whoever holds it could use it. It is told nothing: not whether the secret was one,
//! whether it still worked, what was done. INVARIANT: a well-formed secret costs one read and one commit that survives power
//! loss, whatever it is of; a malformed one, which anybody can tell by its checksum, touches nothing.
//!
//! What is done lands in one commit with its audit record, its events and the record of what was done, so that the same secret
//! is dealt with once. Who has it switched on again has decided: a second report changes nothing. One that changed nothing (its
//! credential was switched off already, its kind was milder) is no such dealing.

mod react;
mod report;
mod subject;

pub use self::report::LeakReport;

/// What the audit trail says: the action is named after what was done.
pub mod actions {
    /// A secret was reported, and its credential ended.
    pub const REVOKE: &str = "leaks.revoke";
    /// A secret was reported, and its credential switched off.
    pub const DISABLE: &str = "leaks.disable";
    /// A secret was reported, and nothing changed: people were told, or of what has no owners, the log.
    pub const NOTIFY: &str = "leaks.notify";
}
