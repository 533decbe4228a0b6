//! What handlers share, and the two routers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use access_authority::lifecycle::demo::DemoOwner;
use access_authority::{Authority, Error, Permit, Target};
use axum::Router;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use ipnet::IpNet;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::asker::Asker;
use crate::console;
use crate::endpoints::documents::Documents;
use crate::endpoints::metrics;
use crate::endpoints::oauth::OAuthError;
use crate::problem::{self, Problem};
use crate::public_url::PublicUrl;
use crate::routes;

/// What handlers share.
#[derive(Debug)]
pub struct App {
    /// The use cases.
    pub authority: Arc<Authority>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where clients reach it.
    pub public_url: PublicUrl,
    /// Whether the "header from an untrusted peer" warning is out.
    pub(crate) warned_of_proxy: AtomicBool,
    draining: AtomicBool,
    documents: OnceLock<Documents>,
    demo_owner: Option<DemoOwner>,
}

impl App {
    /// An app over `authority`.
    pub const fn new(authority: Arc<Authority>, trusted_proxies: Vec<IpNet>, public_url: PublicUrl) -> Self {
        Self {
            authority,
            trusted_proxies,
            public_url,
            warned_of_proxy: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            documents: OnceLock::new(),
            demo_owner: None,
        }
    }

    /// The same, whose pages say how to sign in as the demo's owner: on a host for trying out.
    #[must_use]
    pub fn with_demo_owner(self, demo_owner: Option<DemoOwner>) -> Self {
        Self { demo_owner, ..self }
    }

    /// The demo's owner, on a host for trying out.
    pub(crate) const fn demo_owner(&self) -> Option<&DemoOwner> {
        self.demo_owner.as_ref()
    }

    /// What is served here, told.
    pub(crate) fn documents(&self) -> &Documents {
        self.documents.get_or_init(|| Documents::new(self.authority.catalog()))
    }

    /// From here on `/health/ready` says no, so that load balancers look elsewhere.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Identifies who asks and decides whether they may do `action` to `target`. What is wrong with the target is told to
    /// those alone who could be identified.
    pub(crate) async fn permit(
        &self,
        asker: &Asker,
        action: &str,
        target: Result<Target, Problem>,
    ) -> Result<Permit, Problem> {
        let secret = asker.secret.as_ref().ok_or_else(|| self.authority.deny_anonymous())?;
        let caller = self.authority.caller(secret, asker.client).await?;
        Ok(self.authority.require(&caller, action, target?, asker.client).await?)
    }

    /// The same, where it is done to whoever asks.
    pub(crate) async fn permit_for_self(&self, asker: &Asker, action: &str) -> Result<Permit, Problem> {
        let secret = asker.secret.as_ref().ok_or_else(|| self.authority.deny_anonymous())?;
        let caller = self.authority.caller(secret, asker.client).await?;
        Ok(self.authority.require(&caller, action, Target::own(&caller), asker.client).await?)
    }
}

/// The routes of the API and of the console; problems everywhere else.
pub fn router(app: Arc<App>) -> Router {
    routes::router()
        .merge(console::router())
        .fallback(any(not_found))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app)
}

async fn not_found(uri: Uri) -> Response {
    told_at(&uri.clone(), problem::not_found(uri).await)
}

async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    told_at(&uri.clone(), problem::method_not_allowed(method, uri).await)
}

/// Clients of `/oauth` read no problem documents.
fn told_at(uri: &Uri, problem: Problem) -> Response {
    if uri.path().starts_with("/oauth/") { OAuthError::from(&problem).into_response() } else { problem.into_response() }
}

/// The routes of the metrics listener. With a token, only its bearer is answered.
pub fn metrics_router(app: Arc<App>, recorder: PrometheusHandle, token: Option<access_model::PlainSecret>) -> Router {
    Router::new()
        .route("/metrics", get(metrics::scrape))
        .fallback(any(problem::not_found))
        .with_state(Arc::new(metrics::Scrape { app, recorder, token }))
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::of(error)
    }
}
