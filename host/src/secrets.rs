//! What the host must know before it begins: its root key, and its passwords, from wherever the settings say that they are.

use access_authority::lifecycle::root_key::RootKey;
use access_model::PlainSecret;
use access_model::clock::SystemClock;
use access_outbound::Source;
use anyhow::Context;

use crate::config::Settings;

/// The settings with the passwords in the place of their sources.
pub(crate) async fn resolved(mut settings: Settings) -> anyhow::Result<Settings> {
    settings.redis = resolve(&settings, "redis", settings.redis_source()?).await?;
    settings.redis_file = None;
    settings.metrics_token = resolve(&settings, "metrics token", settings.metrics_token_source()?).await?;
    settings.metrics_token_file = None;
    settings.smtp_url = resolve(&settings, "smtp_url", settings.smtp_url_source()?).await?;
    settings.smtp_url_file = None;
    Ok(settings)
}

async fn resolve(settings: &Settings, name: &str, source: Option<Source>) -> anyhow::Result<Option<PlainSecret>> {
    match source {
        None => Ok(None),
        Some(source) => {
            let read = settings.keepers()?.read(&source, &SystemClock::new()).await;
            read.map(Some).with_context(|| name.to_owned())
        }
    }
}

/// The root key, from wherever it is.
pub(crate) async fn root_key(settings: &Settings, source: &Source) -> anyhow::Result<RootKey> {
    if let Some(file) = source.file() {
        return Ok(RootKey::read(file)?);
    }
    let read = settings.keepers().context("root key")?.read(source, &SystemClock::new()).await;
    Ok(RootKey::parse(&read.context("root key")?, source)?)
}
