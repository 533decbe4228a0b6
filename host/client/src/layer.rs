//! A layer that asks before each request, for tower and axum.
//!
//! ```no_run
//! # #[cfg(feature = "axum")]
//! # async fn serve(listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Extension, Router, routing::get};
//! use cronflow_access_client::{AccessLayer, Client, Principal, Secret};
//! use std::net::SocketAddr;
//!
//! let access = Client::builder("http://127.0.0.1:7800", Secret::new("cf_gw_…")).build()?;
//! let router = Router::new()
//!     .route("/v1/jobs", get(async |Extension(who): Extension<Principal>| who.id))
//!     .layer(AccessLayer::axum(access, "production"));
//! axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! What is let through carries the [`Principal`](crate::Principal) and the [`Allow`](crate::Allow) in its extensions. What is
//! not is answered here, and never reaches the service: 401 with a challenge (RFC 6750), 403, 429 with `Retry-After`, 503,
//! each with a problem document (RFC 9457). `RateLimit` and `RateLimit-Policy` stand on every answer of a metered credential.
//!
//! # What it is careful about
//!
//! - **What is decided about is what will be routed.** The path is told as it came. The host knows `%6A` as `j`, routers don't, so
//!   what spells out letters is denied; `//`, `..`, `%2f` and `;` the host denies. Under `Router::nest` the layer sees what the
//!   router inside does: the path without its prefix.
//! - **The method is the request's own.** Headers that other layers may take for a method, a path or a decision
//!   (`X-HTTP-Method-Override`, `X-Original-URI`, `X-Access-Principal`…) are taken away, in any spelling.
//! - **One secret, in one place.** It is the bearer of the one `Authorization` header. A second header, or what looks like a
//!   secret in the query, is 400 `invalid_request`. The service behind does not get to see the secret, unless
//!   [`AccessLayer::keep_authorization`] says so.
//! - **OPTIONS is a method as any other.** A layer for CORS belongs outside of this one, where it answers preflights.
//! - **Addresses.** The client's is its peer's, or the rightmost hop that is no [`TrustedProxies`]'. One that can't be known
//!   is not stated, and allow-lists deny for that.

mod answer;
mod path;
mod presented;
mod proxies;
mod service;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use tower_layer::Layer;

use crate::client::Client;
use crate::question::Question;

pub use self::proxies::TrustedProxies;
pub use self::service::Access;

type Peer = dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync;
type Describe = dyn Fn(&Parts, Question) -> Question + Send + Sync;

/// Asks before each request. Clones share everything.
#[derive(Clone)]
pub struct AccessLayer {
    settings: Arc<Settings>,
}

#[derive(Clone)]
pub(crate) struct Settings {
    client: Client,
    environment: String,
    peer: Arc<Peer>,
    proxies: TrustedProxies,
    describe: Option<Arc<Describe>>,
    prefix: String,
    keeps_authorization: bool,
}

impl fmt::Debug for AccessLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessLayer({:?}, {})", self.settings.client, self.settings.environment)
    }
}

impl AccessLayer {
    /// For a service of one environment. `peer` finds the address at the other end of the connection.
    pub fn new(
        client: Client,
        environment: impl Into<String>,
        peer: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        let settings = Settings {
            client,
            environment: environment.into(),
            peer: Arc::new(peer),
            proxies: TrustedProxies::none(),
            describe: None,
            prefix: "cf_".to_owned(),
            keeps_authorization: false,
        };
        Self { settings: Arc::new(settings) }
    }

    /// The same for axum, which knows the peer when it serves `into_make_service_with_connect_info::<SocketAddr>()`.
    #[cfg(feature = "axum")]
    pub fn axum(client: Client, environment: impl Into<String>) -> Self {
        use axum::extract::ConnectInfo;
        use std::net::SocketAddr;

        Self::new(client, environment, |parts| {
            parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
        })
    }

    /// Believes `X-Forwarded-For` as far as these proxies wrote it. Nobody's, unless this is said.
    #[must_use]
    pub fn behind(self, proxies: TrustedProxies) -> Self {
        self.with(|settings| settings.proxies = proxies)
    }

    /// Adds to each question what it is about: a resource, attributes.
    #[must_use]
    pub fn describe(self, describe: impl Fn(&Parts, Question) -> Question + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.describe = Some(Arc::new(describe)))
    }

    /// What your catalog's secrets begin with, to know them in a query. `cf_`, unless this is said.
    #[must_use]
    pub fn secret_prefix(self, prefix: impl Into<String>) -> Self {
        self.with(|settings| settings.prefix = prefix.into())
    }

    /// Leaves the client's secret in the request, for a service that presents it elsewhere.
    #[must_use]
    pub fn keep_authorization(self) -> Self {
        self.with(|settings| settings.keeps_authorization = true)
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access::new(inner, Arc::clone(&self.settings))
    }
}
