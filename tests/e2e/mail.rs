//! Mail: who is told what by a real relay, and what becomes of it when the relay doesn't do its part.

use harness::process::product;
use harness::{Host, Key, Mailed, Ran, Relay, Setup, wait_until};
use serde_json::json;

const DAY: u64 = 86_400;
/// What stands around the port of a relay on this machine.
const HERE: (&str, &str) = ("smtp://127.0.0.1", "");

/// A relay, and a host that mails by it; none where that is left to `tests/run`.
fn with_relay() -> Option<(Relay, Host)> {
    let relay = Relay::start()?;
    // Of two hosts either may write the next mail.
    let setup = Setup::dev().env("CRONFLOW_ACCESS_PUBLIC_URL", "https://access.acme.example");
    let host = relay.used_by(setup, HERE).start();
    Some((relay, host))
}

/// Mails about something alone: the first organization's owner is written to about kinds of event that begin so.
#[track_caller]
fn mail_about(host: &Host, patterns: &[&str]) {
    let path = format!("/v1/organizations/{}/settings", host.identity().organization);
    host.operator().put(&path, &json!({ "mail_events": patterns })).check_json(200);
}

/// Somebody joins the first organization with a role.
#[track_caller]
fn join(host: &Host, email: &str, role: &str) {
    join_at(host, &host.identity().organization, email, role);
}

#[track_caller]
fn join_at(host: &Host, organization: &str, email: &str, role: &str) {
    let path = format!("/v1/organizations/{organization}/invitations");
    let invited = host.operator().post(&path, &json!({ "email": email, "roles": [role] })).check_json(201);
    let body = json!({ "invitation": invited["secret"], "name": "Grace", "password": "seven quiet lanterns" });
    host.client(None).post("/v1/invitations/accept", &body).check_json(201);
}

/// Somebody reports a key.
#[track_caller]
fn report(host: &Host, key: &Key, url: &str) {
    host.client(None).post("/v1/leaks", &json!({ "secrets": [key.secret], "url": url })).check_json(202);
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
    for wrong in ["Key", "nope.*", "key.forgotten", "key"] {
        let refused = host.operator().put(&path, &json!({ "mail_events": ["key.*", wrong] }));
        assert_eq!(refused.status, 400, "{wrong}: {refused:?}");
    }
}

#[test]
fn of_a_leak_the_key_is_named_and_what_its_reporter_wrote_is_no_link() {
    let Some((relay, host)) = with_relay() else { return };
    let key = host.issue("production", &["jobs:read"]);
    report(&host, &key, "https://cronflow-login.evil.example/verify");
    let mail = relay.wait_for(&key.id, 1).remove(0);
    let subject = "[CronFlow Access] key.leaked: \"e2e\" in acme / main";
    assert_eq!(mail.header("subject").as_deref(), Some(subject));
    let body = mail.body();
    assert!(body.contains("https[:]//cronflow-login[.]evil[.]example/verify"), "{body}");
    assert!(!body.contains("evil.example"), "{body}");
}

#[test]
fn while_its_owners_are_suspended_nobody_is_mailed() {
    let Some((relay, host)) = with_relay() else { return };
    mail_about(&host, &["key.revoked"]);
    let organization = format!("/v1/organizations/{}", host.identity().organization);
    let [of_organization, of_workspace, loud] = [(); 3].map(|()| host.issue("production", &["jobs:read"]));
    for (count, owner, key) in [(1, organization, &of_organization), (2, host.workspace(""), &of_workspace)] {
        host.operator().post(&format!("{owner}/suspend"), &json!({})).check_json(200);
        host.change(key, "revoke");
        let revoked = || host.metric_of_all("access_events_total{event=\"key.revoked\"}");
        wait_until("it was dispatched", || revoked() == count);
        host.operator().post(&format!("{owner}/resume"), &json!({})).check_json(200);
    }
    host.change(&loud, "revoke");
    relay.wait_for(&loud.id, 1);
    let mailed = relay.mailed();
    let said = |key: &Key| mailed.iter().any(|mail| mail.body().contains(&key.id));
    assert!(!said(&of_organization) && !said(&of_workspace), "{mailed:?}");
}

#[test]
fn however_much_routine_was_mailed_an_alert_is_mailed_too() {
    let Some((relay, host)) = with_relay() else { return };
    mail_about(&host, &["key.*"]);
    // Enough for one hour, should another begin meanwhile.
    let keys = host.issue_many(201);
    wait_until("there were enough", || mails(&host, "too_many") > 0);
    report(&host, &keys[0], "https://example.com/x");
    relay.wait_for("key.leaked", 1);
}

#[test]
fn an_organization_with_many_mails_keeps_no_other_ones_back() {
    let Some((relay, host)) = with_relay() else { return };
    let other = host.create_organization("other");
    join_at(&host, &other, "owner@other.example", "owner");
    let theirs = format!("/v1/workspaces/{}/keys", host.create_workspace(&other, "main"));
    let body = json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read"] });
    let theirs = Key::of(host.operator().post(&theirs, &body).check_json(201));
    mail_about(&host, &["key.issued"]);
    relay.becomes("hangs");
    host.issue_many(20);
    relay.wait_for("key.issued", 3);
    report(&host, &theirs, "https://example.com/x");
    relay.wait_for(&theirs.id, 1);
    // Each hangs for longer than all of this takes.
    assert_eq!(relay.wait_for("key.issued", 3).len(), 3);
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
fn without_a_public_url_it_is_told_where_links_lead() {
    let checked = |public_url: &[(&str, &str)]| {
        let mut command = product();
        command.args(["config", "check"]).envs(public_url.iter().copied());
        command.env("CRONFLOW_ACCESS_LISTEN", "0.0.0.0:7800").env("CRONFLOW_ACCESS_SMTP_URL", "smtp://localhost");
        Ran::of(command.env("CRONFLOW_ACCESS_SMTP_FROM", "access@example.com")).stdout
    };
    let warned = checked(&[]);
    assert!(warned.contains("links in mails begin with `http://0.0.0.0:7800`"), "{warned}");
    let fine = checked(&[("CRONFLOW_ACCESS_PUBLIC_URL", "https://access.example.com")]);
    assert!(!fine.contains("links in mails"), "{fine}");
}

#[test]
fn a_relay_that_is_named_wrongly_keeps_a_host_from_starting_and_its_password_to_itself() {
    for (url, from, says) in [
        ("smtp://u:hunter2@relay.example.com/x", "a@example.com", "smtp_url"),
        ("smtp://u:hunter2@10.0.0.1?starttls=never", "a@example.com", "starttls=never"),
        ("smtps://u:hunter2@relay.example.com", "nobody", "smtp_from"),
        ("smtps://u:hunter2@relay.example.com", "müll@b.example", "smtp_from"),
    ] {
        let setup = Setup::dev().env("CRONFLOW_ACCESS_SMTP_URL", url).args(["--smtp-from", from]);
        let refused = setup.try_start().expect_err("it must not serve");
        refused.check_says(&[says]);
        assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
    }
}
