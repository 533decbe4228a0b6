//! The running host: whether it answers, whether it can decide, and which release it is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use access_store::embedded::holder;
use serde::Deserialize;

use super::scene::Scene;
use crate::commands::serve::metrics;
use crate::config::{Listen, Settings};
use crate::report::Finding;

const NAME: &str = "host";
/// 1 once X-Forwarded-For has come from a peer while no proxy is trusted.
pub(super) const IGNORED_METRIC: &str = "access_forwarded_for_ignored";
/// Longer than a healthy host ever takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// The running host, as far as it answers.
pub(super) struct Host {
    url: String,
    /// Whether somebody said that it is there.
    is_named: bool,
    alive: Result<(), String>,
    /// What `/health/ready` says, whatever its status.
    pub(super) ready: Option<Ready>,
    metrics: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Ready {
    status: String,
    #[serde(default)]
    version: String,
    pub(super) policies: Policies,
    #[serde(default)]
    differing_hosts: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
pub(super) struct Policies {
    pub(super) set_digest: String,
    pub(super) problem: Option<String>,
}

impl Host {
    pub(super) fn ask(url: Option<&str>, settings: &Settings) -> Self {
        let shown = url.map_or_else(|| own_url(settings), |url| url.trim_end_matches('/').to_owned());
        let get = |url: &str, bearer: Option<&str>| -> Result<(u16, String), ureq::Error> {
            let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
            let mut request = ureq::Agent::from(config.max_redirects(0).build()).get(url);
            if let Some(bearer) = bearer {
                request = request.header("authorization", format!("Bearer {bearer}"));
            }
            let mut answer = request.call()?;
            Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
        };
        let alive = match get(&format!("{shown}/health/alive"), None) {
            Ok((200, _)) => Ok(()),
            Ok((status, _)) => {
                Err(format!("`{shown}` answers {status}, so it is not a host of ours, or not at that path"))
            }
            Err(error) => Err(format!("no answer from `{shown}`: {error}")),
        };
        let ready = alive.is_ok().then(|| get(&format!("{shown}/health/ready"), None).ok()).flatten();
        let ready = ready.and_then(|(_, body)| serde_json::from_str(&body).ok());
        let address = settings.metrics_listen();
        let token = metrics::token(settings).ok().flatten();
        let scrape =
            || get(&format!("http://{}/metrics", reachable(address)), token.as_ref().map(|token| token.expose()));
        let scraped = (alive.is_ok() && address.port() != 0).then(|| scrape().ok()).flatten();
        let metrics = scraped.filter(|(status, _)| *status == 200).map(|(_, body)| body);
        Self { url: shown, is_named: url.is_some(), alive, ready, metrics }
    }

    /// The value of a metric without labels, if metrics can be read.
    pub(super) fn metric(&self, name: &str) -> Option<f64> {
        let mut lines = self.metrics.as_ref()?.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }
}

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let host = scene.host();
    if let Err(silence) = &host.alive {
        return vec![silent(scene, host, silence)];
    }
    let ours = env!("CARGO_PKG_VERSION");
    vec![match &host.ready {
        None => Finding::fail(
            NAME,
            format!("`{}` answers, but not as this release does", host.url),
            "restart it with this release",
        ),
        Some(ready) if ready.status != "ready" => {
            let what = format!("`{}` is {}: it can't decide", host.url, ready.status);
            Finding::fail(NAME, what, "look at the lines above and at its log, then restart it")
        }
        Some(ready) if ready.version != ours => {
            let what = format!("`{}` is release `{}`, and this is {ours}", host.url, ready.version);
            Finding::warn(NAME, what, "restart it, if the newer one is meant to serve")
        }
        Some(ready) if !ready.differing_hosts.is_empty() => {
            let what = format!(
                "{} other hosts of its store decide by other rules than `{}`",
                ready.differing_hosts.len(),
                host.url
            );
            Finding::warn(NAME, what, "serve the same policies and catalog everywhere; /health/ready names the others")
        }
        Some(_) => Finding::ok(NAME, format!("`{}` is ready, release {ours}", host.url)),
    }]
}

fn silent(scene: &Scene, host: &Host, silence: &str) -> Finding {
    let process = if scene.settings.redis.is_some() { None } else { holder(&scene.data_dir()) };
    match process {
        Some(process) => {
            let todo = format!(
                "look at its log; restart it if it hangs; name its address with --url if it listens elsewhere than at {}",
                host.url
            );
            Finding::fail(NAME, format!("process {process} has the store open, but there is {silence}"), todo)
        }
        None if host.is_named => {
            Finding::fail(NAME, silence, "start it with `cronflow-access serve`, or correct --url")
        }
        None => Finding::warn(
            NAME,
            format!("it is not running: {silence}"),
            "start it with `cronflow-access serve`, or name its address with --url",
        ),
    }
}

/// Where the settings say that it is. What speaks plain HTTP is asked first: whose certificate it is matters to nobody here.
fn own_url(settings: &Settings) -> String {
    let all = settings.listen();
    let reached = all.iter().find(|listen| matches!(listen, Listen::Plain(_)));
    match reached.or_else(|| all.iter().find(|listen| listen.is_tls())) {
        Some(Listen::Plain(address)) => format!("http://{}", reachable(*address)),
        Some(Listen::Tls(address)) => format!("https://{}", reachable(*address)),
        _ => settings.listen_url(),
    }
}

/// Who listens everywhere is reached here.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port())
    } else {
        address
    }
}
