//! Hostile modules: each is refused at the gate with a reason, or denies.

use access_engine::{Binding, Compiler, Limits, PolicyPackage, PolicySet, Sandbox, Upload, baseline, examine, limits};
use cronflow_policy_cases::{CaseFile, Facts};

use crate::guests::{LIMITS, SANDBOX, module, upload, verdict};
use crate::hostile_modules::{BLOCK, directly, no_policies, policies};
use crate::wat::where_said;
use crate::{codes, decide, judge};

/// The gate refuses it, and says so.
fn refused(number: usize, module: Vec<u8>, why: &str) {
    refused_by(&SANDBOX, number, module, why);
}

fn refused_by(sandbox: &Sandbox, number: usize, module: Vec<u8>, why: &str) {
    let told = match examine(&upload("hostile", module), sandbox) {
        Ok(examined) => panic!("{number} passed: {:?}", examined.report),
        Err(refused) => refused.findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    };
    assert!(!told.is_empty() && told.contains(why), "{number}: {told}\nshould say: {why}");
}

#[test]
fn the_gate_refuses_and_says_why() {
    for (number, hostile) in policies().into_iter().chain(no_policies()).enumerate() {
        refused(number, hostile.module, hostile.why);
    }
    refused(usize::MAX, vec![0; (1 << 20) + 1], "may have 1048576");
}

#[test]
fn what_had_come_past_the_gate_denies() {
    for hostile in policies() {
        assert_eq!(codes(&judge(hostile.module, &Facts::sample())), ["policy_error"], "{}", hostile.why);
    }
}

/// Growing fails softly, as WebAssembly says; what the module does then is its own affair.
#[test]
fn memory_grows_to_its_limit_and_no_further() {
    let bomb = format!(
        "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
         (if (i32.gt_u (memory.size) (i32.const 32)) (then unreachable)) {}",
        verdict(1)
    );
    assert_eq!(codes(&decide(&module(&bomb, ""), &Facts::sample())), ["shut"]);
    let at_once =
        format!("(if (i32.ne (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable)) {}", verdict(2));
    assert_eq!(codes(&decide(&module(&at_once, ""), &Facts::sample())), [""; 0]);
}

/// What it is compiled to stays in memory, with what the module fills its own memory with.
#[test]
fn compiled_code_has_a_limit_for_each_module_and_for_a_tenant() {
    let data = format!("(data (i32.const 100000) \"{}\")", "x".repeat(1_000_000));
    let pages = (r#"(memory (export "memory") 4)"#, r#"(memory (export "memory") 32)"#);
    let bulky = || crate::guests::bytes(&module(&verdict(2), &data).replace(pages.0, pages.1));
    let small = Limits { code_bytes: 1_000_000, instances: 1, ..LIMITS };
    let small = Sandbox::new(small, Compiler::InProcess, None).unwrap();
    refused_by(&small, 0, bulky(), "its compiled code exceeds 1000000 bytes");
    assert!(examine(&upload("small", crate::guests::bytes(&module(&verdict(2), ""))), &small).is_ok());

    let package = |n: u64| PolicyPackage::from_upload(&upload(&format!("p{n}"), bulky()), &SANDBOX).unwrap();
    let weight = package(0).weight();
    assert!(weight > 2_000_000, "the module and its code: {weight}");
    let set = |count: u64| PolicySet::new((0..count).map(|n| Binding::tenant(package(n))));
    let fit = limits::SET_BYTES / weight;
    assert_eq!(set(fit).unwrap().weight() / weight, fit);
    let told = set(fit + 1).unwrap_err().first().map(ToString::to_string).unwrap_or_default();
    assert!(told.contains("while they are loaded and may take 16777216"), "{told}");
}

/// Cases may come in hundreds, and an evaluation's fuel is for each.
#[test]
fn cases_have_a_budget_together() {
    let sandbox = |cases_fuel| {
        let limits = Limits { cases_fuel, instances: 1, ..LIMITS };
        Sandbox::new(limits, Compiler::InProcess, None).unwrap()
    };
    let endless = crate::guests::bytes(&module(&where_said(*b"loop", "(loop (br 0))"), ""));
    let expected = r#"facts = { action = { name = "loop" } }
        expect = { error = true }"#;
    let cases: String = (0..3).map(|n| format!("[[case]]\nname = \"{n}\"\n{expected}\n")).collect();
    let upload = Upload { cases: CaseFile::parse(&cases).unwrap(), ..upload("endless", endless) };
    let cost = 3 * Limits::SERVING.fuel;
    assert!(examine(&upload, &sandbox(cost + 1)).is_ok());
    for cases_fuel in [1, cost - 1, cost] {
        let refused = examine(&upload, &sandbox(cases_fuel)).unwrap_err();
        let told = refused.findings.first().map(ToString::to_string).unwrap_or_default();
        assert!(told.contains(&format!("burn more than {cases_fuel} fuel together")), "{told}");
    }
}

/// By the clock, and so by how busy the machine is: that is no error of the policy.
#[test]
fn the_backstop_answers_that_it_is_overloaded() {
    let fuel = u64::MAX >> 2;
    let limits = Limits { fuel, decision_fuel: fuel, deadline_ms: 1, instances: 1, ..Limits::SERVING };
    let sandbox = Sandbox::new(limits, Compiler::InProcess, None).unwrap();
    let upload = upload("endless", crate::guests::bytes(&module("(loop (br 0)) unreachable", "")));
    let tenant = PolicySet::new([Binding::tenant(PolicyPackage::from_upload(&upload, &sandbox).unwrap())]).unwrap();
    let platform = PolicySet::platform(baseline().unwrap()).unwrap();
    let decision = platform.decide_with(Some(&tenant), Facts::sample().as_ref());
    assert_eq!(codes(&decision), ["policy_overloaded"]);
}

/// Of each line the host makes a copy, over the limit or not. That is paid in fuel, so that it is the module's budget that ends it,
/// and not the clock.
#[test]
fn logging_without_an_end_runs_out_of_fuel() {
    let import = r#"(module (import "cronflow:policy/log@1.0.0" "line" (func $line (param i32 i32)))"#;
    for bytes in [0, 8_000] {
        let logs = format!("(loop (call $line (i32.const 100000) (i32.const {bytes})) (br 0)) (unreachable)");
        let hostile = module(&logs, "").replacen("(module", import, 1);
        for hostile in [directly(&hostile, BLOCK), hostile] {
            assert_eq!(codes(&decide(&hostile, &Facts::sample())), ["policy_error"], "{bytes} bytes");
            refused(bytes, crate::guests::bytes(&hostile), "burns more than");
        }
    }
}
