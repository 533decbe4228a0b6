//! `serve`: opens the store and the policies, serves until it is told to stop, and leaves the books in order.

mod listener;
mod logging;
pub(crate) mod metrics;
mod ready;
mod tour;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use access_authority::lifecycle::demo::{Demo, demo};
use access_authority::lifecycle::{Installation, LifecycleError, dev_clock};
use access_authority::mail::Mailer;
use access_authority::policies::{Policies, Reload};
use access_authority::{Authority, FAILPOINTS, World};
use access_engine::CompiledCache;
use access_model::clock::SystemClock;
use access_model::entropy::SystemEntropy;
use access_model::{Clock, Entropy};
use access_outbound::Egress;
use access_store::{Metered, Store};
use access_web::{App, PublicUrl};
use anyhow::{Context, bail};
use clap::Args;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub(crate) use self::listener::Certificates;
use self::listener::Listeners;
use super::init::{catalog, root_key};
use crate::config::{Listen, Settings};
use crate::output;
use crate::secrets;
use crate::store::{Opened, WhenAbsent, bound};

/// How often the policy folder is looked at.
const LOOK_AT_POLICIES: Duration = Duration::from_millis(250);

/// Serve the API.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Config file.
    #[arg(long, env = "CRONFLOW_ACCESS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Serve a demo on loopback: no init, secrets printed, and a clock that can be moved.
    #[arg(long)]
    dev: bool,
    /// Write a JSON file once the host is ready.
    #[arg(long, env = "CRONFLOW_ACCESS_READY_FILE", value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Die at this point, so that what is left behind can be looked at; with --dev alone.
    #[arg(long, env = "CRONFLOW_ACCESS_DIE_AT", value_name = "POINT", hide = true)]
    die_at: Option<String>,
    #[command(flatten)]
    settings: Settings,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.settings.clone().completed_from(self.config.as_deref())?;
        logging::start(&settings)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let served = runtime.block_on(async { self.serve(secrets::resolved(settings).await?).await });
        // The books are in order. A resolver that was asked for a webhook's name may take its time; nobody waits for it.
        runtime.shutdown_background();
        served.map(|()| ExitCode::SUCCESS)
    }

    async fn serve(self, settings: Settings) -> anyhow::Result<()> {
        if self.dev && !settings.listen().iter().all(Listen::is_local) {
            bail!("--dev prints its secrets and opens its clock, so it serves loopback alone; listen on 127.0.0.1");
        }
        // The recorder comes first: whatever counts must find it.
        let recorder = metrics::recorder()?;
        let catalog = catalog(settings.catalog.as_deref())?;
        let rules = settings.egress(self.dev)?;
        let relay = settings.relay(&rules)?;
        let egress = Egress::new(rules);
        let listeners = Listeners::bind(&settings).await?;
        let metrics_listener = metrics::bind(&settings).await?;

        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let when_absent = if self.dev { WhenAbsent::Begin } else { WhenAbsent::Refuse };
        let (its_clock, its_entropy) = (Arc::clone(&clock), Arc::clone(&entropy));
        let opened = Opened::open(&settings, self.dev, when_absent, its_clock, its_entropy).await?;
        let store = Arc::new(Metered::new(opened.store()));
        self.check_installation(store.as_ref(), &settings).await?;
        let root = root_key(&settings, self.dev).await?;
        let compiled =
            CompiledCache::new(settings.data_dir(self.dev).join("compiled"), root.derive("compiled policies"));
        let sandbox = crate::sandbox::sandbox(Some(compiled))?;
        let policies = Policies::load(settings.policies.clone(), &catalog, sandbox).context("policies")?;
        dev_clock::restore(store.as_ref(), clock.as_ref()).await?;
        let demo = match self.dev {
            true => Some(demo(store.as_ref(), &catalog, &root, clock.as_ref(), entropy.as_ref()).await?),
            false => None,
        };
        let keyring = Installation::open(store.as_ref(), &root, self.dev).await?;
        let world = World { store, clock, entropy };
        let (base_url, metrics_url) = (listeners.base_url(), metrics_url(&metrics_listener)?);
        let public_url = match &settings.public_url {
            Some(url) => PublicUrl::parse(url).context("public_url")?,
            None => PublicUrl::parse(&base_url)?,
        };
        let mailer = relay.map(|relay| Mailer::new(relay, public_url.to_string()));
        let authority = Authority::new(world, catalog, keyring, policies, self.dev)?
            .with_egress(egress)
            .with_mailer(mailer)
            .with_keepers(settings.keepers()?)
            .with_bound(bound(&settings)?)
            .with_policy_memory(settings.policy_memory()?);
        let authority = Arc::new(self.dying(authority)?);
        let proxies = settings.trusted_proxies.clone().unwrap_or_default();
        let app = App::new(Arc::clone(&authority), proxies, public_url);
        let app = Arc::new(app.with_demo_owner(demo.as_ref().map(|demo| demo.owner.clone())));

        let (stop, stopping) = watch::channel(false);
        let router = access_web::router(Arc::clone(&app));
        let listening = listeners.shown();
        let serving = tokio::spawn(listeners.serve(router, stopping.clone()));
        let metrics = metrics::serve(metrics_listener, Arc::clone(&app), recorder, &settings, stopping.clone())?;
        let looking = tokio::spawn(look_at_policies(Arc::clone(&authority), stopping.clone()));
        let ticking = tokio::spawn(tick(Arc::clone(&authority), stopping));
        let delivering = tokio::spawn(Arc::clone(&authority).deliver());
        let mailing = tokio::spawn(Arc::clone(&authority).carry_mails());
        let following = tokio::spawn(follow_dev_clock(Arc::clone(&authority)));
        let filling = tokio::spawn(fill_due(Arc::clone(&authority)));
        let of_fleet = Arc::clone(&authority);
        let answering = tokio::spawn(async move { of_fleet.answer_fleet().await });
        let of_keys = Arc::clone(&authority);
        let following_keys = tokio::spawn(async move { of_keys.follow_keyring().await });

        authority.check_store().await?;
        // Before anybody hears that it serves: who is told to stop from then on leaves the books in order.
        let told_to_stop = signal()?;
        self.announce(&base_url, &listening, &metrics_url, demo.as_ref())?;
        tracing::info!(%base_url, listening = %listening.join(" "), %metrics_url, store = %opened, dev = self.dev, "serving");

        told_to_stop.await;
        tracing::info!("stopping: no new connections, those in flight may end");
        app.drain();
        stop.send_replace(true);
        let grace = Duration::from_secs(settings.shutdown_seconds.unwrap_or(10));
        if tokio::time::timeout(grace, serving).await.is_err() {
            tracing::warn!(seconds = grace.as_secs(), "some requests did not end in time and are cut off");
        }
        for task in [metrics, looking, ticking, delivering, mailing, following, filling, answering, following_keys] {
            task.abort();
        }
        authority.shut_down().await;
        opened.close().await?;
        tracing::info!("stopped");
        Ok(())
    }

    /// The same, that dies where it was told to.
    fn dying(&self, authority: Authority) -> anyhow::Result<Authority> {
        let Some(point) = &self.die_at else { return Ok(authority) };
        if !self.dev {
            bail!("--die-at is for tests of a dev host; leave it out, or serve with --dev");
        }
        authority.dying_at(point).with_context(|| format!("--die-at is one of {}", FAILPOINTS.join(", ")))
    }

    /// Which kind of installation it is comes before any key is made for it.
    async fn check_installation(&self, store: &dyn Store, settings: &Settings) -> anyhow::Result<()> {
        let begun = Installation::read(store).await?;
        match &begun {
            Some(installation) => installation.check_dev(self.dev)?,
            None if !self.dev => return Err(LifecycleError::NotInitialized.into()),
            None => {}
        }
        // Only an empty dev store gets a root key made for it: one that no store knows must not lie beside a store.
        let is_begun = !self.dev || begun.is_some();
        let source = settings.root_key(self.dev)?;
        if is_begun && source.file().is_some_and(|file| !file.exists()) {
            bail!(
                "root key: there is no `{source}`; without it the store identifies nobody; put it back from where it is kept"
            );
        }
        Ok(())
    }

    fn announce(
        &self,
        base_url: &str,
        listening: &[String],
        metrics_url: &str,
        demo: Option<&Demo>,
    ) -> anyhow::Result<()> {
        let ready = ready::Ready::new(base_url, listening, metrics_url, demo);
        if let Some(path) = &self.ready_file {
            ready.write(path).with_context(|| format!("ready file `{}`", path.display()))?;
        }
        if let Some(demo) = demo {
            output::say(&tour::tour(base_url, metrics_url, demo)?);
        }
        Ok(())
    }
}

fn metrics_url(listener: &TcpListener) -> anyhow::Result<String> {
    Ok(format!("http://{}/metrics", listener.local_addr()?))
}

async fn tick(authority: Arc<Authority>, stopping: watch::Receiver<bool>) {
    let mut each_second = tokio::time::interval(Duration::from_secs(1));
    each_second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !*stopping.borrow() {
        each_second.tick().await;
        authority.tick().await;
    }
}

/// Schedules what keys of an older store are due for, once.
async fn fill_due(authority: Arc<Authority>) {
    let mut each_second = tokio::time::interval(Duration::from_secs(1));
    each_second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        each_second.tick().await;
        match authority.fill_due().await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "older keys wait to be scheduled"),
        }
    }
}

/// A real host's clock can't be moved.
async fn follow_dev_clock(authority: Arc<Authority>) {
    if authority.is_dev() {
        authority.follow_dev_clock().await;
    }
}

async fn look_at_policies(authority: Arc<Authority>, stopping: watch::Receiver<bool>) {
    let mut looks = tokio::time::interval(LOOK_AT_POLICIES);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !*stopping.borrow() {
        looks.tick().await;
        let at = Arc::clone(&authority);
        match tokio::task::spawn_blocking(move || at.policies().reload()).await {
            Ok(Reload::Nothing) => {}
            Ok(Reload::Swapped(set_digest)) => {
                ::metrics::counter!("access_policy_reloads_total", "result" => "swapped").increment(1);
                tracing::info!(%set_digest, "the policies in the folder are in force");
            }
            Ok(Reload::Refused(problem)) => {
                ::metrics::counter!("access_policy_reloads_total", "result" => "refused").increment(1);
                tracing::error!(%problem, "the policies in the folder can't be used; the last good set stays in force");
            }
            Err(error) => tracing::error!(%error, "the policy folder could not be looked at"),
        }
    }
}

/// What ends with SIGTERM or SIGINT, from now on.
fn signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
