//! The decision in process: the facts are there, and the six baseline modules that see a customer's action judge them; or,
//! `decision POLICY.WASM`, one module does, in a fresh instance each time.
//!
//! Prints nanoseconds for each of five rounds, least first, and the median first of all. The facts are those of the question
//! that `run` asks over HTTP.

use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use access_engine::{
    AttributeType, Binding, Compiler, DeclaredAttributes, Engine, GateError, Limits, PolicyPackage, PolicySet, Sandbox,
    Upload, baseline,
};
use cronflow_policy_cases::{Attributes, CaseFile, Decision, Facts, Gateway, Resource, Value};

const ROUNDS: usize = 5;
/// Samples of a round; their median is what the round says.
const SAMPLES: usize = 2_000;
/// Decisions of a sample: enough to drown the clock's own cost.
const DECISIONS: u32 = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shown = |errors: Vec<GateError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let facts = question();
    let (set, expected) = match std::env::args().nth(1) {
        None => (PolicySet::platform(baseline().map_err(shown)?).map_err(shown)?, (6, "allow")),
        Some(path) => {
            let upload = Upload {
                name: "measured".to_owned(),
                engine: Engine::Wasm,
                module: std::fs::read(path)?,
                // As `policy new` declares them.
                settings: Attributes::from([("environment".to_owned(), Value::Text("production".to_owned()))]),
                attributes: DeclaredAttributes {
                    context: [("ticket".to_owned(), AttributeType::String)].into(),
                    ..DeclaredAttributes::default()
                },
                cases: CaseFile { cases: Vec::new() },
            };
            let sandbox = Sandbox::new(Limits::SERVING, Compiler::InProcess, None)?;
            let package = PolicyPackage::from_upload(&upload, &sandbox).map_err(shown)?;
            // A tenant's module grants nothing: what it has nothing to say about is permitted by nobody.
            (PolicySet::new([Binding::tenant(package)]).map_err(shown)?, (1, "not_permitted"))
        }
    };
    let modules = set.explain(facts.as_ref()).len();
    let decision = match set.decide(facts.as_ref()) {
        Decision::Allow => "allow".to_owned(),
        Decision::Deny(reasons) => reasons.into_iter().map(|reason| reason.code).collect::<Vec<_>>().join(" "),
    };
    if (modules, decision.as_str()) != expected {
        return Err(
            format!("{modules} modules see the question, and come to {decision:?}: measure something else").into()
        );
    }
    round(&set, &facts);
    let mut rounds: Vec<u64> = (0..ROUNDS).map(|_| round(&set, &facts)).collect();
    let median = median(&mut rounds);
    let all = rounds.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
    writeln!(std::io::stdout(), "{median} {all}")?;
    Ok(())
}

/// The median nanoseconds of one decision.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn round(set: &PolicySet, facts: &Facts) -> u64 {
    let sample = |_| {
        let start = Instant::now();
        for _ in 0..DECISIONS {
            black_box(set.decide(black_box(facts.as_ref())));
        }
        u64::try_from((start.elapsed() / DECISIONS).as_nanos()).unwrap_or(u64::MAX)
    };
    median(&mut (0..SAMPLES).map(sample).collect::<Vec<_>>())
}

/// Sorts, and takes the one in the middle.
fn median(of: &mut [u64]) -> u64 {
    of.sort_unstable();
    of.get(of.len() / 2).copied().unwrap_or_default()
}

/// A production key with every scope of its kind creates a job, through a gateway that is bound to its organization.
fn question() -> Facts {
    let mut facts = Facts::sample();
    let text = |text: &str| Some(text.to_owned());
    facts.principal.scopes = [
        "jobs:read",
        "jobs:write",
        "workers:manage",
        "webhooks:configure",
        "keys:read",
        "keys:write",
        "network:read",
        "network:write",
        "policies:read",
        "policies:write",
        "audit:read",
    ]
    .map(str::to_owned)
    .to_vec();
    facts.gateway = Some(Gateway {
        id: "gw_00sample0000000000".to_owned(),
        organizations: facts.principal.organization.clone().into_iter().collect(),
        environments: vec!["*".to_owned()],
    });
    facts.action.name = "jobs.create".to_owned();
    facts.action.scopes = vec!["jobs:write".to_owned()];
    facts.action.kinds = vec!["production".to_owned(), "staging".to_owned()];
    facts.request.method = text("POST");
    facts.context.insert("ticket".to_owned(), Value::Text("OPS-17".to_owned()));
    facts.resource = Resource {
        kind: text("queue"),
        id: text("emails"),
        workspace: facts.principal.workspace.clone(),
        ..Resource::default()
    };
    facts
}
