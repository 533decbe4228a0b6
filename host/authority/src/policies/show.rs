//! Show a policy, and a revision with all that was uploaded.

use std::collections::BTreeMap;

use access_engine::{AttributeType, DeclaredAttributes, Engine, GateReport};
use access_model::{Actor, PolicyMode, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cronflow_policy_cases::Attributes;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::kept::Revision;
use super::{PolicyView, actions};
use crate::authority::Authority;
use crate::current::Current;
use crate::decide::Permit;
use crate::error::Error;

/// A revision as it is shown. Immutable.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PolicyRevision")]
pub struct RevisionView {
    /// Its number, from 1.
    pub revision: u64,
    /// SHA-256 of all that was uploaded, in hex.
    pub digest: String,
    /// What evaluates it.
    pub engine: Engine,
    /// Whether it counts once it is published.
    pub mode: PolicyMode,
    /// Parameters that it reads.
    pub settings: Attributes,
    /// The free attributes that it reads, with their types.
    #[schemars(with = "Declared")]
    pub attributes: DeclaredAttributes,
    /// What the gate found out.
    pub report: GateReport,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// Who uploaded it.
    pub created_by: Actor,
    /// CEL: its source. Left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// WASM: its bytes in base64. Left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module_base64: Option<String>,
    /// Its cases, as they were uploaded. Left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cases: Option<Vec<Value>>,
}

/// How declared attributes are written: none of them is left out.
#[derive(JsonSchema)]
#[schemars(rename = "DeclaredAttributesView")]
#[expect(dead_code, reason = "it stands for its schema")]
struct Declared {
    /// In `context`.
    context: BTreeMap<String, AttributeType>,
    /// In `resource.attributes`.
    resource: BTreeMap<String, AttributeType>,
}

impl RevisionView {
    /// A revision, with its module and cases where they are to be shown.
    pub(super) fn new(revision: Revision, parts: Option<(Bytes, Vec<Value>)>) -> Self {
        let (module, cases) = parts.unzip();
        let text = |module: &Bytes| String::from_utf8_lossy(module).into_owned();
        Self {
            revision: revision.revision,
            digest: revision.digest,
            engine: revision.engine,
            mode: revision.mode,
            settings: revision.settings,
            attributes: revision.attributes,
            report: revision.report,
            created_at: revision.created_at,
            created_by: revision.created_by,
            source: module.as_ref().filter(|_| revision.engine == Engine::Cel).map(text),
            module_base64: module.filter(|_| revision.engine == Engine::Wasm).map(|module| STANDARD.encode(module)),
            cases,
        }
    }
}

impl Authority {
    /// The policy `name` of the permit's workspace.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_policy(&self, permit: &Permit, name: &str) -> Result<Current<PolicyView>, Error> {
        permit.covers(actions::GET)?;
        let policy = self.read_policy(&permit.workspace_id()?, name).await?;
        Ok(Current { shown: (&policy.value).into(), version: policy.version() })
    }

    /// A revision of the policy `name`, whole.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_policy_revision(&self, permit: &Permit, name: &str, number: u64) -> Result<RevisionView, Error> {
        permit.covers(actions::GET)?;
        let workspace = permit.workspace_id()?;
        self.read_policy(&workspace, name).await?;
        let revision = self.get_revision(&workspace, name, number).await?;
        let gone = || Error::internal(format!("revision {number} of policy `{name}` is not whole"));
        let parts = self.read_parts(&workspace, &[revision.module.clone(), revision.cases.clone()]).await?;
        let module = parts.get(&revision.module).cloned().ok_or_else(gone)?;
        let cases = parts.get(&revision.cases).ok_or_else(gone)?;
        let cases = serde_json::from_slice(cases).map_err(Error::internal)?;
        Ok(RevisionView::new(revision, Some((module, cases))))
    }
}
