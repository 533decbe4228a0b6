//! Another root key. Four steps, each of which can be done again:
//!
//! 1. **begin**: the keyring goes under a key that the old and the new root key open, and so do hosts that serve; a new data
//!    key comes with it. From here on a host may be started with either root key.
//! 2. **reseal**: what was sealed under former data keys goes under the new one, a part at a time.
//! 3. The operator starts the hosts with the new root key.
//! 4. **finish**: the old root key opens nothing any more. Refused until 2 is done, and every host was started with the new one.

use access_model::{Member, Webhook};
use access_outbound::Source;
use access_store::{Check, Commit, CommitError, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::walk::{Met, Position};
use super::{SecretsView, actions};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::lifecycle::keyring::Rekey;
use crate::lifecycle::root_key::RootKey;
use crate::page::{cursor, opened_cursor};
use crate::records::{self, CommitExt as _, TRIES};
use crate::{sign_in, webhooks};

/// The new root key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RekeyRequest {
    /// Where this host reads it: `vault:MOUNT/data/PATH#FIELD`, `transit:MOUNT/KEY#FILE`, `aws:NAME[#FIELD]`, `env:NAME` or
    /// `file:PATH`. The key itself is never sent.
    #[schemars(length(min = 1, max = 2048), example = &"vault:secret/data/access#root_key_2")]
    pub root_key: String,
}

/// The next part of what is to be sealed anew.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResealRequest {
    /// `next_cursor` of the part before; absent: from the beginning.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// What was done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ResealView {
    /// Records that were sealed under the new data key.
    pub resealed: u64,
    /// Where the next part begins; null: all is done.
    pub next_cursor: Option<String>,
}

/// The end of the change.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FinishRequest {
    /// Whether hosts that were started with the old root key are left to themselves: they serve until they are started again,
    /// and are not started again with that.
    #[serde(default)]
    pub force: bool,
}

impl Authority {
    /// Begins the change to the root key that `request` names. Doing it again with the same one changes nothing; with another
    /// one it changes to that, so that nobody is held to a root key that was lost: the one before it opens nothing any more.
    ///
    /// # Errors
    /// [`Error::Invalid`] where that is no source, or no root key is read there; [`Error::Conflict`] while another change is
    /// under way and a host was started with its root key, and where it is the root key already.
    pub async fn begin_rekey(&self, permit: &Permit, request: RekeyRequest) -> Result<SecretsView, Error> {
        permit.covers(actions::REKEY)?;
        self.refuse_dev()?;
        let root = self.read_root_key(&request.root_key).await?;
        for _ in 0..TRIES {
            let found = self.sealed_keyring().await?;
            let held = self.keyring();
            match &found.value.rekey {
                Some(rekey) if rekey.root == root.id() => return self.secrets_view(found.value).await,
                Some(rekey) => self.check_is_lost(rekey).await?,
                None => {}
            }
            if found.value.is_opened_by(&root.id()) || held.root() == root.id() {
                return Err(Error::Conflict("that is the root key already; make another one".to_owned()));
            }
            let (now, entropy) = (self.clock.now(), self.entropy.as_ref());
            let (after, before) = match &found.value.rekey {
                Some(rekey) => {
                    let before = json!({ "root_key": rekey.root, "step": "begun" });
                    (found.value.redirected(&held, &root, now, entropy), before)
                }
                None => (found.value.rekeyed(&held, &root, now, entropy), json!({ "root_key": held.root() })),
            };
            let after = after.map_err(Error::internal)?;
            let told = (before, json!({ "root_key": root.id(), "step": "begun" }));
            match self.put_keyring(permit, found, &after, told).await {
                Ok(()) => return self.secrets_view(after).await,
                Err(Error::Contended) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Contended)
    }

    /// Seals a part of what is sealed under the new data key. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] where no change is under way; [`Error::Invalid`] for the cursor.
    pub async fn reseal(&self, permit: &Permit, request: ResealRequest) -> Result<ResealView, Error> {
        permit.covers(actions::REKEY)?;
        let found = self.sealed_keyring().await?;
        let Some(rekey) = found.value.rekey.clone() else { return Err(none_under_way()) };
        // Nothing is sealed under the new data key that a host could not open.
        self.check_all_know(found.version()).await?;
        // Bound to this change, so that the end is reached from its beginning alone.
        let list = format!("reseal/{}/{}", rekey.root, rekey.since);
        let keyring = self.keyring();
        let at: Position = opened_cursor(&keyring, &list, request.cursor.as_deref())?.unwrap_or_default();
        let (mut resealed, mut tries) = (0, TRIES);
        let next = loop {
            match self.reseal_part(at.clone(), &mut resealed).await {
                // What was done stays done.
                Err(Error::Contended) if tries > 0 => tries -= 1,
                done => break done?,
            }
        };
        let next_cursor = next.map(|next| cursor(&keyring, &list, &next)).transpose()?;
        if next_cursor.is_none() {
            self.remember_resealed(permit, &rekey.root).await?;
        }
        Ok(ResealView { resealed, next_cursor })
    }

    async fn reseal_part(&self, at: Position, resealed: &mut u64) -> Result<Option<Position>, Error> {
        let (met, next) = self.walk(at).await?;
        for met in met {
            let done = match met {
                Met::Member(member, check) => self.reseal_member(member, check).await?,
                Met::Webhook(webhook, check) => self.reseal_webhook(webhook, check).await?,
                Met::Credential(_) => false,
            };
            *resealed += u64::from(done);
        }
        Ok(next)
    }

    /// Ends the change: the old root key opens nothing any more.
    ///
    /// # Errors
    /// [`Error::Conflict`] where no change is under way, not all is sealed anew, or a host was started with the old root key:
    /// any, or with `force` this one.
    pub async fn finish_rekey(&self, permit: &Permit, request: &FinishRequest) -> Result<SecretsView, Error> {
        permit.covers(actions::REKEY)?;
        for _ in 0..TRIES {
            let found = self.sealed_keyring().await?;
            let Some(rekey) = found.value.rekey.clone() else { return Err(none_under_way()) };
            if !rekey.is_resealed {
                return Err(Error::Conflict(
                    "not everything is sealed under the new data key yet; `secrets rekey` does the rest".to_owned(),
                ));
            }
            self.check_all_know(found.version()).await?;
            let old = self.hosts_under_another_root(&rekey.root).await?;
            if !request.force && !old.is_empty() {
                return Err(Error::Conflict(format!(
                    "started with the old root key: {}; set `root_key` to the new one and start them again, one after the \
                     other, then finish",
                    old.join(", ")
                )));
            }
            // INVARIANT: nothing is left to a root key that no host was ever started with, whatever is forced.
            if self.keyring().root() != rekey.root {
                return Err(Error::Conflict(
                    "this host was started with the old root key, so that nobody knows whether the new one is where hosts look \
                     for it: start it with that and finish then, or change to another by `secrets rekey --to SOURCE`"
                        .to_owned(),
                ));
            }
            let told = (
                json!({ "root_key": rekey.root, "step": "begun" }),
                json!({ "root_key": rekey.root, "step": "finished" }),
            );
            let after = found.value.clone().finished();
            match self.put_keyring(permit, found, &after, told).await {
                Ok(()) => return self.secrets_view(after).await,
                Err(Error::Contended) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Contended)
    }

    /// Refuses while a host serves that was started with the root key of this change: it would not start again.
    async fn check_is_lost(&self, rekey: &Rekey) -> Result<(), Error> {
        let started = self.hosts_under_root(&rekey.root).await?;
        if started.is_empty() {
            return Ok(());
        }
        Err(Error::Conflict(format!(
            "the change to the root key `{}` is under way since {}, and these hosts were started with that: {}; finish that \
             first, or start them again with the old one",
            rekey.root,
            rekey.since,
            started.join(", ")
        )))
    }

    async fn read_root_key(&self, source: &str) -> Result<RootKey, Error> {
        let invalid = |why: &dyn std::fmt::Display| Error::invalid("root_key", why);
        let source = match Source::parse(source) {
            Ok(Some(source)) => source,
            // What it says is not quoted: it may be a key.
            Ok(None) => return Err(invalid(&"must name a source, as in `vault:secret/data/access#root_key_2`")),
            Err(error) => return Err(invalid(&error)),
        };
        let keepers = self.keepers.as_ref().ok_or_else(|| Error::internal("nobody is asked for secrets here"))?;
        let text = keepers.read(&source, self.clock.as_ref()).await.map_err(|error| invalid(&error))?;
        RootKey::parse(&text, &source).map_err(|error| invalid(&error))
    }

    async fn reseal_member(&self, mut member: Member, check: Check) -> Result<bool, Error> {
        let id = member.id;
        let Some(totp) = member.totp.as_mut() else { return Ok(false) };
        let Some(sealed) = self.sealed_anew(&sign_in::purpose(&id), &totp.sealed)? else { return Ok(false) };
        totp.sealed = sealed;
        let mut commit = Commit::new(id.home());
        commit.checks.push(check);
        commit.put(records::member(&id), &member)?;
        self.commit_resealed(commit).await
    }

    async fn reseal_webhook(&self, mut webhook: Webhook, check: Check) -> Result<bool, Error> {
        let (id, mut is_changed) = (webhook.id, false);
        for secret in &mut webhook.secrets {
            if let Some(sealed) = self.sealed_anew(&webhooks::purpose(&id, secret.number), &secret.sealed)? {
                secret.sealed = sealed;
                is_changed = true;
            }
        }
        if !is_changed {
            return Ok(false);
        }
        let mut commit = Commit::new(id.home());
        commit.checks.push(check);
        commit.put(records::webhook(&id), &webhook)?;
        self.commit_resealed(commit).await
    }

    fn sealed_anew(&self, purpose: &str, sealed: &str) -> Result<Option<String>, Error> {
        self.keyring().resealed(purpose, sealed, self.entropy.as_ref()).map_err(Error::internal)
    }

    /// What it was before is said by nobody: nothing that anybody sees has changed.
    async fn commit_resealed(&self, commit: Commit) -> Result<bool, Error> {
        match self.store.commit(commit).await {
            Ok(_) => Ok(true),
            // Somebody changed it at this moment.
            Err(CommitError::Conflict { .. }) => Err(Error::Contended),
            Err(error) => Err(error.into()),
        }
    }

    async fn remember_resealed(&self, permit: &Permit, root: &str) -> Result<(), Error> {
        for _ in 0..TRIES {
            let found = self.sealed_keyring().await?;
            let mut after = found.value.clone();
            let Some(rekey) = after.rekey.as_mut().filter(|rekey| rekey.root == root) else { return Ok(()) };
            if std::mem::replace(&mut rekey.is_resealed, true) {
                return Ok(());
            }
            let told = (json!({ "root_key": root, "step": "begun" }), json!({ "root_key": root, "step": "resealed" }));
            match self.put_keyring(permit, found, &after, told).await {
                Err(Error::Contended) => {}
                done => return done,
            }
        }
        Err(Error::Contended)
    }
}

fn none_under_way() -> Error {
    Error::Conflict("no change of the root key is under way; `secrets rekey --to SOURCE` begins one".to_owned())
}
