//! TLS by rustls, trusting the roots of the machine and those that the operator adds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::egress::EgressError;

/// TLS towards others. The roots are read when they are first needed.
pub(crate) struct Tls {
    extra: Option<PathBuf>,
    connector: OnceCell<TlsConnector>,
}

impl Tls {
    pub(crate) const fn new(extra: Option<PathBuf>) -> Self {
        Self { extra, connector: OnceCell::const_new() }
    }

    /// Makes `stream` one that only `host` can read.
    pub(crate) async fn wrap(&self, stream: TcpStream, host: String) -> Result<TlsStream<TcpStream>, EgressError> {
        let name = ServerName::try_from(host).map_err(|error| EgressError::Tls(error.to_string()))?;
        let connector = self.connector.get_or_try_init(|| load(self.extra.clone())).await?;
        connector.connect(name, stream).await.map_err(|error| EgressError::Tls(error.to_string()))
    }
}

async fn load(extra: Option<PathBuf>) -> Result<TlsConnector, EgressError> {
    let read = tokio::task::spawn_blocking(move || store(extra.as_deref()));
    let roots = read.await.map_err(|error| EgressError::Tls(error.to_string()))?.map_err(EgressError::Tls)?;
    let config = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| EgressError::Tls(error.to_string()))?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}

fn store(extra: Option<&Path>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots(extra)?);
    Ok(store)
}

/// The roots of the machine, and those in the file `extra`.
pub(crate) fn roots(extra: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, String> {
    let is_good = |root: &CertificateDer<'static>| RootCertStore::empty().add(root.clone());
    let mut roots = rustls_native_certs::load_native_certs().certs;
    roots.retain(|root| is_good(root).is_ok());
    if let Some(file) = extra {
        let wrong = |error: &dyn std::fmt::Display| format!("`{}`: {error}", file.display());
        for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
            let certificate = certificate.map_err(|error| wrong(&error))?;
            is_good(&certificate).map_err(|error| wrong(&error))?;
            roots.push(certificate);
        }
    }
    if roots.is_empty() {
        return Err("this machine has no root certificates; install `ca-certificates`, or name a file".to_owned());
    }
    Ok(roots)
}
