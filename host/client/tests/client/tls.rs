//! https, with a certificate of the tests' own (for `localhost`, good for a hundred years and for nothing else).

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use cronflow_access_client::{BuildError, Cause, Client, Decision, Secret};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::server::{allow, question};

const CERTIFICATE: &[u8] = include_bytes!("localhost.cert.der");
const KEY: &[u8] = include_bytes!("localhost.key.der");

/// Allows whatever it is asked over TLS; its port.
fn serve() -> u16 {
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], PrivatePkcs8KeyDer::from(KEY).into())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            let mut asked = Vec::new();
            let mut byte = [0];
            while !asked.ends_with(b"}}") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
                asked.push(byte[0]);
            }
            let body = allow(5).to_string();
            let answer =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            // Who does not trust it has gone away.
            let _ = stream.write_all(answer.as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    port
}

fn client(url: String, trusted: &[u8]) -> Result<Client, BuildError> {
    Client::builder(url, Secret::new("cf_gw_sentinel")).trust_only([trusted.to_vec()]).build()
}

#[tokio::test]
async fn a_host_with_a_trusted_certificate_is_asked() {
    let url = format!("https://localhost:{}", serve());
    assert!(client(url, CERTIFICATE).unwrap().authorize(&question()).await.is_allow());
}

#[tokio::test]
async fn one_with_another_name_or_of_nobodys_trust_is_not() {
    let port = serve();
    let untrusting = Client::builder(format!("https://localhost:{port}"), Secret::new("s")).build();
    let elsewhere = client(format!("https://127.0.0.1:{port}"), CERTIFICATE);
    // A machine without any certificates has a client as little.
    for client in [untrusting, elsewhere].into_iter().flatten() {
        let Decision::Deny(denial) = client.authorize(&question()).await else { panic!("it is not trusted") };
        assert!(matches!(denial.cause(), Some(Cause::Unreachable(_))), "{denial:?}");
    }
    let garbage = client(format!("https://localhost:{port}"), b"garbage");
    assert!(matches!(garbage.unwrap_err(), BuildError::Certificates(_)));
}
