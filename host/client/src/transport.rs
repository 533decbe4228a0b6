//! One exchange with the host over a pool of kept connections, within time and size.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Pool, Error as PoolError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{BuildError, Cause};
use crate::secret::Secret;

/// The most that is read of an answer about one question, in bytes. A hundred of them are a batch.
const ANSWER: usize = 64 * 1024;
/// The most that is read of a batch's answer.
const BATCH_ANSWER: usize = 100 * ANSWER;
/// A kept connection that was idle for longer is closed. Hosts close them after 30 seconds.
const IDLE: Duration = Duration::from_secs(15);
/// What a question takes beside its texts, nearly always.
const ROOM: usize = 1024;

#[cfg(feature = "tls")]
type Connector = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
type Connector = HttpConnector;

/// Where the host is, and how patiently it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) url: String,
    pub(crate) gateway: Secret,
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) idle_connections: usize,
    #[cfg(feature = "tls")]
    pub(crate) roots: Option<Vec<Vec<u8>>>,
}

/// The way to the host.
pub(crate) struct Transport {
    pool: Pool<Connector, Full<Bytes>>,
    scheme: Scheme,
    authority: Authority,
    bearer: HeaderValue,
    timeout: Duration,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transport({}://{})", self.scheme, self.authority)
    }
}

/// What a host says when it does not decide (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    code: String,
}

impl Transport {
    pub(crate) fn new(options: &Options) -> Result<Self, BuildError> {
        let (scheme, authority) = read_url(&options.url).ok_or_else(|| BuildError::Url(options.url.clone()))?;
        if scheme == Scheme::HTTPS && cfg!(not(feature = "tls")) {
            return Err(BuildError::TlsIsOff);
        }
        let bearer = Zeroizing::new(format!("Bearer {}", options.gateway.expose()));
        let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| BuildError::Secret)?;
        bearer.set_sensitive(true);
        let mut http = HttpConnector::new();
        http.set_connect_timeout(Some(options.connect_timeout));
        http.set_nodelay(true);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(options.idle_connections)
            .build(connector(http, options)?);
        Ok(Self { pool, scheme, authority, bearer, timeout: options.timeout })
    }

    /// Asks, and gives what came with status 200. Everything else is a cause.
    pub(crate) async fn ask(&self, path: &'static str, body: Question) -> Result<Bytes, Cause> {
        let most = if body.is_batch { BATCH_ANSWER } else { ANSWER };
        match tokio::time::timeout(self.timeout, self.exchange(path, body.bytes, most)).await {
            Ok(answered) => answered,
            Err(_) => Err(Cause::TimedOut),
        }
    }

    async fn exchange(&self, path: &'static str, body: Bytes, most: usize) -> Result<Bytes, Cause> {
        let answer = match self.pool.request(self.request(path, &body)?).await {
            Ok(answer) => answer,
            // Nothing can have left; whoever accepts connections may have been busy with its own restart.
            Err(error) if error.is_connect() => self.pool.request(self.request(path, &body)?).await.map_err(cause)?,
            Err(error) => return Err(cause(error)),
        };
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, most).collect().await.map_err(|error| Cause::Broken(error.to_string()))?;
        let body = body.to_bytes();
        if head.status == StatusCode::OK {
            return Ok(body);
        }
        let code = serde_json::from_slice::<Problem>(&body).map(|problem| problem.code).unwrap_or_default();
        // It goes to logs, and is not ours.
        let code = code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
        Err(Cause::Refused { status: head.status.as_u16(), code })
    }

    fn request(&self, path: &'static str, body: &Bytes) -> Result<Request<Full<Bytes>>, Cause> {
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(self.scheme.clone());
        uri.authority = Some(self.authority.clone());
        uri.path_and_query = Some(PathAndQuery::from_static(path));
        let uri = Uri::from_parts(uri).map_err(|_| Cause::Question)?;
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        request.headers_mut().insert(AUTHORIZATION, self.bearer.clone());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(request)
    }
}

/// A question as it is sent, wiped when nobody sends it any more.
#[derive(Clone)]
pub(crate) struct Question {
    bytes: Bytes,
    is_batch: bool,
}

impl Question {
    pub(crate) fn one(question: &crate::Question) -> Result<Self, Cause> {
        Self::of(question, ROOM + question.credential().expose().len(), false)
    }

    pub(crate) fn several(questions: &[crate::Question]) -> Result<Self, Cause> {
        #[derive(Serialize)]
        struct Batch<'a> {
            items: &'a [crate::Question],
        }
        let credentials: usize = questions.iter().map(|question| question.credential().expose().len()).sum();
        Self::of(&Batch { items: questions }, ROOM * (questions.len() + 1) + credentials, true)
    }

    fn of(question: &impl Serialize, room: usize, is_batch: bool) -> Result<Self, Cause> {
        // Sized so that it does not grow, since growing leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *text, question).map_err(|_| Cause::Question)?;
        Ok(Self { bytes: Bytes::from_owner(text), is_batch })
    }

    /// All that the host will know of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Scheme and authority of a URL that has nothing else.
fn read_url(url: &str) -> Option<(Scheme, Authority)> {
    let parts = url.parse::<Uri>().ok()?.into_parts();
    let (scheme, authority) = (parts.scheme?, parts.authority?);
    let is_bare = parts.path_and_query.is_none_or(|path| path.as_str() == "/");
    let is_plain = !authority.as_str().contains('@') && !authority.host().is_empty();
    let is_known = scheme == Scheme::HTTP || scheme == Scheme::HTTPS;
    (is_bare && is_plain && is_known).then_some((scheme, authority))
}

fn cause(error: PoolError) -> Cause {
    // The innermost says most: "connection refused" and not "client error (Connect)".
    let mut inner: &dyn std::error::Error = &error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let said = inner.to_string();
    if error.is_connect() { Cause::Unreachable(said) } else { Cause::Broken(said) }
}

#[cfg(not(feature = "tls"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature `tls` it can fail")]
fn connector(http: HttpConnector, _: &Options) -> Result<Connector, BuildError> {
    Ok(http)
}

#[cfg(feature = "tls")]
fn connector(mut http: HttpConnector, options: &Options) -> Result<Connector, BuildError> {
    use hyper_rustls::{ConfigBuilderExt as _, HttpsConnectorBuilder};
    use rustls::{ClientConfig, RootCertStore, crypto::ring};

    let wrong = |error: &dyn fmt::Display| BuildError::Certificates(error.to_string());
    http.enforce_http(false);
    let config = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?;
    let config = match &options.roots {
        None => config.with_native_roots().map_err(|error| wrong(&error))?,
        Some(certificates) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates {
                roots.add(certificate.clone().into()).map_err(|error| wrong(&error))?;
            }
            config.with_root_certificates(roots)
        }
    };
    let https = HttpsConnectorBuilder::new().with_tls_config(config.with_no_client_auth()).https_or_http();
    Ok(https.enable_http1().wrap_connector(http))
}
