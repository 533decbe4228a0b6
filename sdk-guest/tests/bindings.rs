//! The bindings that are checked in are those of the contract.

#![expect(clippy::unwrap_used, reason = "what tests share fails like tests")]

use std::path::Path;

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator as _};

/// What the generator knows nothing of: our lints.
const LINTS: &str = "#![expect(unsafe_code, unreachable_pub, unused_qualifications, clippy::all,
    clippy::allow_attributes, clippy::allow_attributes_without_reason, clippy::unwrap_used, clippy::panic,
    reason = \"generated from wit/policy.wit; `UPDATE=1 cargo test -p cronflow-policy --test bindings` writes it anew\"
)]
";

/// Generated bindings are checked in rather than made by a macro: a macro's crates take longer to compile, on every author's
/// machine, than all the rest of a policy.
fn generated() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(root.join("wit")).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let options = wit_bindgen_rust::Opts {
        format: true,
        runtime_path: Some("crate::runtime".to_owned()),
        disable_run_ctors_once_workaround: true,
        disable_custom_section_link_helpers: true,
        pub_export_macro: true,
        default_bindings_module: Some("cronflow_policy::bindings".to_owned()),
        additional_derive_attributes: vec!["PartialEq".to_owned()],
        ..wit_bindgen_rust::Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).unwrap();
    let (_, contents) = files.iter().next().unwrap();
    format!("{LINTS}{}", std::str::from_utf8(contents).unwrap())
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whether to write anew is asked of the developer's environment")]
fn the_bindings_are_those_of_the_contract() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bindings.rs");
    let generated = generated();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept == generated, "wit/policy.wit has changed: UPDATE=1 cargo test -p cronflow-policy --test bindings");
}
