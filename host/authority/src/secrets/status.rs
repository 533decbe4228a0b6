//! Which keys there are, and how much stands under each. Ids tell nothing of the keys.

use std::collections::BTreeMap;

use access_model::{Credential, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::actions;
use super::peppers::may_live;
use super::walk::{Met, Position};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::lifecycle::keyring::{SealedKeyring, data_key_of};
use crate::page::{cursor, opened_cursor};

/// The keys that everything sealed hangs on.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SecretsView {
    /// Id of the root key that the host which answers was started with.
    #[schemars(example = &"5e884898da280471")]
    pub root_key: String,
    /// The change of the root key that is under way, if one is.
    pub rekey: Option<RekeyView>,
    /// The peppers that secrets are digested under.
    pub peppers: Vec<PepperView>,
    /// The keys that what must be read back is sealed under.
    pub data_keys: Vec<DataKeyView>,
}

/// A change of the root key.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RekeyView {
    /// Id of the new root key.
    pub root_key: String,
    /// Since when.
    pub since: Timestamp,
    /// Whether everything sealed is under the new data key.
    pub resealed: bool,
    /// Hosts that were started with another root key, and are to be started again before the end.
    pub waits_for: Vec<String>,
}

/// A pepper.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PepperView {
    /// Its id.
    pub id: u32,
    /// Whether new digests are made under it.
    pub current: bool,
}

/// A data key.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DataKeyView {
    /// Its id.
    pub id: u32,
    /// Whether it seals what is new.
    pub current: bool,
}

/// Which part.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretsUsageRequest {
    /// `next_cursor` of the part before.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9A-Za-z_-]+$"))]
    pub cursor: Option<String>,
}

/// How much stands under each key, in one part of what there is. The parts add up.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct SecretsUsageView {
    /// Digests of what may still be used, by pepper: of keys, clients, gateways, operators and recovery codes.
    pub peppers: BTreeMap<u32, u64>,
    /// Sealed values, by data key: webhook secrets and second factors.
    pub data_keys: BTreeMap<u32, u64>,
    /// Where the next part begins; null: that was all.
    pub next_cursor: Option<String>,
}

impl Authority {
    /// Which keys there are.
    ///
    /// # Errors
    /// The store's.
    pub async fn secrets(&self, permit: &Permit) -> Result<SecretsView, Error> {
        permit.covers(actions::GET)?;
        let sealed = self.sealed_keyring().await?;
        self.secrets_view(sealed.value).await
    }

    pub(super) async fn secrets_view(&self, sealed: SealedKeyring) -> Result<SecretsView, Error> {
        let keyring = self.keyring();
        let rekey = match sealed.rekey {
            Some(rekey) => Some(RekeyView {
                waits_for: self.hosts_under_another_root(&rekey.root).await?,
                root_key: rekey.root,
                since: rekey.since,
                resealed: rekey.is_resealed,
            }),
            None => None,
        };
        let (peppers, data_keys) = (keyring.peppers(), keyring.data_keys());
        let newest = (peppers.last().copied(), data_keys.last().copied());
        Ok(SecretsView {
            root_key: keyring.root().to_owned(),
            rekey,
            peppers: peppers.into_iter().map(|id| PepperView { id, current: Some(id) == newest.0 }).collect(),
            data_keys: data_keys.into_iter().map(|id| DataKeyView { id, current: Some(id) == newest.1 }).collect(),
        })
    }

    /// How much stands under each, a part at a time.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the cursor.
    pub async fn secrets_usage(
        &self,
        permit: &Permit,
        request: &SecretsUsageRequest,
    ) -> Result<SecretsUsageView, Error> {
        permit.covers(actions::GET)?;
        let (list, keyring, now) = ("secrets-usage", self.keyring(), self.clock.now());
        let at: Position = opened_cursor(&keyring, list, request.cursor.as_deref())?.unwrap_or_default();
        let (met, next) = self.walk(at).await?;
        let mut usage = SecretsUsageView::default();
        for met in &met {
            for (_, pepper) in peppers_of(met, now) {
                *usage.peppers.entry(pepper).or_default() += 1;
            }
            for key in data_keys_of(met) {
                *usage.data_keys.entry(key).or_default() += 1;
            }
        }
        usage.next_cursor = next.map(|next| cursor(&keyring, list, &next)).transpose()?;
        Ok(usage)
    }
}

/// Whose digests stand under which peppers, as far as they may ever be used again.
pub(super) fn peppers_of(met: &Met, now: Timestamp) -> Vec<(String, u32)> {
    let (id, peppers): (_, Vec<u32>) = match met {
        Met::Credential(credential) if !may_live(credential, now) => return Vec::new(),
        Met::Credential(Credential::Client(client)) => {
            let live = client.secrets.iter().filter(|secret| secret.is_live_at(now));
            (client.id, live.map(|secret| secret.digest.pepper()).collect())
        }
        Met::Credential(other) => (*other.id(), other.secret().iter().map(|digest| digest.pepper()).collect()),
        Met::Member(member, _) => (member.id, member.recovery.iter().map(|digest| digest.pepper()).collect()),
        Met::Webhook(..) => return Vec::new(),
    };
    peppers.into_iter().map(|pepper| (id.to_string(), pepper)).collect()
}

fn data_keys_of(met: &Met) -> Vec<u32> {
    match met {
        Met::Member(member, _) => member.totp.iter().filter_map(|totp| data_key_of(&totp.sealed)).collect(),
        Met::Webhook(webhook, _) => webhook.secrets.iter().filter_map(|secret| data_key_of(&secret.sealed)).collect(),
        Met::Credential(_) => Vec::new(),
    }
}
