//! Who is nobody: one answer for all of them, and the store is asked as seldom as can be.

use harness::{Host, Key, Question, in_parallel, secret};
use serde_json::Value;

const READS: &str = "access_store_reads_total";

/// An answer without what names this one decision.
fn without_id(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("decision_id").unwrap();
    answer
}

/// A dev host whose gateway has been seen, and a key that has not.
fn warmed_up() -> (Host, Key) {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    host.decide(&Question::reads_jobs("x")).check_unauthenticated();
    (host, key)
}

/// Secrets that are wrong by themselves.
fn malformed(secret: &str) -> Vec<String> {
    let (prefix, tail) = secret.split_at("cf_prod_".len());
    let mut all: Vec<String> =
        ["", " ", "x", "cf_", "cf_prod_", "Bearer", "null", "\0", "\r\n", "ä", "cf_prod_ä", "👻"]
            .iter()
            .map(|&text| text.to_owned())
            .collect();
    all.extend([
        secret::with_broken_checksum(secret),
        secret[..secret.len() - 1].to_owned(),
        format!("{secret}0"),
        format!("{secret} "),
        format!(" {secret}"),
        format!("{secret}\n"),
        format!("{secret}\0"),
        format!("{secret}{secret}"),
        format!("Bearer {secret}"),
        tail.to_owned(),
        secret.to_uppercase(),
        format!("CF_PROD_{tail}"),
        format!("cf_nope_{tail}"),
        secret::with_checksum(&format!("{prefix}xx{}", &tail[2..])),
        secret::with_checksum(&format!("{prefix}07-{}", &tail[3..])),
        secret::with_checksum(&format!("{prefix}99{}", &tail[2..])),
        prefix.repeat(9),
        "x".repeat(100_000),
        "ü".repeat(28),
    ]);
    all
}

#[test]
fn a_broken_checksum_never_reaches_the_store() {
    let (host, key) = warmed_up();
    let before = host.metric(READS);
    let broken = secret::with_broken_checksum(&key.secret);
    in_parallel(8, |_| {
        let gateway = host.client(Some(&host.identity().gateway_token));
        for _ in 0..100 {
            Question::reads_jobs(&broken).ask(&gateway).check_unauthenticated();
        }
    });
    assert_eq!(host.metric(READS), before);
    assert_eq!(host.metric(r#"access_identifications_total{by="malformed"}"#), 801);

    // As a bearer it is worth as little.
    for token in [&host.identity().operator_token, &host.identity().gateway_token] {
        let broken = host.client(Some(&secret::with_broken_checksum(token)));
        broken.send(&Question::reads_jobs(&key.secret).request()).check_problem(401, "unauthenticated");
    }
    assert_eq!(host.metric(READS), before);
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
}

#[test]
fn what_is_malformed_gets_one_answer_and_costs_no_read() {
    let (host, key) = warmed_up();
    let expected = without_id(host.decide(&Question::reads_jobs("x")).0);
    let before = host.metric(READS);
    for malformed in malformed(&key.secret) {
        let answer = host.decide(&Question::reads_jobs(&malformed));
        answer.check_unauthenticated();
        assert_eq!(without_id(answer.0), expected, "{malformed:?}");
    }
    assert_eq!(host.metric(READS), before);
}

#[test]
fn whatever_is_wrong_the_answer_is_the_same() {
    let (host, key) = warmed_up();
    let expected = without_id(host.decide(&Question::reads_jobs("x")).0);
    let revoked = host.issue("production", &["jobs:read"]);
    host.change(&revoked, "revoke");
    let disabled = host.issue("production", &["jobs:read"]);
    host.change(&disabled, "disable");
    let replaced = host.issue("production", &["jobs:read"]);
    host.rotate(&replaced, 0);
    for (what, secret) in [
        ("unknown", secret::of_nobody(&key.secret, 1)),
        ("guessed", secret::guessed(&key.secret)),
        ("guessed, of a revoked key", secret::guessed(&revoked.secret)),
        ("revoked", revoked.secret),
        ("disabled", disabled.secret),
        ("expired", replaced.secret),
    ] {
        let answer = host.decide(&Question::reads_jobs(&secret));
        answer.check_unauthenticated();
        assert_eq!(without_id(answer.0), expected, "{what}");
    }
}

#[test]
fn an_unknown_id_costs_one_read_and_then_none() {
    let (host, key) = warmed_up();
    let before = host.metric(READS);
    for number in 0..20 {
        let nobody = secret::of_nobody(&key.secret, number);
        host.decide(&Question::reads_jobs(&nobody)).check_unauthenticated();
    }
    assert_eq!(host.metric(READS), before + 20);
    for round in 0..10 {
        let nobody = secret::of_nobody(&key.secret, round * 2);
        host.decide(&Question::reads_jobs(&nobody)).check_unauthenticated();
    }
    assert_eq!(host.metric(READS), before + 20);
}

#[test]
fn too_many_unknown_secrets_from_one_network_are_turned_away_unread() {
    let (host, key) = warmed_up();
    let cached = host.issue("production", &["jobs:read"]);
    host.decide(&Question::reads_jobs(&cached.secret)).check_allow();
    let ask = |number, ip| {
        host.decide(&Question::reads_jobs(&secret::of_nobody(&key.secret, number)).from(ip)).codes().remove(0)
    };
    // A minute may end in between, so nothing is said about when exactly; but twice the limit is always enough.
    let shut = (0..601).find(|number| ask(*number, "203.0.113.9") == "rate_limited").expect("it shuts");
    assert!(shut >= 300, "after {shut}");
    // Others are not concerned, and neither is who is known.
    assert_eq!(ask(10_000, "203.0.114.9"), "unauthenticated");
    host.decide(&Question::reads_jobs(&cached.secret).from("203.0.113.9")).check_allow();
}

#[test]
fn a_guess_is_nobody_however_often() {
    let (host, key) = warmed_up();
    let guess = secret::guessed(&key.secret);
    host.decide(&Question::reads_jobs(&guess)).check_unauthenticated();
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
    // Now that the right one is cached, too.
    let before = host.metric(r#"access_identifications_total{by="store"}"#);
    for _ in 0..50 {
        host.decide(&Question::reads_jobs(&guess)).check_unauthenticated();
    }
    assert_eq!(host.metric(r#"access_identifications_total{by="store"}"#), before);
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
}

#[test]
fn a_secret_under_another_prefix_is_nobody() {
    let (host, key) = warmed_up();
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
    let tail = key.secret.strip_prefix("cf_prod_").unwrap();
    for prefix in ["cf_stg_", "cf_ro_", "cf_gw_", "cf_op_"] {
        let other = secret::with_checksum(&format!("{prefix}{tail}"));
        host.decide(&Question::reads_jobs(&other)).check_unauthenticated();
        let asker = host.client(Some(&other));
        asker.get(&host.workspace("/keys")).check_problem(401, "unauthenticated");
    }
}

#[test]
fn a_home_that_does_not_exist_is_never_asked() {
    let (host, key) = warmed_up();
    let (prefix, tail) = key.secret.split_at("cf_prod_".len());
    let before = host.metric(READS);
    for home in ["16", "42", "99"] {
        let elsewhere = secret::with_checksum(&format!("{prefix}{home}{}", &tail[2..]));
        host.decide(&Question::reads_jobs(&elsewhere)).check_unauthenticated();
    }
    assert_eq!(host.metric(READS), before);
    // In a path it is an id like any other, of nothing.
    for id in ["key_99aaaaaaaaaaaaaaaa", "key_42aaaaaaaaaaaaaaaa"] {
        host.operator().get(&host.workspace(&format!("/keys/{id}"))).check_problem(404, "not_found");
    }
    for id in ["ws_99aaaaaaaaaaaaaaaa", "ws_42aaaaaaaaaaaaaaaa"] {
        host.operator().get(&format!("/v1/workspaces/{id}/keys")).check_problem(404, "not_found");
    }
}

#[test]
fn a_cached_key_is_decided_without_the_store() {
    let (host, key) = warmed_up();
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
    // Denials take nothing from the quota, so not even a lease is renewed.
    let narrow = host.issue("production", &["jobs:read"]);
    let denied = Question::of(&narrow.secret).to("POST /v1/jobs").within("production");
    host.decide(&denied).check_deny(&["missing_scope"]);
    let (looked_up, cached) = (
        host.metric(r#"access_identifications_total{by="store"}"#),
        host.metric(r#"access_identifications_total{by="cache"}"#),
    );
    for _ in 0..100 {
        host.decide(&denied).check_deny(&["missing_scope"]);
        host.decide(&Question::reads_jobs(&key.secret)).check_allow();
    }
    assert_eq!(host.metric(r#"access_identifications_total{by="store"}"#), looked_up);
    // Each question identifies two: the gateway and the key.
    assert_eq!(host.metric(r#"access_identifications_total{by="cache"}"#), cached + 400);
}

#[test]
fn a_cached_denial_reads_nothing_at_all() {
    let (host, key) = warmed_up();
    let denied = Question::of(&key.secret).to("POST /v1/jobs").within("production");
    host.decide(&denied).check_deny(&["missing_scope"]);
    let before = host.metric(READS);
    for _ in 0..300 {
        host.decide(&denied).check_deny(&["missing_scope"]);
    }
    assert_eq!(host.metric(READS), before);
}
