//! A connection that is made again when it is lost.
//!
//! While it is away, whatever needs it fails at once instead of waiting in line for a Redis that may come back with all of them.
//! One task makes it again, after pauses that grow and are drawn at random, so that hosts that lost Redis together don't come
//! back together. A command that takes too long gives the whole connection up, with all that waits on it: nothing piles up.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use access_model::{Entropy, Shard};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, InfoDict, Pipeline, PushInfo, PushKind, RedisError, Value};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use crate::error::{Failure, describe};
use crate::hearing::Hearing;
use crate::names::Books;
use crate::scripts::{Call, Script};

/// How long the first pause before a new connection may be. The next may be twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How long a pause may be at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How often a connection that says nothing is asked whether it is still there.
const PING: Duration = Duration::from_secs(1);

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Everything that is asked and answered at once.
    Commands,
    /// Announcements.
    Announcements,
    /// What waits for replicas, and must keep nothing else waiting.
    Narrowing,
}

/// What all lines of a store share.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) time_out: Duration,
    pub(crate) books: Arc<Books>,
    pub(crate) hearing: Arc<Hearing>,
    /// Of connections, so that each has its own.
    pub(crate) numbers: AtomicU64,
    /// Woken when a server is lost, or refuses what its shards need: who holds what must be asked anew.
    pub(crate) astray: Notify,
}

/// A connection, or the attempt to have one.
pub(crate) struct Line {
    purpose: Purpose,
    client: Client,
    /// Those whose primary is there.
    shards: Arc<[Shard]>,
    common: Arc<Common>,
    state: watch::Sender<State>,
    /// Woken by each new connection.
    connected: Arc<Notify>,
}

/// How a line is.
#[derive(Clone)]
enum State {
    Live(Live),
    /// And why.
    Away(Arc<str>),
    Closed,
}

/// A connection that is there.
#[derive(Clone)]
pub(crate) struct Live {
    /// Each connection has its own.
    number: u64,
    connection: MultiplexedConnection,
    /// Of the scripts, in the order of [`Script::ALL`].
    digests: Arc<[String]>,
    /// What the server calls the history that it writes: another one after each fail-over, and each start.
    term: Arc<str>,
}

/// What goes with a script, in the same round trip.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct With {
    /// The slot is on its way to that server.
    pub(crate) asking: bool,
    /// So many replicas are waited for.
    pub(crate) replicas: u32,
}

/// What a script answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) value: Value,
    /// As many replicas as were waited for have what the script wrote.
    pub(crate) is_confirmed: bool,
}

impl Live {
    /// What the server calls the history that it writes.
    pub(crate) fn term(&self) -> &str {
        &self.term
    }
}

impl Line {
    /// A line that is away, until [`Self::connect`] or [`Self::keep`] make it live.
    pub(crate) fn new(
        purpose: Purpose,
        client: Client,
        shards: Arc<[Shard]>,
        common: Arc<Common>,
        connected: Arc<Notify>,
    ) -> Arc<Self> {
        let state = watch::Sender::new(State::Away("it was not connected yet".into()));
        Arc::new(Self { purpose, client, shards, common, state, connected })
    }

    /// The connection, if there is one.
    pub(crate) fn live(&self) -> Result<Live, Failure> {
        match &*self.state.borrow() {
            State::Live(live) => Ok(live.clone()),
            State::Away(why) => Err(Failure::Away(Arc::clone(why))),
            State::Closed => Err(Failure::Away("the store is closed".into())),
        }
    }

    /// Runs a script.
    pub(crate) async fn call(&self, call: &Call<'_>, with: With) -> Result<Answer, Failure> {
        let live = self.live()?;
        let known = Script::ALL.iter().zip(live.digests.iter()).find(|(script, _)| **script == call.script());
        let Some((_, digest)) = known else { return self.run(&live, &call.whole(&live.term), with).await };
        match self.run(&live, &call.by_digest(digest, &live.term), with).await {
            // Somebody has flushed the scripts.
            Err(Failure::Refused(error)) if error.code() == "NOSCRIPT" => {
                self.run(&live, &call.whole(&live.term), with).await
            }
            answer => answer,
        }
    }

    async fn run(&self, live: &Live, command: &Cmd, with: With) -> Result<Answer, Failure> {
        let With { asking, replicas } = with;
        if !asking && replicas == 0 {
            return Ok(Answer { value: self.send(live, command).await?, is_confirmed: true });
        }
        let mut pipeline = Pipeline::new();
        if asking {
            pipeline.cmd("ASKING");
        }
        pipeline.add_command(command.clone());
        if replicas > 0 {
            // It waits for what was written by this connection, so it must be the same one.
            pipeline.cmd("WAIT").arg(replicas).arg(self.wait().as_millis());
        }
        let mut answers = self.send_all(live, &pipeline).await?.into_iter().skip(usize::from(asking));
        match (answers.next(), answers.next()) {
            (Some(Value::ServerError(error)), _) => Err(Failure::Refused(error)),
            (Some(value), waited) => {
                let is_confirmed = matches!(waited, Some(Value::Int(found)) if found >= i64::from(replicas));
                Ok(Answer { value, is_confirmed: replicas == 0 || is_confirmed })
            }
            (None, _) => Err(Failure::Away("it answered less than it was asked".into())),
        }
    }

    /// How long replicas are waited for.
    fn wait(&self) -> Duration {
        self.common.time_out / 2
    }

    /// Sends one command on `live`.
    async fn send(&self, live: &Live, command: &Cmd) -> Result<Value, Failure> {
        match live.connection.clone().send_packed_command(command).await {
            Ok(value) => {
                self.look_at(live, std::slice::from_ref(&value));
                if let Value::ServerError(error) = value { Err(Failure::Refused(error)) } else { Ok(value) }
            }
            Err(error) => Err(self.give_up(live, error)),
        }
    }

    /// Sends commands on `live` all at once; refusals stand among the answers.
    pub(crate) async fn send_all(&self, live: &Live, commands: &Pipeline) -> Result<Vec<Value>, Failure> {
        let answers = live.connection.clone().send_packed_commands(commands, 0, commands.len()).await;
        let answers = answers.map_err(|error| self.give_up(live, error))?;
        self.look_at(live, &answers);
        Ok(answers)
    }

    /// A server that is a replica now is left: by the same address another may be reached.
    fn look_at(&self, live: &Live, answers: &[Value]) {
        if answers.iter().any(|answer| matches!(answer, Value::ServerError(error) if error.code() == "READONLY")) {
            self.lost(live.number, "it is a replica now");
        }
    }

    fn give_up(&self, live: &Live, error: RedisError) -> Failure {
        self.lost(live.number, &describe(&error));
        Failure::NoAnswer(error)
    }

    /// The connection of this number is no good any more.
    fn lost(&self, number: u64, why: &str) {
        let was_live = self.state.send_if_modified(|state| {
            let is_meant = matches!(state, State::Live(live) if live.number == number);
            if is_meant {
                *state = State::Away(why.into());
            }
            is_meant
        });
        if was_live {
            tracing::warn!(connection = ?self.purpose, why, "Redis is away");
            self.common.astray.notify_one();
        }
    }

    /// Makes a connection.
    pub(crate) async fn connect(self: &Arc<Self>) -> Result<(), String> {
        let number = self.common.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        // The time-outs of the parts (address, connection, handshake, scripts) add up; this one bounds them all.
        let live = match timeout(2 * self.common.time_out, self.made(number)).await {
            Ok(live) => live?,
            Err(_) => return Err("it took too long".to_owned()),
        };
        if matches!(*self.state.borrow(), State::Closed) {
            return Ok(());
        }
        match self.purpose {
            Purpose::Commands | Purpose::Narrowing => self.common.hearing.forget(&self.shards),
            Purpose::Announcements => self.common.hearing.listen_to(number, &self.shards),
        }
        self.state.send_if_modified(|state| {
            let is_open = !matches!(state, State::Closed);
            if is_open {
                *state = State::Live(live);
            }
            is_open
        });
        self.connected.notify_one();
        Ok(())
    }

    async fn made(self: &Arc<Self>, number: u64) -> Result<Live, String> {
        let line = Arc::downgrade(self);
        let time_out = match self.purpose {
            Purpose::Narrowing => self.common.time_out + self.wait(),
            _ => self.common.time_out,
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.common.time_out))
            .set_response_timeout(Some(time_out))
            .set_push_sender(move |push: PushInfo| Self::pushed(&line, number, push));
        let told = |error: RedisError| describe(&error);
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await.map_err(told)?;
        let mut first = redis::pipe();
        if self.purpose == Purpose::Announcements {
            for shard in self.shards.iter() {
                if let Some(home) = self.common.books.home(*shard) {
                    // One channel each, since each is answered by itself.
                    first.cmd("SSUBSCRIBE").arg(&home.channel);
                }
            }
            let _: Vec<Value> = first.query_async(&mut connection).await.map_err(told)?;
            return Ok(Live { number, connection, digests: Arc::default(), term: Arc::default() });
        }
        for script in Script::ALL {
            first.cmd("SCRIPT").arg("LOAD").arg(script.source());
        }
        let digests: Vec<String> = first.query_async(&mut connection).await.map_err(told)?;
        let info: InfoDict = redis::cmd("INFO").arg("replication").query_async(&mut connection).await.map_err(told)?;
        if info.get::<String>("role").is_some_and(|role| role != "master") {
            return Err("it is a replica now".to_owned());
        }
        let term: String = info.get("master_replid").unwrap_or_default();
        Ok(Live { number, connection, digests: digests.into(), term: term.into() })
    }

    /// What Redis says without being asked. Called on the connection's own task, one at a time and in order.
    fn pushed(line: &Weak<Self>, number: u64, push: PushInfo) -> Result<(), redis::aio::SendError> {
        let line = line.upgrade().ok_or(redis::aio::SendError)?;
        match (push.kind, push.data.as_slice()) {
            (PushKind::Disconnection, _) => line.lost(number, "the connection was closed"),
            // The slot has moved, and what else is answered there may be answered in the wrong order from now on.
            (PushKind::SUnsubscribe, _) => line.lost(number, "a slot has moved"),
            (PushKind::SMessage, [Value::BulkString(channel), Value::BulkString(message)]) => {
                if let Some(shard) = line.shard_of(channel) {
                    line.common.hearing.announced(number, shard, message);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn shard_of(&self, channel: &[u8]) -> Option<Shard> {
        self.common.books.homes().iter().find(|home| home.channel.as_bytes() == channel).map(|home| home.shard)
    }

    /// Makes the connection again whenever it is lost. Runs until the line is closed.
    pub(crate) async fn keep(self: Arc<Self>, entropy: Arc<dyn Entropy>) {
        let mut state = self.state.subscribe();
        loop {
            match self.live() {
                Ok(live) => {
                    // A connection that was cut without a word would stay silent for ever.
                    let ping = async {
                        sleep(PING).await;
                        // When it fails, the line is away.
                        let _ = self.send(&live, &redis::cmd("PING")).await;
                    };
                    tokio::select! {
                        _ = state.changed() => {}
                        () = ping => {}
                    }
                }
                Err(_) if matches!(*self.state.borrow(), State::Closed) => return,
                Err(_) => self.make_again(entropy.as_ref()).await,
            }
        }
    }

    async fn make_again(self: &Arc<Self>, entropy: &dyn Entropy) {
        let mut longest = FIRST_PAUSE;
        while !matches!(*self.state.borrow(), State::Closed) {
            sleep(drawn_below(longest, entropy)).await;
            match self.connect().await {
                Ok(()) => return tracing::info!(connection = ?self.purpose, "Redis is back"),
                Err(why) => {
                    tracing::debug!(connection = ?self.purpose, why, "Redis is still away");
                    self.state.send_if_modified(|state| {
                        if let State::Away(old) = state {
                            *old = why.as_str().into();
                        }
                        false
                    });
                    self.common.astray.notify_one();
                }
            }
            longest = (2 * longest).min(LONGEST_PAUSE);
        }
    }

    /// Gives the connection up for good.
    pub(crate) fn close(&self) {
        self.state.send_replace(State::Closed);
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client knows the password.
        f.debug_struct("Line").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

/// Full jitter: anything from nothing to `longest`.
fn drawn_below(longest: Duration, entropy: &dyn Entropy) -> Duration {
    let mut bytes = [0xff; 4];
    // Without randomness the longest pause is the considerate one.
    let _ = entropy.fill(&mut bytes);
    longest.mul_f64(f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX))
}
