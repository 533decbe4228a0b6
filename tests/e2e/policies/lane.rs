//! Policies that take long: what they may take of the machine, and that nobody else notices.

use harness::{Answer, Host, Question, in_parallel, wait_until};
use serde_json::{Value, json};

use super::{delete_job, policy, publish, wasm};
use crate::wat;

/// A module that the gate finds nothing wrong with, and that does `then` where it is asked about deleting jobs.
fn when_deleting(then: &str) -> Value {
    wasm(&wat::module(&wat::where_said(*b"dele", then), ""))
}

fn status(host: &Host) -> Value {
    let status = host.operator().get(&policy(host, "module", "/status")).check_json(200);
    status["hosts"].as_array().expect("hosts").iter().map(|host| host["tally"].clone()).collect()
}

fn quarantined(host: &Host) -> bool {
    status(host).as_array().expect("tallies").iter().any(|tally| tally["quarantine_until"].is_string())
}

/// Somebody in another workspace.
fn neighbour(host: &Host) -> Question {
    let workspace = host.create_workspace(&host.identity().organization, "neighbour");
    let body = json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read"] });
    let key = host.operator().post(&format!("/v1/workspaces/{workspace}/keys"), &body).check_json(201);
    Question::reads_jobs(key["secret"].as_str().expect("a secret"))
}

#[test]
fn a_policy_that_loops_is_put_in_quarantine_and_its_cure_is_not() {
    let host = Host::dev();
    publish(&host, "module", &wasm(&wat::module(&wat::verdict(2), "")));
    publish(&host, "module", &when_deleting("(loop (br 0))"));
    let from = host.log().len();
    wait_until("it is in quarantine", || {
        delete_job(&host).check_deny(&["policy_error"]);
        quarantined(&host)
    });
    assert!(host.log().wait_for("it is in quarantine", from), "{}", host.log().text());

    // One at a time goes in, and the rest is told at once that it is too much.
    let secret = host.demo_key("production").secret;
    let asked = Question::of(&secret).to("DELETE /v1/jobs/42").within("production").request();
    wait_until("one of eight is too many", || {
        let told = in_parallel(8, |_| {
            let client = host.client(Some(&host.identity().gateway_token));
            Answer::of(client.try_send(&asked).expect("no connection breaks").check_json(200))
        });
        told.iter().any(|answer| answer.codes() == ["policy_overloaded"] && answer.0["status"] == 503)
    });

    host.operator().post(&policy(&host, "module", "/rollback"), &json!({})).check_json(200);
    wait_until("its debt is paid", || delete_job(&host).is_allow());
    wait_until("all hosts tell of the revision before, which has done nothing", || !quarantined(&host));
}

#[test]
fn a_slow_policy_is_served_apart_and_others_are_served_meanwhile() {
    let host = Host::dev();
    // Some milliseconds, and well within its fuel.
    let slow = "(local.set $at (i32.const 0)) (loop (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if 0 (i32.lt_u (local.get $at) (i32.const 500000)))) (return (i32.const 128))";
    let judged = wat::where_said(*b"dele", slow);
    let forbids = wat::verdict(1).trim_end_matches("(i32.const 128)").to_owned();
    let judged = judged.replacen("(return", &format!("{forbids} (return"), 1);
    publish(&host, "module", &wasm(&wat::module(&judged, "")));
    let theirs = neighbour(&host);
    let secret = host.demo_key("production").secret;
    let asked = Question::of(&secret).to("DELETE /v1/jobs/42").within("production").request();
    let told = in_parallel(6, |number| {
        let client = host.client(Some(&host.identity().gateway_token));
        let ask = |_| match number {
            0 => theirs.ask(&client),
            _ => Answer::of(client.try_send(&asked).expect("no connection breaks").check_json(200)),
        };
        (0..40).map(ask).collect::<Vec<_>>()
    });
    let mut told = told.into_iter();
    assert!(told.next().expect("the neighbour").iter().all(Answer::is_allow));
    let codes: Vec<_> = told.flatten().map(|answer| answer.codes().join(" ")).collect();
    assert!(codes.iter().all(|code| ["shut", "policy_overloaded"].contains(&code.as_str())), "{codes:?}");
    assert!(codes.iter().any(|code| code == "shut"), "{codes:?}");
    // Quick ones of the same workspace have their turn, once what it took is paid.
    let quick = Question::reads_jobs(&secret);
    wait_until("what it took is paid", || host.decide(&quick).is_allow());
}
