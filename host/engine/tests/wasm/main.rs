//! WASM modules: what they may, and what stops those that try more. Each limit has a guest that breaks it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what tests share fails like tests")]

mod canary;
mod guests;
mod hostile;
mod hostile_modules;
mod wat;

use std::sync::Arc;

use access_engine::{
    Binding, CompiledCache, Compiler, Limits, PolicyPackage, PolicySet, Sandbox, baseline, examine, inspect,
};
use cronflow_policy_cases::{Decision, Facts};
use guests::{LIMITS, SANDBOX, bytes, module, upload, verdict};
use hostile_modules::BLOCK;
use wat::where_said;

fn package(module: Vec<u8>) -> Arc<PolicyPackage> {
    let upload = upload("guest", module);
    Arc::new(PolicyPackage::from_upload(&upload, &SANDBOX).unwrap_or_else(|errors| panic!("{errors:?}")))
}

/// What the platform's policies and a tenant's module say together.
pub(crate) fn decide(wat: &str, facts: &Facts) -> Decision {
    judge(bytes(wat), facts)
}

pub(crate) fn judge(module: Vec<u8>, facts: &Facts) -> Decision {
    let platform = PolicySet::platform(baseline().unwrap()).unwrap();
    let tenant = PolicySet::new([Binding::tenant(package(module))]).unwrap();
    platform.decide_with(Some(&tenant), facts.as_ref())
}

fn codes(decision: &Decision) -> Vec<&str> {
    match decision {
        Decision::Allow => Vec::new(),
        Decision::Deny(reasons) => reasons.iter().map(|reason| reason.code.as_str()).collect(),
    }
}

#[test]
fn a_module_judges() {
    let facts = Facts::sample();
    for (effect, expected) in [(0, vec![]), (1, vec!["shut"]), (2, vec![])] {
        for way in ["", BLOCK] {
            assert_eq!(codes(&decide(&module(&verdict(effect), way), &facts)), expected, "{effect} {way}");
        }
    }
}

#[test]
fn what_lies_in_memory_can_be_looked_through() {
    for way in ["", BLOCK] {
        let module = module(&where_said(*b"dele", "unreachable"), way);
        examine(&upload("guest", bytes(&module)), &SANDBOX).unwrap();
        let mut facts = Facts::sample();
        assert_eq!(codes(&decide(&module, &facts)), [""; 0]);
        facts.action.name = "jobs.delete".into();
        assert_eq!(codes(&decide(&module, &facts)), ["policy_error"]);
    }
}

#[test]
fn a_module_passes_the_gate_with_a_report() {
    let examined = examine(&upload("guest", bytes(&module(&verdict(2), ""))), &SANDBOX).unwrap();
    let report = examined.report;
    assert!(report.cost.typical > 0 && report.cost.typical <= report.cost.at_most, "{:?}", report.cost);
    assert!(report.checks.iter().any(|check| check.name == "description" && check.found == "a fix"), "{report:?}");
    assert_eq!((report.digest.len(), report.facts_read), (64, vec!["*".to_owned()]));
}

/// A set that was dropped from memory is loaded again without a compiler.
#[test]
fn what_was_compiled_is_loaded_again_and_not_compiled() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = |compiler| {
        let cache = CompiledCache::new(folder.path().to_owned(), [7; 32]);
        Sandbox::new(Limits { instances: 1, ..LIMITS }, compiler, Some(cache)).unwrap()
    };
    let upload = upload("guest", bytes(&module(&verdict(1), "")));
    let load = |sandbox: &Sandbox| PolicyPackage::from_upload(&upload, sandbox);
    let no_compiler = sandbox(Compiler::Child("/nonexistent".into()));
    assert!(load(&no_compiler).is_err());
    let weight = load(&sandbox(Compiler::InProcess)).unwrap().weight();
    let again = load(&no_compiler).unwrap();
    assert_eq!(again.weight(), weight);
    let set = PolicySet::new([Binding::tenant(again)]).unwrap();
    let platform = PolicySet::platform(baseline().unwrap()).unwrap();
    assert_eq!(codes(&platform.decide_with(Some(&set), Facts::sample().as_ref())), ["shut"]);
}

/// What tools make of a core module themselves.
#[test]
fn a_component_passes_the_gate_as_well() {
    let component = inspect(&bytes(&module(&verdict(1), ""))).unwrap();
    assert!(examine(&upload("guest", component), &SANDBOX).is_ok());
}

#[test]
fn the_same_facts_burn_the_same() {
    let looping = format!(
        "(local $i i32) (loop (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5000)))) {}",
        verdict(2)
    );
    let upload = upload("guest", bytes(&module(&looping, "")));
    let cost = || examine(&upload, &SANDBOX).unwrap().report.cost;
    assert_eq!(cost(), cost());
    assert!(cost().typical > 20_000, "{:?}", cost());
}
