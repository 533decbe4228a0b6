//! The heartbeat: proves again and again that this host has heard of everything, in all shards at once.

use std::sync::Arc;
use std::time::Duration;

use access_model::Clock;
use redis::{Pipeline, ServerError, Value};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use crate::error::{Failure, RESTORE, text};
use crate::hearing::Hearing;
use crate::line::Line;
use crate::names::Books;
use crate::scripts::{ANOTHER_STORE, Call, Script};
use crate::skew::Skew;

/// Heartbeats within the bound: one may go astray, and its successor still be in time.
const BEATS: u32 = 4;
/// A host that has not been heard of for so many bounds is gone.
const GONE: u32 = 10;

/// What the heart needs.
#[derive(Debug)]
pub(crate) struct Pulse {
    pub(crate) commands: Arc<Line>,
    pub(crate) books: Arc<Books>,
    pub(crate) hearing: Arc<Hearing>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) bound: Duration,
    pub(crate) skew: Skew,
    /// What was last complained of.
    pub(crate) complaint: Option<String>,
}

/// What a heartbeat was answered with.
struct Answer {
    announced: u64,
    /// Unix time.
    millis: i64,
}

impl Pulse {
    /// Beats until it is dropped; at once when there is a new connection.
    pub(crate) async fn run(mut self, connected: Arc<Notify>) {
        let mut ticks = interval(self.bound / BEATS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = connected.notified() => {}
            }
            // The line has already said that Redis is away.
            let _ = self.beat().await;
        }
    }

    /// One heartbeat in every shard.
    pub(crate) async fn beat(&mut self) -> Result<(), Failure> {
        let live = self.commands.live()?;
        let mut pipeline = Pipeline::new();
        let millis = (GONE * self.bound).as_millis();
        for home in self.books.homes() {
            let mut call = Call::new(Script::Beat, home, &self.books.epoch);
            call.key(home.host.as_str()).text(env!("CARGO_PKG_VERSION")).shown(Some(millis));
            // Whole, so that no answer is ever that the script is unknown: it is short, and all shards must be fresh together.
            pipeline.add_command(call.whole());
        }
        let beats = self.hearing.beats();
        // INVARIANT: the time is taken before anything is sent, so that Redis answers what was true then or later.
        let (sent, sent_at) = (self.clock.monotonic(), self.clock.machine_now());
        let answers = self.commands.send_all(&live, &pipeline).await?;
        let (round_trip, answered_at) = (self.clock.monotonic().saturating_sub(sent), self.clock.machine_now());
        let mut refusal = None;
        let mut time = None;
        for ((home, beat), answer) in self.books.homes().iter().zip(beats).zip(answers) {
            match parse(answer) {
                Ok(Answer { announced, millis }) => {
                    self.hearing.answered(home.shard, beat, announced, sent + self.bound);
                    time.get_or_insert(millis);
                }
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        if let Some(millis) = time {
            let middle = sent_at.as_millis() + (answered_at.as_millis() - sent_at.as_millis()) / 2;
            self.hearing.freshness().set_skew_millis(self.skew.measured(round_trip, millis - middle));
        }
        self.complain(refusal.as_ref());
        refusal.map_or(Ok(()), |error| Err(Failure::Refused(error)))
    }

    /// Says once what Redis refuses, and once that it refuses nothing any more.
    fn complain(&mut self, refusal: Option<&ServerError>) {
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
