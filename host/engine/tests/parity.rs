//! The shipped policies that are there in Rust too: their CEL, the function natively and its module in the sandbox say the same,
//! whatever the facts.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what tests share fails like tests")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::Path;

use access_engine::{Compiler, Limits, PolicyPackage, PolicySet, Sandbox, limits, run_cases};
use cronflow_policy::Policy;
use cronflow_policy_cases::{Effect, Facts, Verdict};
use harness::guest::shipped_in_rust;
use harness::{WASM_TARGET, is_left_to_tests_run};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use proptest::{option, sample};

fn address() -> impl Strategy<Value = String> {
    let telling = [
        "203.0.113.7",
        "203.0.113.0",
        "203.0.113.255",
        "203.0.114.0",
        "10.0.0.1",
        "::ffff:203.0.113.7",
        "::ffff:cb00:7107",
        "2001:db8:1::7",
        "2001:DB8:1:0:0:0:0:7",
        "::",
        "0.0.0.0",
        "255.255.255.255",
        "",
        "203.0.113.7:443",
        "[::1]",
        "fe80::1%eth0",
        "0203.0.113.7",
        " 10.0.0.1",
        "10.1",
        "localhost",
    ];
    let v4 = any::<[u8; 4]>().prop_map(|octets| std::net::Ipv4Addr::from(octets).to_string());
    let v6 = any::<[u16; 8]>().prop_map(|groups| std::net::Ipv6Addr::from(groups).to_string());
    prop_oneof![6 => sample::select(telling.to_vec()).prop_map(str::to_owned), 1 => v4, 1 => v6, 1 => ".{0,12}"]
}

fn network() -> impl Strategy<Value = String> {
    let telling =
        ["0.0.0.0/0", "::/0", "::ffff:0:0/96", "::ffff:203.0.113.0/120", "10.0.0.0/08", "010.0.0.0/8", "/8", "all"];
    let length = prop_oneof![4 => 0..=32_u8, 2 => 0..=128_u8, 1 => any::<u8>()];
    let made = (address(), length).prop_map(|(address, length)| format!("{address}/{length}"));
    prop_oneof![3 => made, 2 => sample::select(telling.to_vec()).prop_map(str::to_owned), 1 => address()]
}

/// As many as an action may list for CEL to judge it: over that, CEL errs, which denies.
fn scopes() -> impl Strategy<Value = Vec<String>> {
    let scope = sample::select(vec!["jobs:read", "jobs:write", "workers:manage", "JOBS:READ", "*", ""]);
    let many = (20..=limits::NAMES).prop_map(|many| (0..many).map(|n| format!("scope:{n}")).collect());
    prop_oneof![8 => vec(scope.prop_map(str::to_owned), 0..4), 1 => many]
}

fn facts() -> impl Strategy<Value = Facts> {
    let list = || option::of(vec(network(), 0..4));
    let category = sample::select(vec!["customer", "customer", "management", "decision", "else"]);
    let workspace = prop_oneof![4 => list().prop_map(Some), 1 => Just(None)];
    (option::of(address()), list(), workspace, category, scopes(), scopes(), ".{0,9}").prop_map(
        |(ip, own, workspace, category, wanted, held, name)| {
            let mut facts = Facts::sample();
            facts.request.ip = ip;
            facts.principal.ip_allow = own;
            facts.principal.scopes = held;
            match (workspace, &mut facts.workspace) {
                (Some(listed), Some(workspace)) => workspace.ip_allow = listed,
                _ => facts.workspace = None,
            }
            category.clone_into(&mut facts.action.category);
            facts.action.scopes = wanted;
            facts.action.name = name;
            facts
        },
    )
}

/// What a policy said: its effect, its reasons' codes and their texts. `None`: it erred.
type Spoken = Option<(Effect, Vec<(String, String)>)>;

fn spoken(verdict: Verdict) -> (Effect, Vec<(String, String)>) {
    (verdict.effect, verdict.reasons.into_iter().map(|reason| (reason.code, reason.message)).collect())
}

fn codes((effect, reasons): &(Effect, Vec<(String, String)>)) -> (Effect, Vec<&str>) {
    (*effect, reasons.iter().map(|(code, _)| code.as_str()).collect())
}

/// The shipped folder, or the same with the module that its Rust builds.
fn package(name: &str, module: Option<Vec<u8>>, sandbox: &Sandbox) -> PolicyPackage {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies").join(name);
    let read = |file: &str| (file.to_owned(), std::fs::read(folder.join(file)).unwrap());
    let mut files = BTreeMap::from(["manifest.toml", "policy.cel", "cases.toml"].map(read));
    if let Some(module) = module {
        let manifest = String::from_utf8(files["manifest.toml"].clone()).unwrap();
        let of_wasm = manifest.replace("engine = \"cel\"", "engine = \"wasm\"");
        assert_ne!(of_wasm, manifest);
        files.insert("manifest.toml".to_owned(), of_wasm.into_bytes());
        files.insert("policy.wasm".to_owned(), module);
    }
    PolicyPackage::from_files(name, &files, Some(sandbox)).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// What the engine hears. An action that the policy does not see is no question to it.
fn of_the_engine(set: &PolicySet, facts: &Facts) -> Option<Spoken> {
    let [heard] = <[_; 1]>::try_from(set.explain(facts.as_ref())).ok()?;
    Some(heard.verdict.ok().map(spoken))
}

/// What the function says, natively. A panic is what would be a trap in a guest.
fn of_the_function(policy: &'static Policy, facts: &Facts) -> Spoken {
    let facts = facts.clone().into();
    catch_unwind(|| policy.evaluate(&facts, &[])).ok().map(|verdict| spoken(verdict.into()))
}

/// All of its cases pass as a module, and the three agree on generated facts, of which many come to each of these effects, and
/// some to an error if it `errs`.
fn check(policy: &'static Policy, effects: &[Effect], errs: bool) {
    if is_left_to_tests_run(WASM_TARGET) {
        return;
    }
    let name = policy.name();
    let sandbox = Sandbox::new(Limits { instances: 2, ..Limits::SERVING }, Compiler::InProcess, None).unwrap();
    let module = package(name, Some(shipped_in_rust(name)), &sandbox);
    let report = run_cases(&module);
    assert!(report.is_success(), "\n{report}");
    let module = PolicySet::platform([module]).unwrap();
    let cel = PolicySet::platform([package(name, None, &sandbox)]).unwrap();

    // How often each kind of answer came, so that none is agreed on by being asked for never.
    let came = Cell::new([0; 4]);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) };
    let agreed = TestRunner::new(config).run(&facts(), |facts| {
        let (of_cel, of_module) = (of_the_engine(&cel, &facts), of_the_engine(&module, &facts));
        prop_assert_eq!(&of_cel, &of_module, "CEL and module");
        let Some(of_cel) = of_cel else { return Ok(()) };
        // The engine cleans and shortens texts, which a function alone does not.
        let of_function = of_the_function(policy, &facts);
        prop_assert_eq!(of_cel.as_ref().map(codes), of_function.as_ref().map(codes), "CEL and function");
        let mut counts = came.get();
        counts[of_cel.map_or(3, |(effect, _)| effect as usize)] += 1;
        came.set(counts);
        Ok(())
    });
    agreed.unwrap_or_else(|error| panic!("{error}"));
    let [permitted, forbidden, silent, erred] = came.get();
    for (count, effect) in [(permitted, Effect::Permit), (forbidden, Effect::Forbid), (silent, Effect::NoMatch)] {
        assert_eq!(count > 100, effects.contains(&effect), "{effect:?}: {count}");
    }
    assert_eq!(erred > 20, errs, "erred: {erred}");
}

#[test]
fn ip_allow_list_says_the_same_in_cel_and_rust() {
    check(&ip_allow_list::POLICY, &[Effect::Forbid, Effect::NoMatch], true);
}

#[test]
fn scopes_says_the_same_in_cel_and_rust() {
    check(&scopes::POLICY, &[Effect::Permit, Effect::Forbid], false);
}
