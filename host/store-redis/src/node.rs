//! A server that may be written to, with what leads there: connections, a heartbeat, and who keeps them up.

use std::sync::{Arc, Mutex, PoisonError};

use access_model::{Entropy, Shard};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::line::{Common, Line, Purpose};
use crate::place::Place;
use crate::pulse::Pulse;
use crate::slots::Primary;

/// A primary, for the shards that it holds. When it holds others, it is another node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) primary: Primary,
    pub(crate) shards: Arc<[Shard]>,
    commands: Arc<Line>,
    announcements: Arc<Line>,
    /// Where replicas are waited for.
    narrowing: Option<Arc<Line>>,
    connected: Arc<Notify>,
    tasks: Mutex<JoinSet<()>>,
}

impl Node {
    /// One that is not connected yet.
    pub(crate) fn new(
        place: &Place,
        primary: Primary,
        shards: Arc<[Shard]>,
        common: &Arc<Common>,
        waits: bool,
    ) -> Result<Arc<Self>, String> {
        let client = place.client(&primary.address).map_err(|error| error.to_string())?;
        let connected = Arc::new(Notify::new());
        let line = |purpose| {
            Line::new(purpose, client.clone(), Arc::clone(&shards), Arc::clone(common), Arc::clone(&connected))
        };
        Ok(Arc::new(Self {
            primary,
            commands: line(Purpose::Commands),
            announcements: line(Purpose::Announcements),
            narrowing: waits.then(|| line(Purpose::Narrowing)),
            shards,
            connected,
            tasks: Mutex::default(),
        }))
    }

    /// Connects everything, announcements first: what is announced from then on is heard before the first heartbeat.
    pub(crate) async fn connect(&self) -> Result<(), String> {
        self.announcements.connect().await?;
        if let Some(narrowing) = &self.narrowing {
            narrowing.connect().await?;
        }
        self.commands.connect().await
    }

    /// Connects what asks and is answered, and nothing else.
    pub(crate) async fn connect_commands(&self) -> Result<(), String> {
        self.commands.connect().await
    }

    /// Keeps it up from now on.
    pub(crate) fn start(&self, pulse: Pulse, entropy: &Arc<dyn Entropy>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn(pulse.run(Arc::clone(&self.connected)));
        for line in [Some(&self.commands), Some(&self.announcements), self.narrowing.as_ref()].into_iter().flatten() {
            tasks.spawn(Arc::clone(line).keep(Arc::clone(entropy)));
        }
    }

    /// Where this is asked. What waits for replicas has a line of its own, if any does.
    pub(crate) fn line(&self, waits: bool) -> &Arc<Line> {
        self.narrowing.as_ref().filter(|_| waits).unwrap_or(&self.commands)
    }

    /// Gives it up for good. What is under way is still answered.
    pub(crate) fn close(&self) -> JoinSet<()> {
        for line in [Some(&self.commands), Some(&self.announcements), self.narrowing.as_ref()].into_iter().flatten() {
            line.close();
        }
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.abort_all();
        tasks
    }
}
