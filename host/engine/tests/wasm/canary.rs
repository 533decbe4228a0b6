//! What a guest leaves behind, the next one never sees: not in memory, wherever it lies, and not in a table.

use std::sync::Arc;

use access_engine::{Binding, Compiler, Limits, PolicyPackage, PolicySet, Sandbox};
use cronflow_policy_cases::{Decision, Effect, Facts, Value};

use crate::guests::{LIMITS, SANDBOX, bytes, module, upload, verdict};
use crate::hostile_modules::BLOCK;
use crate::{codes, judge};

/// Instances of each test, half of them the one tenant's and half the other's.
const INSTANCES: usize = 10_000;
/// What a module has besides: it is called by a component's adapters, or without.
const WAYS: [&str; 2] = ["", BLOCK];
/// Pages of memory that a guest may have.
const PAGES: usize = Limits::SERVING.memory_bytes >> 16;
/// Elements of a table.
const ELEMENTS: usize = Limits::SERVING.table_elements;

/// Tenant A: takes all the memory that it can get, fills it behind what it needs itself, and the table, with what is not 0.
fn leaves(rest: &str) -> Vec<u8> {
    let fills = format!(
        "(drop (memory.grow (i32.const {PAGES})))
         (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
         (if (i32.ne (memory.size) (i32.const {PAGES})) (then unreachable))
         (memory.fill (global.get $next) (i32.const 0xCA) (i32.sub (i32.const {end}) (global.get $next)))
         (table.fill (i32.const 0) (ref.func $canary) (i32.const {ELEMENTS}))
         {}",
        verdict(1),
        end = PAGES << 16,
    );
    bytes(&module(&fills, &format!("(table {ELEMENTS} funcref) (elem declare func $canary) (func $canary) {rest}")))
}

/// Tenant B: takes all the memory that it can get, too, and forbids if anything there, or in its table, is not 0.
fn looks(rest: &str) -> Vec<u8> {
    let sees = format!("(then {} (return))", verdict(1));
    let looks = format!(
        "(local $at i32)
         (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
         (if (i32.ne (memory.size) (i32.const {PAGES})) (then unreachable))
         (loop (if (i32.eqz (ref.is_null (table.get (local.get $at)))) {sees})
            (br_if 0 (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const {ELEMENTS}))))
         (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
         (loop (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) {sees})
            (br_if 0 (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const {end}))))
         {}",
        verdict(2),
        end = PAGES << 16,
    );
    bytes(&module(&looks, &format!("(table {ELEMENTS} funcref) {rest}")))
}

/// A policy as its tenant's set.
fn tenant(module: Vec<u8>, sandbox: &Sandbox) -> PolicySet {
    let package = PolicyPackage::from_upload(&upload("guest", module), sandbox).unwrap_or_else(|e| panic!("{e:?}"));
    PolicySet::new([Binding::tenant(Arc::new(package))]).unwrap()
}

/// The first tenant's facts, which have the canary in them as well.
fn secret() -> Facts {
    let mut facts = Facts::sample();
    facts.context.extend((0..16).map(|n| (format!("canary{n}"), Value::Text("\u{CA}".repeat(500)))));
    facts
}

/// Asks the one, which must have left everything behind, and then the other, which must have found nothing.
#[track_caller]
fn check(first: &PolicySet, other: &PolicySet, secret: &Facts, facts: &Facts) {
    assert_eq!(effect(first, secret), Effect::Forbid, "it filled nothing");
    assert_eq!(effect(other, facts), Effect::NoMatch, "it saw what is not its own");
}

#[track_caller]
fn effect(set: &PolicySet, facts: &Facts) -> Effect {
    match set.explain(facts.as_ref()).as_slice() {
        [said] => said.verdict.as_ref().unwrap_or_else(|fault| panic!("{fault:?}")).effect,
        said => panic!("{said:?}"),
    }
}

/// With room for one instance, each is where the one before it was.
#[test]
fn in_the_same_place_nothing_is_left_of_the_one_before() {
    let sandbox = Sandbox::new(Limits { instances: 1, ..LIMITS }, Compiler::InProcess, None).unwrap();
    let (secret, facts) = (secret(), Facts::sample());
    for rest in WAYS {
        let (first, other) = (tenant(leaves(rest), &sandbox), tenant(looks(rest), &sandbox));
        (0..INSTANCES / 2).for_each(|_| check(&first, &other, &secret, &facts));
    }
}

/// As hosts run it: many tenants at once in the same pool, which has fewer places than they have modules.
#[test]
fn among_many_tenants_nobody_sees_what_is_anothers() {
    const TENANTS: usize = Limits::SERVING.instances as usize;
    const THREADS: usize = 4;
    let both = |number| {
        let own = format!("(func (export \"tenant-{number}\")) {}", WAYS[number % 2]);
        (tenant(leaves(&own), &SANDBOX), tenant(looks(&own), &SANDBOX))
    };
    let pairs: Vec<_> = (0..TENANTS).map(both).collect();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let pairs = &pairs;
            scope.spawn(move || {
                let (secret, facts) = (secret(), Facts::sample());
                for round in 0..INSTANCES / 2 / THREADS {
                    // each thread in an order of its own
                    let (first, _) = &pairs[(round * 7 + thread * 13) % TENANTS];
                    let (_, other) = &pairs[(round * 11 + thread * 29) % TENANTS];
                    check(first, other, &secret, &facts);
                }
            });
        }
    });
}

/// Whoever looks finds what there is, so that finding nothing means something.
#[test]
fn who_looks_finds_what_is_there() {
    let facts = Facts::sample();
    assert_eq!(judge(looks(""), &facts), Decision::Allow);
    let last = ELEMENTS - 1;
    for there in [
        "(data (i32.const 200001) \"\\CA\")".to_owned(),
        format!("(elem (i32.const {last}) func $canary) (func $canary)"),
    ] {
        assert_eq!(codes(&judge(looks(&there), &facts)), ["shut"], "{there}");
    }
}
