//! What a tenant uploads: a module with everything that its package's manifest would say.

use std::collections::BTreeMap;

use cronflow_policy_cases::{Attributes, CaseFile, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::{AttributeType, Category, DeclaredAttributes, Engine, Manifest, Setting};

/// A policy as it is uploaded, before any gate. Immutable once kept: a change is another upload.
#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    /// Lower case letters, digits and hyphens.
    pub name: String,
    /// What evaluates the module.
    pub engine: Engine,
    /// CEL source, or the bytes of a WebAssembly module.
    pub module: Vec<u8>,
    /// The binding's settings. What is set is what is declared.
    pub settings: Attributes,
    /// The free attributes that it reads.
    pub attributes: DeclaredAttributes,
    /// What it must say to which facts.
    pub cases: CaseFile,
}

/// What a tenant's module sees, and all that it may see.
pub(crate) const TENANT_SEES: [Category; 2] = [Category::Customer, Category::Issuance];

impl Upload {
    /// The manifest that the upload amounts to. Reasons are left open: a tenant's are whatever its module gives.
    pub(crate) fn manifest(&self) -> Manifest {
        let setting = |value: &Value| Setting {
            kind: AttributeType::of(value),
            description: String::new(),
            default: Some(value.clone()),
        };
        Manifest {
            name: self.name.clone(),
            version: "upload".to_owned(),
            engine: self.engine,
            description: "a tenant's policy".to_owned(),
            sees: TENANT_SEES.to_vec(),
            grants: false,
            reasons: None,
            attributes: self.attributes.clone(),
            settings: self
                .settings
                .iter()
                .map(|(name, value)| (name.clone(), setting(value)))
                .collect::<BTreeMap<_, _>>(),
        }
    }
}

/// What the gate found out about a policy that it let through. Kept with the revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateReport {
    /// SHA-256 of the module's bytes, in hex.
    pub digest: String,
    /// Bytes of the module.
    pub size: usize,
    /// What was checked, in order, each with what was found.
    pub checks: Vec<GateCheck>,
    /// What an evaluation costs.
    pub cost: Cost,
    /// The facts that it reads, by path; `*` where it may read them all.
    pub facts_read: Vec<String>,
    /// How many of its cases were run; all of them passed.
    pub cases: usize,
}

/// One check of the gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateCheck {
    /// For example `types`.
    pub name: String,
    /// A sentence for people.
    pub found: String,
}

/// What an evaluation costs, in units that don't depend on the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// `fuel` for a WASM module (about one instruction each), `steps` for a CEL program.
    pub unit: CostUnit,
    /// Seen with sample facts; for a CEL program the same as `at_most`.
    pub typical: u64,
    /// Seen with facts at their cap (WASM), or bounded from the source (CEL).
    pub at_most: u64,
    /// The most that one evaluation may cost.
    pub limit: u64,
}

/// The unit of a cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CostUnit {
    /// A WASM module's, about one instruction each.
    Fuel,
    /// A CEL program's, about one node evaluated or 16 bytes looked at each.
    Steps,
}
