//! Ask about a token (RFC 7662). What is no living token, and what is not the asker's to know of, is not told apart.

use std::net::IpAddr;

use access_model::{AccessToken, Credential, Id, PlainSecret, Timestamp};
use cronflow_policy_cases::{Attributes, Reason, Value};

use super::actions;
use crate::authority::Authority;
use crate::decide::{Caller, Target};
use crate::error::Error;

/// What is told of a living token.
#[derive(Debug, Clone)]
pub struct TokenFacts {
    /// Public id.
    pub id: Id,
    /// The client that it was issued to.
    pub client: Id,
    /// The client's owner.
    pub organization: Id,
    /// The workspace that it serves, where that is one.
    pub workspace: Option<Id>,
    /// The scopes that it holds now.
    pub scopes: Vec<String>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl TokenFacts {
    /// As its record says.
    pub(super) fn of(token: &AccessToken) -> Self {
        Self {
            id: token.id,
            client: token.client,
            organization: token.organization,
            workspace: token.workspace,
            scopes: token.scopes.clone(),
            created_at: token.created_at,
            expires_at: token.expires_at,
        }
    }
}

/// Reasons of the shipped policies that say: not yours.
const NOT_YOURS: [&str; 2] = ["token_not_own", "gateway_not_bound"];

impl Authority {
    /// What `asker` may know of the token that `secret` is. `None`: it is not active, as far as the asker is told.
    ///
    /// # Errors
    /// [`Error::Denied`] where the asker may not ask at all, or nothing could be decided.
    pub async fn introspect(
        &self,
        asker: &Caller,
        secret: &PlainSecret,
        from: Option<IpAddr>,
    ) -> Result<Option<TokenFacts>, Error> {
        let token = self.living_token(asker, secret, from).await?;
        match self.require(asker, actions::INTROSPECT, target(token.as_ref()), from).await {
            Ok(_) => Ok(token),
            Err(error) if is_not_yours(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The token that `secret` is, if it is one and identifies somebody now.
    pub(super) async fn living_token(
        &self,
        asker: &Caller,
        secret: &PlainSecret,
        from: Option<IpAddr>,
    ) -> Result<Option<TokenFacts>, Error> {
        let by = Some(*asker.entry.credential.id());
        let found = match self.identify(secret, by, from, self.clock.now()).await {
            Ok(found) => found,
            Err((refusal, _)) if refusal.is_unauthenticated() => return Ok(None),
            Err((refusal, retry_after)) => return Err(self.deny_unidentified(refusal, retry_after)),
        };
        let Credential::AccessToken(token) = &found.entry.credential else { return Ok(None) };
        let scopes = found.entry.principal.scopes.clone();
        Ok(Some(TokenFacts { workspace: found.entry.workspace, scopes, ..TokenFacts::of(token) }))
    }
}

/// What policies know of the token that is asked about. Where there is none, nothing: whoever may ask at all is told so.
pub(super) fn target(token: Option<&TokenFacts>) -> Target {
    let Some(token) = token else { return Target { kind: Some("token"), ..Target::default() } };
    let text = |name: &str, id: &Id| (name.to_owned(), Value::Text(id.to_string()));
    let attributes = Attributes::from([text("client", &token.client), text("organization", &token.organization)]);
    Target { kind: Some("token"), id: Some(token.id.to_string()), attributes, ..Target::default() }
}

/// Whether a denial says no more than that the token is another's.
pub(super) fn is_not_yours(error: &Error) -> bool {
    let not_yours = |reason: &Reason| NOT_YOURS.contains(&reason.code.as_str());
    matches!(error, Error::Denied(answer) if answer.status == 403 && answer.reasons.iter().all(not_yours))
}
