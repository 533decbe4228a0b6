//! What the fuzzers hold whatever they come up with: one function for each, which takes bytes and panics where a promise is
//! broken. `fuzzers/` calls them under libFuzzer, on nightly; `tests/replay.rs` calls them with everything in `corpus/`, on
//! stable, whenever the tests are run.
//!
//! Reading order: `facts` (facts of every shape, and facts out of bytes), `cel_source` (the gate for CEL, and what it lets
//! through), `cel_facts` (policies that passed it, on any facts), `wasm_upload` (what is looked at before a compiler is).
//!
//! To add a fuzzer: a function here, a file in `fuzzers/targets` with its entry in `fuzzers/Cargo.toml`, a folder in `corpus`.
//! What a fuzzer finds becomes a file there, named for what it showed. It must never start a process or need a network.

mod cel_facts;
mod cel_source;
mod facts;
mod wasm_upload;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use access_engine::{
    AttributeType, Binding, Compiler, DeclaredAttributes, Engine, Fault, GateError, Judgement, Limits, PolicyPackage,
    PolicySet, Sandbox, Upload,
};
use cronflow_policy_cases::{Attributes, CaseFile, Facts, Value};

pub use cel_facts::cel_facts;
pub use cel_source::cel_source;
pub use wasm_upload::wasm_upload;

/// A fuzzer: its name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Every fuzzer.
pub const TARGETS: [Target; 3] = [("cel_source", cel_source), ("cel_facts", cel_facts), ("wasm_upload", wasm_upload)];

/// A CEL policy with one attribute of each type, as a workspace would upload it.
fn package(source: &[u8]) -> Result<PolicyPackage, Vec<GateError>> {
    #[expect(clippy::expect_used, reason = "without one, nothing can be fuzzed")]
    static SANDBOX: LazyLock<Sandbox> =
        LazyLock::new(|| Sandbox::new(Limits::SERVING, Compiler::InProcess, None).expect("a sandbox can be made"));
    let declared = |attributes: &[(&str, AttributeType)]| {
        attributes.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect::<BTreeMap<_, _>>()
    };
    let upload = Upload {
        name: "policy".to_owned(),
        engine: Engine::Cel,
        module: source.to_vec(),
        settings: Attributes::from([("limit".to_owned(), Value::Integer(3))]),
        attributes: DeclaredAttributes {
            context: declared(&[
                ("flag", AttributeType::Bool),
                ("age", AttributeType::Int),
                ("ratio", AttributeType::Double),
            ]),
            resource: declared(&[("owner", AttributeType::String), ("tags", AttributeType::Strings)]),
        },
        cases: CaseFile { cases: Vec::new() },
    };
    PolicyPackage::from_upload(&upload, &SANDBOX)
}

/// A policy that passed the gate, ready to judge.
struct Judge {
    package: Arc<PolicyPackage>,
    set: PolicySet,
}

impl Judge {
    fn of(package: PolicyPackage) -> Result<Self, Vec<GateError>> {
        let package = Arc::new(package);
        Ok(Self { set: PolicySet::new([Binding::platform(Arc::clone(&package))])?, package })
    }

    /// Judges, and holds that nothing panics and that the same facts come to the same again, explained or not. That it keeps
    /// to its bound shows in the time that it takes, which a fuzzer watches.
    fn judge(&self, facts: &Facts) {
        let facts = facts.as_ref();
        let explained = self.package.explain(facts, &Attributes::new()).map(|trace| trace.verdict);
        assert_ne!(explained, Ok(Judgement::Error { error: Fault::Panic.code() }), "{}", self.package.name());
        // none, where it does not see the action
        for said in self.set.explain(facts) {
            assert_eq!(Ok(Judgement::from(said.verdict)), explained, "{}", said.policy);
        }
    }
}
