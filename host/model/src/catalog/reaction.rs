//! What is done about a secret that was reported as leaked: a kind states it.

use serde::{Deserialize, Serialize};

use super::Class;

/// What is done about a leaked secret. Whatever it is, the trail tells of it, and the event `….leaked` where the secret belongs to
/// an organization; of the installation's own, which have no events, the host's log does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    /// Its credential is ended for good.
    Revoke,
    /// Its credential is switched off until somebody who may switches it on again.
    Disable,
    /// People are told, and nothing else.
    Notify,
}

impl Reaction {
    /// A word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Disable => "disable",
            Self::Notify => "notify",
        }
    }

    /// What is done where a kind says nothing: what people built upon is switched off, what they get anew in a moment is ended,
    /// and what the installation itself stands upon is left to its operators.
    pub(super) const fn unless_stated(class: Class) -> Self {
        match class {
            Class::ApiKey | Class::Client => Self::Disable,
            Class::AccessToken | Class::Session | Class::Invitation => Self::Revoke,
            Class::Gateway | Class::Operator => Self::Notify,
        }
    }

    /// Whether a credential of this class can be brought to that.
    pub(super) const fn is_for(self, class: Class) -> bool {
        match self {
            Self::Disable => matches!(class, Class::ApiKey | Class::Client),
            // There may be no other operator to undo it.
            Self::Revoke => !matches!(class, Class::Operator),
            Self::Notify => true,
        }
    }
}
