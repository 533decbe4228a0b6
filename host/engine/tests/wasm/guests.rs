//! What the tests hand to the gate, and the sandbox that they share.

use std::sync::LazyLock;

use access_engine::{Compiler, Engine, Limits, Sandbox, Upload};
use cronflow_policy_cases::{Attributes, CaseFile};

pub(crate) use crate::wat::{bytes, module, verdict};

/// What hosts run with, but for the clock: how busy the machine is decides no test.
pub(crate) const LIMITS: Limits = Limits { deadline_ms: 600_000, ..Limits::SERVING };

/// One for all tests: a pool of its own for each would reserve the address space many times over.
pub(crate) static SANDBOX: LazyLock<Sandbox> =
    LazyLock::new(|| Sandbox::new(LIMITS, Compiler::InProcess, None).unwrap());

/// A tenant's upload of a module.
pub(crate) fn upload(name: &str, module: Vec<u8>) -> Upload {
    Upload {
        name: name.to_owned(),
        engine: Engine::Wasm,
        module,
        settings: Attributes::new(),
        attributes: Default::default(),
        cases: CaseFile { cases: Vec::new() },
    }
}
