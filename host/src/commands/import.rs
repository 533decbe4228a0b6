//! `import`: an export becomes the store of an empty data folder, or of an empty Redis.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use access_authority::lifecycle::import::{Import, refuse_folder};
use access_authority::lifecycle::restore::{KeyPlace, Order};
use access_authority::lifecycle::root_key::RootKey;
use access_model::clock::SystemClock;
use access_model::entropy::SystemEntropy;
use access_outbound::Source;
use access_store_redis::{Loading, Options};
use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::export::PATIENCE;
use crate::cli::Format;
use crate::config::Settings;
use crate::output;
use crate::secrets;

/// Fill an empty store, embedded or in Redis, from an export.
#[derive(Debug, Args)]
pub(crate) struct ImportCommand {
    /// File that `export` made.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Config file.
    #[arg(long, env = "CRONFLOW_ACCESS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl ImportCommand {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let settings = self.settings.completed_from(self.config.as_deref())?;
        let source = settings.root_key(false)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (import, place) = runtime.block_on(async {
            let settings = secrets::resolved(settings).await?;
            let root = secrets::root_key(&settings, &source).await;
            let root = root.context("the root key under which the export was made comes first, and then the import")?;
            match &settings.redis {
                None => into_folder(&self.from, &settings.data_dir(false), &source, &root).await,
                Some(url) => {
                    let options = Options { time_out: PATIENCE, ..Options::new(url.clone()) };
                    into_redis(&self.from, options, &source, &root).await
                }
            }
        })?;
        let (header, counts) = (import.header(), import.counts());
        let shown = json!({
            "store": place,
            "as_of": header.created_at,
            "shards": header.shards,
            "records": counts.records,
            "members": counts.members,
            "log_entries": counts.log_entries,
            "counters": counts.counters,
            "dev": header.installation.dev,
            "root_key": source.to_string(),
        });
        output::show(format, &shown);
        let at = header.created_at;
        output::remark(&format!(
            "this is the store as it was at {at}: what was acknowledged by the old one after that is not in it, revocations among it. \
             `cronflow-access doctor` looks whether all is well; let no host serve from the old store any more"
        ));
        Ok(ExitCode::SUCCESS)
    }
}

/// Into the data folder, which holds nothing but the root key, if that.
async fn into_folder(
    from: &Path,
    data_dir: &Path,
    source: &Source,
    root: &RootKey,
) -> anyhow::Result<(Import, String)> {
    let root_key_place = match source.file() {
        Some(file) => KeyPlace::File(file),
        None => KeyPlace::Elsewhere(source.to_string(), root.clone()),
    };
    let order = Order { from, data_dir, root_key: None, root_key_place };
    refuse_folder(&order)?;
    let import = Import::check(from, root, &source.to_string()).await?;
    import.into_folder(&order, &SystemClock::new(), &SystemEntropy).await?;
    Ok((import, data_dir.display().to_string()))
}

/// Into a Redis, where no store is. What it holds of others stays.
async fn into_redis(
    from: &Path,
    options: Options,
    source: &Source,
    root: &RootKey,
) -> anyhow::Result<(Import, String)> {
    let import = Import::check(from, root, &source.to_string()).await?;
    let place = format!("Redis at {}", options.address()?);
    let loading = Loading::begin(options, import.header().shards, &SystemEntropy).await?;
    for page in import.pages()? {
        loading.put(&page?).await?;
    }
    import.record(loading.store(), &SystemClock::new(), &SystemEntropy).await?;
    loading.end().await?;
    Ok((import, place))
}
