//! Measures a decision in process: facts built, the six baseline modules that see a customer action.
//!
//! `cargo run --profile dist -p access-engine --example six_modules`

use std::hint::black_box;
use std::time::Duration;

use access_engine::{PolicySet, baseline};
use cronflow_policy_cases::{Decision, Facts, Gateway};

const ROUNDS: usize = 41;
const PER_ROUND: u32 = 20_000;

#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement reads the clock and prints")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shown = |errors: Vec<access_engine::GateError>| errors.iter().map(|e| format!("{e}\n")).collect::<String>();
    let set = PolicySet::platform(baseline().map_err(shown)?).map_err(shown)?;

    let plain = Facts::sample();
    let mut typical = Facts::sample();
    let name = |id: &str| Some(id.to_owned());
    typical.gateway = Some(Gateway {
        id: "gw_00sample0000000000".to_owned(),
        organizations: vec!["org_00sample0000000000".to_owned()],
        environments: vec!["*".to_owned()],
    });
    typical.resource.workspace = name("ws_00sample0000000000");
    typical.principal.scopes = ["jobs:read", "jobs:write", "workers:manage"].map(str::to_owned).to_vec();
    typical.action.scopes = vec!["workers:manage".to_owned()];
    let mut listed = typical.clone();
    if let Some(workspace) = &mut listed.workspace {
        workspace.ip_allow = Some((0..10).map(|i| format!("203.0.{}.0/24", 104 + i)).collect());
    }
    let mut denied = typical.clone();
    denied.principal.scopes.clear();

    for (name, facts) in [("plain", plain), ("typical", typical), ("10 networks", listed), ("denied", denied)] {
        let facts = facts.as_ref();
        let allowed = set.decide(facts) == Decision::Allow;
        let mut rounds: Vec<Duration> = (0..ROUNDS)
            .map(|_| {
                let start = std::time::Instant::now();
                for _ in 0..PER_ROUND {
                    black_box(set.decide(black_box(facts)));
                }
                start.elapsed() / PER_ROUND
            })
            .collect();
        rounds.sort();
        let at = |place: usize| rounds.get(place).copied().unwrap_or_default().as_nanos();
        println!(
            "{name:12} allowed: {allowed:5}  median {:5} ns  (min {}, max {})",
            at(ROUNDS / 2),
            at(0),
            at(ROUNDS - 1)
        );
    }
    Ok(())
}
