//! `export`: all that a store holds, in one file that any other store can be filled from.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use access_authority::lifecycle::export::{Begun, Export, Exported};
use access_model::clock::SystemClock;
use access_store::{Page, Store, StoreError, embedded};
use access_store_redis::{Look, Options};
use clap::Args;
use serde_json::json;
use tokio::sync::mpsc;

use crate::cli::Format;
use crate::config::Settings;
use crate::output;
use crate::secrets;

/// How long Redis may take to answer: there is more to ask for than a host ever does, and nobody waits for a decision.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Pages that may wait to be written.
const PAGES: usize = 4;

/// Write all that the store holds into one file, which `import` fills another one from.
#[derive(Debug, Args)]
pub(crate) struct ExportCommand {
    /// File to make.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Replace the export that is there.
    #[arg(long)]
    force: bool,
    /// Config file.
    #[arg(long, env = "CRONFLOW_ACCESS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// What is read.
enum Source {
    /// A copy of the embedded store.
    File(embedded::Look),
    /// The store in Redis.
    Redis(Look),
}

impl Source {
    fn store(&self) -> &dyn Store {
        match self {
            Self::File(look) => look,
            Self::Redis(look) => look,
        }
    }

    async fn dump(&self, pages: mpsc::Sender<Page>) -> Result<(), StoreError> {
        match self {
            Self::File(look) => look.dump(pages).await,
            Self::Redis(look) => look.dump(pages).await,
        }
    }
}

impl ExportCommand {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let settings = self.settings.completed_from(self.config.as_deref())?;
        let root_key = settings.root_key(false)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let exported = runtime.block_on(async {
            let settings = secrets::resolved(settings).await?;
            let root = secrets::root_key(&settings, &root_key).await?;
            let clock = SystemClock::new();
            let export = Export::begin(&self.to, self.force)?;
            let source = match &settings.redis {
                None => Source::File(export.copy(&settings.data_dir(false))?),
                Some(url) => {
                    let options = Options { time_out: PATIENCE, ..Options::new(url.clone()) };
                    Source::Redis(Look::at(options, &clock).await?)
                }
            };
            let begun = export.head(source.store(), &root, env!("CARGO_PKG_VERSION"), &clock).await?;
            written(begun, &source).await
        })?;
        let Exported { header, counts, sha256 } = exported;
        let shown = json!({
            "export": self.to,
            "created_at": header.created_at,
            "shards": header.shards,
            "records": counts.records,
            "members": counts.members,
            "log_entries": counts.log_entries,
            "counters": counts.counters,
            "sha256": sha256,
            "dev": header.installation.dev,
            "root_key": root_key.to_string(),
        });
        output::show(format, &shown);
        output::remark(&format!(
            "the root key `{root_key}` is not in the export; take it along: without it nobody can import this. What is changed in the \
             old store from now on is not in it either, so let no host serve from that any more"
        ));
        Ok(ExitCode::SUCCESS)
    }
}

async fn written(mut begun: Begun, source: &Source) -> anyhow::Result<Exported> {
    let (pages, mut dumped) = mpsc::channel(PAGES);
    let write = async move {
        while let Some(page) = dumped.recv().await {
            begun.take(&page)?;
        }
        anyhow::Ok(begun)
    };
    let (dumping, writing) = tokio::join!(source.dump(pages), write);
    let begun = writing?;
    dumping?;
    Ok(begun.end()?)
}
