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
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, PushInfo, PushKind, RedisError, RedisResult, Value};
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
    /// Everything that is asked and answered.
    Commands,
    /// Announcements.
    Announcements,
}

/// A connection, or the attempt to have one.
pub(crate) struct Line {
    purpose: Purpose,
    client: Client,
    time_out: Duration,
    books: Arc<Books>,
    hearing: Arc<Hearing>,
    state: watch::Sender<State>,
    numbers: AtomicU64,
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
    /// Each connection of a line has its own.
    number: u64,
    connection: MultiplexedConnection,
    /// Of the scripts, in the order of [`Script::ALL`].
    digests: Arc<[String]>,
}

impl Line {
    /// A line that is away, until [`Self::connect`] or [`Self::keep`] make it live.
    pub(crate) fn new(
        purpose: Purpose,
        client: Client,
        time_out: Duration,
        books: Arc<Books>,
        hearing: Arc<Hearing>,
        connected: Arc<Notify>,
    ) -> Arc<Self> {
        let state = watch::Sender::new(State::Away("it was not connected yet".into()));
        Arc::new(Self { purpose, client, time_out, books, hearing, state, numbers: AtomicU64::new(0), connected })
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
    pub(crate) async fn call(&self, call: &Call<'_>) -> Result<Value, Failure> {
        let live = self.live()?;
        let known = Script::ALL.iter().zip(live.digests.iter()).find(|(script, _)| **script == call.script());
        let Some((_, digest)) = known else { return self.send(&live, &call.whole()).await };
        match self.send(&live, &call.by_digest(digest)).await {
            // Somebody has flushed the scripts.
            Err(Failure::Refused(error)) if error.code() == "NOSCRIPT" => self.send(&live, &call.whole()).await,
            answer => answer,
        }
    }

    /// Sends one command on `live`.
    async fn send(&self, live: &Live, command: &Cmd) -> Result<Value, Failure> {
        match live.connection.clone().send_packed_command(command).await {
            Ok(Value::ServerError(error)) => Err(Failure::Refused(error)),
            Ok(value) => Ok(value),
            Err(error) => Err(self.give_up(live, error)),
        }
    }

    /// Sends commands on `live` all at once; refusals stand among the answers.
    pub(crate) async fn send_all(&self, live: &Live, commands: &Pipeline) -> Result<Vec<Value>, Failure> {
        let answers = live.connection.clone().send_packed_commands(commands, 0, commands.len()).await;
        answers.map_err(|error| self.give_up(live, error))
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
        }
    }

    /// Makes a connection.
    pub(crate) async fn connect(self: &Arc<Self>) -> Result<(), String> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        // The time-outs of the parts (address, connection, handshake, scripts) add up; this one bounds them all.
        let live = match timeout(2 * self.time_out, self.made(number)).await {
            Ok(live) => live.map_err(|error| describe(&error))?,
            Err(_) => return Err("it took too long".to_owned()),
        };
        match self.purpose {
            Purpose::Commands => self.hearing.forget(),
            Purpose::Announcements => self.hearing.listen_to(number),
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

    async fn made(self: &Arc<Self>, number: u64) -> RedisResult<Live> {
        let line = Arc::downgrade(self);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.time_out))
            .set_response_timeout(Some(self.time_out))
            .set_push_sender(move |push: PushInfo| Self::pushed(&line, number, push));
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut first = redis::pipe();
        match self.purpose {
            Purpose::Commands => {
                for script in Script::ALL {
                    first.cmd("SCRIPT").arg("LOAD").arg(script.source());
                }
                let digests: Vec<String> = first.query_async(&mut connection).await?;
                Ok(Live { number, connection, digests: digests.into() })
            }
            Purpose::Announcements => {
                for home in self.books.homes() {
                    // One channel each, since each is answered by itself.
                    first.cmd("SSUBSCRIBE").arg(&home.channel);
                }
                let _: Vec<Value> = first.query_async(&mut connection).await?;
                Ok(Live { number, connection, digests: Arc::default() })
            }
        }
    }

    /// What Redis says without being asked. Called on the connection's own task, one at a time and in order.
    fn pushed(line: &Weak<Self>, number: u64, push: PushInfo) -> Result<(), redis::aio::SendError> {
        let line = line.upgrade().ok_or(redis::aio::SendError)?;
        match (push.kind, push.data.as_slice()) {
            (PushKind::Disconnection, _) => line.lost(number, "the connection was closed"),
            (PushKind::SMessage, [Value::BulkString(channel), Value::BulkString(message)]) => {
                if let Some(shard) = line.shard_of(channel) {
                    line.hearing.announced(number, shard, message);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn shard_of(&self, channel: &[u8]) -> Option<Shard> {
        self.books.homes().iter().find(|home| home.channel.as_bytes() == channel).map(|home| home.shard)
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
