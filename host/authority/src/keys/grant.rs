//! What a key or a client would hand out, judged before it lands: a second decision, on the key as it would be stored.

use access_model::{ApiKey, Id, Kind, Quota, Timestamp};
use cronflow_policy_cases::{Attributes, Value};

use crate::authority::Authority;
use crate::decide::{Grant, Permit};
use crate::error::Error;

impl Authority {
    /// Decides whether the permit's caller may hand out `key`. The permit that comes out goes with the effect. `replaced` is
    /// the key whose successor it is.
    ///
    /// # Errors
    /// [`Error::Denied`].
    pub(super) async fn permit_grant(
        &self,
        permit: &Permit,
        key: &ApiKey,
        kind: &Kind,
        replaced: Option<&Id>,
    ) -> Result<Permit, Error> {
        let issuer = &permit.caller().entry;
        let context = quota_of("issuer_quota", issuer.quota);
        self.require_grant(permit, Grant { kind: "grant", id: replaced, attributes: attributes(key, kind), context })
            .await
    }
}

/// What is absent here restricts nothing.
pub(crate) fn attributes(key: &ApiKey, kind: &Kind) -> Attributes {
    let text = |of: &str| Value::Text(of.to_owned());
    let texts = |of: &[String]| Value::Texts(of.to_vec());
    let time = |name: &str, of: Option<Timestamp>| Some((name.to_owned(), Value::Integer(of?.as_millis())));
    let stated = [
        ("kind", text(&kind.name)),
        ("scopes", texts(&key.scopes)),
        ("environments", texts(&kind.environments)),
        ("environments_except", texts(&kind.environments_except)),
        ("methods", texts(&kind.methods)),
    ];
    let networks = key.ip_allow.as_ref().map(|list| ("ip_allow".to_owned(), Value::Texts(list.to_strings())));
    let mut attributes = quota_of("quota", kind.quota);
    attributes.extend(stated.map(|(name, value)| (name.to_owned(), value)));
    attributes.extend(networks);
    attributes.extend(time("not_before", key.not_before));
    attributes.extend(time("expires_at", key.expires_at));
    attributes
}

pub(crate) fn quota_of(name: &str, quota: Option<Quota>) -> Attributes {
    let Some(Quota { limit, window_seconds }) = quota else { return Attributes::new() };
    [("limit", limit), ("window_seconds", window_seconds)]
        .map(|(part, number)| (format!("{name}_{part}"), Value::Integer(number.into())))
        .into()
}
