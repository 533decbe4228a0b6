//! Another pepper, and the end of one.
//!
//! New digests are made under the current pepper from the moment that a host hears of it. Those under a former one hold until
//! they are made anew, when their secret is next presented, or until that pepper is retired: then nothing of it works.

use std::time::Duration;

use access_model::{Class, Credential, Id, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::status::peppers_of;
use super::walk::{Met, Position};
use super::{SecretsView, actions};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::page::{cursor, opened_cursor};
use crate::records::TRIES;

/// Peppers at a time. Each is tried for nobody but those whose digest names it, so that many do no harm; none are needed.
const MOST: usize = 8;

/// Which pepper is to end.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetireRequest {
    /// Its id.
    #[schemars(example = 1)]
    pub pepper: u32,
    /// Whether what stands under it ends with it.
    #[serde(default)]
    pub force: bool,
    /// `next_cursor` of the part before: whether anything stands under it is looked for a part at a time.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// How far that went.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RetireView {
    /// Whether it has ended.
    pub retired: bool,
    /// Where the next part begins, as long as nothing was found and not everything was looked at.
    pub next_cursor: Option<String>,
}

impl Authority {
    /// Makes another pepper, which is the current one.
    ///
    /// # Errors
    /// [`Error::Conflict`] where there are many.
    pub async fn rotate_pepper(&self, permit: &Permit) -> Result<SecretsView, Error> {
        permit.covers(actions::PEPPERS)?;
        self.refuse_dev()?;
        for _ in 0..TRIES {
            let (found, held) = (self.sealed_keyring().await?, self.keyring());
            if held.peppers().len() >= MOST {
                return Err(Error::Conflict(format!("there are {MOST} peppers; retire one first")));
            }
            let after =
                found.value.peppered(&held, self.clock.now(), self.entropy.as_ref()).map_err(Error::internal)?;
            let before = json!({ "peppers": held.peppers() });
            let all = [held.peppers().as_slice(), &[after.newest_pepper()]].concat();
            let told = json!({ "peppers": all });
            match self.put_keyring(permit, found, &after, (before, told)).await {
                Ok(()) => return self.secrets_view(after).await,
                Err(Error::Contended) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Contended)
    }

    /// Ends a pepper that is not the current one, once nothing stands under it; with `force`, with all that does.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for the current one, while something stands under it, while a host has not
    /// heard of the current one, and while what lives short may stand under it.
    pub async fn retire_pepper(&self, permit: &Permit, request: &RetireRequest) -> Result<RetireView, Error> {
        permit.covers(actions::PEPPERS)?;
        self.refuse_dev()?;
        let id = request.pepper;
        for _ in 0..TRIES {
            let (found, held) = (self.sealed_keyring().await?, self.keyring());
            let peppers = held.peppers();
            if !peppers.contains(&id) {
                return Err(Error::NotFound { what: "pepper", id: id.to_string() });
            }
            if peppers.last() == Some(&id) {
                return Err(Error::Conflict("it is the current pepper; make another one first".to_owned()));
            }
            if self.stands_under(permit.credential().id(), id).await? {
                return Err(Error::Conflict(
                    "the token that you come with stands under it, and would end with it; try again".to_owned(),
                ));
            }
            self.check_all_know(found.version()).await?;
            if !request.force {
                self.check_waited(found.value.pepper_since)?;
                if let Some(next_cursor) = self.look_for(id, request.cursor.as_deref()).await? {
                    return Ok(RetireView { retired: false, next_cursor: Some(next_cursor) });
                }
            }
            let after = found.value.clone().without_pepper(id);
            let left: Vec<_> = peppers.iter().copied().filter(|pepper| *pepper != id).collect();
            let told = (json!({ "peppers": peppers }), json!({ "peppers": left, "force": request.force }));
            match self.put_keyring(permit, found, &after, told).await {
                Ok(()) => return Ok(RetireView { retired: true, next_cursor: None }),
                Err(Error::Contended) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Contended)
    }

    /// Whether whoever asks does. What was noted of it is put first, so that it does not for long.
    async fn stands_under(&self, id: &Id, pepper: u32) -> Result<bool, Error> {
        self.rehash_noted().await;
        let entry = self.read_credential(id).await?;
        Ok(entry.is_some_and(|entry| entry.credential.secret().is_some_and(|digest| digest.pepper() == pepper)))
    }

    /// Sessions, access tokens and invitations are not looked for: they end by themselves.
    fn check_waited(&self, since: Option<Timestamp>) -> Result<(), Error> {
        let lives_short = |class: Class| matches!(class, Class::AccessToken | Class::Session | Class::Invitation);
        let kinds = self.catalog.kinds.values().filter(|kind| lives_short(kind.class));
        let longest = kinds.filter_map(|kind| kind.lifetime).max().unwrap_or(Duration::ZERO);
        let until = since.unwrap_or(Timestamp::from_millis(0)).plus(longest);
        if self.clock.now() < until {
            return Err(Error::Conflict(format!(
                "sessions, access tokens or invitations from before the current pepper may live until {until}; retire it \
                 then, or end them with it by `force`"
            )));
        }
        Ok(())
    }

    /// Looks at a part of what there is for digests under the pepper. Nothing: that was all, and there are none.
    async fn look_for(&self, id: u32, at: Option<&str>) -> Result<Option<String>, Error> {
        let (list, keyring) = (format!("pepper/{id}"), self.keyring());
        let at: Position = opened_cursor(&keyring, &list, at)?.unwrap_or_default();
        let (met, next) = self.walk(at).await?;
        let now = self.clock.now();
        let under_it = met.iter().find_map(|met| {
            let (whose, _) = peppers_of(met, now).into_iter().find(|(_, pepper)| *pepper == id)?;
            // Recovery codes are used once, and so never digested anew.
            let is_member = matches!(met, Met::Member(..));
            let todo = if is_member { "make new recovery codes" } else { "use it once, or rotate it" };
            Some((whose, todo))
        });
        if let Some((whose, todo)) = under_it {
            return Err(Error::Conflict(format!(
                "`{whose}` stands under it, if not more (see `secrets status`): {todo}, or end all that stands under it by \
                 `force`"
            )));
        }
        next.map(|next| cursor(&keyring, &list, &next)).transpose()
    }
}

/// Whether a credential may ever identify anybody again.
pub(super) fn may_live(credential: &Credential, now: Timestamp) -> bool {
    use access_model::KeyState;
    match credential {
        Credential::ApiKey(key) => {
            !matches!(key.state, KeyState::Revoked { .. }) && key.expires_at.is_none_or(|end| now < end)
        }
        Credential::Client(client) => !matches!(client.state, KeyState::Revoked { .. }),
        other => other.is_valid_at(now),
    }
}
