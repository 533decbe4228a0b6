//! Certificates: read from their files when the host starts, and again whenever those have changed. A pair that can't be used
//! changes nothing, and is complained of.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use metrics::{Counter, counter, describe_counter};
use rustls::crypto::ring;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;

use crate::config::Settings;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// What may be spoken within, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What whoever connects is shown, and asked for.
pub(crate) struct Certificates {
    files: Files,
    /// What stood in them when the host started.
    began: [u8; 32],
    /// What connections are greeted with from now on. Those that are open keep theirs.
    current: watch::Sender<Arc<ServerConfig>>,
    refused: Counter,
}

/// Where the certificates lie.
#[derive(Debug, Clone)]
struct Files {
    /// The certificate and those that lead to its root.
    chain: PathBuf,
    key: PathBuf,
    /// Roots of certificates that whoever connects must show; absent, none is asked for.
    clients: Option<PathBuf>,
}

/// What stood in the files.
struct Contents {
    chain: Vec<u8>,
    key: Vec<u8>,
    clients: Option<Vec<u8>>,
}

impl Certificates {
    /// Reads those that the settings name; none, where they name none.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn load(settings: &Settings) -> anyhow::Result<Option<Self>> {
        let files = match (&settings.tls_certificate_file, &settings.tls_key_file, &settings.tls_client_ca_file) {
            (None, None, None) => return Ok(None),
            (Some(chain), Some(key), clients) => {
                Files { chain: chain.clone(), key: key.clone(), clients: clients.clone() }
            }
            _ => bail!("TLS needs both `tls_certificate_file` and `tls_key_file`; state both"),
        };
        let contents = files.read()?;
        let (began, current) = (contents.digest(), watch::Sender::new(contents.config(&files)?));
        describe_counter!("access_tls_reloads_total", "Changes of the files of certificates, by what came of them");
        describe_counter!("access_tls_refused_total", "Connections that came to no agreement over TLS");
        Ok(Some(Self { files, began, current, refused: counter!("access_tls_refused_total") }))
    }

    /// What greets a connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.borrow()))
    }

    /// Notes a connection that came to no agreement.
    pub(super) fn refused(&self, why: &dyn Display) {
        self.refused.increment(1);
        tracing::debug!(%why, "a connection came to no agreement over TLS");
    }

    /// Looks at the files again and again.
    pub(super) async fn follow(self: Arc<Self>) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looked = Looked { settled: Some(self.began), doubtful: None };
        loop {
            looks.tick().await;
            let files = self.files.clone();
            let Ok(found) = tokio::task::spawn_blocking(move || files.found()).await else { continue };
            match looked.at(found) {
                None => {}
                Some(Ok(config)) => {
                    self.current.send_replace(config);
                    counter!("access_tls_reloads_total", "result" => "swapped").increment(1);
                    tracing::info!(certificate = %self.files.chain.display(), "new connections are shown the certificate as it is now");
                }
                Some(Err(problem)) => {
                    counter!("access_tls_reloads_total", "result" => "refused").increment(1);
                    tracing::error!(%problem, "the certificate can't be used; the one before is shown on");
                }
            }
        }
    }
}

/// What is found in the files: a digest of it, and what it makes.
type Found = (Option<[u8; 32]>, anyhow::Result<Arc<ServerConfig>>);

/// What the last looks saw, by its digest; none, where a file could not be read.
#[derive(Debug)]
struct Looked {
    /// What is shown, or was last complained of.
    settled: Option<[u8; 32]>,
    /// What could not be used a look ago: files are replaced one after the other.
    doubtful: Option<Option<[u8; 32]>>,
}

impl Looked {
    /// What is to be done about what was found; nothing, most times.
    fn at(&mut self, (digest, made): Found) -> Option<anyhow::Result<Arc<ServerConfig>>> {
        if self.settled == digest {
            self.doubtful = None;
            return None;
        }
        if made.is_err() && self.doubtful != Some(digest) {
            self.doubtful = Some(digest);
            return None;
        }
        self.settled = digest;
        self.doubtful = None;
        Some(made)
    }
}

impl Files {
    fn found(&self) -> Found {
        match self.read() {
            Ok(contents) => (Some(contents.digest()), contents.config(self)),
            Err(error) => (None, Err(error)),
        }
    }

    fn read(&self) -> anyhow::Result<Contents> {
        let read = |name: &str, path: &PathBuf| {
            std::fs::read(path).with_context(|| format!("{name}: `{}` can't be read", path.display()))
        };
        Ok(Contents {
            chain: read("tls_certificate_file", &self.chain)?,
            key: read("tls_key_file", &self.key)?,
            clients: self.clients.as_ref().map(|path| read("tls_client_ca_file", path)).transpose()?,
        })
    }
}

impl Contents {
    fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for part in [Some(&self.chain), Some(&self.key), self.clients.as_ref()] {
            let part = part.map(Vec::as_slice).unwrap_or_default();
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    fn config(&self, files: &Files) -> anyhow::Result<Arc<ServerConfig>> {
        let chain =
            certificates(&self.chain).with_context(|| format!("tls_certificate_file: `{}`", files.chain.display()))?;
        let of_key = || format!("tls_key_file: `{}`", files.key.display());
        // What the error would quote may be part of the key.
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| anyhow!("there is no private key (PEM) in it"));
        let key = key.with_context(of_key)?;
        let provider = Arc::new(ring::default_provider());
        let clients: Arc<dyn ClientCertVerifier> = match (&self.clients, &files.clients) {
            (Some(text), Some(file)) => {
                let of_clients = || format!("tls_client_ca_file: `{}`", file.display());
                let mut roots = RootCertStore::empty();
                for root in certificates(text).with_context(of_clients)? {
                    roots.add(root).with_context(of_clients)?;
                }
                WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
                    .build()
                    .with_context(of_clients)?
            }
            _ => Arc::new(NoClientAuth),
        };
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("TLS")?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key);
        let mut config =
            config.with_context(|| format!("`{}` and `{}`", files.chain.display(), files.key.display()))?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        Ok(Arc::new(config))
    }
}

fn certificates(text: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>()?;
    if all.is_empty() {
        bail!("there is no certificate (PEM) in it");
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(digest: u8, is_good: bool) -> Found {
        let config = || {
            let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
            let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
            Arc::new(config.with_cert_resolver(Arc::new(rustls::server::ResolvesServerCertUsingSni::new())))
        };
        (Some([digest; 32]), if is_good { Ok(config()) } else { Err(anyhow!("bad")) })
    }

    #[test]
    fn what_changed_is_said_once_and_what_is_half_replaced_never() {
        let mut looked = Looked { settled: Some([1; 32]), doubtful: None };
        let mut says = |digest, is_good| looked.at(found(digest, is_good)).map(|made| made.is_ok());
        assert_eq!(says(1, true), None, "what it began with");
        assert_eq!(says(2, false), None, "one of two files is replaced");
        assert_eq!(says(3, true), Some(true));
        assert_eq!(says(4, false), None);
        assert_eq!(says(4, false), Some(false));
        assert_eq!(says(4, false), None, "it was said");
        assert_eq!(says(3, true), Some(true), "put back");
    }
}
