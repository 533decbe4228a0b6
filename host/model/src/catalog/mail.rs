//! Who is written to.

use serde::Deserialize;

/// The table `[mail]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailRules {
    /// Members with one of these roles are written to about what happens in their organization; with one of them in a workspace,
    /// about what happens there.
    pub roles: Vec<String>,
}

impl Default for MailRules {
    fn default() -> Self {
        Self { roles: ["owner", "admin"].map(str::to_owned).into() }
    }
}
