//! What this policy does stands above `evaluate`; what it must say to which facts, in `cases.toml`.

use cronflow_policy::prelude::*;
use serde::Deserialize;

/// What may be set where the policy is bound; `manifest.toml` has the defaults.
#[derive(Deserialize)]
struct Settings {
    /// Where changes need a ticket.
    environment: String,
}

/// Forbids changes in production that name no ticket.
#[policy]
fn evaluate(facts: &Facts, settings: &Settings) -> Verdict {
    let reads = matches!(facts.request.method.as_deref(), Some("GET" | "HEAD"));
    if reads || facts.request.environment.as_ref() != Some(&settings.environment) {
        return no_match();
    }
    match facts.context.text("ticket") {
        Some(ticket) if !ticket.is_empty() => no_match(),
        _ => forbid(
            "ticket_missing",
            ["a change in ", &settings.environment, " names the ticket that it belongs to"].concat(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::POLICY;

    #[test]
    fn every_case_passes() {
        cronflow_policy::testing::check_cases(&POLICY, include_str!("../manifest.toml"), include_str!("../cases.toml"));
    }
}
