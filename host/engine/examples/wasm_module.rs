//! Measures a decision by one WASM module in process: facts built, a fresh instance each.
//!
//! `cargo run --profile dist -p access-engine --example wasm_module -- policy.wasm`

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use access_engine::{Binding, Compiler, Engine, Limits, PolicyPackage, PolicySet, Sandbox, Upload};
use cronflow_policy_cases::{Attributes, CaseFile, Facts};

const ROUNDS: usize = 41;
const PER_ROUND: u32 = 5_000;

#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement reads the clock and prints")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("name a policy.wasm")?;
    let module = std::fs::read(path)?;
    let upload = Upload {
        name: "measured".to_owned(),
        engine: Engine::Wasm,
        module,
        settings: Attributes::new(),
        attributes: Default::default(),
        cases: CaseFile { cases: Vec::new() },
    };
    let sandbox = Sandbox::new(Limits::SERVING, Compiler::InProcess, None)?;
    let shown = |errors: Vec<access_engine::GateError>| errors.iter().map(|e| format!("{e}\n")).collect::<String>();
    let package = Arc::new(PolicyPackage::from_upload(&upload, &sandbox).map_err(shown)?);
    let set = PolicySet::new([Binding::tenant(package)]).map_err(shown)?;
    let facts = Facts::sample();
    let facts = facts.as_ref();
    println!("{:?}", set.explain(facts));
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = std::time::Instant::now();
            for _ in 0..PER_ROUND {
                black_box(set.decide_inline(None, black_box(facts)));
            }
            start.elapsed() / PER_ROUND
        })
        .collect();
    rounds.sort();
    println!("{:?} median, from {:?}", rounds.get(ROUNDS / 2), rounds.first());
    Ok(())
}
