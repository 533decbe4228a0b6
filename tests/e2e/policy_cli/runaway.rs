//! What passes the gate and goes wrong afterwards: taken back by whoever published it.

use std::fs;

use harness::Host;
use harness::process::workspace_root;
use wit_component::StringEncoding;
use wit_parser::Resolve;

use super::{Author, create_job};

/// A module that has nothing to say at the time of the sample facts, where the gate tries it, and at any other does `otherwise`.
fn module(otherwise: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
    (memory (export "memory") 4)
    (global $next (mut i32) (i32.const 8192))
    (data (i32.const 128) "\02\00\00\00\00\00\00\00\00\00\00\00")
    (data (i32.const 160) "\c8\00\00\00\05\00\00\00\d2\00\00\00\07\00\00\00")
    (data (i32.const 200) "never") (data (i32.const 210) "nothing")
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (global.set $next (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
        (global.get $next)
        (global.set $next (i32.add (global.get $next) (local.get 3))))
    (func (export "evaluate") (param i32) (result i32)
        (if (i64.ne (i64.load (local.get 0)) (i64.const 1767225600000)) (then {otherwise}))
        (i32.const 128))
    (func (export "validate-settings") (param i32 i32) (result i32) (i32.const 64))
    (func (export "describe") (result i32) (i32.const 64)))"#
    );
    let mut core = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(workspace_root().join("sdk-guest/wit")).unwrap();
    let world = resolve.select_world(&[package], Some("policy")).unwrap();
    wit_component::embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).unwrap();
    core
}

#[test]
fn looping_trapping_and_forbidding_everything_is_rolled_back() {
    const FORBID: &str = "(i32.store8 (i32.const 128) (i32.const 1)) (i32.store (i32.const 132) (i32.const 160))
        (i32.store (i32.const 136) (i32.const 1))";
    let host = Host::dev();
    let author = Author::of(&host);
    let folder = author.folder.join("runaway");
    fs::create_dir(&folder).unwrap();
    let manifest = "name = \"runaway\"\nversion = \"1.0.0\"\nengine = \"wasm\"\ndescription = \"Goes wrong.\"\n\
                    sees = [\"customer\"]\nreasons = [\"never\"]\n";
    fs::write(folder.join("manifest.toml"), manifest).unwrap();
    fs::write(folder.join("policy.wasm"), module("")).unwrap();
    author.policy(&["push", "runaway", "--publish"]).check(0, &["in_force"]);
    create_job(&host).check_allow();
    for (otherwise, code) in [("(loop (br 0))", "policy_error"), ("unreachable", "policy_error"), (FORBID, "never")] {
        fs::write(folder.join("policy.wasm"), module(otherwise)).unwrap();
        author.policy(&["push", "runaway"]).check(0, &["is a draft"]);
        create_job(&host).check_allow();
        author.policy(&["publish", "runaway"]).check(0, &[]);
        create_job(&host).check_deny(&[code]);
        let back = author.told(&["rollback", "runaway"]);
        assert_eq!(back["published"]["revision"], 1, "{back}");
        create_job(&host).check_allow();
    }
    // With nothing before, nothing of it is left.
    author.policy(&["rollback", "runaway"]).check(0, &["nothing of it is in force any more"]);
    create_job(&host).check_allow();
}
