//! What an auditor's report tells of: the names and numbers of it.

use std::time::Duration;

use serde::Deserialize;

/// The table `[report]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// A member that may do one of these is an admin, whatever its roles are called.
    pub admin_actions: Vec<String>,
    /// A key that was not used for so many days is inactive.
    pub inactive_days: u32,
    /// Actions that change what somebody may do; `roles.*`: all that begin so.
    pub permission_changes: Vec<String>,
}

impl Default for Report {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            admin_actions: owned(&["members.update", "network.update", "policies.publish"]),
            inactive_days: 14,
            permission_changes: owned(&["members.*", "roles.*", "invitations.*", "clients.*"]),
        }
    }
}

impl Report {
    /// How long a key may go unused.
    pub fn inactive(&self) -> Duration {
        Duration::from_secs(u64::from(self.inactive_days) * 86_400)
    }

    /// Whether an action changes what somebody may do.
    pub fn is_permission_change(&self, action: &str) -> bool {
        self.permission_changes.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => action.starts_with(beginning),
            None => pattern == action,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_a_beginning() {
        let report = Report { permission_changes: vec!["roles.*".into(), "keys.issue".into()], ..Report::default() };
        for (action, expected) in [("roles.put", true), ("roles.", true), ("keys.issue", true), ("keys.issued", false)]
        {
            assert_eq!(report.is_permission_change(action), expected, "{action}");
        }
    }
}
