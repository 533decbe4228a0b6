//! A secret is shown once: nowhere else is it found, however talkative the host. And the secrets that a host begins with: where
//! they are kept, and how they are replaced.

mod keepers;
mod peppers;
mod rekey;

use std::path::{Path, PathBuf};

use harness::{Host, Question, Response, Setup, secret};
use serde_json::json;

/// Characters of a secret's random part that are looked for; what stands before is a public id.
const LOOKED_FOR: usize = 16;

/// What must be found nowhere: the beginning of a secret's random part.
fn random_part(secret: &str) -> &str {
    let begins = secret.rfind('_').unwrap() + 1 + 18;
    &secret[begins..begins + LOOKED_FOR]
}

#[track_caller]
fn check_hidden(bytes: &[u8], secrets: &[&str], place: &str) {
    for secret in secrets {
        let needle = random_part(secret).as_bytes();
        let found = bytes.windows(needle.len()).any(|window| window == needle);
        assert!(!found, "a secret that begins with {} lies in {place}", &secret[..6]);
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[track_caller]
fn check_files(setup: &Setup, secrets: &[&str]) {
    for place in setup.data_places() {
        let files = files_below(&place);
        assert!(!files.is_empty());
        for file in files {
            check_hidden(&std::fs::read(&file).unwrap(), secrets, &file.display().to_string());
        }
    }
}

/// Uses a key in every way that there is; all answers but those that issue.
fn use_and_fail(host: &Host, credential: &str) -> Vec<Response> {
    let asks = Question::reads_jobs(credential);
    let body = |question: &Question| question.body().clone();
    let holder = host.client(Some(credential));
    let gateway = host.gateway();
    vec![
        gateway.send(&asks.request()),
        gateway.send(&asks.clone().to("POST /v1/jobs").request()),
        gateway.send(&asks.clone().to("GET /nowhere").request()),
        gateway.send(&asks.clone().within("production").request()),
        gateway.send(&asks.clone().in_workspace("other").request()),
        gateway.send(&asks.clone().from("nowhere").request()),
        gateway.send(&asks.clone().context("a", json!([1])).request()),
        gateway.send(&asks.clone().context("a", json!("x".repeat(2_000))).request()),
        gateway.post("/v1/authorize/batch", &json!({ "items": [body(&asks), body(&asks)] })),
        gateway.post("/v1/authorize/batch", &json!({ "items": [body(&asks), { "credential": [credential] }] })),
        gateway.post("/v1/authorize", &json!({ "credential": { "value": credential } })),
        gateway.post("/v1/authorize", &json!({ "credential": credential })),
        gateway.post("/v1/authorize", &json!({ "credential": credential, "surprise": 1 })),
        gateway.send(&Question::reads_jobs(&secret::with_broken_checksum(credential)).request()),
        host.client(None).send(&asks.request()),
        holder.send(&asks.request()),
        holder.get(&host.workspace("/keys")),
        host.operator().get(&host.workspace(&format!("/keys/{credential}"))),
        host.operator().post(&host.workspace(&format!("/keys/{credential}/revoke")), &json!({})),
        host.operator().get(&host.workspace(&format!("/keys?cursor={credential}"))),
        host.operator().get(&host.workspace(&format!("/audit?actor={credential}"))),
        holder.post(&host.workspace("/keys"), &json!({ "kind": "production", "name": "e2e" })),
        host.try_issue(&json!({ "kind": credential, "name": "e2e" })),
        host.operator().post(&host.workspace("/keys"), &json!({ "kind": "production", "name": [credential] })),
    ]
}

#[test]
fn a_secret_is_in_no_log_no_metric_no_answer_and_no_file() {
    let host = Setup::real().args(["--log", "trace"]).initialized().start();
    let key = host.issue("production", &["jobs:read"]);
    let mut answers = use_and_fail(&host, &key.secret);
    let successor = host.rotate(&key, 3_600);
    answers.extend(use_and_fail(&host, &successor.secret));
    answers.extend(use_and_fail(&host, &key.secret));
    let change = |change| host.try_change(&successor, change);
    answers.extend([change("disable"), host.gateway().send(&Question::reads_jobs(&successor.secret).request())]);
    answers.extend([change("enable"), change("revoke"), change("enable"), host.try_rotate(&key, 0)]);
    answers.extend(use_and_fail(&host, &successor.secret));
    for list in ["/keys", "/audit", "/network", &format!("/keys/{}", key.id), &format!("/keys/{}", successor.id)] {
        answers.push(host.operator().get(&host.workspace(list)));
    }
    answers.extend([host.client(None).get("/health/ready"), host.client(None).get("/health/alive")]);

    let identity = host.identity().clone();
    let secrets = [&*key.secret, &*successor.secret, &*identity.operator_token, &*identity.gateway_token];
    for answer in &answers {
        check_hidden(format!("{answer:?}").as_bytes(), &secrets, &format!("the answer {}", answer.status));
    }
    check_hidden(host.scrape().as_bytes(), &secrets, "the metrics");
    check_files(host.setup(), &secrets);

    let stopped = host.terminate();
    assert!(stopped.stderr.contains(r#""message":"denied""#), "it tells of what was denied");
    check_hidden(stopped.stderr.as_bytes(), &secrets, "the log");
    check_hidden(stopped.stdout.as_bytes(), &secrets, "standard output");
    check_files(&stopped.setup, &secrets);
    let host = stopped.start();
    host.change(&key, "revoke");
    let killed = host.kill_9();
    check_hidden(killed.stderr.as_bytes(), &secrets, "the log");
    check_files(&killed.setup, &secrets);
}

#[test]
fn a_dev_host_keeps_its_secrets_out_of_its_log_and_its_store() {
    let host = Setup::dev().args(["--log", "trace"]).start();
    let keys: Vec<_> = ["production", "staging", "read_only"].map(|kind| host.demo_key(kind).secret).into();
    for key in &keys {
        host.decide(&Question::reads_jobs(key)).check_allow();
    }
    let identity = host.identity().clone();
    let mut secrets: Vec<&str> = keys.iter().map(String::as_str).collect();
    secrets.extend([&*identity.operator_token, &*identity.gateway_token]);
    check_hidden(host.scrape().as_bytes(), &secrets, "the metrics");
    let stopped = host.terminate();
    check_hidden(stopped.stderr.as_bytes(), &secrets, "the log");
    check_files(&stopped.setup, &secrets);
}

#[test]
fn the_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    for host in [Host::dev(), Host::real()] {
        let data_dir = host.setup().data_dir();
        let mut checked = files_below(&data_dir);
        checked.push(data_dir);
        checked.extend(host.nodes().iter().map(|node| node.ready_file().to_owned()));
        for path in checked {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            let in_private_folder = path
                .parent()
                .is_some_and(|parent| std::fs::metadata(parent).unwrap().permissions().mode() & 0o077 == 0);
            assert!(mode & 0o077 == 0 || in_private_folder, "{} has mode {mode:o}", path.display());
        }
    }
}
