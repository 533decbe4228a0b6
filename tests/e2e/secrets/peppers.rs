//! Another pepper, and the end of one.

use harness::{Host, Question, Request, Setup, wait_until};
use serde_json::{Value, json};

fn status(host: &Host) -> Value {
    host.cli(&["secrets", "status", "--output", "json"]).check_json(0)
}

/// How many digests stand under the pepper.
fn under(host: &Host, pepper: u64) -> u64 {
    let status = status(host);
    let of = |entry: &&Value| entry["id"] == pepper;
    status["peppers"].as_array().unwrap().iter().find(of).map_or(0, |entry| entry["in_use"].as_u64().unwrap())
}

#[track_caller]
fn token(host: &Host, client: &Value) -> String {
    let text = |name: &str| client[name].as_str().unwrap();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        text("client_id"),
        text("client_secret")
    );
    let request = Request::new("POST", "/oauth/token").body("application/x-www-form-urlencoded", form);
    host.client(None).send(&request).check_json(200)["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn secrets_go_over_to_a_new_pepper_when_they_are_used_and_end_with_the_old_one_otherwise() {
    let host = Setup::real().on_embedded().initialized().start();
    let [used, unused, revoked] = ["used", "unused", "revoked"].map(|_| host.issue("production", &["jobs:read"]));
    host.change(&revoked, "revoke");
    let client = json!({ "name": "ci", "scopes": ["jobs:read"], "workspaces": [host.identity().workspace] });
    let path = format!("/v1/organizations/{}/clients", host.identity().organization);
    let client = host.operator().post(&path, &client).check_json(201);
    let token = token(&host, &client);
    let all = under(&host, 1);
    host.cli(&["secrets", "retire-pepper", "1"]).check(1, &["it is the current pepper"]);
    host.cli(&["secrets", "retire-pepper", "7"]).check(1, &["there is no pepper `7`"]);

    host.cli(&["secrets", "rotate-pepper"]).check(0, &["when they are next used"]);
    for key in [&used, &used] {
        host.decide(&Question::reads_jobs(&key.secret)).check_allow();
    }
    self::token(&host, &client);
    let fresh = host.issue("production", &["jobs:read"]);
    // The operator that asks, the gateway, the client, the key that is used; not the other key.
    wait_until("four stand under the new pepper beside the fresh key", || under(&host, 2) == 5);
    assert_eq!((all, under(&host, 1)), (5, 1), "nothing that is revoked is counted");
    let host = host.kill_9().start();
    for secret in [&used.secret, &fresh.secret, &token] {
        host.decide(&Question::reads_jobs(secret)).check_allow();
    }

    // What lives short may stand under it, and so does a key that was not used.
    host.cli(&["secrets", "retire-pepper", "1"]).check(1, &["may live until"]);
    host.cli(&["secrets", "retire-pepper", "1", "--force"]).check(0, &[]);
    for secret in [&used.secret, &fresh.secret] {
        host.decide(&Question::reads_jobs(secret)).check_allow();
    }
    for dead in [&unused.secret, &token] {
        host.decide(&Question::reads_jobs(dead)).check_unauthenticated();
    }
    assert_eq!(status(&host)["peppers"].as_array().unwrap().len(), 1);
    let host = host.kill_9().start();
    host.decide(&Question::reads_jobs(&unused.secret)).check_unauthenticated();
    host.decide(&Question::reads_jobs(&used.secret)).check_allow();
    // Its secret can be replaced.
    let successor = host.rotate(&unused, 0);
    host.decide(&Question::reads_jobs(&successor.secret)).check_allow();

    for _ in 0..7 {
        host.operator().post("/v1/secrets/peppers", &json!({})).check_json(200);
    }
    host.operator().post("/v1/secrets/peppers", &json!({})).check_problem(409, "conflict");
}
