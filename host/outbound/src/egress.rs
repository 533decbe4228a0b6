//! The client: one request, one connection, to an address that was judged.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use access_model::AllowList;
use bytes::{Bytes, BytesMut};
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use crate::address::{Private, Refusal, judge};
use crate::destination::{Destination, UrlError};
use crate::tls::Tls;

/// The most that the head of an answer may take, in bytes, and the most headers.
const HEAD: usize = 16 * 1024;
const HEADERS: usize = 64;
/// Addresses of one name that are tried.
const ADDRESSES: usize = 4;

/// What the operator lets out.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Whether `http://` is called too.
    pub is_http_open: bool,
    /// Networks beyond the public internet that may be connected to.
    pub private: Private,
    /// Addresses of names that nobody else is asked about. They are judged as any.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    /// File of certificates that are trusted besides the machine's, in PEM.
    pub ca_file: Option<PathBuf>,
}

/// How patiently, and how much.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// To find an address and connect to it.
    pub connect: Duration,
    /// For all of it. Where the head of the answer has come by then, it is an answer, with what there is of its body.
    pub total: Duration,
    /// Bytes that are read of the answer's body. The rest is left.
    pub body: usize,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Its status. Nobody goes where a redirect leads.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// What was read of its body.
    pub body: Bytes,
    /// Whether that is all of it.
    pub is_whole: bool,
}

/// Why nothing came back. Whoever named the URL may be told the [class](Self::class), and no more: the rest says something of
/// the networks around.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The URL is not called.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Nobody knows the name.
    #[error("the name can't be resolved: {0}")]
    Unresolved(String),
    /// Each of its addresses is closed.
    #[error("its address is {0}")]
    Forbidden(&'static str),
    /// Each of its addresses is outside what the workspace may call.
    #[error("its address is outside the networks that may be called")]
    NotAllowed,
    /// Nobody answers there.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("it took too long")]
    TimedOut,
    /// The other side is not who it should be, or speaks no TLS that we do.
    #[error("TLS: {0}")]
    Tls(String),
    /// The connection ended, or what came is not HTTP.
    #[error("no answer: {0}")]
    Broken(String),
    /// What is to be sent can't be.
    #[error("the request can't be sent: {0}")]
    Request(String),
}

impl EgressError {
    /// One word for it.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Url(_) => "url_refused",
            Self::Unresolved(_) => "name_not_resolved",
            Self::Forbidden(_) => "address_forbidden",
            Self::NotAllowed => "outside_egress_allow",
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Tls(_) => "tls_failed",
            Self::Broken(_) => "no_answer",
            Self::Request(_) => "not_sendable",
        }
    }
}

impl From<Refusal> for EgressError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotPublic(what) => Self::Forbidden(what),
            Refusal::NotAllowed => Self::NotAllowed,
        }
    }
}

/// The one way out.
pub struct Egress {
    rules: Rules,
    tls: Tls,
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Egress({:?})", self.rules)
    }
}

impl Default for Egress {
    fn default() -> Self {
        Self::new(Rules::default())
    }
}

impl Egress {
    /// A way out by these rules.
    pub fn new(rules: Rules) -> Self {
        Self { tls: Tls::new(rules.ca_file.clone()), rules }
    }

    /// Reads a URL that somebody wants called. What can be said against it without asking anybody is said now: its form,
    /// and the address where it has one in place of a name.
    ///
    /// # Errors
    /// [`EgressError::Url`], [`EgressError::Forbidden`].
    pub fn destination(&self, url: &str) -> Result<Destination, EgressError> {
        let destination = Destination::parse(url, self.rules.is_http_open)?;
        if let Some(address) = destination.literal() {
            judge(address, &self.rules.private, None)?;
        }
        Ok(destination)
    }

    /// POSTs `body` to `to`. `allowed` are the networks that the workspace may call; none: any that is open.
    ///
    /// # Errors
    /// Whatever keeps an answer from coming. An answer of any status is none.
    pub async fn post(
        &self,
        to: &Destination,
        headers: HeaderMap,
        body: Bytes,
        allowed: Option<&AllowList>,
        limits: Limits,
    ) -> Result<Answer, EgressError> {
        self.send(to, request(to, Method::POST, headers, body)?, allowed, limits).await
    }

    /// Asks `to`, which the operator named.
    ///
    /// # Errors
    /// As of [`Self::post`].
    pub(crate) async fn ask(
        &self,
        to: &Destination,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
        limits: Limits,
    ) -> Result<Answer, EgressError> {
        self.send(to, request(to, method, headers, body)?, None, limits).await
    }

    async fn send(
        &self,
        to: &Destination,
        request: Request<Full<Bytes>>,
        allowed: Option<&AllowList>,
        limits: Limits,
    ) -> Result<Answer, EgressError> {
        // INVARIANT: the connection ends with this, whatever became of the request.
        let mut connection = JoinSet::new();
        let asked = async {
            let stream = self.connect(&to.host(), to.literal(), to.port(), allowed, limits.connect).await?;
            if to.is_https() {
                let stream = self.tls.wrap(stream, to.host()).await?;
                exchange(TokioIo::new(stream), request, &mut connection).await
            } else {
                exchange(TokioIo::new(stream), request, &mut connection).await
            }
        };
        let until = Instant::now() + limits.total;
        let (head, mut rest) = timeout_at(until, asked).await.map_err(|_| EgressError::TimedOut)??.into_parts();
        let mut read = BytesMut::new();
        let all = timeout_at(until, read_body(&mut rest, &mut read, limits.body)).await;
        let is_whole = all.unwrap_or(false);
        read.truncate(limits.body);
        Ok(Answer { status: head.status, headers: head.headers, body: read.freeze(), is_whole })
    }

    /// Connects to `host`, by an address that was judged.
    ///
    /// # Errors
    /// [`EgressError::Unresolved`], [`EgressError::Forbidden`], [`EgressError::NotAllowed`], [`EgressError::Unreachable`],
    /// [`EgressError::TimedOut`].
    pub async fn connect(
        &self,
        host: &str,
        literal: Option<IpAddr>,
        port: u16,
        allowed: Option<&AllowList>,
        within: Duration,
    ) -> Result<TcpStream, EgressError> {
        let connecting = async {
            let found = match literal {
                Some(address) => vec![address],
                None => self.resolve(host, port).await?,
            };
            let mut why = EgressError::Unresolved("it has no address".to_owned());
            for address in found.into_iter().take(ADDRESSES) {
                if let Err(refusal) = judge(address, &self.rules.private, allowed) {
                    why = refusal.into();
                    continue;
                }
                match open(SocketAddr::new(address, port)).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => why = EgressError::Unreachable(error.to_string()),
                }
            }
            Err(why)
        };
        timeout(within, connecting).await.map_err(|_| EgressError::TimedOut)?
    }

    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<IpAddr>, EgressError> {
        if let Some(known) = self.rules.hosts.get(host) {
            return Ok(known.clone());
        }
        let found = tokio::net::lookup_host((host, port)).await;
        let found = found.map_err(|error| EgressError::Unresolved(error.to_string()))?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one door; whoever calls it has judged the address")]
async fn open(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn request(
    to: &Destination,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, EgressError> {
    let wrong = |error: &dyn fmt::Display| EgressError::Request(error.to_string());
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = to.path_and_query().parse().map_err(|error| wrong(&error))?;
    *request.headers_mut() = headers;
    let host = HeaderValue::from_str(&to.authority()).map_err(|error| wrong(&error))?;
    request.headers_mut().insert(HOST, host);
    Ok(request)
}

async fn exchange<S>(
    stream: TokioIo<S>,
    request: Request<Full<Bytes>>,
    connection: &mut JoinSet<()>,
) -> Result<http::Response<Incoming>, EgressError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| EgressError::Broken(error.to_string());
    let handshake = http1::Builder::new().max_buf_size(HEAD).max_headers(HEADERS).handshake(stream);
    let (mut sender, driving) = handshake.await.map_err(broken)?;
    connection.spawn(async move {
        // What goes wrong is told to whoever waits for the answer.
        let _ = driving.await;
    });
    sender.send_request(request).await.map_err(broken)
}

/// Reads `most` bytes at most into `read`. True: that was all of it.
async fn read_body(body: &mut Incoming, read: &mut BytesMut, most: usize) -> bool {
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        if let Some(data) = frame.data_ref() {
            read.extend_from_slice(data);
        }
        if read.len() > most {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests;
