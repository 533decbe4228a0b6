//! One connection, to its end. HTTP/1 reads heads in time; HTTP/2 has bounds on everything that a peer may pile up.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use access_web::Peer;
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tower::Service as _;

use super::places::{Guest, Uses};
use super::preface::Stream;
use super::tls::Certificates;

/// How long a request's head may take to arrive; an idle connection is closed after as long.
const HEAD: Duration = Duration::from_secs(30);
/// Bytes that a head may have.
const HEAD_BYTES: u32 = 64 * 1024;
/// How long greetings of TLS may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a peer may take to answer whether it is still there.
const PONG: Duration = Duration::from_secs(10);
/// Requests in flight of one connection.
const STREAMS: u32 = 128;
/// Requests taken back before we came to them, and broken ones: whoever goes on then is hung up on (CVE-2023-44487).
const TAKEN_BACK: usize = 20;
const BROKEN: usize = 256;
/// Bytes of a request, and of all of a connection's, that may come before we have read the ones before.
const WINDOW: u32 = 64 * 1024;
const WINDOWS: u32 = 256 * 1024;
/// Bytes of an answer that wait for its reader.
const UNREAD: usize = 64 * 1024;

/// Serves somebody who speaks in plain text.
pub(super) async fn plain(stream: Stream, peer: Peer, router: Router, mut guest: Guest) {
    let spoken = tokio::select! {
        spoken = timeout(HEAD, stream.speaks_http2()) => spoken,
        () = guest.must_leave() => return,
    };
    match (spoken, stream) {
        (Ok(Ok(false)), Stream::Tcp(stream)) => http1(stream, peer, router, guest).await,
        (Ok(Ok(false)), Stream::Unix(stream)) => http1(stream, peer, router, guest).await,
        // In a box, since it is much larger, and most connections are none.
        (Ok(Ok(true)), Stream::Tcp(stream)) => Box::pin(http2(stream, peer, router, guest)).await,
        (Ok(Ok(true)), Stream::Unix(stream)) => Box::pin(http2(stream, peer, router, guest)).await,
        (Ok(Err(error)), _) => tracing::debug!(%error, "a connection went away"),
        (Err(_), _) => tracing::debug!("a connection said nothing"),
    }
}

/// Serves somebody who speaks TLS, in the protocol that they agree on.
pub(super) async fn tls(
    stream: tokio::net::TcpStream,
    peer: Peer,
    certificates: Arc<Certificates>,
    router: Router,
    mut guest: Guest,
) {
    let greeted = tokio::select! {
        greeted = timeout(HANDSHAKE, certificates.acceptor().accept(stream)) => greeted,
        () = guest.must_leave() => return,
    };
    let stream = match greeted {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return certificates.refused(&error),
        Err(_) => return certificates.refused(&"it took too long"),
    };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        http2(stream, peer, router, guest).await;
    } else {
        http1(stream, peer, router, guest).await;
    }
}

async fn http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: Peer,
    router: Router,
    guest: Guest,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    http.max_header_size(HEAD_BYTES as usize).max_buf_size(HEAD_BYTES as usize);
    let uses = guest.uses();
    let answer = service_fn(move |request| answer(request, peer, router.clone(), &uses));
    let connection = http.serve_connection(TokioIo::new(stream), answer);
    // It sees to idle connections by itself.
    to_its_end(connection, |connection| connection.graceful_shutdown(), None, guest).await;
}

async fn http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: Peer,
    router: Router,
    guest: Guest,
) {
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(TAKEN_BACK)
        .max_local_error_reset_streams(BROKEN)
        .max_header_list_size(HEAD_BYTES)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOWS)
        .max_send_buf_size(UNREAD)
        .keep_alive_interval(HEAD)
        .keep_alive_timeout(PONG);
    let uses = guest.uses();
    let answer = service_fn(move |request| answer(request, peer, router.clone(), &uses));
    let connection = http.serve_connection(TokioIo::new(stream), answer);
    to_its_end(connection, |connection| connection.graceful_shutdown(), Some(looks()), guest).await;
}

/// Answers a request. Where it came from stands in its extensions.
fn answer(
    mut request: Request<Incoming>,
    peer: Peer,
    mut router: Router,
    uses: &Arc<Uses>,
) -> impl Future<Output = Result<Response<Body>, Infallible>> + use<> {
    request.extensions_mut().insert(peer);
    let in_flight = uses.begin();
    // A router is always ready.
    let answering = router.call(request);
    async move {
        let answered = answering.await;
        drop(in_flight);
        answered
    }
}

/// How often a connection is asked whether it is still of use.
fn looks() -> Interval {
    let mut looks = interval(HEAD);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

async fn to_its_end<C: Future<Output = hyper::Result<()>>>(
    connection: C,
    leave: impl Fn(Pin<&mut C>),
    mut looks: Option<Interval>,
    mut guest: Guest,
) {
    let mut connection = pin!(connection);
    let mut is_leaving = false;
    let ended = loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => break ended,
            () = guest.must_leave(), if !is_leaving => {}
            () = next(&mut looks), if !is_leaving => if !guest.is_idle_still() { continue },
        }
        if guest.is_unused() && !guest.is_to_stop() {
            return tracing::debug!("a connection that was of no use was closed");
        }
        is_leaving = true;
        leave(connection.as_mut());
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn next(looks: &mut Option<Interval>) {
    match looks {
        Some(looks) => {
            looks.tick().await;
        }
        None => std::future::pending().await,
    }
}
