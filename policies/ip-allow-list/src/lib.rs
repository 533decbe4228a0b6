//! The same policy as `policy.cel`, in Rust: what the host ships is the other; a test holds the two together.

use cronflow_policy::prelude::*;

/// Holds requests to the networks of the workspace and of the credential.
#[policy]
pub fn evaluate(facts: &Facts) -> Verdict {
    // What is no address is in no network: forbidden here, not an error.
    let address = facts.request.ip.as_deref();
    if facts.principal.ip_allow.as_ref().is_some_and(|networks| !is_in(address, networks)) {
        return forbid(
            "ip_not_allowed",
            "the address is in none of the networks that this credential may be used from",
        );
    }
    // The workspace's list holds for customer actions only: who manages the list must not be locked out by it.
    let listed = facts.workspace.as_ref().filter(|_| facts.action.category == "customer");
    if listed.and_then(|workspace| workspace.ip_allow.as_ref()).is_some_and(|networks| !is_in(address, networks)) {
        return forbid("ip_not_allowed", "the address is in none of the networks of this workspace");
    }
    no_match()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_passes() {
        let (manifest, cases) = (include_str!("../manifest.toml"), include_str!("../cases.toml"));
        cronflow_policy::testing::check_cases(&super::POLICY, manifest, cases);
    }
}
