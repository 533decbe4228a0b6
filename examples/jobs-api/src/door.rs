//! Who is let in, and as whom.

use axum::Router;
use axum::extract::{FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use cronflow_access_client::{AccessLayer, Client, Principal};

use crate::problem::Problem;
use crate::settings::{Door, Settings};

/// Allows that are remembered, when any are.
const REMEMBERED: usize = 10_000;

/// The API behind its door: nothing gets to a handler that was not allowed.
pub(crate) fn protect(api: Router, settings: &Settings) -> Result<Router, cronflow_access_client::BuildError> {
    let Door::Asks { access, gateway, environment, proxies, reuse } = &settings.door else {
        tracing::warn!("whoever reaches {} is believed to be a gateway that has asked", settings.listen);
        return Ok(api.layer(from_fn(believe)));
    };
    let mut client = Client::builder(access, gateway.clone());
    if let Some(max_age) = reuse {
        client = client.reuse_allows(*max_age, REMEMBERED);
    }
    let layer = AccessLayer::axum(client.build()?, environment.as_str());
    Ok(api.layer(layer.behind(proxies.clone())))
}

/// The workspace that a request acts in. It is the decision's word, and comes from nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workspace(pub(crate) String);

impl<S: Sync> FromRequestParts<S> for Workspace {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let believed = parts.extensions.get::<Self>().cloned();
        let decided = || parts.extensions.get::<Principal>()?.workspace.clone().map(Self);
        believed.or_else(decided).ok_or_else(undecided)
    }
}

/// Takes a gateway's word. What it did not say exactly once, or left empty, it did not say.
async fn believe(mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let all = ["x-access-decision-id", "x-access-principal", "x-access-workspace"].map(|name| once(headers, name));
    let [Some(_), Some(_), Some(workspace)] = all else { return undecided().into_response() };
    let workspace = Workspace(workspace.to_owned());
    request.extensions_mut().insert(workspace);
    next.run(request).await
}

fn once<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    let only = all.next().filter(|_| all.next().is_none())?;
    only.to_str().ok().filter(|text| !text.is_empty())
}

fn undecided() -> Problem {
    Problem::new(403, "not_decided", "no decision came with this request")
}
