//! `backup`: a copy of the embedded store, taken while a host serves from it.

use std::path::PathBuf;
use std::process::ExitCode;

use access_authority::lifecycle::backup::{KeyOfBackup, Order, backup};
use access_model::clock::SystemClock;
use access_outbound::Source;
use anyhow::bail;
use clap::Args;
use serde_json::json;

use crate::cli::Format;
use crate::commands::config::read::of_environment;
use crate::config::{RootKeySource, Settings};
use crate::output;
use crate::secrets;

/// Back up the embedded store, while a host serves from it or at rest.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// Folder to make: it gets a copy of the store, and a manifest.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Replace the backup that is there.
    #[arg(long)]
    force: bool,
    /// Put the root key into the backup as well. Whoever reads such a backup can pass for every operator and gateway.
    #[arg(long)]
    with_root_key: bool,
    /// Config file.
    #[arg(long, env = "CRONFLOW_ACCESS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the store [default: data].
    #[arg(long, env = "CRONFLOW_ACCESS_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where the root key is [default: DATA_DIR/root.key].
    #[arg(long, env = "CRONFLOW_ACCESS_ROOT_KEY", hide_env_values = true, value_name = "SOURCE")]
    root_key: Option<RootKeySource>,
}

impl Backup {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let stated = Settings { data_dir: self.data_dir, root_key: self.root_key, ..Settings::default() };
        let settings = stated.or(of_environment()?).completed_from(self.config.as_deref())?;
        refuse_redis(&settings)?;
        let (data_dir, source) = (settings.data_dir(false), settings.root_key(false)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let root_key = match source.file() {
            Some(file) => KeyOfBackup::At(file),
            None => KeyOfBackup::Kept(runtime.block_on(secrets::root_key(&settings, &source))?),
        };
        let order = Order {
            data_dir: &data_dir,
            root_key,
            with_root_key: self.with_root_key,
            target: &self.to,
            replace: self.force,
            version: env!("CARGO_PKG_VERSION"),
        };
        let manifest = runtime.block_on(backup(&order, &SystemClock::new()))?;
        let shown = json!({
            "backup": self.to,
            "created_at": manifest.created_at,
            "bytes": manifest.bytes,
            "sha256": manifest.sha256,
            "root_key": source.to_string(),
            "root_key_included": self.with_root_key,
        });
        output::show(format, &shown);
        output::remark(&warning(&source, self.with_root_key));
        Ok(ExitCode::SUCCESS)
    }
}

/// What is in Redis is copied by Redis.
pub(super) fn refuse_redis(settings: &Settings) -> anyhow::Result<()> {
    if settings.redis_source()?.is_some() {
        bail!(
            "the store is in Redis, which is backed up and restored by its own means (its append-only file, or BGSAVE); keep \
             the root key `{}` too, apart from that",
            settings.root_key(false)?
        );
    }
    Ok(())
}

fn warning(root_key: &Source, is_included: bool) -> String {
    if is_included {
        return "the root key is in the backup: whoever reads it can pass for everybody; guard it like the host itself"
            .to_owned();
    }
    format!(
        "the root key `{root_key}` is not in the backup; keep a copy of it apart: without it nobody can restore this"
    )
}
