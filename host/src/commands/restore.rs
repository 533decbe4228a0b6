//! `restore`: a backup becomes the store of an empty data folder.

use std::path::PathBuf;
use std::process::ExitCode;

use access_authority::lifecycle::restore::{KeyPlace, Order, Restored, restore};
use access_model::clock::SystemClock;
use access_model::entropy::SystemEntropy;
use clap::Args;
use serde_json::json;

use super::backup::refuse_redis;
use crate::cli::Format;
use crate::commands::config::read::of_environment;
use crate::config::Settings;
use crate::output;
use crate::secrets;

/// Restore a backup into an empty data folder.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Folder that `backup` made.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// File of the root key; it is copied beside the store [default: the one in the backup, else the one in place].
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
    /// Config file.
    #[arg(long, env = "CRONFLOW_ACCESS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder to restore into, absent or empty [default: data].
    #[arg(long, env = "CRONFLOW_ACCESS_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Restore {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        // Where the host will look for the root key, which is not what this command's own flag says.
        let stated = Settings { data_dir: self.data_dir, ..of_environment()? };
        let settings = stated.completed_from(self.config.as_deref())?;
        refuse_redis(&settings)?;
        let (data_dir, source) = (settings.data_dir(false), settings.root_key(false)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let place = match source.file() {
            Some(file) => KeyPlace::File(file),
            None => KeyPlace::Elsewhere(source.to_string(), runtime.block_on(secrets::root_key(&settings, &source))?),
        };
        let order =
            Order { from: &self.from, data_dir: &data_dir, root_key: self.root_key.as_deref(), root_key_place: place };
        let Restored { manifest, placed_root_key } =
            runtime.block_on(restore(&order, &SystemClock::new(), &SystemEntropy))?;
        let at = manifest.created_at;
        let shown = json!({
            "data_dir": data_dir,
            "root_key": source.to_string(),
            "root_key_placed": placed_root_key,
            "as_of": at,
            "dev": manifest.installation.dev,
        });
        output::show(format, &shown);
        output::remark(&format!(
            "this is the past: what was acknowledged after {at} is undone. Keys revoked, disabled or rotated since then are \
             alive again, and keys issued since then are unknown. Before you serve it, read what happened since, where the old \
             store can still be served: GET /v1/workspaces/{{workspace}}/audit?since={at}; do it again here afterwards. \
             Quotas start anew."
        ));
        Ok(ExitCode::SUCCESS)
    }
}
