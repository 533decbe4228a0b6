//! Issue a token: what a client's secret is exchanged for (RFC 6749 §4.4, RFC 8707).
//!
//! Whether a client gets what it asks for is an action like any other, decided by the policies: the platform's, and those of the
//! workspace that the token is for. Without one it serves all of the client's, so that only the platform's are asked, and each
//! use is judged by its workspace's own.
//!
//! An acknowledged token has survived the process. It may be forgotten when power fails in the next moment; then it identifies
//! nobody, and its client asks again.

use std::net::IpAddr;
use std::time::Duration;

use access_model::audit::{Actor, AuditRecord};
use access_model::{AccessToken, Class, Credential, Id, IdKind, OwnerState, PlainSecret};
use access_store::{Check, Commit, Put, Store, Survives};
use cronflow_policy_cases::{Attributes, Decision, FactsRef, Reason, Request, Resource, Value};
use serde_json::json;

use super::actions;
use crate::audit::append;
use crate::authority::Authority;
use crate::decide::Caller;
use crate::decide::meter::Counted;
use crate::decide::refusal::Refusal;
use crate::decide::require::asking;
use crate::error::Error;
use crate::records;

/// What a client asks for.
#[derive(Debug, Clone, Default)]
pub struct TokenRequest {
    /// Scopes; absent means all that it holds.
    pub scopes: Option<Vec<String>>,
    /// The workspace that the token is to serve, alone.
    pub workspace: Option<Id>,
}

/// A token that was just issued.
#[derive(Debug)]
pub struct IssuedToken {
    /// Its secret, shown this once.
    pub secret: PlainSecret,
    /// How long it lives.
    pub lifetime: Duration,
    /// Granted scopes.
    pub scopes: Vec<String>,
}

const TOO_MANY: &str = "this client has obtained as many tokens as it may in a while; use those";

impl Authority {
    /// Issues a token to `client`, which was authenticated.
    ///
    /// # Errors
    /// [`Error::Denied`]: its first reason says what the client may not have.
    pub async fn issue_token(
        &self,
        client: &Caller,
        request: TokenRequest,
        from: Option<IpAddr>,
    ) -> Result<IssuedToken, Error> {
        let (Credential::Client(record), Some(obtained_with)) = (&client.entry.credential, client.presented) else {
            return Err(Error::internal("a token is issued to a client"));
        };
        let rules = self.policies.current();
        let now = self.clock.now();
        let action = self.catalog.action(actions::ISSUE_TOKEN);
        let action = action.ok_or_else(|| Error::Conflict("the catalog has no action `tokens.issue`".to_owned()))?;
        let subject = || asking(&rules, client, action);
        let denied = |answer| Error::Denied(Box::new(answer));
        if let Some(Err(quota)) = client.entry.meter.as_ref().map(|meter| self.meters.attempt(meter, now)) {
            return Err(denied(self.refuse_quota(subject(), quota)));
        }

        // gather
        let mut client = client.clone();
        if let Some(id) = request.workspace.filter(|id| record.terms.workspaces.contains(id)) {
            let found = self.workspace(&id).await?;
            // A dead one is as good as one that is not the client's, which is the policies' to say.
            client.workspace = found.filter(|workspace| workspace.record.state == OwnerState::Active);
        }
        let stated = request.workspace.map(|id| id.to_string());
        let scopes = request.scopes.unwrap_or_else(|| client.entry.principal.scopes.clone());
        let alive = client.workspace.as_ref().map(|workspace| workspace.record.id);
        let served = record.terms.workspaces.iter().filter(|id| request.workspace.is_none() || alive == Some(**id));
        let texts = |name: &str, list: Vec<String>| (name.to_owned(), Value::Texts(list));
        let resource = Resource {
            kind: Some("token".to_owned()),
            id: None,
            workspace: stated,
            attributes: Attributes::from([texts("scopes", scopes.clone())]),
        };
        let context = Attributes::from([texts("client_workspaces", served.map(Id::to_string).collect())]);
        let ip = from.map(|ip| ip.to_canonical().to_string());
        let facts = FactsRef {
            now: now.as_millis(),
            principal: &client.entry.principal,
            organization: client.organization.as_ref().map(|organization| &organization.facts),
            workspace: client.workspace.as_ref().map(|workspace| &workspace.facts),
            gateway: None,
            action,
            request: &Request { ip, ..Request::default() },
            resource: &resource,
            context: &context,
        };

        // evaluate
        let reasons: Vec<Reason> = match self.evaluate(&rules, &client, facts).await {
            Ok(Decision::Allow) => Vec::new(),
            Ok(Decision::Deny(reasons)) => reasons,
            Err(refusal) => vec![refusal.reason()],
        };
        if !reasons.is_empty() {
            return Err(denied(self.deny(subject(), reasons, None, None)));
        }

        // settle: the client's quota, and how many tokens it may have
        let kind = &client.entry.kind;
        let own = Id::from_body(IdKind::Lineage, record.id.body()).map_err(Error::internal)?;
        let given = kind.tokens.map(|quota| self.meters.get(own, quota, self.catalog.limits.attempts_factor));
        for (meter, text) in [(client.entry.meter.as_ref(), None), (given.as_ref(), Some(TOO_MANY))] {
            let Some(meter) = meter else { continue };
            match self.meters.consume(meter, now).await {
                Counted::Allowed(_) => self.check_fresh(record.id.home())?,
                Counted::Exhausted(quota) => {
                    let wait = Some(quota.reset_seconds);
                    return Err(denied(match text {
                        None => self.refuse_quota(subject(), quota),
                        Some(text) => self.refuse(subject(), Refusal::RateLimited(text), None, wait),
                    }));
                }
                Counted::StoreUnavailable => return Err(Error::StoreUnavailable),
            }
        }
        let workspace = client.workspace.as_ref().map(|workspace| workspace.record.id);
        self.keep_token(record.id, record.organization, obtained_with, workspace, scopes).await
    }

    async fn keep_token(
        &self,
        client: Id,
        organization: Id,
        obtained_with: u32,
        workspace: Option<Id>,
        scopes: Vec<String>,
    ) -> Result<IssuedToken, Error> {
        let kind = self.catalog.kind_of_class(Class::AccessToken);
        let none = || Error::Conflict("the catalog has no kind of class `access_token`".to_owned());
        let kind = kind.ok_or_else(none)?;
        let lifetime = kind.lifetime.ok_or_else(|| Error::internal("tokens live for ever"))?;
        let (home, entropy, now) = (organization.home(), self.entropy.as_ref(), self.clock.now());
        let id = Id::draw_in_order(IdKind::AccessToken, home, now, entropy)?;
        let secret = PlainSecret::draw(&kind.prefix, &id, entropy)?;
        let token = AccessToken {
            id,
            kind: kind.name.clone(),
            client,
            organization,
            obtained_with,
            workspace,
            scopes,
            secret: self.digest(&secret)?,
            created_at: now,
            expires_at: now.plus(lifetime),
            revoked_at: None,
        };
        // Nobody remembers anything of an id that was drawn just now, so nobody needs to be told.
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(home) };
        let key = records::credential(&id);
        let after =
            json!({ "client": client, "scopes": token.scopes, "workspace": workspace, "expires_at": token.expires_at });
        let AccessToken { scopes, expires_at, .. } = &token;
        let (scopes, forget_after) = (scopes.clone(), Some(*expires_at));
        let record = serde_json::to_vec(&Credential::AccessToken(token)).map_err(Error::internal)?;
        commit.checks.push(Check { key: key.clone(), version: None });
        commit.puts.push(Put { forget_after, ..Put::new(key, record.into()) });
        append(
            &mut commit,
            &AuditRecord {
                id: Id::draw(IdKind::Audit, home, entropy)?,
                at: now,
                organization: Some(organization),
                workspace,
                actor: Actor { kind: "client".to_owned(), id: Some(client) },
                action: actions::ISSUE_TOKEN.to_owned(),
                target: id.to_string(),
                decision_id: Some(self.decision_ids.next().to_string()),
                before: None,
                after: Some(after),
            },
        )?;
        self.store.commit(commit).await?;
        Ok(IssuedToken { secret, lifetime, scopes })
    }
}
