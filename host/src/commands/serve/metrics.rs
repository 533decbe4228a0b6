//! The metrics listener: its own address, loopback unless a token guards it.

use std::sync::Arc;

use access_model::PlainSecret;
use access_outbound::Source;
use access_web::App;
use anyhow::{Context, bail};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::secret;
use crate::config::{self, Settings};

/// Installs the recorder that everything counts with.
pub(super) fn recorder() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new().install_recorder().context("metrics recorder")
}

/// Binds the listener, having made sure that nobody beyond this machine reads it unasked.
pub(super) async fn bind(settings: &Settings) -> anyhow::Result<TcpListener> {
    let address = settings.metrics_listen();
    if !address.ip().is_loopback() && token(settings)?.is_none() {
        bail!(
            "metrics beyond loopback need a token: name its file with --metrics-token-file, or set {}",
            config::METRICS_TOKEN
        );
    }
    TcpListener::bind(address).await.with_context(|| format!("can't serve metrics on {address}"))
}

/// Serves the metrics.
pub(super) fn serve(
    listener: TcpListener,
    app: Arc<App>,
    recorder: PrometheusHandle,
    settings: &Settings,
    mut stopping: watch::Receiver<bool>,
) -> anyhow::Result<JoinHandle<()>> {
    let router = access_web::metrics_router(app, recorder, token(settings)?);
    Ok(tokio::spawn(async move {
        let stopped = async move {
            // The sender lives as long as the host.
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "serving metrics ended");
        }
    }))
}

/// What a scraper presents, if anything is asked for. The settings must be resolved.
pub(crate) fn token(settings: &Settings) -> anyhow::Result<Option<PlainSecret>> {
    match settings.metrics_token_source()? {
        None => Ok(None),
        Some(Source::Value(token)) => Ok(Some(token)),
        Some(Source::File(file)) => {
            let read = secret(Some(&file.to_string_lossy()), config::METRICS_TOKEN);
            Ok(Some(PlainSecret::new(read.context("metrics token")?)))
        }
        Some(source) => bail!("metrics token: `{source}` was not asked"),
    }
}
