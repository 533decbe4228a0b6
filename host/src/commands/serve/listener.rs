//! The listener: accepts connections, up to a number, and gives nobody for ever to say what they want.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// Connections at a time. More wait in the system's queue.
const CONNECTIONS: usize = 16_384;
/// How long a request's head may take to arrive; an idle connection is closed after as long.
const HEAD: Duration = Duration::from_secs(30);
/// How long to wait when the system refuses a connection, for lack of descriptors say.
const AFTER_REFUSAL: Duration = Duration::from_millis(50);

/// Serves until it is told to stop, then lets requests in flight end.
pub(super) async fn serve(listener: TcpListener, router: Router, mut stopping: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = told_to_stop(&mut stopping) => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((place, stream)) = accepted else { continue };
        let connection = one(stream, router.clone(), stopping.clone());
        connections.spawn(async move {
            connection.await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn told_to_stop(stopping: &mut watch::Receiver<bool>) {
    // The sender lives as long as the host.
    let _ = stopping.wait_for(|stop| *stop).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(tokio::sync::OwnedSemaphorePermit, TcpStream)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((place, stream)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(AFTER_REFUSAL).await;
            None
        }
    }
}

/// One connection, to its end.
async fn one(stream: TcpStream, router: Router, mut stopping: watch::Receiver<bool>) {
    let peer = match stream.peer_addr().and_then(|peer| stream.set_nodelay(true).map(|()| peer)) {
        Ok(peer) => peer,
        Err(error) => return tracing::debug!(%error, "a connection went away"),
    };
    let service = router.map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(axum::body::Body::new)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told_to_stop(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
