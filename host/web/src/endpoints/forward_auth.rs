//! `ANY /v1/forward-auth`: a gateway asks before it lets a request pass. What its client asked stands in headers, and so does
//! the answer: a body would cost nginx a connection per request.
//!
//! The customer's secret is the bearer in `Authorization`; the gateway's own travels in `X-CronFlow-Gateway`. Its `profile`
//! says which further headers the gateway sets by itself, and what it can pass on; `examples/gateways` has a configuration
//! for each. The environment is the gateway's own, never its client's word.

mod answer;
mod profile;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use access_authority::decide::ASK;
use access_authority::{Properties, Question, Target, Whom};
use access_model::{Catalog, PlainSecret};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use cronflow_policy_cases::{Attributes, Resource};

use self::profile::Headers;
use crate::app::App;
use crate::asker::{Asker, bearer};
use crate::peer::Peer;
use crate::problem::Problem;

/// Where the route begins; Envoy puts its client's path behind it.
const PREFIX: &str = "/v1/forward-auth";
/// The gateway's own secret.
const GATEWAY: &str = "x-cronflow-gateway";

/// Parameters in which secrets are sent by those who should not: the client's tower layer knows the same.
const SECRET_PARAMETERS: [&str; 6] = ["access_token", "api_key", "api-key", "apikey", "client_secret", "authorization"];

/// What a reader of the API has to know.
pub(crate) const NOTES: &str = "\
    The gateway's own credential travels in `X-CronFlow-Gateway`, its client's in `Authorization`. The profile of the \
    gateway's credential says in which headers it states its client's method, URI and address. An allow is told in \
    `X-Access-*`, `RateLimit` and `RateLimit-Policy`, to the profile `envoy` with 200. To a gateway of the profile `nginx` every denial but 401 is 403, with \
    `X-Access-Status`, `X-Access-Reason` and `Retry-After` in place of a body. A secret in its client's query is denied (`secret_in_query`).";

pub(crate) async fn decide(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    // The body is nobody's business here, and goes unread.
    let (parts, _) = request.into_parts();
    // Who may ask at all. `trusted_proxies` is not heeded: X-Forwarded-For speaks of the gateway's client here.
    let permit = app.permit(&gateway(&parts), ASK, Ok(Target::platform())).await;
    let permit = permit.map_err(|problem| problem.of_part("the gateway's own credential, in X-CronFlow-Gateway"))?;
    let gateway = permit.gateway().and_then(|gateway| Some((gateway, Headers::of(gateway.profile?))));
    let Some((gateway, headers)) = gateway else {
        let detail = "the credential in X-CronFlow-Gateway is no gateway's with a profile, so nothing it states could be \
                      believed; issue one with `gateway issue --profile`";
        return Err(Problem::new(403, "profile_missing", detail));
    };

    let asked = match headers.read(&parts) {
        Ok(asked) => asked,
        Err(missing) => return Ok(answer::tell(&headers, app.authority.deny_not_stated(&permit, missing))),
    };
    if secret_in_query(&asked.query, app.authority.catalog()) {
        return Ok(answer::tell(&headers, app.authority.deny_secret_in_query(&permit)));
    }
    let question = Question {
        // Nothing presented identifies nobody, like nonsense does.
        whom: Whom::Presents(bearer(&parts.headers).unwrap_or_else(|| PlainSecret::new(String::new()))),
        method: Some(asked.method),
        path: Some(asked.path),
        ip: Some(asked.client),
        environment: gateway.only_environment().map(str::to_owned),
        action: None,
        resource: Resource::default(),
        context: Attributes::new(),
        properties: Properties::default(),
        min_revision: None,
    };
    Ok(answer::tell(&headers, app.authority.authorize(&permit, question).await))
}

/// Whether a query holds a secret of ours, or a parameter in which secrets are sent.
fn secret_in_query(query: &str, catalog: &Catalog) -> bool {
    let is_secret = |text: &str| catalog.kind_of_secret(text.trim()).is_some();
    // Some servers part parameters at semicolons too.
    query.split(';').flat_map(|part| form_urlencoded::parse(part.as_bytes())).any(|(name, value)| {
        SECRET_PARAMETERS.contains(&name.to_ascii_lowercase().as_str()) || is_secret(&name) || is_secret(&value)
    })
}

/// The gateway as an asker: its secret, and the address that it connects from; by a Unix socket it has none.
fn gateway(parts: &Parts) -> Asker {
    let mut all = parts.headers.get_all(GATEWAY).iter();
    let only = all.next().filter(|_| all.next().is_none());
    let secret = only.and_then(|value| value.to_str().ok()).map(|text| PlainSecret::new(text.to_owned()));
    Asker { secret, client: Peer::of(parts).and_then(Peer::address) }
}
