//! The client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::cache::{Cache, Key, MaxAge};
use crate::decision::{Decision, Wire, WireBatch};
use crate::error::{BuildError, Cause};
use crate::question::Question;
use crate::secret::Secret;
use crate::transport::{Options, Question as Body, Transport};

/// Asks one host, or what balances load between several. Clones share its connections and its cache.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    transport: Transport,
    cache: Option<Cache>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({:?})", self.0.transport)
    }
}

impl Client {
    /// A client of the host at `url` (`http://NAME:PORT`), which knows it by the gateway's credential.
    pub fn builder(url: impl Into<String>, gateway: Secret) -> Builder {
        Builder {
            options: Options {
                url: url.into(),
                gateway,
                connect_timeout: Duration::from_secs(1),
                timeout: Duration::from_secs(2),
                idle_connections: 64,
                #[cfg(feature = "tls")]
                roots: None,
            },
            cache: None,
        }
    }

    /// May this be done? (`POST /v1/authorize`)
    ///
    /// There is no error: what could not be decided is denied, and [`Denial::cause`](crate::Denial::cause) says why.
    pub async fn authorize(&self, question: &Question) -> Decision {
        let body = match Body::one(question) {
            Ok(body) => body,
            Err(cause) => return Decision::unavailable(cause),
        };
        let Some(cache) = &self.0.cache else { return self.decide(body).await };
        let (key, now) = (Key::of(question.credential().expose(), body.bytes()), Instant::now());
        if let Some(allow) = cache.reuse(&key, now) {
            return Decision::Allow(allow);
        }
        let asking = cache.ask(key, now);
        let decision = self.decide(body).await;
        asking.answered(&decision);
        decision
    }

    /// Several questions in one request (`POST /v1/authorize/batch`): a decision for each, in their order. All or none of
    /// them are decided. The catalog says how many a host takes at once, a hundred as shipped. Nothing is reused.
    pub async fn authorize_batch(&self, questions: &[Question]) -> Vec<Decision> {
        if questions.is_empty() {
            return Vec::new();
        }
        match self.decide_batch(questions).await {
            Ok(decisions) => decisions,
            Err(cause) => questions.iter().map(|_| Decision::unavailable(cause.clone())).collect(),
        }
    }

    async fn decide(&self, body: Body) -> Decision {
        let decided = match self.0.transport.ask("/v1/authorize", body).await {
            Ok(answer) => read::<Wire>(&answer).and_then(Wire::into_decision),
            Err(cause) => Err(cause),
        };
        decided.unwrap_or_else(Decision::unavailable)
    }

    async fn decide_batch(&self, questions: &[Question]) -> Result<Vec<Decision>, Cause> {
        let answer = self.0.transport.ask("/v1/authorize/batch", Body::several(questions)?).await?;
        let WireBatch { items } = read(&answer)?;
        if items.len() != questions.len() {
            let message = format!("{} decisions for {} questions", items.len(), questions.len());
            return Err(Cause::NotUnderstood(message));
        }
        items.into_iter().map(Wire::into_decision).collect()
    }
}

fn read<'a, T: serde::Deserialize<'a>>(answer: &'a [u8]) -> Result<T, Cause> {
    // What serde says quotes what it found; where it stands is enough.
    serde_json::from_slice(answer)
        .map_err(|error| Cause::NotUnderstood(format!("{:?} at column {}", error.classify(), error.column())))
}

/// How a client is to be.
#[derive(Debug, Clone)]
pub struct Builder {
    options: Options,
    cache: Option<(MaxAge, usize)>,
}

impl Builder {
    /// How long a connection may take to be made. One second, unless this is said.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.connect_timeout = timeout;
        self
    }

    /// How long a decision may take in all, connecting included. Two seconds, unless this is said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// How many connections are kept while nobody asks. 64, unless this is said.
    #[must_use]
    pub fn idle_connections(mut self, most: usize) -> Self {
        self.options.idle_connections = most;
        self
    }

    /// Reuses allows: each for `max_age` at most, `most` of them at a time. Off, unless this is said.
    ///
    /// Reused allows are neither counted nor logged by the host. A revocation that is known to every host within its bound is
    /// known here within that and `max_age`; what the host denied is never reused.
    #[must_use]
    pub fn reuse_allows(self, max_age: MaxAge, most: usize) -> Self {
        Self { cache: Some((max_age, most)), ..self }
    }

    /// Trusts these certificates (DER) for https, in place of the system's.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn trust_only(mut self, certificates: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.options.roots = Some(certificates.into_iter().collect());
        self
    }

    /// The client. It connects when it is first asked.
    ///
    /// # Errors
    /// When URL, secret or certificates can't be used.
    pub fn build(self) -> Result<Client, BuildError> {
        let transport = Transport::new(&self.options)?;
        let cache = self.cache.map(|(max_age, most)| Cache::new(max_age, most));
        Ok(Client(Arc::new(Inner { transport, cache })))
    }
}
