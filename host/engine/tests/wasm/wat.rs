//! Guests written in WAT: the smallest modules that are policies. The tests of a running host share them.

use wit_component::StringEncoding;
use wit_parser::Resolve;

/// Allocates by counting up, as the SDK does.
pub(crate) const REALLOC: &str = r#"(func (export "cabi_realloc") (param $old i32) (param $had i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
        (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (local.get $at))"#;

/// The exports that every policy has, and nothing special about them.
pub(crate) const SETTINGS: &str = r#"(func (export "validate-settings") (param i32 i32) (result i32) (i32.const 64))"#;
const DESCRIBE: &str = r#"(func (export "describe") (result i32)
    (i32.store (i32.const 80) (i32.const 96)) (i32.store (i32.const 84) (i32.const 5)) (i32.const 80))"#;

/// A verdict in memory at 128: 0 permits, 1 forbids with the reason `shut`, 2 has nothing to say.
pub(crate) fn verdict(effect: u8) -> String {
    let reason = "(i32.store (i32.const 132) (i32.const 160)) (i32.store (i32.const 136) (i32.const 1))
        (i32.store (i32.const 160) (i32.const 200)) (i32.store (i32.const 164) (i32.const 4))
        (i32.store (i32.const 168) (i32.const 210)) (i32.store (i32.const 172) (i32.const 6))";
    let reasons = if effect == 1 { reason } else { "" };
    format!("(i32.store8 (i32.const 128) (i32.const {effect})) {reasons} (i32.const 128)")
}

/// A module: what it judges by, and whatever else it has.
pub(crate) fn module(evaluate: &str, rest: &str) -> String {
    whole(evaluate, &format!("{REALLOC} {SETTINGS} {rest}"))
}

/// A module of which everything but memory and `describe` is given.
pub(crate) fn whole(evaluate: &str, rest: &str) -> String {
    format!(
        r#"(module
    (memory (export "memory") 4)
    (global $next (mut i32) (i32.const 8192))
    (data (i32.const 96) "a fix")
    (data (i32.const 200) "shut") (data (i32.const 210) "closed")
    {DESCRIBE}
    (func (export "evaluate") (param $facts i32) (result i32) {evaluate})
    {rest})"#
    )
}

/// The module's bytes, carrying the world's type as what the SDK builds does.
pub(crate) fn bytes(wat: &str) -> Vec<u8> {
    let mut core = wat::parse_str(wat).unwrap();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("policy.wit", include_str!("../../../../sdk-guest/wit/policy.wit")).unwrap();
    let world = resolve.select_world(&[package], Some("policy")).unwrap();
    wit_component::embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).unwrap();
    core
}

/// Judges nothing, but does `then` wherever the facts, as they lie in memory, have these four letters in them.
pub(crate) fn where_said(letters: [u8; 4], then: &str) -> String {
    let wanted = u32::from_le_bytes(letters);
    format!(
        "(local $at i32) (local.set $at (i32.const 8192))
        (loop (if (i32.lt_u (local.get $at) (global.get $next)) (then
            (if (i32.eq (i32.load (local.get $at)) (i32.const {wanted})) (then {then}))
            (local.set $at (i32.add (local.get $at) (i32.const 1))) (br 1))))
        {}",
        verdict(2)
    )
}
