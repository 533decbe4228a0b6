//! The heartbeat: proves again and again that this host has heard of everything, in all shards of a server at once.

use std::sync::Arc;
use std::time::Duration;

use access_model::{Clock, Shard};
use redis::{Pipeline, ServerError, Value};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use crate::commit;
use crate::error::{Failure, RESTORE, text};
use crate::fleet::leads_astray;
use crate::line::{Common, Line};
use crate::names::Home;
use crate::node::Node;
use crate::recent::{Deed, Recent};
use crate::scripts::{ANOTHER_STORE, Call, Script};
use crate::skew::Skew;

/// Heartbeats within the bound: one may go astray, and its successor still be in time.
const BEATS: u32 = 4;
/// A host that has not been heard of for so many bounds is gone.
const GONE: u32 = 10;
/// So many commits are made once more in one round trip.
const AT_ONCE: usize = 32;

/// What the heart of one server's connections needs.
#[derive(Debug)]
pub(crate) struct Pulse {
    common: Arc<Common>,
    commands: Arc<Line>,
    shards: Arc<[Shard]>,
    recent: Arc<Recent>,
    clock: Arc<dyn Clock>,
    bound: Duration,
    skew: Skew,
    /// What was last complained of.
    complaint: Option<String>,
}

/// What a heartbeat was answered with.
struct Answer {
    announced: u64,
    /// Unix time.
    millis: i64,
}

impl Pulse {
    pub(crate) fn new(
        common: Arc<Common>,
        recent: Arc<Recent>,
        clock: Arc<dyn Clock>,
        bound: Duration,
        node: &Node,
    ) -> Self {
        let (commands, shards) = (Arc::clone(node.line(false)), Arc::clone(&node.shards));
        Self { common, commands, shards, recent, clock, bound, skew: Skew::default(), complaint: None }
    }

    /// Beats until it is dropped; at once when there is a new connection.
    pub(crate) async fn run(mut self, connected: Arc<Notify>) {
        let mut ticks = interval(self.bound / BEATS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_new = tokio::select! {
                // What was lost is done once more before it is proven that nothing is missing.
                biased;
                () = connected.notified() => true,
                _ = ticks.tick() => false,
            };
            // The line has already said that Redis is away, if it is.
            if is_new {
                let _ = self.replay().await;
            }
            if let Ok(true) = self.beat().await {
                let _ = self.replay().await;
            }
        }
    }

    /// One heartbeat in every shard. True: one of them has lost commits.
    pub(crate) async fn beat(&mut self) -> Result<bool, Failure> {
        let hearing = Arc::clone(&self.common.hearing);
        // INVARIANT: before it is looked whether there is a connection, so that a server that was replaced meanwhile proves nothing.
        let beats: Vec<_> = self.shards.iter().map(|shard| hearing.beat(*shard)).collect();
        let live = self.commands.live()?;
        let mut pipeline = Pipeline::new();
        let millis = (GONE * self.bound).as_millis();
        for home in self.homes() {
            let mut call = Call::new(Script::Beat, home, &self.common.books.epoch);
            call.key(home.host.as_str()).text(env!("CARGO_PKG_VERSION")).shown(Some(millis));
            // Whole, so that no answer is ever that the script is unknown: it is short, and all shards must be fresh together.
            pipeline.add_command(call.whole(""));
        }
        // INVARIANT: the time is taken before anything is sent, so that Redis answers what was true then or later.
        let (sent, sent_at) = (self.clock.monotonic(), self.clock.machine_now());
        let answers = self.commands.send_all(&live, &pipeline).await?;
        let (round_trip, answered_at) = (self.clock.monotonic().saturating_sub(sent), self.clock.machine_now());
        let (mut refusal, mut time, mut is_lost) = (None, None, false);
        for ((shard, beat), answer) in self.shards.iter().zip(beats).zip(answers) {
            match parse(answer) {
                Ok(Answer { announced, millis }) => {
                    is_lost |= hearing.answered(*shard, beat, announced, sent + self.bound);
                    time.get_or_insert(millis);
                }
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        // Of several clocks that of the platform's home is the store's.
        if let Some(millis) = time.filter(|_| self.shards.contains(&Shard::PLATFORM)) {
            let middle = sent_at.as_millis() + (answered_at.as_millis() - sent_at.as_millis()) / 2;
            hearing.freshness().set_skew_millis(self.skew.measured(round_trip, millis - middle));
        }
        if refusal.as_ref().is_some_and(leads_astray) {
            self.common.astray.notify_one();
        }
        self.complain(refusal.as_ref());
        refusal.map_or(Ok(is_lost), |error| Err(Failure::Refused(error)))
    }

    /// Does once more what this host took from somebody a moment ago, where a fail-over has lost it.
    async fn replay(&self) -> Result<(), Failure> {
        let live = self.commands.live()?;
        for home in self.homes() {
            let deeds = self.recent.deeds(home.shard, self.clock.monotonic());
            for deeds in deeds.chunks(AT_ONCE) {
                let mut pipeline = Pipeline::new();
                for Deed { commit, number, terms, .. } in deeds {
                    let call = commit::replay(home, &self.common.books.epoch, commit, *number, terms);
                    pipeline.add_command(call.whole(live.term()));
                }
                let answers = self.commands.send_all(&live, &pipeline).await?;
                for (deed, answer) in deeds.iter().zip(answers) {
                    match redis::from_redis_value::<(u64, String)>(answer) {
                        Ok((0, _)) => {}
                        Ok((number, terms)) => {
                            tracing::warn!(shard = %home.shard, was = deed.number, is = number,
                                "Redis has lost a commit that took something from somebody; it was made once more");
                            self.recent.replayed(deed, number, &terms);
                        }
                        Err(error) => tracing::warn!(shard = %home.shard, %error, "a commit can't be made once more"),
                    }
                }
            }
        }
        Ok(())
    }

    fn homes(&self) -> impl Iterator<Item = &Home> {
        self.shards.iter().filter_map(|shard| self.common.books.home(*shard))
    }

    /// Says once what Redis refuses, and once that it refuses nothing any more.
    fn complain(&mut self, refusal: Option<&ServerError>) {
        // A slot that moves is nothing to complain of.
        let refusal = refusal.filter(|error| !["MOVED", "ASK", "TRYAGAIN"].contains(&error.code()));
        let complaint = refusal.map(|error| match error.code() {
            ANOTHER_STORE => RESTORE.to_owned(),
            _ => format!("Redis refuses heartbeats: {}", text(error)),
        });
        if complaint != self.complaint {
            match &complaint {
                Some(complaint) => tracing::error!("{complaint}"),
                None => tracing::info!("Redis takes heartbeats again"),
            }
            self.complaint = complaint;
        }
    }
}

fn parse(answer: Value) -> Result<Answer, ServerError> {
    let answer = match answer {
        Value::ServerError(error) => return Err(error),
        answer => answer,
    };
    let (announced, seconds, micros): (u64, i64, i64) = redis::from_redis_value(answer).unwrap_or_default();
    Ok(Answer { announced, millis: seconds * 1_000 + micros / 1_000 })
}
