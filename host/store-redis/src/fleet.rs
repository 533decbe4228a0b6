//! All servers that the store is on, and which of them is asked about a shard.
//!
//! A server that is lost, or that says that a shard is somewhere else, makes everybody be asked anew who holds what: once at a time,
//! however many want to know. A command is sent again only where it is certain that it did nothing: it was refused by a server that
//! may not do it, or not now.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use access_model::{Clock, Entropy, Shard};
use redis::ServerError;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::error::Failure;
use crate::hearing::Hearing;
use crate::line::{Answer, Common, Line, Purpose, With};
use crate::names::Home;
use crate::node::Node;
use crate::place::{Address, Kind, Place};
use crate::pulse::Pulse;
use crate::recent::Recent;
use crate::scripts::Call;
use crate::seek::seek;
use crate::slots::Slots;

/// How many milliseconds a command is held back before it is sent again, time after time. Then it is refused.
const PAUSES: [u64; 7] = [5, 10, 20, 40, 80, 160, 320];
/// Nobody is asked more often than so.
const BETWEEN: Duration = Duration::from_millis(50);

/// The servers.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) place: Place,
    pub(crate) common: Arc<Common>,
    pub(crate) recent: Arc<Recent>,
    pub(crate) clock: Arc<dyn Clock>,
    /// So many replicas are waited for by what narrows.
    pub(crate) replicas: u32,
    pub(crate) bound: Duration,
    layout: watch::Sender<Arc<Layout>>,
    /// The highest configuration that was ever told of.
    epoch: AtomicU64,
}

/// Which server is asked about a shard.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    nodes: Vec<Arc<Node>>,
    /// Servers that hold no shard yet, and are asked about one that is on its way to them.
    guests: Mutex<BTreeMap<Address, Arc<Line>>>,
}

/// Why a command did nothing, and what to do then.
enum Detour {
    /// Its shard is somewhere else.
    Moved,
    /// It is on its way there.
    Ask(Address),
    /// Half of it is on its way.
    Later,
    /// Its server may not do it: it is no primary any more, or not yet.
    Down,
}

impl Layout {
    /// The server that holds a shard, if it is known.
    pub(crate) fn node(&self, shard: Shard) -> Option<&Arc<Node>> {
        self.nodes.iter().find(|node| node.shards.contains(&shard))
    }

    pub(crate) fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }
}

impl Fleet {
    pub(crate) fn new(
        place: Place,
        common: Arc<Common>,
        recent: Arc<Recent>,
        clock: Arc<dyn Clock>,
        replicas: u32,
        bound: Duration,
    ) -> Self {
        let layout = watch::Sender::new(Arc::default());
        Self { place, common, recent, clock, replicas, bound, layout, epoch: AtomicU64::new(0) }
    }

    pub(crate) fn layout(&self) -> Arc<Layout> {
        Arc::clone(&self.layout.borrow())
    }

    /// Who holds what, as it was found when the store was opened: nothing is connected yet.
    pub(crate) fn begin(&self, slots: &Slots) -> Result<Arc<Layout>, String> {
        self.epoch.store(slots.epoch(), Ordering::SeqCst);
        let (nodes, _) = self.nodes(slots)?;
        let layout = Arc::new(Layout { nodes, guests: Mutex::default() });
        self.layout.send_replace(Arc::clone(&layout));
        Ok(layout)
    }

    pub(crate) fn pulse(&self, node: &Node) -> Pulse {
        Pulse::new(Arc::clone(&self.common), Arc::clone(&self.recent), Arc::clone(&self.clock), self.bound, node)
    }

    /// Runs a script on the server that holds its shard. `waits`: the answer says whether replicas have what it wrote.
    pub(crate) async fn call(&self, home: &Home, call: &Call<'_>, waits: bool) -> Result<Answer, Failure> {
        let replicas = if waits { self.replicas } else { 0 };
        let mut layouts = self.layout.subscribe();
        let mut pauses = PAUSES.into_iter().map(Duration::from_millis);
        let mut guest = None;
        let mut was_down = false;
        loop {
            let layout = Arc::clone(&layouts.borrow_and_update());
            let answer = match guest.take() {
                None => match layout.node(home.shard) {
                    Some(node) => node.line(waits).call(call, With { asking: false, replicas }).await,
                    None => Err(Failure::Away("nobody holds the shard".into())),
                },
                Some(address) => {
                    let line = self.guest(&layout, address, waits).await?;
                    line.call(call, With { asking: true, replicas }).await
                }
            };
            let refusal = match answer {
                Err(Failure::Away(_)) if layouts.has_changed().unwrap_or(false) => continue,
                Err(Failure::Refused(refusal)) => refusal,
                answer => return answer,
            };
            let detour = Detour::of(&refusal).filter(|_| self.place.kind != Kind::Alone);
            let pause = pauses.next();
            match (detour, pause) {
                (None, _) | (_, None) => return Err(Failure::Refused(refusal)),
                (Some(Detour::Ask(address)), _) => guest = Some(address),
                (Some(Detour::Later), Some(pause)) => sleep(pause).await,
                (Some(Detour::Down), _) if was_down => return Err(Failure::Refused(refusal)),
                (Some(detour), Some(pause)) => {
                    was_down |= matches!(detour, Detour::Down);
                    self.common.astray.notify_one();
                    // Whoever holds it now is found, or nobody is.
                    let _ = timeout(self.common.time_out, layouts.changed()).await;
                    if !matches!(detour, Detour::Down) {
                        sleep(pause).await;
                    }
                }
            }
        }
    }

    /// A connection to a server that a shard is on its way to.
    async fn guest(&self, layout: &Layout, address: Address, waits: bool) -> Result<Arc<Line>, Failure> {
        if let Some(node) = layout.nodes.iter().find(|node| node.primary.address == address) {
            return Ok(Arc::clone(node.line(waits)));
        }
        // One at a time: the others find the connection of the first.
        let mut guests = layout.guests.lock().await;
        if let Some(line) = guests.get(&address).filter(|line| line.live().is_ok()) {
            return Ok(Arc::clone(line));
        }
        let client = self.place.client(&address).map_err(|error| Failure::Away(error.to_string().into()))?;
        let line = Line::new(Purpose::Commands, client, Arc::default(), Arc::clone(&self.common), Arc::default());
        line.connect().await.map_err(|why| Failure::Away(why.into()))?;
        guests.insert(address, Arc::clone(&line));
        Ok(line)
    }

    /// Asks who holds what whenever somebody has gone astray, and goes by the answer. Runs until it is dropped.
    pub(crate) async fn keep(self: Arc<Self>, entropy: Arc<dyn Entropy>) {
        loop {
            self.common.astray.notified().await;
            let known: Vec<_> = self.layout().nodes.iter().map(|node| node.primary.address.clone()).collect();
            match seek(&self.place, &known, self.epoch.load(Ordering::SeqCst), self.common.time_out).await {
                Ok(slots) => self.take(&slots, &entropy).await,
                Err(why) => tracing::debug!(why, "nobody says who holds what"),
            }
            // Whether or not anything has changed: somebody waits for it.
            self.layout.send_modify(|_| {});
            sleep(BETWEEN).await;
        }
    }

    async fn take(&self, slots: &Slots, entropy: &Arc<dyn Entropy>) {
        self.epoch.fetch_max(slots.epoch(), Ordering::SeqCst);
        let (nodes, new) = match self.nodes(slots) {
            Ok(found) => found,
            Err(why) => return tracing::error!(why, "a server can't be connected to"),
        };
        let old = self.layout();
        if new.is_empty() && nodes.len() == old.nodes.len() {
            return;
        }
        let mut connecting = JoinSet::new();
        for node in &new {
            let node = Arc::clone(node);
            connecting.spawn(async move {
                match node.connect().await {
                    Ok(()) => tracing::info!(primary = %node.primary, shards = node.shards.len(), "Redis has moved"),
                    // Whoever keeps it up tries again.
                    Err(why) => tracing::warn!(primary = %node.primary, why, "Redis has moved, and is away"),
                }
            });
        }
        connecting.join_all().await;
        let gone: Vec<_> = old.nodes.iter().filter(|old| !nodes.iter().any(|node| Arc::ptr_eq(node, old))).collect();
        self.layout.send_replace(Arc::new(Layout { nodes, guests: Mutex::default() }));
        for node in gone {
            drop(node.close());
        }
        // INVARIANT: a heartbeat says before it is sent what it will be compared with, so one to a server that was replaced proves
        // nothing from here on.
        for node in &new {
            self.common.hearing.forget(&node.shards);
            node.start(self.pulse(node), entropy);
        }
    }

    /// The servers, by who holds what: those that are there already, and, a second time by themselves, those that are new.
    #[expect(clippy::type_complexity, reason = "both halves are taken apart at the two calls")]
    fn nodes(&self, slots: &Slots) -> Result<(Vec<Arc<Node>>, Vec<Arc<Node>>), String> {
        let mut held: Vec<(_, Vec<Shard>)> = Vec::new();
        for home in self.common.books.homes() {
            let Some(primary) = slots.holder_of(&home.state) else { continue };
            match held.iter_mut().find(|(holder, _)| *holder == primary) {
                Some((_, shards)) => shards.push(home.shard),
                None => held.push((primary, vec![home.shard])),
            }
        }
        let (old, mut nodes, mut new) = (self.layout(), Vec::new(), Vec::new());
        for (primary, shards) in held {
            let is_same = |node: &&Arc<Node>| node.primary == *primary && *node.shards == *shards;
            if let Some(node) = old.nodes.iter().find(is_same) {
                nodes.push(Arc::clone(node));
                continue;
            }
            let node = Node::new(&self.place, primary.clone(), shards.into(), &self.common, self.replicas > 0)?;
            nodes.push(Arc::clone(&node));
            new.push(node);
        }
        Ok((nodes, new))
    }
}

impl Detour {
    fn of(refusal: &ServerError) -> Option<Self> {
        match refusal.code() {
            "MOVED" => Some(Self::Moved),
            "ASK" => Some(Self::Ask(refusal.details()?.split(' ').nth(1).and_then(Address::read)?)),
            "TRYAGAIN" => Some(Self::Later),
            "READONLY" | "CLUSTERDOWN" | "MASTERDOWN" | "LOADING" => Some(Self::Down),
            _ => None,
        }
    }
}

/// Whether who holds what may have changed, by what a server refuses.
pub(crate) fn leads_astray(refusal: &ServerError) -> bool {
    refusal.code() == "NOREPLICAS" || Detour::of(refusal).is_some_and(|detour| !matches!(detour, Detour::Later))
}

/// What all servers of a store share.
pub(crate) fn common(books: Arc<crate::names::Books>, hearing: Arc<Hearing>, time_out: Duration) -> Arc<Common> {
    let (numbers, astray) = (AtomicU64::new(0), tokio::sync::Notify::new());
    Arc::new(Common { time_out, books, hearing, numbers, astray })
}
