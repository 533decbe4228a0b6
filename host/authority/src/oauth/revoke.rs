//! End a token (RFC 7009). When this returns, it identifies nobody on this host, and has survived power loss as ended.

use std::net::IpAddr;

use access_model::audit::AuditRecord;
use access_model::{AccessToken, Class, Credential, Id, IdKind, PlainSecret};
use access_store::{Commit, CommitError, Put, Store};
use serde_json::json;

use super::actions;
use super::introspect::{TokenFacts, is_not_yours, target};
use crate::audit::append;
use crate::authority::Authority;
use crate::decide::{Caller, Permit};
use crate::error::Error;
use crate::records::{self, TRIES, Versioned};

impl Authority {
    /// Ends the token that `secret` is. What is no living token is ended already. Answers whether it was the asker's to end.
    ///
    /// # Errors
    /// [`Error::Denied`] where the asker may end none at all, or nothing could be decided.
    pub async fn revoke_token(
        &self,
        asker: &Caller,
        secret: &PlainSecret,
        from: Option<IpAddr>,
    ) -> Result<bool, Error> {
        let token = match self.living_token(asker, secret, from).await? {
            Some(token) => Some(token),
            // One that serves nobody for now, since something that it stands by is dead, is not to come back with that.
            None => self.dormant_token(secret).await?,
        };
        // INVARIANT: who stole a token can spend its client's quota, and must not keep the client from ending it by that. So the
        // other meter is for who presents the client's own secret: denied attempts count too.
        let own = asker.entry.meter.clone();
        let meter = match &asker.entry.credential {
            Credential::Client(_) => own.and_then(|meter| self.meters.of_ending_tokens(&meter)),
            _ => own,
        };
        let target = target(token.as_ref());
        let permit = match self.require_counted(asker, actions::REVOKE_TOKEN, target, from, meter.as_ref()).await {
            Ok(permit) => permit,
            Err(error) if is_not_yours(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        match token {
            Some(token) => self.end_token(&permit, &token.id).await.map(|()| true),
            None => Ok(true),
        }
    }

    /// The token that `secret` is, if that has not ended by itself, whatever became of its client and parents.
    async fn dormant_token(&self, secret: &PlainSecret) -> Result<Option<TokenFacts>, Error> {
        let Some((kind, tail)) = self.catalog.kind_of_secret(secret.expose()) else { return Ok(None) };
        let id = secret.id(IdKind::AccessToken, tail).filter(|_| kind.class == Class::AccessToken);
        let Some(id) = id.filter(|id| id.home().number() < self.store.shards()) else { return Ok(None) };
        let found = records::read::<Credential>(self.store.as_ref(), id.home(), records::credential(&id)).await?;
        let Some(Versioned { value: Credential::AccessToken(token), .. }) = found else { return Ok(None) };
        self.know_pepper(token.secret.pepper()).await?;
        let is_dormant = self.is_digest_of(&token.secret, secret) && token.is_valid_at(self.clock.now());
        Ok(is_dormant.then(|| TokenFacts::of(&token)))
    }

    async fn end_token(&self, permit: &Permit, id: &Id) -> Result<(), Error> {
        let (home, key) = (id.home(), records::credential(id));
        for _ in 0..TRIES {
            let now = self.clock.now();
            let found = records::read::<Credential>(self.store.as_ref(), home, key.clone()).await?;
            // Swept, or ended by another: done.
            let Some(Versioned { value: Credential::AccessToken(token), check }) = found else { return Ok(()) };
            if token.revoked_at.is_some() {
                if self.is_still_so(permit.action(), home, check).await? {
                    return Ok(());
                }
                continue;
            }
            let mut commit = Commit::new(home);
            commit.checks.push(check);
            let (organization, workspace, client) = (token.organization, token.workspace, token.client);
            let forget_after = Some(token.expires_at);
            let ended = Credential::AccessToken(AccessToken { revoked_at: Some(now), ..token });
            let record = serde_json::to_vec(&ended).map_err(Error::internal)?;
            commit.puts.push(Put { forget_after, ..Put::new(key.clone(), record.into()) });
            append(
                &mut commit,
                &AuditRecord {
                    id: Id::draw(IdKind::Audit, home, self.entropy.as_ref())?,
                    at: now,
                    organization: Some(organization),
                    workspace,
                    actor: permit.actor(),
                    action: permit.action().to_owned(),
                    target: id.to_string(),
                    decision_id: Some(permit.decision_id().to_string()),
                    before: Some(json!({ "client": client, "state": "active" })),
                    after: Some(json!({ "client": client, "state": "revoked" })),
                },
            )?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }
}
