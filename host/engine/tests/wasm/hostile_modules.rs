//! Modules that mean harm, one for each way. The tests of a running host send it the same.

use crate::wat::{REALLOC, SETTINGS, bytes, module, verdict, whole};

/// A module that the gate must refuse.
pub(crate) struct Hostile {
    pub(crate) module: Vec<u8>,
    /// Part of what the gate says.
    pub(crate) why: &'static str,
}

const LOOP: &str = "(loop (br 0)) (unreachable)";
const LOOPS: &str = "burns more than";
const TRAPS: &str = "traps";
const LIES: &str = "does not answer as the world";

/// Those that are policies all the same, and would deny had they come past the gate.
pub(crate) fn policies() -> Vec<Hostile> {
    let whichever = [(loops(), LOOPS), (traps(), TRAPS), (lies(), LIES)];
    let whichever = whichever.into_iter().flat_map(|(wats, why)| wats.into_iter().map(move |wat| (wat, why)));
    // once by a component's adapters, and once without
    let whichever = whichever.flat_map(|(wat, why)| [(directly(&wat, BLOCK), why), (wat, why)]);
    let mut all: Vec<_> = whichever.collect();
    for (body, why) in [LOOP, "unreachable"].into_iter().zip([LOOPS, TRAPS]).chain(NOWHERE.map(|at| (at, LIES))) {
        let allocating = |name, params| format!(r#"(func (export "{name}") (param {params}) (result i32) {body})"#);
        let realloc = allocating("cabi_realloc", "i32 i32 i32 i32");
        all.push((whole(&verdict(2), &format!("{realloc} {SETTINGS}")), why));
        all.push((directly(&module(&verdict(2), ""), &allocating("cronflow-policy-block", "i32")), why));
    }
    all.into_iter().map(|(wat, why)| Hostile { module: bytes(&wat), why }).collect()
}

/// Those that are none.
pub(crate) fn no_policies() -> Vec<Hostile> {
    let all = [malformed(), too_much(), switched_off()].into_iter().flatten();
    all.map(|(module, why)| Hostile { module, why }).collect()
}

/// Sets a block aside by counting up, as the SDK does: a module with this is called without a component's adapters.
pub(crate) const BLOCK: &str = r#"(func (export "cronflow-policy-block") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (local.get $at))"#;

/// Where no memory can be handed out.
const NOWHERE: [&str; 3] = ["(i32.const -1)", "(i32.const 0x7ffffff0)", "(i32.const 3)"];

/// The same module, called without a component's adapters.
pub(crate) fn directly(wat: &str, block: &str) -> String {
    wat.replacen(r#"(func (export "evaluate")"#, &format!(r#"{block} (func (export "evaluate")"#), 1)
}

fn loops() -> Vec<String> {
    vec![module(LOOP, ""), module(&verdict(2), "(func $start (loop (br 0))) (start $start)")]
}

fn traps() -> Vec<String> {
    vec![
        module("(call $deep)", "(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))"),
        module("unreachable", ""),
        module("(i32.load (i32.const -4))", ""),
        module("(i32.div_u (i32.const 1) (i32.const 0))", ""),
        module(&verdict(2), "(func $start unreachable) (start $start)"),
    ]
}

/// Answers that are none.
fn lies() -> Vec<String> {
    let store = |at: u32, value: &str| format!("(i32.store (i32.const {at}) (i32.const {value}))");
    let forbids = "(i32.store8 (i32.const 128) (i32.const 1))";
    let reason = format!("{forbids} {} {}", store(132, "160"), store(136, "1"));
    let answers = [
        // an effect that there is not
        "(i32.store8 (i32.const 128) (i32.const 7))".to_owned(),
        // reasons without end, and outside of memory
        store(132, "8") + &store(136, "0x7fffffff"),
        store(132, "0x7ffffff0") + &store(136, "1"),
        // ten thousand reasons
        format!("{forbids} {} {}", store(132, "1024"), store(136, "10000")),
        // a huge string
        reason.clone() + &store(160, "0") + &store(164, "200000") + &store(168, "0") + &store(172, "1"),
        // no UTF-8
        reason
            + "(i32.store8 (i32.const 300) (i32.const 0xff))"
            + &[store(160, "300"), store(164, "1"), store(168, "210"), store(172, "6")].concat(),
        // a forbid without a reason
        forbids.to_owned(),
    ];
    let answers = answers.map(|stores| module(&format!("{stores} (i32.const 128)"), ""));
    let others = [
        // a code that is none
        module(&verdict(1), "").replace("\"shut\"", "\"SHUT\""),
        // a verdict askew, and one outside of memory
        module("(i32.const 129)", ""),
        module("(i32.const -16)", ""),
    ];
    answers.into_iter().chain(others).collect()
}

/// What is no module, or another.
fn malformed() -> Vec<(Vec<u8>, &'static str)> {
    let good = bytes(&module(&verdict(2), ""));
    let importing = |import: &str| bytes(&module(&verdict(2), "").replacen("(module", &format!("(module {import}"), 1));
    let wrong_type = ("(param $facts i32) (result i32)", "(param $facts i64) (result i32)");
    let in_settings = format!(r#"(func (export "validate-settings") (param i32 i32) (result i32) {LOOP}) {REALLOC}"#);
    let cut = [8, 9, 40, good.len() / 2, good.len() - 1].map(|cut| (good.iter().take(cut).copied().collect(), ""));
    let mut all = vec![
        (Vec::new(), "no WebAssembly module"),
        (b"permit()".to_vec(), "no WebAssembly module"),
        (b"\x7fELF\x02\x01\x01".to_vec(), "compiled code"),
        (wat::parse_str("(module)").unwrap(), "no section `component-type`"),
        ([good.clone(), b"\x00\x11\x10component-type:x".repeat(4)].concat(), "5 sections `component-type`"),
        (wat::parse_str("(component)").unwrap(), "does not export `evaluate`"),
        (
            importing("(import \"wasi_snapshot_preview1\" \"fd_write\" (func (param i32 i32 i32 i32) (result i32)))"),
            "not for a wasi target",
        ),
        (importing("(import \"env\" \"clock\" (func (result i64)))"), "imports `env`"),
        (bytes(&whole(&verdict(2), REALLOC)), "does not fit the world"),
        (bytes(&module(&verdict(2), "").replace(wrong_type.0, wrong_type.1)), "does not fit the world"),
        (bytes(&whole(&verdict(2), &in_settings)), "`validate-settings` burns more than"),
    ];
    all.extend(cut);
    all
}

/// What has too much of something.
fn too_much() -> Vec<(Vec<u8>, &'static str)> {
    let with = |part: &str| bytes(&module(&verdict(2), part));
    let many = |part: &str, count: usize| with(&part.repeat(count));
    let exports: String = (0..201).map(|i| format!("(export \"e{i}\" (memory 0))")).collect();
    let memory = ("(memory (export \"memory\") 4)", "(memory (export \"memory\") 40)");
    vec![
        (bytes(&module(&verdict(2), "").replace(memory.0, memory.1)), "memory"),
        (with("(table 1000000 funcref)"), "table"),
        (many("(func)", 10_001), "functions"),
        (many("(global i32 (i32.const 0))", 1_001), "globals"),
        (with(&format!("(func (local {}))", "i32 ".repeat(50_000))), "locals"),
        (with(&format!("(func {})", "nop ".repeat(200_000))), "bytes in a function"),
        (many("(type (func (param i32)))", 2_001), "types"),
        (many("(data (i32.const 0) \"x\")", 2_001), "data segments"),
        (with(&exports), "exports"),
        // a count that the file only claims
        (b"\0asm\x01\0\0\0\x03\x06\xff\xff\xff\xff\x0f\x00".to_vec(), ""),
        // as many functions as a file of the largest size has room to claim
        (with_functions(1_000_000), "functions"),
    ]
}

/// A core module that declares so many functions of one type, and has no code for them.
fn with_functions(count: usize) -> Vec<u8> {
    let length = |mut number: usize| {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    };
    let types = [length(count), vec![0; count]].concat();
    [b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03".as_slice(), &length(types.len()), &types].concat()
}

/// What the sandbox has switched off.
fn switched_off() -> Vec<(Vec<u8>, &'static str)> {
    let parts = [
        // shared memory, exceptions, GC, tail calls, relaxed SIMD
        "(table 1 externref) (func (drop (i32.atomic.load (i32.const 0))))",
        "(tag (param i32))",
        "(type (struct (field i32)))",
        "(func $t (return_call $t))",
        "(func (result v128) (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))",
    ];
    parts.map(|part| (bytes(&module(&verdict(2), part)), "not valid here")).into()
}
