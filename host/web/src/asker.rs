//! Who asks, and from where: the bearer secret (RFC 6750 §2.1, header only) and the client's address.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use access_model::PlainSecret;
use access_model::network::{client_address, forwarded_client};
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::app::App;
use crate::peer::Peer;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Who asks, and from where.
#[derive(Debug)]
pub(crate) struct Asker {
    /// The secret presented; absent when there is none, or more than one.
    pub(crate) secret: Option<PlainSecret>,
    /// The client's address; absent when a proxy chain, or a peer without an address, says nothing believable.
    pub(crate) client: Option<IpAddr>,
}

impl FromRequestParts<Arc<App>> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let client = match Peer::of(parts) {
            Some(Peer::At(peer)) => client(app, peer.ip(), &parts.headers),
            Some(Peer::Local) => forwarded_client(hops(&parts.headers).into_iter(), &app.trusted_proxies),
            None => None,
        };
        Ok(Self { secret: bearer(&parts.headers), client })
    }
}

/// The secret of the one `Authorization` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<PlainSecret> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    let (scheme, secret) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| PlainSecret::new(secret.trim().to_owned()))
}

fn client(app: &App, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
    if app.trusted_proxies.is_empty() {
        if headers.contains_key(FORWARDED_FOR) && !app.warned_of_proxy.swap(true, Ordering::Relaxed) {
            tracing::warn!(%peer, "X-Forwarded-For arrives but no proxy is trusted, so the peer's address counts; if it is a proxy of yours, name it in trusted_proxies");
        }
        return Some(peer.to_canonical());
    }
    client_address(peer, hops(headers).into_iter(), &app.trusted_proxies)
}

/// What is not text can't be an address: it becomes a hop that is garbage.
fn hops(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or("garbage")).collect()
}
