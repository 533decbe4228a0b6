//! What is submitted with a key really runs.

use harness::{Client, Request, Setup, wait_until};
use serde_json::{Value, json};

use super::rig::{Doors, layered};

/// Submits a job and waits until it is as it should be.
#[track_caller]
fn submit(client: &Client, job: &Value) -> String {
    let submitted = client.post("/v1/jobs", job);
    assert_eq!(submitted.status, 201, "{submitted:?}");
    let id = submitted.check_body()["id"].as_str().unwrap().to_owned();
    assert_eq!(submitted.header("location"), Some(format!("/v1/jobs/{id}").as_str()));
    id
}

#[track_caller]
fn wait_for(client: &Client, id: &str, state: &str) -> Value {
    let path = format!("/v1/jobs/{id}");
    wait_until(&format!("{id} is {state}"), || client.get(&path).check_body()["state"] == state);
    client.get(&path).check_body()
}

/// Does something that has no body.
#[track_caller]
fn act(client: &Client, method: &str, path: &str) -> u16 {
    client.send(&Request::new(method, path)).status
}

#[test]
fn a_job_submitted_through_either_door_runs_and_leaves_its_log() {
    let Some((host, doors)) = Doors::start(Setup::dev()) else { return };
    let secret = host.demo_key("production").secret;
    for client in [doors.nginx.client(Some(&secret)), doors.layered.client(Some(&secret))] {
        let id = submit(&client, &json!({ "type": "sum", "payload": { "numbers": [1, 2, 39] } }));
        let job = wait_for(&client, &id, "succeeded");
        assert_eq!((&job["result"], &job["attempts"]), (&json!({ "sum": 42.0 }), &json!(1)), "{job}");
        let executions = client.get(&format!("/v1/executions?job={id}")).check_body();
        let [execution] = &executions["items"].as_array().unwrap()[..] else { panic!("{executions}") };
        assert_eq!((&execution["state"], &execution["job"]), (&json!("succeeded"), &json!(id)));
        let log = client.get(&format!("/v1/executions/{}/logs", execution["id"].as_str().unwrap())).check_body();
        assert_eq!(log["items"][1]["message"], "succeeded", "{log}");
        let metrics = client.get("/v1/workers/metrics").check_body();
        assert_eq!((&metrics["succeeded"], &metrics["jobs"]["succeeded"]), (&json!(1), &json!(1)), "{metrics}");
        // A key that reads alone sees it, and changes nothing.
        let reader = doors.layered.client(Some(&host.demo_key("read_only").secret));
        assert_eq!(act(&reader, "POST", &format!("/v1/jobs/{id}/cancel")), 403);
    }
}

#[test]
fn jobs_are_retried_cancelled_held_back_and_deleted() {
    let host = Setup::dev().start();
    let api = layered(&host, "production", &[]);
    let client = api.client(Some(&host.demo_key("production").secret));

    let id = submit(&client, &json!({ "type": "fail", "payload": { "times": 2 } }));
    assert_eq!(wait_for(&client, &id, "succeeded")["attempts"], 3);
    let id = submit(&client, &json!({ "type": "fail", "max_attempts": 1 }));
    assert_eq!(wait_for(&client, &id, "failed")["error"], "failed on purpose, attempt 1");
    assert_eq!(act(&client, "POST", &format!("/v1/jobs/{id}/retry")), 200);
    wait_for(&client, &id, "failed");
    assert_eq!(act(&client, "DELETE", &format!("/v1/jobs/{id}")), 204);
    client.get(&format!("/v1/jobs/{id}")).check_says(404, "not_found");

    // One that runs is cut off, and its worker free again.
    let id = submit(&client, &json!({ "type": "sleep", "payload": { "milliseconds": 60_000 } }));
    wait_for(&client, &id, "running");
    assert_eq!(act(&client, "DELETE", &format!("/v1/jobs/{id}")), 409);
    assert_eq!(act(&client, "POST", &format!("/v1/jobs/{id}/cancel")), 200);
    assert_eq!(act(&client, "POST", &format!("/v1/jobs/{id}/cancel")), 409);
    assert_eq!(client.get("/v1/workers/metrics").check_body()["busy"], 0);

    // A paused queue holds back, and nobody else.
    assert_eq!(client.post("/v1/queues", &json!({ "name": "slow" })).status, 201);
    assert_eq!(act(&client, "POST", "/v1/queues/slow/pause"), 200);
    let held = submit(&client, &json!({ "type": "echo", "payload": "x", "queue": "slow" }));
    let other = submit(&client, &json!({ "type": "echo", "payload": "y" }));
    wait_for(&client, &other, "succeeded");
    assert_eq!(client.get(&format!("/v1/jobs/{held}")).check_body()["state"], "queued");
    assert_eq!(act(&client, "DELETE", "/v1/queues/slow"), 409);
    let resume = Request::new("PATCH", "/v1/queues/slow").json(&json!({ "paused": false }));
    assert_eq!(client.send(&resume).status, 200);
    assert_eq!(wait_for(&client, &held, "succeeded")["result"], "x");

    // So does a paused worker, and one of no hands.
    assert_eq!(act(&client, "POST", "/v1/workers/wrk_1/pause"), 200);
    let held = submit(&client, &json!({ "type": "echo", "payload": 1 }));
    assert_eq!(client.post("/v1/workers/wrk_1/scale", &json!({ "concurrency": 4 })).check_body()["concurrency"], 4);
    assert_eq!(client.get(&format!("/v1/jobs/{held}")).check_body()["state"], "queued");
    assert_eq!(act(&client, "POST", "/v1/workers/wrk_1/resume"), 200);
    wait_for(&client, &held, "succeeded");
}

#[test]
fn webhooks_are_configured() {
    let host = Setup::dev().start();
    let api = layered(&host, "production", &[]);
    let client = api.client(Some(&host.demo_key("production").secret));
    let made = client.post("/v1/webhooks", &json!({ "url": "https://example.com/hook", "events": ["job.failed"] }));
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("/v1/webhooks/{}", made.check_body()["id"].as_str().unwrap());
    let off = client.send(&Request::new("PATCH", &path).json(&json!({ "enabled": false })));
    assert_eq!((off.status, &off.check_body()["enabled"]), (200, &json!(false)));
    assert_eq!(client.get("/v1/webhooks").check_body()["items"], json!([client.get(&path).check_body()]));
    assert_eq!(act(&client, "DELETE", &path), 204);
    assert_eq!(act(&client, "DELETE", &path), 404);
}

#[test]
fn what_is_another_workspaces_is_nowhere() {
    let Some((host, doors)) = Doors::start(Setup::dev()) else { return };
    let created = host
        .operator()
        .post(&format!("/v1/organizations/{}/workspaces", host.identity().organization), &json!({ "name": "third" }));
    let workspace = created.check_json(201)["id"].as_str().unwrap().to_owned();
    let issue =
        json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read", "jobs:write", "webhooks:configure"] });
    let issued = host.operator().post(&format!("/v1/workspaces/{workspace}/keys"), &issue).check_json(201);
    let secret = host.demo_key("production").secret;
    let stranger = issued["secret"].as_str().unwrap();
    let both = |bearer: &str| [doors.nginx.client(Some(bearer)), doors.layered.client(Some(bearer))];
    for (own, other) in both(&secret).into_iter().zip(both(stranger)) {
        let id = submit(&own, &json!({ "type": "echo", "payload": "private" }));
        wait_for(&own, &id, "succeeded");
        let executions = own.get("/v1/executions").check_body();
        let execution = executions["items"][0]["id"].as_str().unwrap().to_owned();
        let hook = own.post("/v1/webhooks", &json!({ "url": "https://example.com/", "events": ["job.failed"] }));
        let hook = hook.check_body()["id"].as_str().unwrap().to_owned();
        own.post("/v1/queues", &json!({ "name": "mine" }));
        for (method, path) in [
            ("GET", format!("/v1/jobs/{id}")),
            ("POST", format!("/v1/jobs/{id}/cancel")),
            ("POST", format!("/v1/jobs/{id}/retry")),
            ("DELETE", format!("/v1/jobs/{id}")),
            ("GET", format!("/v1/executions/{execution}/logs")),
            ("GET", format!("/v1/webhooks/{hook}")),
            ("DELETE", format!("/v1/webhooks/{hook}")),
            ("GET", "/v1/queues/mine".to_owned()),
            ("POST", "/v1/queues/mine/pause".to_owned()),
            ("DELETE", "/v1/queues/mine".to_owned()),
        ] {
            let told = other.send(&Request::new(method, &path));
            assert_eq!(told.status, 404, "{method} {path}: {told:?}");
            // As of what nobody has.
            let nobodys =
                other.send(&Request::new(method, &path.replace(&id, "job_999").replace(&execution, "exe_999")));
            assert_eq!((nobodys.status, &nobodys.body), (404, &told.body));
        }
        for list in ["/v1/jobs", "/v1/executions", &format!("/v1/executions?job={id}"), "/v1/webhooks"] {
            assert_eq!(other.get(list).check_body()["items"], json!([]), "{list}");
        }
        assert_eq!(own.get(&format!("/v1/jobs/{id}")).check_body()["result"], "private");
    }
}

#[test]
fn what_it_cant_read_is_a_problem_and_its_memory_has_an_end() {
    let host = Setup::dev().start();
    let api = layered(&host, "production", &[]);
    let client = api.client(Some(&host.demo_key("production").secret));
    let post =
        |content_type: &str, body: Vec<u8>| client.send(&Request::new("POST", "/v1/jobs").body(content_type, body));
    post("text/plain", b"{}".to_vec()).check_says(415, "unsupported_media_type");
    post("application/json", vec![b' '; 40_000]).check_says(413, "payload_too_large");
    for body in
        ["", "{", "[]", "null", "{}", r#"{"type":"shell"}"#, r#"{"type":"echo","x":1}"#, "\u{0}", &"[".repeat(5_000)]
    {
        post("application/json", body.into()).check_says(400, "invalid_request");
    }
    for (body, field) in [
        (json!({ "type": "echo", "queue": "none" }), "queue"),
        (json!({ "type": "echo", "max_attempts": 0 }), "max_attempts"),
        (json!({ "type": "echo", "delay_seconds": 3601 }), "delay_seconds"),
        (json!({ "type": "sleep", "payload": { "milliseconds": 60_001 } }), "payload"),
    ] {
        let told = client.post("/v1/jobs", &body);
        told.check_says(400, "invalid_request");
        assert!(told.body.contains(field), "{told:?}");
    }
    for id in ["job_0", "job_01", "job_+1", "1", "exe_1", "job_99999999999999999999"] {
        client.get(&format!("/v1/jobs/{id}")).check_says(404, "not_found");
    }
    client.get("/v1/jobs?limit=101").check_says(400, "invalid_request");
    assert_eq!(client.post("/v1/workers/wrk_1/scale", &json!({ "concurrency": 0 })).status, 200);
    let job = json!({ "type": "echo", "payload": 1 });
    for _ in 0..1_000 {
        submit(&client, &job);
    }
    client.post("/v1/jobs", &job).check_says(409, "limit_reached");
    let page = client.get("/v1/jobs?limit=100").check_body();
    assert_eq!(page["items"].as_array().unwrap().len(), 100);
    let next = client.get(&format!("/v1/jobs?cursor={}", page["next_cursor"].as_str().unwrap())).check_body();
    assert_eq!(next["items"].as_array().unwrap().len(), 50);
    // Ended ones make room.
    assert_eq!(client.post("/v1/workers/wrk_1/scale", &json!({ "concurrency": 16 })).status, 200);
    wait_until("some have ended", || client.get("/v1/workers/metrics").check_body()["succeeded"] != 0);
    submit(&client, &job);
}
