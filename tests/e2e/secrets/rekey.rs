//! Another root key, while hosts serve: nobody is denied, nothing is lost, and the old one opens nothing in the end.

use std::sync::atomic::{AtomicBool, Ordering};

use harness::people::{self, STEP};
use harness::process::Process;
use harness::{AtEnd, Client, Host, Key, Node, Person, Question, Ran, Receiver, Setup, SignedIn, wait_until};
use serde_json::{Value, json};

use super::keepers::generate;

const ROOT_KEY: &str = "CRONFLOW_ACCESS_ROOT_KEY";

/// A real installation, and the source of another root key.
fn setup() -> (Setup, String) {
    let setup = Setup::real()
        .on_embedded()
        .args(["--egress-allow-private", "127.0.0.1/32", "--egress-allow-http", "true"])
        .owned_by("ada@example.com")
        .initialized();
    let file = setup.folder().join("new.key");
    std::fs::write(&file, generate()).unwrap();
    (setup, format!("file:{}", file.display()))
}

fn status(host: &Host) -> Value {
    host.cli(&["secrets", "status", "--output", "json"]).check_json(0)
}

fn of_data_key(status: &Value, id: u64) -> Value {
    status["data_keys"].as_array().unwrap().iter().find(|key| key["id"] == id).cloned().unwrap_or_default()
}

/// The machine's time, by a host that has no other.
fn step(host: &Host) -> u64 {
    let made = host.operator().post("/v1/organizations", &json!({ "name": "clock" })).check_json(201);
    let now: jiff::Timestamp = made["created_at"].as_str().unwrap().parse().unwrap();
    u64::try_from(now.as_second()).unwrap() / STEP
}

/// The owner, with a second factor. The code of a step before this one has been used.
fn owner(host: &Host, step: u64) -> Person {
    let invitation = host.identity().setup_link.rsplit('=').next().unwrap().to_owned();
    let password = "seven quiet lanterns";
    let acceptance = json!({ "invitation": invitation, "name": "Ada", "password": password });
    let signed_in = SignedIn::of(host, &host.client(None).post("/v1/invitations/accept", &acceptance));
    let begun = signed_in.client.post("/v1/profile/totp", &json!({})).check_json(201);
    let totp_secret = begun["secret"].as_str().unwrap().to_owned();
    let code = json!({ "code": people::code(&totp_secret, step - 1) });
    signed_in.client.post("/v1/profile/totp/confirm", &code).check_json(201);
    Person { email: "ada@example.com".into(), password: password.into(), totp_secret }
}

/// Asks about keys again and again until `work` is done. Every answer must be an allow.
fn under_load<T: Send>(host: &Host, keys: &[Key], work: impl FnOnce() -> T + Send) -> T {
    let is_done = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = AtEnd(is_done);
        for key in keys {
            scope.spawn(move || {
                let gateway = host.client(Some(&host.identity().gateway_token));
                let mut asked = 0;
                while !is_done.load(Ordering::Relaxed) || asked < 50 {
                    Question::reads_jobs(&key.secret).ask(&gateway).check_allow();
                    asked += 1;
                }
            });
        }
        work()
    })
}

#[test]
fn rekey_under_load_denies_nobody_and_what_was_sealed_is_read_back() {
    let (setup, new) = setup();
    let host = setup.start();
    let now = step(&host);
    let owner = owner(&host, now);
    let receiver = Receiver::start();
    let hook = json!({ "url": receiver.url(), "events": ["*"] });
    host.operator().post(&host.workspace("/webhooks"), &hook).check_json(201);
    let keys = host.issue_many(4);
    let before = status(&host);
    assert_eq!(of_data_key(&before, 1), json!({ "id": 1, "current": true, "in_use": 2 }), "{before}");
    host.cli(&["secrets", "rekey", "--finish"]).check(1, &["no change of the root key is under way"]);

    let during = under_load(&host, &keys, || {
        let during = host.cli(&["secrets", "rekey", "--to", &new, "--output", "json"]).check_json(0);
        // Again, it changes nothing.
        host.cli(&["secrets", "rekey", "--to", &new]).check(0, &["0 secrets were sealed anew"]);
        during
    });
    assert_eq!(during["rekey"]["resealed"], true, "{during}");
    let counted = status(&host);
    assert_eq!(of_data_key(&counted, 1), json!({ "id": 1, "current": false, "in_use": 0 }), "{counted}");
    assert_eq!(of_data_key(&counted, 2), json!({ "id": 2, "current": true, "in_use": 2 }), "{counted}");
    host.cli(&["secrets", "rekey", "--finish"]).check(1, &["started with the old root key", "start them again"]);
    let forced = host.cli(&["secrets", "rekey", "--finish", "--force"]);
    forced.check(1, &["this host was started with the old root key", "start it with that"]);
    Ran::of(host.setup().command("doctor").args(["--only", "root_key"])).check(0, &["is being replaced since"]);

    // Either root key serves, until the end.
    let host = host.terminate().start();
    host.decide(&Question::reads_jobs(&keys[0].secret)).check_allow();
    let stopped = host.terminate();
    let old = stopped.setup;
    let host = old.clone().env(ROOT_KEY, &new).start();
    under_load(&host, &keys, || host.cli(&["secrets", "rekey", "--finish"]).check(0, &["opens nothing any more"]).code);
    let after = status(&host);
    assert_eq!((&after["rekey"], &after["root_key"]), (&Value::Null, &during["rekey"]["root_key"]));
    assert_ne!(after["root_key"], before["root_key"]);

    // The webhook is signed, the factor is known, by what was sealed anew.
    host.operator()
        .post(&host.workspace("/webhooks/messages"), &json!({ "type": "e2e.done", "payload": {} }))
        .check_json(201);
    wait_until("the message arrives", || {
        receiver.received().iter().any(|message| message.header("webhook-signature").is_some())
    });
    let signed_in = owner.try_sign_in(&host.client(None), Some(&people::code(&owner.totp_secret, now + 1)));
    let signed_in = if signed_in.status == 201 {
        signed_in
    } else {
        owner.try_sign_in(&host.client(None), Some(&people::code(&owner.totp_secret, now)))
    };
    assert_eq!(SignedIn::of(&host, &signed_in).told["factor"], "given");

    drop(host.terminate());
    old.try_start().unwrap_err().check_says(&["the store's keys don't open under this root key"]);
}

#[test]
fn a_rekey_that_kill_9_cuts_short_is_gone_on_with() {
    let (setup, new) = setup();
    let host = setup.start();
    let keys = host.issue_many(2);
    let receiver = Receiver::start();
    for _ in 0..3 {
        let hook = json!({ "url": receiver.url(), "events": ["*"] });
        host.operator().post(&host.workspace("/webhooks"), &hook).check_json(201);
    }
    // Begun, and nothing sealed anew yet.
    host.operator().post("/v1/secrets/rekey", &json!({ "root_key": new })).check_json(200);
    let refused = host.operator().post("/v1/secrets/rekey/finish", &json!({}));
    refused.check_problem(409, "conflict");
    let host = host.kill_9().start();
    host.decide(&Question::reads_jobs(&keys[0].secret)).check_allow();
    let other = format!("{new}.other");
    std::fs::write(other.trim_start_matches("file:"), generate()).unwrap();
    // The new one is lost, and another takes its place; and once more, since it is found again.
    host.operator().post("/v1/secrets/rekey", &json!({ "root_key": other })).check_json(200);
    let host = host.terminate();
    let lost = host.setup.clone().env(ROOT_KEY, &new).try_start().unwrap_err();
    lost.check_says(&["don't open under this root key", "it was replaced (`secrets rekey`)"]);
    let host = host.setup.env(ROOT_KEY, &other).start();
    let refused = host.operator().post("/v1/secrets/rekey", &json!({ "root_key": new }));
    refused.check_problem(409, "conflict");
    assert!(refused.body.contains("hosts were started with that"), "{refused:?}");
    let host = host.terminate().setup.without_env().start();
    host.operator().post("/v1/secrets/rekey", &json!({ "root_key": new })).check_json(200);

    // In the middle of it, again and again; whichever root key it is started with.
    let mut setup = host.setup().clone();
    let mut host = host;
    for round in 0..4 {
        let mut command = host.cli_as(&host.identity().operator_token, &["secrets", "rekey", "--to", &new]);
        let mut running = Process::start(&mut command);
        if round > 0 {
            host.operator().post("/v1/secrets/reseal", &json!({})).check_json(200);
        }
        drop(host.kill_9());
        running.wait();
        setup = if round % 2 == 0 { setup.env(ROOT_KEY, &new) } else { setup.without_env() };
        host = setup.clone().start();
        host.decide(&Question::reads_jobs(&keys[1].secret)).check_allow();
    }
    host.cli(&["secrets", "rekey", "--to", &new]).check(0, &["both root keys open the store"]);
    drop(host.kill_9());
    let host = setup.env(ROOT_KEY, &new).start();
    host.cli(&["secrets", "rekey", "--finish"]).check(0, &[]);
    assert_eq!(status(&host)["data_keys"].as_array().unwrap().last().unwrap()["in_use"], 3);
    host.decide(&Question::reads_jobs(&keys[0].secret)).check_allow();
}

#[test]
fn what_is_no_new_root_key_changes_nothing() {
    let (setup, new) = setup();
    let host = setup.start();
    let before = status(&host);
    let own = format!("file:{}", host.setup().data_dir().join("root.key").display());
    let short = format!("{new}.short");
    std::fs::write(short.trim_start_matches("file:"), "hunter2").unwrap();
    let key = generate();
    for (source, status, says) in [
        (&*own, 409, "that is the root key already"),
        ("file:/nowhere/at/all", 400, "can't be read"),
        ("vault:secret/data/access#root_key", 400, "set `vault_address`"),
        (&short, 400, "is not a root key"),
        (&key, 400, "must name a source"),
    ] {
        let refused = host.operator().post("/v1/secrets/rekey", &json!({ "root_key": source }));
        assert_eq!(refused.status, status, "{refused:?}");
        assert!(
            refused.body.contains(says) && !refused.body.contains("hunter2") && !refused.body.contains(&key),
            "{refused:?}"
        );
    }
    assert_eq!(status(&host), before);
    // No key and no gateway sees or does any of it.
    let key = host.issue("production", &["keys:write"]);
    for (method, path) in [("GET", "/v1/secrets"), ("POST", "/v1/secrets/peppers")] {
        let asked = harness::Request::new(method, path).json(&json!({}));
        assert_eq!(host.client(Some(&key.secret)).send(&asked).status, 403);
        assert_eq!(host.gateway().send(&asked).status, 403);
    }
    Host::dev().operator().post("/v1/secrets/peppers", &json!({})).check_problem(409, "conflict");
}

/// Asks a node; a connection that broke because the node is being started again asks nothing.
fn ask(client: &Client, key: &Key) -> bool {
    match client.try_send(&Question::reads_jobs(&key.secret).request()) {
        Ok(response) => {
            harness::Answer::of(response.check_json(200)).check_allow();
            true
        }
        Err(_) => false,
    }
}

#[test]
fn two_hosts_are_started_again_one_after_the_other_and_neither_denies_anybody() {
    let setup = Setup::real().on_redis().initialized();
    let new = setup.folder().join("new.key");
    std::fs::write(&new, generate()).unwrap();
    let new = format!("file:{}", new.display());
    let node = |setup: &Setup, number| setup.try_start_node(number).unwrap();
    let identity = setup.identity().clone();
    let (one, two) = (node(&setup, 1), node(&setup, 2));
    let cli = |node: &Node, args: &[&str]| {
        let mut command = harness::process::product();
        command.env("CRONFLOW_ACCESS_URL", format!("http://{}", node.address()));
        Ran::of(command.env("CRONFLOW_ACCESS_TOKEN", &identity.operator_token).args(args))
    };
    let operator = one.client(Some(&identity.operator_token));
    let gateway = json!({ "name": "e2e", "organizations": ["*"], "environments": ["*"] });
    let gateway = operator.post("/v1/gateways", &gateway).check_json(201)["secret"].as_str().unwrap().to_owned();
    let path = format!("/v1/workspaces/{}/keys", identity.workspace);
    let issue = |node: &Node| {
        let body = json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read"] });
        Key::of(node.client(Some(&identity.operator_token)).post(&path, &body).check_json(201))
    };
    let key = issue(&one);

    cli(&one, &["secrets", "rekey", "--to", &new]).check(0, &["both root keys open the store"]);
    // The other host heard of the new pepper before it is asked about what is digested under it.
    cli(&one, &["secrets", "rotate-pepper"]).check(0, &[]);
    let fresh = issue(&one);
    for node in [&two, &one] {
        for key in [&key, &fresh] {
            assert!(ask(&node.client(Some(&gateway)), key));
        }
    }
    let refused = cli(&two, &["secrets", "rekey", "--finish"]);
    refused.check(1, &["started with the old root key"]);

    let renewed = setup.clone().env(ROOT_KEY, &new);
    drop(one);
    let one = node(&renewed, 1);
    assert!(ask(&two.client(Some(&gateway)), &key) && ask(&one.client(Some(&gateway)), &fresh));
    drop(two);
    let two = node(&renewed, 2);
    // Hosts that were killed are taken for gone after a while, and until then for what they were.
    wait_until("the dead hosts are gone", || cli(&one, &["secrets", "rekey", "--finish"]).code == Some(0));
    for node in [&one, &two] {
        assert!(ask(&node.client(Some(&gateway)), &key) && ask(&node.client(Some(&gateway)), &fresh));
    }
    drop((one, two));
    setup.try_start_node(1).unwrap_err().check_says(&["don't open under this root key"]);
}
