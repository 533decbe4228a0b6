//! Names of what is kept about signing in.

use access_model::Id;
use ipnet::IpNet;

/// Key of the attempts at the password of an account, by the digest of its address.
pub(super) fn attempts_at(digest: &str) -> String {
    format!("attempts/account/{digest}")
}

/// Key of the attempts from a network.
pub(super) fn attempts_from(network: &IpNet) -> String {
    format!("attempts/network/{network}")
}

/// Key of the attempts at invitations from a network.
pub(super) fn visits_from(network: &IpNet) -> String {
    format!("attempts/visits/{network}")
}

/// Key of the attempts at a member's second factor.
pub(super) fn factor_attempts(member: &Id) -> String {
    format!("attempts/factor/{member}")
}

/// Index of a member's sessions, by when the member signed in.
pub(super) fn sessions_of(member: &Id) -> String {
    format!("sessions/{member}")
}
