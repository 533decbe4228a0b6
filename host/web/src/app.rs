//! What handlers share, and the routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use access_authority::{Authority, Error, Permit, Target};
use axum::Router;
use axum::routing::{any, get, post, put};
use ipnet::IpNet;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::asker::Asker;
use crate::endpoints::{audit, authorize, batch, dev_clock, gateways, health, keys, metrics, network};
use crate::problem::{self, Problem};

/// What handlers share.
#[derive(Debug)]
pub struct App {
    /// The use cases.
    pub authority: Arc<Authority>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether the "header from an untrusted peer" warning is out.
    pub(crate) warned_of_proxy: AtomicBool,
    draining: AtomicBool,
}

impl App {
    /// An app over `authority`.
    pub const fn new(authority: Arc<Authority>, trusted_proxies: Vec<IpNet>) -> Self {
        Self { authority, trusted_proxies, warned_of_proxy: AtomicBool::new(false), draining: AtomicBool::new(false) }
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
}

/// The routes of the API.
pub fn router(app: Arc<App>) -> Router {
    let workspace = Router::new()
        .route("/keys", post(keys::issue).get(keys::list))
        .route("/keys/{key}", get(keys::show))
        .route("/keys/{key}/rotate", post(keys::rotate))
        .route("/keys/{key}/disable", post(keys::disable))
        .route("/keys/{key}/enable", post(keys::enable))
        .route("/keys/{key}/revoke", post(keys::revoke))
        .route("/network", put(network::update).get(network::show))
        .route("/audit", get(audit::list));
    Router::new()
        .route("/v1/authorize", post(authorize::authorize))
        .route("/v1/authorize/batch", post(batch::authorize))
        .nest("/v1/workspaces/{workspace}", workspace)
        .route("/v1/gateways", post(gateways::issue))
        .route("/v1/gateways/{gateway}/revoke", post(gateways::revoke))
        .route("/v1/dev/clock", post(dev_clock::advance))
        .route("/health/alive", get(health::alive))
        .route("/health/ready", get(health::ready))
        .fallback(any(problem::not_found))
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(app)
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
