//! Publish, then ask, wherever: never an older revision than was published.

use harness::{Answer, Host, Request, Setup, is_left_to_tests_run};
use serde_json::json;

use super::{delete_job, policy};

fn least(host: &Host, revision: u64) -> Request {
    let key = host.demo_key("production").secret;
    let request = json!({ "method": "DELETE", "path": "/v1/jobs/42", "environment": "production" });
    Request::new("POST", "/v1/authorize")
        .json(&json!({ "credential": key, "request": request, "min_revision": revision }))
}

#[test]
fn a_revision_that_is_not_there_is_not_decided_by() {
    let host = Host::dev();
    super::publish(&host, "no-deleting", &super::forbids_deleting("first"));
    for (revision, codes) in [(0, "first"), (1, "first"), (2, "policy_unavailable"), (u64::MAX, "policy_unavailable")] {
        let answer = Answer::of(host.gateway().send(&least(&host, revision)).check_json(200));
        answer.check_deny(&[codes]);
        assert_eq!(answer.0["policy_revision"], 1);
    }
    let question =
        json!({ "credential": host.demo_key("production").secret, "action": "jobs.delete", "min_revision": 2 });
    let batch = host.gateway().post("/v1/authorize/batch", &json!({ "items": [question] })).check_json(200);
    Answer::of(batch["items"][0].clone()).check_deny(&["policy_unavailable"]);
}

#[test]
fn what_one_host_published_another_decides_by_at_once() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis().start();
    delete_job(&host).check_allow();
    // Of the nodes' own, so that nobody waits until all know.
    let operator = host.manager().client(Some(&host.identity().operator_token));
    let gateway = host.decider().client(Some(&host.identity().gateway_token));
    for number in 1..=30 {
        let upload = super::forbids_deleting(&format!("at_{number}"));
        let put = operator.put(&policy(&host, "no-deleting", "?publish=true"), &upload).check_json(200);
        let revision = put["policy_revision"].as_u64().expect("a number");
        let answer = Answer::of(gateway.send(&least(&host, revision)).check_json(200));
        answer.check_deny(&[&format!("at_{number}")]);
        assert_eq!(answer.0["policy_revision"], revision);
    }
    host.wait_until_all_know();
    for node in host.nodes() {
        let asked =
            Answer::of(node.client(Some(&host.identity().gateway_token)).send(&least(&host, 30)).check_json(200));
        asked.check_deny(&["at_30"]);
    }
}
