//! What a client's tokens could hold, judged before it lands: a second decision, as of keys.

use access_model::{AllowList, Client, Id, Kind};
use cronflow_policy_cases::{Attributes, Value};

use crate::authority::Authority;
use crate::decide::{Grant, Permit};
use crate::error::Error;
use crate::keys::quota_of;

impl Authority {
    /// Decides whether the permit's caller may hand out `client` as it stands. The permit that comes out goes with the effect.
    /// `replaced` is the client that it takes the place of.
    ///
    /// # Errors
    /// [`Error::Denied`].
    pub(super) async fn permit_client(
        &self,
        permit: &Permit,
        client: &Client,
        replaced: Option<&Id>,
    ) -> Result<Permit, Error> {
        let context = quota_of("issuer_quota", permit.caller().entry.quota);
        let attributes = attributes(client, self.client_kind()?);
        self.require_grant(permit, Grant { kind: "grant", id: replaced, attributes, context }).await
    }
}

/// What is absent here restricts nothing.
pub(crate) fn attributes(client: &Client, kind: &Kind) -> Attributes {
    let terms = &client.terms;
    let texts = |of: &[String]| Value::Texts(of.to_vec());
    let stated = [
        ("kind", Value::Text(kind.name.clone())),
        ("scopes", texts(&terms.scopes)),
        ("environments", texts(&terms.environments)),
        ("environments_except", texts(&kind.environments_except)),
        ("methods", texts(&kind.methods)),
    ];
    let mut attributes = quota_of("quota", kind.quota);
    attributes.extend(stated.map(|(name, value)| (name.to_owned(), value)));
    let networks = terms.ip_allow.as_ref().map(AllowList::to_strings);
    attributes.extend(networks.map(|list| ("ip_allow".to_owned(), Value::Texts(list))));
    attributes
}
