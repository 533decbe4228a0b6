//! How many connections there may be at a time, and who makes room when all places are taken.
//!
//! A connection that says nothing costs its peer nothing. So when nobody else can be let in, those that were idle for a second
//! are asked to leave, an eighth of them each second: whoever they belong to comes again, and requests in flight are not touched.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout};

/// Connections at a time, if the system lets this process have as many. More wait in the system's queue.
const CONNECTIONS: usize = 16_384;
/// Descriptors for everything else: the store, webhooks, metrics.
const ELSEWHERE: usize = 256;
/// Fewer connections than this would be no service.
const FEWEST: usize = 64;
/// Between two times that connections are asked to make room.
const BETWEEN: Duration = Duration::from_secs(1);
/// Of idle connections, so many are asked in turn.
const TURNS: usize = 8;

/// The places, which all listeners share.
#[derive(Clone)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    word: watch::Sender<Word>,
    asked: Arc<Mutex<Option<Instant>>>,
    numbers: Arc<AtomicUsize>,
    open: Gauge,
    left: Counter,
}

/// What connections are told.
#[derive(Debug, Clone, Copy, Default)]
struct Word {
    /// Requests in flight may end, nothing else.
    stop: bool,
    /// How often room was asked for.
    room: usize,
}

impl Places {
    /// As many as the system lets this process have.
    pub(super) fn new() -> Self {
        describe_gauge!("access_connections", "Connections that are open");
        describe_counter!(
            "access_connections_asked_to_leave_total",
            "Idle connections that had to make room for others"
        );
        Self {
            free: Arc::new(Semaphore::new(most())),
            word: watch::Sender::new(Word::default()),
            asked: Arc::default(),
            numbers: Arc::default(),
            open: gauge!("access_connections"),
            left: counter!("access_connections_asked_to_leave_total"),
        }
    }

    /// A place for one more, as soon as there is one.
    pub(super) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        match Arc::clone(&self.free).try_acquire_owned() {
            Ok(place) => Some(place),
            Err(_) => self.make_room().await,
        }
    }

    /// Gives a place to a connection.
    pub(super) fn admit(&self, place: OwnedSemaphorePermit) -> Guest {
        self.open.increment(1);
        Guest {
            _place: place,
            number: self.numbers.fetch_add(1, Ordering::Relaxed),
            word: self.word.subscribe(),
            uses: Arc::default(),
            seen: None,
            places: self.clone(),
        }
    }

    async fn make_room(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            let mut asked = self.asked.lock().await;
            if asked.is_none_or(|asked| asked.elapsed() >= BETWEEN) {
                *asked = Some(Instant::now());
                self.word.send_modify(|word| word.room = word.room.wrapping_add(1));
            }
            drop(asked);
            if let Ok(place) = timeout(BETWEEN, Arc::clone(&self.free).acquire_owned()).await {
                return place.ok();
            }
        }
    }

    /// Tells all connections to end when what is in flight has been answered.
    pub(super) fn stop(&self) {
        self.word.send_modify(|word| word.stop = true);
    }
}

/// A connection that has a place, until it is dropped.
pub(super) struct Guest {
    _place: OwnedSemaphorePermit,
    number: usize,
    word: watch::Receiver<Word>,
    uses: Arc<Uses>,
    /// Requests so far, when it was last looked at idle.
    seen: Option<usize>,
    places: Places,
}

impl Guest {
    /// What counts its requests.
    pub(super) fn uses(&self) -> Arc<Uses> {
        Arc::clone(&self.uses)
    }

    /// Whether there was no request yet.
    pub(super) fn is_unused(&self) -> bool {
        self.uses.begun.load(Ordering::Relaxed) == 0
    }

    /// Whether the host stops.
    pub(super) fn is_to_stop(&self) -> bool {
        self.word.borrow().stop
    }

    /// Whether no request is in flight, and none has begun since this was last asked.
    pub(super) fn is_idle_still(&mut self) -> bool {
        let (ended, begun) = (self.uses.ended.load(Ordering::Acquire), self.uses.begun.load(Ordering::Relaxed));
        let idle = (ended == begun).then_some(begun);
        idle.is_some() && std::mem::replace(&mut self.seen, idle) == idle
    }

    /// Waits until the connection is to leave: the host stops, or others need its place and it has been idle.
    pub(super) async fn must_leave(&mut self) {
        loop {
            if self.word.borrow_and_update().stop {
                return;
            }
            // The sender lives as long as the places, which this has.
            if self.word.changed().await.is_err() {
                return;
            }
            let room = self.word.borrow().room;
            if self.is_idle_still() && self.number % TURNS == room % TURNS {
                self.places.left.increment(1);
                return;
            }
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.places.open.decrement(1);
    }
}

/// Requests of a connection.
#[derive(Debug, Default)]
pub(super) struct Uses {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

impl Uses {
    /// A request begins; it ends when what this answers is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.begun.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }
}

/// A request that is not answered yet.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Uses>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Release);
    }
}

/// How many connections there may be, having raised the limit of descriptors as far as the system lets us.
fn most() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None is no limit, and more than any number.
    let is_lower = current.is_some_and(|current| maximum.is_none_or(|maximum| current < maximum));
    if is_lower && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::debug!(%error, "the limit of open files could not be raised");
    }
    let descriptors = getrlimit(Resource::Nofile).current.and_then(|most| usize::try_from(most).ok());
    let most = descriptors.map_or(CONNECTIONS, |most| most.saturating_sub(ELSEWHERE).clamp(FEWEST, CONNECTIONS));
    if most < CONNECTIONS {
        tracing::warn!(
            connections = most,
            "the limit of open files (LimitNOFILE, ulimit -n) leaves room for few connections"
        );
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(most: usize) -> Places {
        Places { free: Arc::new(Semaphore::new(most)), ..Places::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_idle_makes_room() {
        let places = places(TURNS);
        let mut guests = Vec::new();
        for _ in 0..TURNS {
            guests.push(places.admit(places.take().await.unwrap()));
        }
        let busy = guests.iter().map(|guest| guest.uses().begin()).collect::<Vec<_>>();
        let leaving = guests.into_iter().map(|mut guest| {
            tokio::spawn(async move {
                guest.must_leave().await;
                guest.number
            })
        });
        let leaving: Vec<_> = leaving.collect();
        let waits = tokio::spawn({
            let places = places.clone();
            async move { places.take().await.is_some() }
        });
        tokio::time::sleep(BETWEEN * 30).await;
        assert!(!waits.is_finished(), "requests in flight are not touched");
        drop(busy);
        assert!(waits.await.unwrap());
        assert_eq!(leaving.iter().filter(|task| task.is_finished()).count(), 1, "one in eight, and no more");
        places.stop();
        for task in leaving {
            task.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_leaves_for_nothing() {
        let places = places(2);
        let mut only = places.admit(places.take().await.unwrap());
        assert!(timeout(BETWEEN * 30, only.must_leave()).await.is_err());
        assert!(places.take().await.is_some());
    }
}
