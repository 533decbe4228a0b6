//! The same policy as `policy.cel`, in Rust: what the host ships is the other; a test holds the two together.

use cronflow_policy::prelude::*;

/// Permits a customer action to credentials that hold one of its scopes.
#[policy]
pub fn evaluate(facts: &Facts) -> Verdict {
    let (wanted, held) = (&facts.action.scopes, &facts.principal.scopes);
    if wanted.iter().any(|scope| held.contains(scope)) {
        return permit();
    }
    let action = &facts.action.name;
    // An action without scopes is allowed to nobody: empty means none, never any.
    let message = match wanted.as_slice() {
        [] => ["no scope allows `", action, "`"].concat(),
        [scope] => ["`", action, "` needs the scope ", scope].concat(),
        scopes => ["`", action, "` needs one of the scopes ", &scopes.join(", ")].concat(),
    };
    forbid("missing_scope", message)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_passes() {
        let (manifest, cases) = (include_str!("../manifest.toml"), include_str!("../cases.toml"));
        cronflow_policy::testing::check_cases(&super::POLICY, manifest, cases);
    }
}
