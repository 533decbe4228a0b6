//! Everything that ends a token, each by itself, from the next question on.

use std::sync::atomic::{AtomicBool, Ordering};

use harness::{AtEnd, Host, Question, in_parallel, wait_until};
use serde_json::{Value, json};

use super::{Client, check_error, client};

/// A token that is decided on, and cached, before `end`; and dead after it.
#[track_caller]
fn check_ended(host: &Host, holder: &Client, token: &str, end: impl FnOnce()) {
    host.decide(&Question::reads_jobs(token)).check_allow();
    end();
    host.decide(&Question::reads_jobs(token)).check_unauthenticated();
    assert_eq!(host.client(Some(token)).get("/v1/workspaces/own/keys").status, 401);
    // Whoever is nobody now can't ask; what a gateway is told is the same.
    let request = harness::Request::new("POST", "/oauth/introspect");
    let request = request.body("application/x-www-form-urlencoded", format!("token={token}"));
    let gateway = host.client(Some(&host.identity().gateway_token));
    assert_eq!(gateway.send(&request).check_json(200), json!({ "active": false }), "{}", holder.id);
}

fn change(host: &Host, path: &str) {
    host.operator().post(path, &json!({})).check_json(200);
}

#[test]
fn its_own_end_and_the_clients_the_workspaces_and_the_organizations() {
    let host = Host::dev();
    let demo = Client::demo(&host);
    let identity = host.identity().clone();
    let token = || demo.token(&host, "&scope=jobs:read+keys:read");

    let revoked = token();
    check_ended(&host, &demo, &revoked, || {
        assert_eq!(demo.post(&host, "revoke", &format!("token={revoked}")).status, 200);
        host.wait_until_all_know();
    });
    let narrowed = token();
    host.operator().put(&client(&host, &demo, ""), &json!({ "scopes": ["keys:read"] })).check_json(200);
    host.decide(&Question::reads_jobs(&narrowed)).check_deny(&["missing_scope"]);
    host.operator().put(&client(&host, &demo, ""), &json!({ "scopes": ["jobs:read", "keys:read"] })).check_json(200);
    host.decide(&Question::reads_jobs(&narrowed)).check_allow();

    for owner in
        [format!("/v1/workspaces/{}", identity.workspace), format!("/v1/organizations/{}", identity.organization)]
    {
        let token = token();
        check_ended(&host, &demo, &token, || change(&host, &format!("{owner}/suspend")));
        change(&host, &format!("{owner}/resume"));
        host.decide(&Question::reads_jobs(&token)).check_allow();
    }
    let disabled = token();
    check_ended(&host, &demo, &disabled, || change(&host, &client(&host, &demo, "/disable")));
    check_error(&demo.post(&host, "token", "grant_type=client_credentials"), 401, "invalid_client");
    change(&host, &client(&host, &demo, "/enable"));
    host.decide(&Question::reads_jobs(&disabled)).check_allow();
    let bound = demo.token(&host, &format!("&scope=jobs:read+keys:read&resource={}", identity.workspace));
    check_ended(&host, &demo, &bound, || {
        host.operator().put(&client(&host, &demo, ""), &json!({ "workspaces": [] })).check_json(200);
    });
    host.decide(&Question::reads_jobs(&disabled)).check_deny(&["workspace_missing"]);
    host.operator().put(&client(&host, &demo, ""), &json!({ "workspaces": [identity.workspace] })).check_json(200);
    check_ended(&host, &demo, &disabled, || change(&host, &client(&host, &demo, "/revoke")));
}

#[test]
fn an_hour_and_the_end_of_its_secrets_overlap() {
    let host = Host::dev();
    let demo = Client::demo(&host);
    let token = demo.token(&host, "&scope=jobs:read+keys:read");
    host.advance(3_599);
    check_ended(&host, &demo, &token, || host.advance(1));

    let old = demo.token(&host, "&scope=jobs:read+keys:read");
    let rotated =
        host.operator().post(&client(&host, &demo, "/rotate"), &json!({ "overlap_seconds": 60 })).check_json(201);
    let rotated = Client::shown(&rotated);
    let new = rotated.token(&host, "&scope=jobs:read");
    demo.token(&host, "");
    host.advance(59);
    check_ended(&host, &demo, &old, || host.advance(1));
    check_error(&demo.post(&host, "token", "grant_type=client_credentials"), 401, "invalid_client");
    host.decide(&Question::reads_jobs(&new)).check_allow();
    // No overlap: at once.
    let at_once = Client::shown(&host.operator().post(&client(&host, &demo, "/rotate"), &json!({})).check_json(201));
    host.decide(&Question::reads_jobs(&new)).check_unauthenticated();
    at_once.token(&host, "");
}

#[test]
fn which_secret_was_used_when_is_shown() {
    let host = Host::dev();
    let demo = Client::demo(&host);
    let rotated =
        host.operator().post(&client(&host, &demo, "/rotate"), &json!({ "overlap_seconds": 600 })).check_json(201);
    let rotated = Client::shown(&rotated);
    let used = || -> Vec<bool> {
        let shown = host.operator().get(&client(&host, &demo, "")).check_json(200);
        let secrets = shown["secrets"].as_array().expect("a list").clone();
        secrets.iter().map(|secret: &Value| secret["last_used_at"].is_string()).collect()
    };
    assert_eq!(used(), [false, false]);
    demo.token(&host, "");
    wait_until("the old secret's use is told", || used() == [true, false]);
    rotated.token(&host, "");
    wait_until("the new secret's use is told", || used() == [true, true]);
}

#[test]
fn a_token_that_was_acknowledged_outlives_the_host() {
    let host = Host::dev();
    let demo = Client::demo(&host);
    let tokens: Vec<String> = (0..20).map(|_| demo.token(&host, "&scope=jobs:read")).collect();
    let revoked = demo.token(&host, "&scope=jobs:read");
    assert_eq!(demo.post(&host, "revoke", &format!("token={revoked}")).status, 200);
    let host = host.kill_9().start();
    for token in &tokens {
        host.decide(&Question::reads_jobs(token)).check_allow();
    }
    host.decide(&Question::reads_jobs(&revoked)).check_unauthenticated();
}

#[test]
fn a_token_that_serves_nobody_for_now_is_ended_for_good() {
    let host = Host::dev();
    let demo = Client::demo(&host);
    let workspace = host.identity().workspace.clone();
    let token = demo.token(&host, &format!("&scope=jobs:read&resource={workspace}"));
    change(&host, &host.workspace("/suspend"));
    host.wait_until_all_know();
    assert_eq!(demo.post(&host, "revoke", &format!("token={token}")).status, 200);
    change(&host, &host.workspace("/resume"));
    host.wait_until_all_know();
    host.decide(&Question::reads_jobs(&token)).check_unauthenticated();
}

#[test]
fn a_token_that_is_ended_while_its_client_changes_stays_dead() {
    let host = Host::dev();
    let demo = Client::demo(&host);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = AtEnd(&is_over);
        scope.spawn(|| {
            let (operator, path) = (host.operator(), client(&host, &demo, ""));
            for turn in 0_u32.. {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let scopes: &[&str] = if turn % 2 == 0 { &["jobs:read"] } else { &["jobs:read", "keys:read"] };
                let _ = operator.put(&path, &json!({ "scopes": scopes }));
            }
        });
        for _ in 0..100 {
            let token = demo.token(&host, "&scope=jobs:read");
            let question = Question::reads_jobs(&token);
            in_parallel(3, |number| match number {
                0 => assert_eq!(demo.post(&host, "revoke", &format!("token={token}")).status, 200),
                _ => (0..10).for_each(|_| drop(host.decide(&question))),
            });
            host.wait_until_all_know();
            host.decide(&question).check_unauthenticated();
        }
    });
}
