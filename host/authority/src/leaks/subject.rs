//! What a secret is of, as it lies in the store, if the secret is right and not over.

use access_model::catalog::Reaction;
use access_model::webhook::PREFIX;
use access_model::{
    AccessToken, ApiKey, Class, Client, Credential, EventKind, Gateway, Id, IdKind, Invitation, Kind, PlainSecret,
    Session, Timestamp, Webhook,
};
use access_store::{Record, Store as _};

use crate::authority::Authority;
use crate::error::Error;
use crate::records::{self, decode};
use crate::webhooks::purpose;

/// What a well-formed secret names.
#[derive(Debug)]
pub(super) struct Named<'a> {
    pub(super) id: Id,
    /// None: it is a webhook's.
    pub(super) kind: Option<&'a Kind>,
}

/// What a right secret is of; of what has several, with the number of that one.
#[derive(Debug)]
pub(super) enum Subject {
    Key(ApiKey),
    Client(Client, u32),
    Token(AccessToken),
    Session(Session),
    Invitation(Invitation),
    Gateway(Gateway),
    Operator,
    Webhook(Webhook, u32),
}

impl Named<'_> {
    /// Where it lies.
    pub(super) fn key(&self) -> String {
        match self.id.kind() {
            IdKind::Webhook => records::webhook(&self.id),
            IdKind::Invitation => records::invitation(&self.id),
            _ => records::credential(&self.id),
        }
    }

    /// What is called for.
    pub(super) fn reaction(&self) -> Reaction {
        // Whoever verifies by it would take nothing any more: its owner rotates it with an overlap.
        self.kind.map_or(Reaction::Notify, |kind| kind.leak)
    }

    /// What it is called: the catalog's kind, or `webhook`.
    pub(super) fn kind_name(&self) -> &str {
        self.kind.map_or(access_model::scan::WEBHOOK, |kind| kind.name.as_str())
    }
}

impl Authority {
    /// What a secret names, if it is well-formed. Touches nothing.
    pub(super) fn named(&self, secret: &PlainSecret) -> Option<Named<'_>> {
        let named = match secret.expose().strip_prefix(PREFIX) {
            Some(tail) => Named { id: secret.id(IdKind::Webhook, tail)?, kind: None },
            None => {
                let (kind, tail) = self.catalog.kind_of_secret(secret.expose())?;
                Named { id: secret.id(kind.class.id_kind(), tail)?, kind: Some(kind) }
            }
        };
        (named.id.home().number() < self.store.shards()).then_some(named)
    }

    /// What `found` is, if `secret` is right for it and either could still be used.
    pub(super) fn subject(
        &self,
        named: &Named<'_>,
        found: Option<&Record>,
        secret: &PlainSecret,
        now: Timestamp,
    ) -> Result<Option<Subject>, Error> {
        let (Some(found), key) = (found, named.key()) else { return Ok(None) };
        let Some(kind) = named.kind else {
            let webhook: Webhook = decode(&key, found)?;
            let number = self.number_of(&webhook, secret, now);
            return Ok(number.map(|number| Subject::Webhook(webhook, number)));
        };
        if kind.class == Class::Invitation {
            let invitation: Invitation = decode(&key, found)?;
            let is_it = self.is_digest_of(&invitation.secret, secret) && invitation.check(now).is_ok();
            return Ok(is_it.then_some(Subject::Invitation(invitation)));
        }
        let credential: Credential = decode(&key, found)?;
        if credential.secret().is_some_and(|digest| !self.is_digest_of(digest, secret)) {
            return Ok(None);
        }
        Ok(match credential {
            Credential::ApiKey(key) => {
                let is_over = key.is_revoked() || key.expires_at.is_some_and(|end| end <= now);
                (!is_over && key.kind == kind.name).then_some(Subject::Key(key))
            }
            Credential::AccessToken(token) => token.is_valid_at(now).then_some(Subject::Token(token)),
            Credential::Client(client) => {
                let of = client.secrets.iter().filter(|of| self.is_digest_of(&of.digest, secret));
                let number = of.filter(|of| of.is_live_at(now)).map(|of| of.number).next_back();
                let number = number.filter(|_| client.state_name() != "revoked");
                number.map(|number| Subject::Client(client, number))
            }
            Credential::Session(session) => session.is_valid_at(now).then_some(Subject::Session(session)),
            Credential::Gateway(gateway) => gateway.revoked_at.is_none().then_some(Subject::Gateway(gateway)),
            Credential::Operator(operator) => operator.revoked_at.is_none().then_some(Subject::Operator),
        })
    }

    /// Which of an endpoint's secrets it is.
    fn number_of(&self, webhook: &Webhook, secret: &PlainSecret, now: Timestamp) -> Option<u32> {
        let is_it = |sealed: &str, number| {
            let opened = self.keyring().open(&purpose(&webhook.id, number), sealed).ok();
            let opened = opened.and_then(|opened| String::from_utf8(opened.to_vec()).ok()).map(PlainSecret::new);
            opened.is_some_and(|opened| opened.matches(secret))
        };
        let live = webhook.secrets.iter().filter(|one| one.is_live_at(now));
        live.filter(|one| is_it(&one.sealed, one.number)).map(|one| one.number).next_back()
    }
}

impl Subject {
    /// Whose books it is in; of what is the installation's own, nobody's.
    pub(super) const fn owners(&self) -> Option<(Id, Option<Id>)> {
        match self {
            Self::Key(key) => Some((key.organization, Some(key.workspace))),
            Self::Client(client, _) => Some((client.organization, None)),
            Self::Token(token) => Some((token.organization, token.workspace)),
            Self::Session(session) => Some((session.organization, None)),
            Self::Invitation(invitation) => Some((invitation.organization, None)),
            Self::Webhook(webhook, _) => Some((webhook.organization, Some(webhook.workspace))),
            Self::Gateway(_) | Self::Operator => None,
        }
    }

    /// Which of its secrets it is, where it has several.
    pub(super) const fn number(&self) -> u32 {
        match self {
            Self::Client(_, number) | Self::Webhook(_, number) => *number,
            _ => 0,
        }
    }

    /// What people are told; of what is the installation's own, nothing.
    pub(super) const fn event(&self) -> Option<EventKind> {
        match self {
            Self::Key(_) => Some(EventKind::KeyLeaked),
            Self::Client(..) | Self::Token(_) => Some(EventKind::ClientLeaked),
            Self::Session(_) => Some(EventKind::SessionLeaked),
            Self::Invitation(_) => Some(EventKind::InvitationLeaked),
            Self::Webhook(..) => Some(EventKind::WebhookLeaked),
            Self::Gateway(_) | Self::Operator => None,
        }
    }

    /// Whether `reaction` would change it.
    pub(super) fn is_short_of(&self, reaction: Reaction, now: Timestamp) -> bool {
        !matches!((reaction, self.state(now)), (Reaction::Notify, _) | (Reaction::Disable, "disabled") | (_, "revoked"))
    }

    /// One word for where it stands.
    pub(super) fn state(&self, now: Timestamp) -> &'static str {
        match self {
            Self::Key(key) => key.state_at(now),
            Self::Client(client, _) => client.state_name(),
            Self::Invitation(invitation) => invitation.state_at(now),
            Self::Webhook(webhook, _) if !webhook.is_active() => "disabled",
            Self::Token(AccessToken { revoked_at: Some(_), .. })
            | Self::Session(Session { revoked_at: Some(_), .. })
            | Self::Gateway(Gateway { revoked_at: Some(_), .. }) => "revoked",
            _ => "active",
        }
    }
}
