//! Mail: who is told what by a real relay, and what becomes of it when the relay doesn't do its part.

use harness::process::product;
use harness::{Host, Mailed, Ran, Relay, Setup, wait_until};
use serde_json::json;

const DAY: u64 = 86_400;
/// What stands around the port of a relay on this machine.
const HERE: (&str, &str) = ("smtp://127.0.0.1", "");

/// A relay, and a host that mails by it; none where that is left to `tests/run`.
fn with_relay() -> Option<(Relay, Host)> {
    let relay = Relay::start()?;
    let host = relay.used_by(Setup::dev(), HERE).start();
    Some((relay, host))
}

/// Mails about something alone: the first organization's owner is written to about kinds of event that begin so.
#[track_caller]
fn mail_about(host: &Host, patterns: &[&str]) {
    let path = format!("/v1/organizations/{}/settings", host.identity().organization);
    host.operator().put(&path, &json!({ "mail_events": patterns })).check_json(200);
}

/// Somebody joins with a role.
#[track_caller]
fn join(host: &Host, email: &str, role: &str) {
    let path = format!("/v1/organizations/{}/invitations", host.identity().organization);
    let invited = host.operator().post(&path, &json!({ "email": email, "roles": [role] })).check_json(201);
    let body = json!({ "invitation": invited["secret"], "name": "Grace", "password": "seven quiet lanterns" });
    host.client(None).post("/v1/invitations/accept", &body).check_json(201);
}

/// What `doctor` says of mail.
#[track_caller]
fn doctor(host: &Host) -> String {
    let mut command = product();
    command.args(["doctor", "--dev", "--only", "mail", "--data-dir"]).arg(host.setup().data_dir());
    if let Some(redis) = host.setup().redis_url() {
        command.args(["--redis", &redis]);
    }
    let ran = Ran::of(command.env("CRONFLOW_ACCESS_SMTP_URL", "smtp://127.0.0.1:1"));
    ran.stdout
}

#[track_caller]
fn ids(mails: &[Mailed]) -> Vec<String> {
    mails.iter().map(|mail| mail.header("message-id").expect("an id")).collect()
}

fn mails(host: &Host, result: &str) -> u64 {
    host.metric_of_all(&format!("access_mails_total{{result=\"{result}\"}}"))
}

#[test]
fn owners_and_admins_read_what_happened_where_and_what_to_do_and_nobody_else_does() {
    let Some((relay, host)) = with_relay() else { return };
    join(&host, "admin@acme.example", "admin");
    join(&host, "developer@acme.example", "developer");
    let key = host.issue("production", &["jobs:read"]);
    host.advance(14 * DAY);
    let mut both = relay.wait_for(&key.id, 2);
    both.sort_by_key(|mail| mail.to.clone());
    let told: Vec<_> = both.iter().flat_map(|mail| mail.to.clone()).collect();
    assert_eq!(told, ["admin@acme.example".to_owned(), host.identity().owner.email.clone()]);
    assert_ne!(ids(&both)[0], ids(&both)[1]);
    let mail = both.remove(1);
    assert_eq!(mail.sender, "access@acme.example");
    assert!(mail.header("subject").is_some_and(|subject| subject.starts_with("[CronFlow Access] key.inactive: ")));
    assert!(mail.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
    assert_eq!(mail.header("auto-submitted").as_deref(), Some("auto-generated"));
    let body = mail.body();
    let link = format!("/console/workspaces/{}/keys/{}", host.identity().workspace, key.id);
    for said in ["No request came with a key", "acme / main", "Revoke it if nobody needs it", &link] {
        assert!(body.contains(said), "no `{said}` in {body}");
    }
    assert!(!relay.mailed().iter().any(|mail| mail.text.contains(&key.secret)));
    // That it was issued asks nobody for anything.
    assert!(!relay.mailed().iter().any(|mail| mail.header("subject").is_some_and(|line| line.contains("key.issued"))));
    wait_until("it is counted", || mails(&host, "sent") > 0);
    assert!(doctor(&host).contains("no mail was refused lately"));
}

#[test]
fn an_organization_says_what_it_is_mailed_about() {
    let Some((relay, host)) = with_relay() else { return };
    mail_about(&host, &["key.revoked"]);
    let [quiet, loud] = [(); 2].map(|()| host.issue("production", &["jobs:read"]));
    host.operator().post(&host.key(&quiet, "/disable"), &json!({})).check_json(200);
    host.operator().post(&host.key(&loud, "/revoke"), &json!({})).check_json(200);
    relay.wait_for(&loud.id, 1);
    mail_about(&host, &[]);
    host.operator().post(&host.key(&quiet, "/revoke"), &json!({})).check_json(200);
    wait_until("it was dispatched", || host.metric_of_all("access_events_total{event=\"key.revoked\"}") == 2);
    mail_about(&host, &["key.*"]);
    let last = host.issue("production", &["jobs:read"]);
    relay.wait_for(&last.id, 1);
    assert!(!relay.mailed().iter().any(|mail| mail.body().contains(&quiet.id)));
    let path = format!("/v1/organizations/{}/settings", host.identity().organization);
    let refused = host.operator().put(&path, &json!({ "mail_events": ["Key"] }));
    assert_eq!(refused.status, 400, "{refused:?}");
}

#[test]
fn a_relay_that_says_later_hangs_or_closes_is_asked_again_with_the_same_id() {
    for manner in ["later", "closes", "hangs"] {
        let Some((relay, host)) = with_relay() else { return };
        mail_about(&host, &["key.revoked"]);
        relay.becomes(manner);
        let key = host.issue("production", &["jobs:read"]);
        host.operator().post(&host.key(&key, "/revoke"), &json!({})).check_json(200);
        relay.wait_for(&key.id, 1);
        wait_until("it is put off", || mails(&host, "put_off") == 1);
        wait_until("doctor says so", || doctor(&host).contains("the relay has taken no mail since"));
        relay.becomes("takes");
        host.advance(90);
        let tried = relay.wait_for(&key.id, 2);
        assert_eq!(ids(&tried)[0], ids(&tried)[1], "{manner}");
        assert_eq!(tried[0].text, tried[1].text, "{manner}");
        wait_until("it is sent", || mails(&host, "sent") == 1);
        wait_until("doctor says so", || doctor(&host).contains("no mail was refused lately"));
    }
}

#[test]
fn what_a_relay_refuses_is_given_up_and_shown() {
    let Some((relay, host)) = with_relay() else { return };
    mail_about(&host, &["key.revoked"]);
    relay.becomes("refused");
    let key = host.issue("production", &["jobs:read"]);
    host.operator().post(&host.key(&key, "/revoke"), &json!({})).check_json(200);
    wait_until("it is given up", || mails(&host, "given_up") == 1);
    wait_until("doctor says so", || doctor(&host).contains("a mail was given up at"));
    relay.becomes("takes");
    host.advance(7 * DAY);
    let other = host.issue("production", &["jobs:read"]);
    host.operator().post(&host.key(&other, "/revoke"), &json!({})).check_json(200);
    relay.wait_for(&other.id, 1);
    assert_eq!(relay.wait_for(&key.id, 1).len(), 1);
}

#[test]
fn without_the_tls_that_it_needs_a_host_says_nothing_to_a_relay() {
    let Some(relay) = Relay::start() else { return };
    let host = relay.used_by(Setup::dev(), ("smtp://access:hunter2@127.0.0.1", "?starttls=required")).start();
    mail_about(&host, &["key.revoked"]);
    let key = host.issue("production", &["jobs:read"]);
    host.operator().post(&host.key(&key, "/revoke"), &json!({})).check_json(200);
    wait_until("it is put off", || mails(&host, "put_off") == 1);
    assert!(relay.mailed().is_empty());
    wait_until("doctor says so", || doctor(&host).contains("tls_failed"));
    let stopped = host.terminate();
    assert!(!stopped.stderr.contains("hunter2"), "{}", stopped.stderr);
}

#[test]
fn over_starttls_and_with_its_password_a_relay_takes_mail() {
    let Some(relay) = Relay::start_secured("hunter2/@") else { return };
    let host = relay.used_by(Setup::dev(), ("smtp://access:hunter2%2F%40@relay.example", "")).start();
    mail_about(&host, &["key.revoked"]);
    let key = host.issue("production", &["jobs:read"]);
    host.operator().post(&host.key(&key, "/revoke"), &json!({})).check_json(200);
    let mail = relay.wait_for(&key.id, 1).remove(0);
    assert!(mail.tls && mail.known, "{mail:?}");
}

#[test]
fn a_host_that_dies_after_a_mail_was_taken_sends_it_again_with_the_same_id() {
    let Some((relay, host)) = with_relay() else { return };
    mail_about(&host, &["key.revoked"]);
    let key = host.issue("production", &["jobs:read"]);
    let stopped = host.terminate();
    let dying = stopped.setup.clone().args(["--die-at", "mail.sent"]).start();
    // It may die before it answers.
    let revoke = harness::Request::new("POST", &dying.key(&key, "/revoke")).json(&json!({}));
    let _ = dying.operator().try_send(&revoke);
    relay.wait_for(&key.id, 1);
    drop(dying);
    let host = stopped.start();
    // The dead host's lease ends first.
    host.advance(20);
    let sent = relay.wait_for(&key.id, 2);
    assert_eq!(ids(&sent)[0], ids(&sent)[1]);
    wait_until("it is counted", || mails(&host, "sent") == 1);
}

#[test]
fn a_relay_that_is_named_wrongly_keeps_a_host_from_starting_and_its_password_to_itself() {
    for (url, from, says) in [
        ("smtp://u:hunter2@relay.example.com/x", "a@example.com", "smtp_url"),
        ("smtp://u:hunter2@10.0.0.1?starttls=never", "a@example.com", "starttls=never"),
        ("smtps://u:hunter2@relay.example.com", "nobody", "smtp_from"),
    ] {
        let setup = Setup::dev().env("CRONFLOW_ACCESS_SMTP_URL", url).args(["--smtp-from", from]);
        let refused = setup.try_start().expect_err("it must not serve");
        refused.check_says(&[says]);
        assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
    }
}
