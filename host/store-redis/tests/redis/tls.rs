//! TLS: who is known by its certificate is spoken to, and nobody else is.

use std::path::Path;
use std::process::Command;

use access_model::PlainSecret;
use access_store_redis::Options;
use harness::{Cluster, is_left_to_tests_run};

use crate::support::{Server, at, open, options_at, put, try_open};

/// A certificate of an authority of its own, for this machine.
fn make_certificates(folder: &Path) {
    let openssl = |words: &str| {
        let ran = Command::new("openssl").args(words.split(' ')).current_dir(folder).output().unwrap();
        assert!(ran.status.success(), "{words}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca",
    );
    openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.pem -subj /CN=redis");
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    openssl(
        "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out certificate.pem",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_known_by_its_certificate() {
    if is_left_to_tests_run("openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let port = harness::redis::free_port().to_string();
    let (certificate, key, ca) = (file("certificate.pem"), file("key.pem"), file("ca.pem"));
    let tls = ["--tls-port", &port, "--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-ca-cert-file", &ca];
    let options = [&tls[..], &["--tls-auth-clients", "no", "--appendonly", "no"]].concat();
    let Some(_server) = Server::with(&options) else { return };
    let url = format!("rediss://127.0.0.1:{port}");
    let known = Options { ca_file: Some(ca.into()), ..options_at(url.clone()) };
    let store = open(&known).await;
    put(&store, "key", "1").await.unwrap();
    // By the machine's certificates it is nobody.
    let error = try_open(&Options { time_out: known.time_out, ..at(url) }).await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    // And not under another name.
    let elsewhere = PlainSecret::new(format!("rediss://localhost:{port}"));
    let error = try_open(&Options { url: elsewhere, ..known }).await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_speaks_no_tls_is_not_spoken_to_in_the_clear() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::of(3, 1);
    let url = cluster.url().replacen("redis-cluster", "rediss-cluster", 1);
    try_open(&options_at(url)).await.unwrap_err();
}
