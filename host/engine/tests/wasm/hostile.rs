//! Hostile modules: each is refused at the gate with a reason, or denies.

use access_engine::examine;
use cronflow_policy_cases::Facts;

use crate::guests::{REALLOC, SANDBOX, SETTINGS, bytes, module, upload, verdict, whole};
use crate::{codes, decide};

/// The gate refuses it, and says so.
fn refused(module: Vec<u8>, why: &str) {
    let told = match examine(&upload("hostile", module), &SANDBOX) {
        Ok(examined) => panic!("passed: {:?}", examined.report),
        Err(refused) => refused.findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    };
    assert!(told.contains(why), "{told}\nshould say: {why}");
}

/// The gate refuses it; had it come past, a decision would be denied with this code.
fn stopped(wat: &str, why: &str, code: &str) {
    refused(bytes(wat), why);
    assert_eq!(codes(&decide(wat, &Facts::sample())), [code], "{why}");
}

const LOOP: &str = "(loop (br 0)) (unreachable)";

#[test]
fn endless_loops_run_out_of_fuel() {
    stopped(&module(LOOP, ""), "burns more than", "policy_error");
    stopped(&module(&verdict(2), "(func $start (loop (br 0))) (start $start)"), "burns more than", "policy_error");
    let looping = r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (loop (br 0)) (unreachable))"#;
    stopped(&whole(&verdict(2), &format!("{looping} {SETTINGS}")), "burns more than", "policy_error");
    let in_settings = format!(r#"(func (export "validate-settings") (param i32 i32) (result i32) {LOOP}) {REALLOC}"#);
    refused(bytes(&whole(&verdict(2), &in_settings)), "`validate-settings` burns more than");
}

#[test]
fn deep_recursion_traps() {
    stopped(
        &module("(call $deep)", "(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))"),
        "traps",
        "policy_error",
    );
}

#[test]
fn traps_are_errors_of_the_policy() {
    stopped(&module("unreachable", ""), "traps", "policy_error");
    stopped(&module("(i32.load (i32.const -4))", ""), "traps", "policy_error");
    stopped(&module("(i32.div_u (i32.const 1) (i32.const 0))", ""), "traps", "policy_error");
    let trapping = r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)"#;
    stopped(&whole(&verdict(2), &format!("{trapping} {SETTINGS}")), "traps", "policy_error");
    let start = "(func $start unreachable) (start $start)";
    stopped(&module(&verdict(2), start), "traps", "policy_error");
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
    let large = module(&verdict(2), "").replace("(memory (export \"memory\") 4)", "(memory (export \"memory\") 40)");
    refused(bytes(&large), "memory");
    let tables = module(&verdict(2), "(table 1000000 funcref)");
    refused(bytes(&tables), "table");
}

#[test]
fn lying_answers_are_errors_of_the_policy() {
    let answer = |stores: &str| module(&format!("{stores} (i32.const 128)"), "");
    let store = |at: u32, value: &str| format!("(i32.store (i32.const {at}) (i32.const {value}))");
    let wrong = |stores: String| stopped(&answer(&stores), "does not answer as the world", "policy_error");
    // an effect that there is not
    wrong("(i32.store8 (i32.const 128) (i32.const 7))".to_owned());
    // reasons without end, and outside of memory
    wrong(store(132, "8") + &store(136, "0x7fffffff"));
    wrong(store(132, "0x7ffffff0") + &store(136, "1"));
    // a hundred thousand reasons, each the whole of memory
    let many = "(i32.store8 (i32.const 128) (i32.const 1))".to_owned() + &store(132, "1024") + &store(136, "10000");
    wrong(many);
    // a huge string
    let huge = store(160, "0") + &store(164, "200000") + &store(168, "0") + &store(172, "1");
    wrong(format!("(i32.store8 (i32.const 128) (i32.const 1)) {} {} {huge}", store(132, "160"), store(136, "1")));
    // no UTF-8
    let broken = format!(
        "(i32.store8 (i32.const 300) (i32.const 0xff)) {}{}{}{}",
        store(160, "300"),
        store(164, "1"),
        store(168, "210"),
        store(172, "6")
    );
    wrong(format!("(i32.store8 (i32.const 128) (i32.const 1)) {} {} {broken}", store(132, "160"), store(136, "1")));
    // a forbid without a reason, and one with the host's own code
    wrong("(i32.store8 (i32.const 128) (i32.const 1))".to_owned());
    stopped(&module(&verdict(1), "").replace("\"shut\"", "\"SHUT\""), "does not answer", "policy_error");
    stopped(&module("(i32.const 129)", ""), "does not answer", "policy_error");
    stopped(&module("(i32.const -16)", ""), "does not answer", "policy_error");
}

#[test]
fn a_realloc_that_lies_is_an_error_of_the_policy() {
    for at in ["-1", "0x7ffffff0", "3"] {
        let lying = format!(r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const {at}))"#);
        stopped(&whole(&verdict(2), &format!("{lying} {SETTINGS}")), "does not answer", "policy_error");
    }
}

#[test]
fn what_is_no_policy_is_refused_before_it_is_compiled() {
    let good = bytes(&module(&verdict(2), ""));
    refused(Vec::new(), "no WebAssembly module");
    refused(b"permit()".to_vec(), "no WebAssembly module");
    refused(b"\x7fELF\x02\x01\x01".to_vec(), "compiled code");
    for cut in [8, 9, 40, good.len() / 2, good.len() - 1] {
        let told = examine(&upload("cut", good[..cut].to_vec()), &SANDBOX).map(|_| ()).unwrap_err().findings;
        assert!(!told.is_empty(), "{cut}");
    }
    refused(wat::parse_str("(module)").unwrap(), "no section `component-type`");
    refused(wat::parse_str("(component)").unwrap(), "does not export `evaluate`");
    let wasi = "(import \"wasi_snapshot_preview1\" \"fd_write\" (func (param i32 i32 i32 i32) (result i32)))";
    let wat = module(&verdict(2), "").replacen("(module", &format!("(module {wasi}"), 1);
    refused(bytes(&wat), "not for a wasi target");
    let other = "(import \"env\" \"clock\" (func (result i64)))";
    refused(bytes(&module(&verdict(2), "").replacen("(module", &format!("(module {other}"), 1)), "imports `env`");
    let without = whole(&verdict(2), REALLOC);
    refused(bytes(&without), "does not fit the world");
    let wrong_type =
        module(&verdict(2), "").replace("(param $facts i32) (result i32)", "(param $facts i64) (result i32)");
    refused(bytes(&wrong_type), "does not fit the world");
}

#[test]
fn what_is_too_much_of_anything_is_refused_before_it_is_compiled() {
    let many = |what: &str, count: usize| bytes(&module(&verdict(2), &what.repeat(count)));
    refused(many("(func)", 10_001), "functions");
    refused(many("(global i32 (i32.const 0))", 1_001), "globals");
    let locals = format!("(func (local {}))", "i32 ".repeat(50_000));
    refused(bytes(&module(&verdict(2), &locals)), "locals");
    refused(bytes(&module(&verdict(2), &format!("(func {})", "nop ".repeat(200_000)))), "bytes in a function");
    refused(many("(type (func (param i32)))", 2_001), "types");
    refused(many("(data (i32.const 0) \"x\")", 2_001), "data segments");
    let exports: String = (0..201).map(|i| format!("(export \"e{i}\" (memory 0))")).collect();
    refused(bytes(&module(&verdict(2), &exports)), "exports");
    refused(vec![0; (1 << 20) + 1], "may have 1048576");
    // counts that the file only claims
    let mut claimed = b"\0asm\x01\0\0\0\x03\x06\xff\xff\xff\xff\x0f\x00".to_vec();
    refused(std::mem::take(&mut claimed), "");
}

#[test]
fn features_that_are_off_are_refused() {
    for (what, part) in [
        ("shared memory", "(table 1 externref) (func (drop (i32.atomic.load (i32.const 0))))"),
        ("exceptions", "(tag (param i32))"),
        ("gc", "(type (struct (field i32)))"),
        ("tail calls", "(func $t (return_call $t))"),
        ("relaxed simd", "(func (result v128) (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))"),
    ] {
        let told = examine(&upload("feature", bytes(&module(&verdict(2), part))), &SANDBOX).map(|_| ()).unwrap_err();
        assert!(told.findings[0].to_string().contains("not valid here"), "{what}: {:?}", told.findings);
    }
}
