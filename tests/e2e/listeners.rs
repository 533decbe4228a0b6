//! How connections come in: by sockets, over TLS, in HTTP/2. Whichever way it is, the same is answered, and what was begun is
//! answered when the host stops.

mod drained;
mod replaced;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use harness::{Curl, Host, Issuer, Key, Question, Setup, is_left_to_tests_run};
use serde_json::json;

/// A dev host's setup that listens at a socket as well.
fn at_socket() -> (Setup, PathBuf) {
    let setup = Setup::dev().on_embedded();
    let socket = setup.folder().join("access.sock");
    (setup.args(["--listen".to_owned(), format!("unix:{}", socket.display())]), socket)
}

/// A dev host's setup that speaks TLS as well, with a certificate that this issuer signs; its files.
fn with_tls() -> (Setup, Issuer, [PathBuf; 2]) {
    let setup = Setup::dev().on_embedded();
    let issuer = Issuer::new(setup.folder(), "ca");
    let files = issuer.sign("host");
    let [certificate, key] = files.clone().map(|file| file.display().to_string());
    let args = ["--listen", "https://127.0.0.1:0", "--tls-certificate-file", &certificate, "--tls-key-file", &key];
    (setup.args(args), issuer, files)
}

/// Where a host speaks TLS.
fn https(host: &Host) -> String {
    format!("https://{}", host.decider().listens("https://"))
}

fn asks(host: &Host) -> Question {
    Question::reads_jobs(&host.demo_key("production").secret)
}

#[test]
fn a_socket_is_for_those_who_may_and_leaves_nothing() {
    let (setup, socket) = at_socket();
    let host = setup.start();
    let curl = Curl::at("http://access").by(&socket);
    for (version, with) in [("1.1", [].as_slice()), ("2", &["--http2-prior-knowledge"])] {
        let (answer, spoken) = curl.clone().with(with).decide(&host.identity().gateway_token, &asks(&host));
        answer.check_allow();
        assert_eq!(spoken, version);
    }
    assert_eq!(host.decider().listens("unix:"), socket.display().to_string());
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    // A live host keeps its socket, a dead one's is replaced.
    let other = Setup::dev().on_embedded().args(["--listen".to_owned(), format!("unix:{}", socket.display())]);
    other.try_start().expect_err("it is taken").check_says(&["can't listen on ", "is another host running?"]);
    curl.decide(&host.identity().gateway_token, &asks(&host)).0.check_allow();
    let setup = host.kill_9().setup;
    assert!(socket.exists(), "nobody was there to take it away");
    let host = setup.args(["--unix-socket-mode", "0600"]).start();
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    curl.decide(&host.identity().gateway_token, &asks(&host)).0.check_allow();
    assert_eq!(host.terminate().status.code(), Some(0));
    assert!(!socket.exists());
}

#[test]
fn who_comes_by_a_socket_says_whom_it_speaks_for_and_is_nowhere_otherwise() {
    let (setup, socket) = at_socket();
    let host = setup.start();
    let organizations = [&host.identity().organization];
    let body = json!({ "name": "local", "organizations": organizations, "environments": ["*"], "ip_allow": ["203.0.113.0/24"] });
    let issued = host.operator().post("/v1/gateways", &body).check_json(201);
    let token = issued["secret"].as_str().unwrap();
    for (hops, status) in [
        (None, 403),
        (Some("203.0.113.9"), 200),
        (Some("6.6.6.6, 203.0.113.9"), 200),
        (Some("203.0.113.9, 6.6.6.6"), 403),
        (Some("garbage"), 403),
    ] {
        let forwarded = hops.map(|hops| format!("X-Forwarded-For: {hops}"));
        let with: Vec<&str> = forwarded.iter().flat_map(|header| ["-H", header]).collect();
        let curl = Curl::at("http://access").by(&socket).with(&with);
        let got = curl.post("/v1/authorize", token, asks(&host).body());
        assert_eq!(got.status, status, "{hops:?}: {got:?}");
        assert!(status == 200 || got.body.contains("ip_not_allowed"), "{got:?}");
    }
    // By TCP, where no proxy is trusted, nobody is believed.
    let direct = Curl::at(host.url()).with(&["-H", "X-Forwarded-For: 203.0.113.9"]);
    assert_eq!(direct.post("/v1/authorize", token, asks(&host).body()).status, 403);
}

#[test]
fn tls_speaks_whichever_http_is_wanted() {
    if is_left_to_tests_run("openssl") {
        return;
    }
    let (setup, issuer, _) = with_tls();
    let host = setup.start();
    let curl = Curl::at(https(&host)).trusting(&issuer.certificate());
    for (with, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let (answer, spoken) = curl.clone().with(&[with]).decide(&host.identity().gateway_token, &asks(&host));
        answer.check_allow();
        assert_eq!(spoken, version, "{with}");
    }
    // Who does not know the issuer trusts nobody; who speaks in plain text is not answered; nobody falls back.
    let stranger = Issuer::new(host.setup().folder(), "stranger");
    Curl::at(https(&host)).trusting(&stranger.certificate()).run("/health/alive", &[]).check(60, &[]);
    let plain = Curl::at(https(&host).replace("https", "http")).run("/health/alive", &[]);
    assert!(plain.code != Some(0), "{plain:?}");
    curl.with(&["--tls-max", "1.1"]).run("/health/alive", &[]).check(35, &[]);
    assert!(host.metric("access_tls_refused_total") >= 2, "{}", host.scrape());
}

#[test]
fn http2_is_spoken_in_plain_text_to_who_knows() {
    let host = Setup::dev().on_embedded().start();
    let curl = Curl::at(host.url());
    for (with, version) in [([].as_slice(), "1.1"), (&["--http2-prior-knowledge"], "2"), (&["--http2"], "1.1")] {
        let (answer, spoken) = curl.clone().with(with).decide(&host.identity().gateway_token, &asks(&host));
        answer.check_allow();
        assert_eq!(spoken, version, "{with:?}");
    }
    // What is changed is changed, as in HTTP/1.
    let curl = curl.with(&["--http2-prior-knowledge"]);
    let issue = json!({ "kind": "staging", "name": "by-http2", "scopes": ["jobs:read"] });
    let issued = curl.post(&host.workspace("/keys"), &host.identity().operator_token, &issue);
    let key = Key::of(serde_json::from_str(&issued.body).unwrap());
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
}

#[test]
fn who_shows_no_certificate_is_not_let_in_where_one_is_asked_for() {
    if is_left_to_tests_run("openssl") {
        return;
    }
    let (setup, issuer, _) = with_tls();
    let clients = Issuer::new(setup.folder(), "clients");
    let (known, unknown) = (clients.sign("gateway"), Issuer::new(setup.folder(), "others").sign("gateway"));
    let roots = clients.certificate().display().to_string();
    let host = setup.args(["--tls-client-ca-file", &roots]).start();
    for version in ["--http2", "--http1.1"] {
        let curl = Curl::at(https(&host)).trusting(&issuer.certificate()).with(&[version]);
        let (answer, _) = curl.clone().showing(&known).decide(&host.identity().gateway_token, &asks(&host));
        answer.check_allow();
        // The certificate opens the door, and says nothing about who may ask.
        let got = curl.clone().showing(&known).post("/v1/authorize", "cf_gw_none", asks(&host).body());
        assert_eq!(got.status, 401, "{got:?}");
        for shut_out in [curl.clone(), curl.clone().showing(&unknown)] {
            let ran = shut_out.run("/health/alive", &[]);
            assert!(ran.code != Some(0) && !ran.stdout.contains("alive"), "{ran:?}");
        }
    }
    // Other listeners ask for none.
    host.decide(&asks(&host)).check_allow();
}

#[test]
fn slips_with_listeners_are_told() {
    let refused = |args: &[&str], says: &[&str]| {
        let setup = Setup::dev().on_embedded().args(args.iter().copied());
        setup.try_start().expect_err("it can't be served").check_says(says);
    };
    refused(
        &["--listen", "https://127.0.0.1:0"],
        &["needs a certificate", "`tls_certificate_file` and `tls_key_file`"],
    );
    refused(&["--tls-certificate-file", "/missing"], &["state both"]);
    refused(&["--listen", "unix:/missing/access.sock"], &["/missing/access.sock", "its folder must be there"]);
    refused(&["--listen", "https://0.0.0.0:0"], &["--dev prints its secrets"]);
    if is_left_to_tests_run("openssl") {
        return;
    }
    let (setup, _, [certificate, key]) = with_tls();
    let tls = |certificate: &PathBuf, key: &PathBuf| {
        let [certificate, key] = [certificate, key].map(|file| file.display().to_string());
        ["--tls-certificate-file".to_owned(), certificate, "--tls-key-file".to_owned(), key]
    };
    let elsewhere = Issuer::new(setup.folder(), "elsewhere").sign("host");
    let missing = PathBuf::from("/missing");
    for (certificate, key, says) in [
        (&certificate, &missing, "tls_key_file: `/missing` can't be read"),
        (&missing, &key, "tls_certificate_file: `/missing` can't be read"),
        (&key, &key, "there is no certificate (PEM) in it"),
        (&certificate, &certificate, "there is no private key (PEM) in it"),
        (&certificate, &elsewhere[1], "host.key`"),
    ] {
        let args = tls(certificate, key);
        let setup = Setup::dev().on_embedded().args(["--listen", "https://127.0.0.1:0"]).args(args);
        setup.try_start().expect_err(says).check_says(&[says]);
    }
    let unused = Setup::dev().on_embedded().args(tls(&certificate, &key));
    unused.try_start().expect_err("nobody uses it").check_says(&["nobody listens with it", "https://"]);
}
