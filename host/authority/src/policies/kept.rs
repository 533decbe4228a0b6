//! What is kept of policies: revisions, and the modules and cases that they are made of, each under its digest.

use std::collections::BTreeMap;

use access_engine::{DeclaredAttributes, Engine, GateReport, Upload};
use access_model::{Actor, Id, PolicyMode, RevisionRef, Timestamp};
use access_store::Store;
use bytes::Bytes;
use cronflow_policy_cases::{Attributes, CaseFile};
use serde::{Deserialize, Serialize};

use crate::authority::Authority;
use crate::error::Error;
use crate::records;

/// A revision, without its module and cases. Immutable.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Revision {
    /// From 1.
    pub(super) revision: u64,
    /// SHA-256 of everything that was uploaded.
    pub(super) digest: String,
    pub(super) engine: Engine,
    pub(super) mode: PolicyMode,
    pub(super) settings: Attributes,
    pub(super) attributes: DeclaredAttributes,
    /// SHA-256 of the module, under which it is kept.
    pub(super) module: String,
    /// SHA-256 of the cases as JSON, under which they are kept.
    pub(super) cases: String,
    pub(super) report: GateReport,
    pub(super) created_at: Timestamp,
    pub(super) created_by: Actor,
}

/// What is kept of a workspace's policies altogether.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Totals {
    /// Policies that are not deleted.
    pub(super) policies: usize,
    /// Bytes of modules and cases.
    pub(super) bytes: u64,
}

impl Revision {
    /// What names it in heads.
    pub(super) fn reference(&self) -> RevisionRef {
        RevisionRef { revision: self.revision, digest: self.digest.clone(), mode: self.mode }
    }

    /// What it is made of, for the engine: without its cases, which passed.
    pub(super) fn upload(&self, name: &str, module: &[u8]) -> Upload {
        Upload {
            name: name.to_owned(),
            engine: self.engine,
            module: module.to_owned(),
            settings: self.settings.clone(),
            attributes: self.attributes.clone(),
            cases: CaseFile { cases: Vec::new() },
        }
    }
}

impl Authority {
    /// Revisions of policies of a workspace, in the order asked for.
    pub(super) async fn read_revisions(
        &self,
        workspace: &Id,
        wanted: &[(&str, u64)],
    ) -> Result<Vec<Option<Revision>>, Error> {
        let keys: Vec<_> =
            wanted.iter().map(|(name, number)| records::policy_revision(workspace, name, *number)).collect();
        let found = self.store.read(workspace.home(), &keys).await?;
        let found = keys.iter().zip(found);
        found.map(|(key, record)| record.map(|record| records::decode(key, &record)).transpose()).collect()
    }

    /// A revision that must be there.
    pub(super) async fn get_revision(&self, workspace: &Id, name: &str, number: u64) -> Result<Revision, Error> {
        let found = self.read_revisions(workspace, &[(name, number)]).await?.pop().flatten();
        found.ok_or_else(|| Error::NotFound { what: "revision", id: number.to_string() })
    }

    /// Modules and cases, by their digests. What is there no more, or is not what its digest says, is left out.
    pub(super) async fn read_parts(&self, workspace: &Id, wanted: &[String]) -> Result<BTreeMap<String, Bytes>, Error> {
        let keys: Vec<_> = wanted.iter().map(|sha256| records::policy_part(workspace, sha256)).collect();
        let found = self.store.read(workspace.home(), &keys).await?;
        let found = wanted.iter().zip(found).filter_map(|(sha256, record)| Some((sha256.clone(), record?.value)));
        Ok(found.filter(|(sha256, bytes)| access_model::audit::sha256_hex(bytes) == *sha256).collect())
    }
}
