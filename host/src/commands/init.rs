//! `init`: begins an installation, on the embedded store or on Redis.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use access_authority::lifecycle::init::{Names, init};
use access_authority::lifecycle::root_key::RootKey;
use access_authority::lifecycle::{Installation, LifecycleError};
use access_model::clock::SystemClock;
use access_model::entropy::SystemEntropy;
use access_model::{Catalog, Clock, Email, Entropy};
use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::json;

use crate::cli::Format;
use crate::config::Settings;
use crate::output;
use crate::secrets;
use crate::store::{Opened, WhenAbsent};

/// Begin an installation.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Name of the first organization.
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// Name of its first workspace.
    #[arg(long, value_name = "NAME")]
    workspace: String,
    /// E-mail address of its first owner, who comes in by a link that is printed once and good for a day.
    #[arg(long, value_name = "EMAIL")]
    owner: Option<String>,
    /// Config file.
    #[arg(long, env = "CRONFLOW_ACCESS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl Init {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let settings = self.settings.completed_from(self.config.as_deref())?;
        // Before anything is made.
        settings.root_key(false)?;
        access_model::organization::check_name(&self.organization).context("--organization")?;
        access_model::organization::check_name(&self.workspace).context("--workspace")?;
        let owner = self.owner.as_deref().map(Email::parse).transpose().context("--owner")?;
        let catalog = catalog(settings.catalog.as_deref())?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let settings = runtime.block_on(secrets::resolved(settings))?;
        let beginning = runtime.block_on(async {
            let (its_clock, its_entropy) = (Arc::clone(&clock), Arc::clone(&entropy));
            let opened = Opened::open(&settings, false, WhenAbsent::Begin, its_clock, its_entropy).await?;
            let store = opened.store();
            // Before a root key is made: one that no store knows must not lie beside a store.
            if Installation::read(store.as_ref()).await?.is_some() {
                return Err(LifecycleError::AlreadyInitialized.into());
            }
            let root = root_key(&settings, false).await.map_err(|error| {
                anyhow!("{error:#}; a new installation's is put there first: `secrets generate` prints one")
            })?;
            let (organization, workspace, owner) = (&self.organization, &self.workspace, owner.as_ref());
            let names = Names { organization, workspace, owner };
            let beginning = init(store.as_ref(), &catalog, &root, clock.as_ref(), entropy.as_ref(), names).await?;
            opened.close().await?;
            anyhow::Ok(beginning)
        })?;
        let data_dir = settings.data_dir(false);
        let base_url = settings.public_url.clone().unwrap_or_else(|| settings.listen_url());
        let setup_link = beginning
            .invitation
            .as_ref()
            .map(|secret| format!("{}{}", base_url.trim_end_matches('/'), access_web::join_path(secret.expose())));
        let mut shown = json!({
            "organization": beginning.organization,
            "workspace": beginning.workspace,
            "operator_token": beginning.operator_token.expose(),
            "data_dir": data_dir,
            "root_key": settings.root_key(false)?.to_string(),
        });
        let is_invited = setup_link.is_some();
        if let (Some(link), Some(fields)) = (setup_link, shown.as_object_mut()) {
            fields.insert("setup_link".to_owned(), link.into());
        }
        output::show(format, &shown);
        output::remark(
            "the operator token is shown this once; keep it now. Keep the root key apart from backups of the data: either without the other is useless.",
        );
        output::remark(if is_invited {
            "whoever opens the setup link within a day is the first owner; it is shown this once"
        } else {
            "nobody can sign in yet; `member invite EMAIL --role owner` makes a link for the first owner"
        });
        Ok(ExitCode::SUCCESS)
    }
}

/// The catalog in `file`, or the built-in one.
pub(super) fn catalog(file: Option<&Path>) -> anyhow::Result<Arc<Catalog>> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("catalog `{}`", path.display()))?,
        None => include_str!("../../../policies/catalog.toml").to_owned(),
    };
    Ok(Arc::new(Catalog::parse(&text)?))
}

/// The root key, from wherever the settings say. Only where that is a file, one is made that is not there.
pub(super) async fn root_key(settings: &Settings, dev: bool) -> anyhow::Result<RootKey> {
    let source = settings.root_key(dev)?;
    match source.file() {
        Some(file) if !file.exists() => Ok(RootKey::create(file, &SystemEntropy)?),
        Some(file) => Ok(RootKey::read(file)?),
        None => secrets::root_key(settings, &source).await,
    }
}
