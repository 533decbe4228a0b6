//! The listeners: accept connections, up to a number, and give nobody for ever to say what they want.
//!
//! Parts in reading order: `places` (how many connections there may be, and who makes room), `socket` (a Unix socket's file),
//! `tls` (certificates, which may change), `preface` (who speaks HTTP/2 unasked), `connection` (one, to its end).

mod connection;
mod places;
mod preface;
mod socket;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use access_web::Peer;
use anyhow::{Context, bail};
use axum::Router;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::places::Places;
use self::preface::Stream;
use self::socket::SocketFile;
pub(crate) use self::tls::Certificates;
use crate::config::{Listen, Settings};

/// How long to wait when the system refuses a connection, for lack of descriptors say.
const AFTER_REFUSAL: Duration = Duration::from_millis(50);

/// All listeners of the API, bound.
pub(super) struct Listeners {
    all: Vec<(Listen, Door)>,
    certificates: Option<Arc<Certificates>>,
}

/// What connections come in by.
enum Door {
    Plain(TcpListener),
    Tls(TcpListener, Arc<Certificates>),
    Unix(UnixListener, #[expect(dead_code, reason = "it takes the file away when it is dropped")] SocketFile),
}

impl Listeners {
    /// Binds what the settings name, all of it or nothing.
    pub(super) async fn bind(settings: &Settings) -> anyhow::Result<Self> {
        let listens = settings.listen();
        let certificates = Certificates::load(settings)?.map(Arc::new);
        if certificates.is_some() && !listens.iter().any(Listen::is_tls) {
            bail!(
                "there is a certificate, and nobody listens with it; name an address with `https://`, as in --listen https://0.0.0.0:7843"
            );
        }
        let mut all = Vec::new();
        for listen in listens {
            all.push(Door::open(listen, certificates.as_ref(), settings).await?);
        }
        Ok(Self { all, certificates })
    }

    /// Where clients reach the first of them.
    pub(super) fn base_url(&self) -> String {
        let mut all = self.all.iter().map(|(listen, _)| listen);
        let first = all.next();
        let reached = first.into_iter().chain(all).find(|listen| listen.address().is_some());
        reached.or(first).map(Listen::url).unwrap_or_default()
    }

    /// Each of them: its URL, or `unix:` and its path.
    pub(super) fn shown(&self) -> Vec<String> {
        let shown = |listen: &Listen| if listen.address().is_some() { listen.url() } else { listen.to_string() };
        self.all.iter().map(|(listen, _)| shown(listen)).collect()
    }

    /// Serves until it is told to stop, then lets requests in flight end.
    pub(super) async fn serve(self, router: Router, mut stopping: watch::Receiver<bool>) {
        let Self { all, certificates } = self;
        let places = Places::new();
        let mut serving = JoinSet::new();
        for (_, door) in all {
            serving.spawn(door.serve(router.clone(), places.clone(), stopping.clone()));
        }
        let following = certificates.map(|certificates| tokio::spawn(certificates.follow()));
        told_to_stop(&mut stopping).await;
        places.stop();
        while serving.join_next().await.is_some() {}
        if let Some(following) = following {
            following.abort();
        }
    }
}

impl Door {
    /// Opens one; how it is reached then, its port included.
    async fn open(
        listen: Listen,
        certificates: Option<&Arc<Certificates>>,
        settings: &Settings,
    ) -> anyhow::Result<(Listen, Self)> {
        Ok(match listen {
            Listen::Plain(address) => {
                let listener = bind(address).await?;
                (Listen::Plain(listener.local_addr()?), Self::Plain(listener))
            }
            Listen::Tls(address) => {
                let certificates = certificates.with_context(|| {
                    format!("`https://{address}` needs a certificate: `tls_certificate_file` and `tls_key_file`")
                })?;
                let listener = bind(address).await?;
                (Listen::Tls(listener.local_addr()?), Self::Tls(listener, Arc::clone(certificates)))
            }
            Listen::Unix(path) => {
                let (listener, file) = SocketFile::bind(&path, settings.unix_socket_mode()).await?;
                (Listen::Unix(path), Self::Unix(listener, file))
            }
        })
    }

    async fn serve(self, router: Router, places: Places, mut stopping: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = told_to_stop(&mut stopping) => break,
                accepted = self.accept(&places) => accepted,
            };
            let Some((guest, stream, peer)) = accepted else { continue };
            match (&self, stream) {
                (Self::Tls(_, certificates), Stream::Tcp(stream)) => {
                    let served = connection::tls(stream, peer, Arc::clone(certificates), router.clone(), guest);
                    connections.spawn(served);
                }
                (_, stream) => {
                    connections.spawn(connection::plain(stream, peer, router.clone(), guest));
                }
            }
            while connections.try_join_next().is_some() {}
        }
        // Nobody comes in any more; a socket's file is gone.
        drop(self);
        while connections.join_next().await.is_some() {}
    }

    async fn accept(&self, places: &Places) -> Option<(places::Guest, Stream, Peer)> {
        let place = places.take().await?;
        let accepted = match self {
            Self::Plain(listener) | Self::Tls(listener, _) => {
                listener.accept().await.map(|(stream, peer)| (Stream::Tcp(stream), Peer::At(peer)))
            }
            Self::Unix(listener, _) => listener.accept().await.map(|(stream, _)| (Stream::Unix(stream), Peer::Local)),
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Stream::Tcp(stream) = &stream
                    && let Err(error) = stream.set_nodelay(true)
                {
                    tracing::debug!(%error, "a connection went away");
                    return None;
                }
                Some((places.admit(place), stream, peer))
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(AFTER_REFUSAL).await;
                None
            }
        }
    }
}

async fn bind(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("can't listen on {address}; is another host running? --listen takes another address"))
}

async fn told_to_stop(stopping: &mut watch::Receiver<bool>) {
    // The sender lives as long as the host.
    let _ = stopping.wait_for(|stop| *stop).await;
}
