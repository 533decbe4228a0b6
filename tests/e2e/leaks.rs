//! Secrets that somebody reports: what is done about them at once and once, who is told, and what the reporter learns: nothing.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};

use harness::{
    Host, Key, Person, Question, Ran, Receiver, Request, Response, Setup, SignedIn, in_parallel, secret, wait_until,
};
use serde_json::{Value, json};

const FOUND_AT: &str = "https://example.com/acme/app/blob/main/.env";

fn try_report(host: &Host, secrets: &[&str]) -> Response {
    host.client(None).post("/v1/leaks", &json!({ "secrets": secrets, "url": FOUND_AT, "note": "since May" }))
}

/// Reports one, and waits until every process knows.
#[track_caller]
fn report(host: &Host, secret: &str) {
    assert_eq!(try_report(host, &[secret]).check_json(202), json!({ "received": 1 }));
    host.wait_until_all_know();
}

fn items(told: &Value) -> Vec<Value> {
    told["items"].as_array().expect("items").clone()
}

/// Records of reports in the organization's trail, newest first.
#[track_caller]
fn trail(host: &Host) -> Vec<Value> {
    let path = format!("/v1/organizations/{}/audit?action=leaks.*", host.identity().organization);
    items(&host.operator().get(&path).check_json(200))
}

/// What was told of something, newest first.
#[track_caller]
fn events(host: &Host, target: &str) -> Vec<String> {
    let path = format!("/v1/organizations/{}/events?limit=200", host.identity().organization);
    let all = items(&host.operator().get(&path).check_json(200));
    let of_target = all.iter().filter(|event| event["target"] == target);
    let mut names: Vec<String> = of_target.map(|event| event["event"].as_str().expect("a text").to_owned()).collect();
    names.sort();
    names
}

/// One record in the trail, of this action, about this.
#[track_caller]
fn check_recorded(host: &Host, action: &str, target: &str, state: &str) {
    let newest = trail(host).remove(0);
    assert_eq!((&newest["action"], &newest["target"]), (&json!(action), &json!(target)), "{newest}");
    assert_eq!(newest["actor"], json!({ "kind": "anonymous" }));
    let after = &newest["after"];
    assert_eq!(
        (&after["state"], &after["url"], &after["note"]),
        (&json!(state), &json!(FOUND_AT), &json!("since May"))
    );
    assert!(after["ip"].is_string(), "{after}");
}

#[test]
fn a_production_key_is_switched_off_and_who_switches_it_on_has_decided() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    let asks = Question::reads_jobs(&key.secret);
    host.decide(&asks).check_allow();
    report(&host, &key.secret);
    host.decide(&asks).check_unauthenticated();
    assert_eq!(host.show(&key)["state"], "disabled");
    check_recorded(&host, "leaks.disable", &key.id, "disabled");
    assert_eq!(events(&host, &key.id), ["key.disabled", "key.issued", "key.leaked"]);
    host.change(&key, "enable");
    host.decide(&asks).check_allow();
    report(&host, &key.secret);
    host.decide(&asks).check_allow();
    assert_eq!(trail(&host).len(), 1, "a second report changes nothing");
}

#[test]
fn a_report_that_changed_nothing_stands_in_no_other_ones_way() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    host.change(&key, "disable");
    for _ in 0..2 {
        report(&host, &key.secret);
    }
    assert_eq!(trail(&host).len(), 1, "it is told once");
    host.change(&key, "enable");
    report(&host, &key.secret);
    assert_eq!((trail(&host).len(), host.show(&key)["state"].clone()), (2, json!("disabled")));
    host.change(&key, "enable");
    report(&host, &key.secret);
    assert_eq!((trail(&host).len(), host.show(&key)["state"].clone()), (2, json!("active")));
}

#[test]
fn what_was_switched_off_comes_back_with_another_secret_alone() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    report(&host, &key.secret);
    let successor = host.rotate(&key, 0);
    host.change(&successor, "enable");
    host.decide(&Question::reads_jobs(&successor.secret)).check_allow();
    host.decide(&Question::reads_jobs(&key.secret)).check_unauthenticated();

    let client = host.identity().client.clone();
    let path = format!("/v1/organizations/{}/clients/{}", host.identity().organization, client.client_id);
    let change = |change: &str| host.operator().post(&format!("{path}/{change}"), &json!({}));
    let status = |secret: &str| {
        let form = format!("grant_type=client_credentials&client_id={}&client_secret={secret}", client.client_id);
        let request = Request::new("POST", "/oauth/token").body("application/x-www-form-urlencoded", form);
        host.client(None).send(&request).status
    };
    let token = host.token(&["jobs:read"]);
    report(&host, &client.client_secret);
    let overlapping = json!({ "overlap_seconds": 60 });
    host.operator().post(&format!("{path}/rotate"), &overlapping).check_problem_says(409, "conflict", "overlap of 0");
    let rotated = change("rotate").check_json(201);
    let secret = rotated["client_secret"].as_str().expect("a secret");
    assert_eq!((&rotated["state"], status(secret)), (&json!("disabled"), 401));
    change("enable").check_json(200);
    assert_eq!((status(secret), status(&client.client_secret)), (200, 401));
    host.decide(&Question::reads_jobs(&token)).check_unauthenticated();
}

#[test]
fn other_keys_are_ended() {
    let host = Host::dev();
    for kind in ["staging", "read_only"] {
        let key = host.issue(kind, &["jobs:read"]);
        host.decide(&Question::reads_jobs(&key.secret).within("staging")).check_allow();
        report(&host, &key.secret);
        host.decide(&Question::reads_jobs(&key.secret).within("staging")).check_unauthenticated();
        assert_eq!(host.show(&key)["state"], "revoked", "{kind}");
        check_recorded(&host, "leaks.revoke", &key.id, "revoked");
        assert_eq!(events(&host, &key.id), ["key.issued", "key.leaked", "key.revoked"]);
    }
    // One that is switched off could be switched on again.
    let key = host.issue("staging", &["jobs:read"]);
    host.change(&key, "disable");
    report(&host, &key.secret);
    assert_eq!(host.show(&key)["state"], "revoked");
}

#[test]
fn tokens_end_alone_and_a_clients_secret_with_all_of_them() {
    let host = Host::dev();
    let client = host.identity().client.clone();
    let path = format!("/v1/organizations/{}/clients/{}", host.identity().organization, client.client_id);
    let [token, other] = [(); 2].map(|()| host.token(&["jobs:read"]));
    report(&host, &token);
    host.decide(&Question::reads_jobs(&token)).check_unauthenticated();
    host.decide(&Question::reads_jobs(&other)).check_allow();
    let of_token = trail(&host).remove(0);
    assert_eq!((&of_token["action"], &of_token["after"]["state"]), (&json!("leaks.revoke"), &json!("revoked")));
    assert_eq!(events(&host, of_token["target"].as_str().expect("an id")), ["client.leaked"]);

    report(&host, &client.client_secret);
    host.decide(&Question::reads_jobs(&other)).check_unauthenticated();
    assert_eq!(host.operator().get(&path).check_json(200)["state"], "disabled");
    check_recorded(&host, "leaks.disable", &client.client_id, "disabled");
    assert_eq!(trail(&host)[0]["after"]["secret"], 1, "which of its secrets");
    let told = events(&host, &client.client_id);
    assert!(told.contains(&"client.leaked".to_owned()) && told.contains(&"client.disabled".to_owned()), "{told:?}");
}

#[test]
fn sessions_and_invitations_end_too() {
    let host = Host::dev();
    let session: SignedIn = Person::owner(&host).sign_in(&host);
    assert!(session.is_alive());
    report(&host, &session.secret);
    assert!(!session.is_alive());
    check_recorded(&host, "leaks.revoke", &session.id, "revoked");
    assert_eq!(events(&host, &session.id), ["session.leaked"]);

    let path = format!("/v1/organizations/{}/invitations", host.identity().organization);
    let invited = json!({ "email": "grace@example.com", "roles": ["viewer"] });
    let invitation = host.operator().post(&path, &invited).check_json(201);
    report(&host, invitation["secret"].as_str().expect("a secret"));
    let accepts = json!({ "invitation": invitation["secret"], "name": "Grace", "password": "seven quiet lanterns" });
    host.client(None).post("/v1/invitations/accept", &accepts).check_problem(409, "conflict");
    let id = invitation["id"].as_str().expect("an id");
    check_recorded(&host, "leaks.revoke", id, "revoked");
    assert_eq!(events(&host, id), ["invitation.leaked"]);
}

#[test]
fn of_webhooks_gateways_and_operators_people_are_told_and_no_more() {
    let host = Host::dev();
    let hook = json!({ "url": "https://example.com/hooks", "events": ["key.issued"] });
    let hook = host.operator().post(&host.workspace("/webhooks"), &hook).check_json(201);
    let (id, secret) = (hook["id"].as_str().expect("an id"), hook["secret"].as_str().expect("a secret"));
    report(&host, &secret::with_checksum(&format!("{}000000", &secret[..secret.len() - 6]).replacen('0', "1", 1)));
    report(&host, secret);
    check_recorded(&host, "leaks.notify", id, "active");
    assert_eq!((events(&host, id), trail(&host).len()), (vec!["webhook.leaked".to_owned()], 1));
    // The other of its secrets is another.
    let rotated = host.operator().post(&host.workspace(&format!("/webhooks/{id}/rotate-secret")), &json!({}));
    report(&host, rotated.check_json(201)["secret"].as_str().expect("a secret"));
    report(&host, secret);
    assert_eq!(trail(&host).len(), 2);

    let identity = host.identity().clone();
    for secret in [&identity.gateway_token, &identity.operator_token] {
        report(&host, secret);
    }
    host.decide(&Question::reads_jobs(&host.demo_key("production").secret)).check_allow();
    let platform = items(&host.operator().get("/v1/audit?action=leaks.*").check_json(200));
    let actions: Vec<&Value> = platform.iter().map(|record| &record["action"]).collect();
    assert_eq!(actions, ["leaks.notify", "leaks.notify"], "{platform:?}");
    assert_eq!(host.metric_of_all("access_leaks_total{kind=\"operator\",reaction=\"notify\"}"), 1);
}

/// All of an answer but what differs by itself.
fn told(response: &Response) -> (u16, String, Vec<(String, String)>) {
    let varies = |name: &str| ["date", "x-request-id"].contains(&name);
    let headers = response.headers.iter().filter(|(name, _)| !varies(&name.to_lowercase())).cloned();
    (response.status, response.body.clone(), headers.collect())
}

#[test]
fn the_answer_tells_nothing_of_the_secret() {
    let host = Host::dev();
    let live = host.issue("production", &["jobs:read"]);
    let revoked = host.issue("staging", &["jobs:read"]);
    host.change(&revoked, "revoke");
    let expected = told(&try_report(&host, &[&live.secret]));
    assert_eq!(expected.0, 202);
    let token = host.token(&["jobs:read"]);
    for secret in [
        live.secret.clone(),
        revoked.secret,
        secret::of_nobody(&live.secret, 1),
        secret::guessed(&live.secret),
        secret::with_broken_checksum(&live.secret),
        token,
        host.identity().operator_token.clone(),
        "whatever this is".to_owned(),
        String::new(),
    ] {
        assert_eq!(told(&try_report(&host, &[&secret])), expected, "{}", secret.len());
    }
    // A guess is no report of what it resembles.
    let resembled = host.issue("production", &["jobs:read"]);
    report(&host, &secret::guessed(&resembled.secret));
    host.decide(&Question::reads_jobs(&resembled.secret)).check_allow();
    // What is presented beside it changes nothing.
    let presented = host.client(Some(&live.secret)).post("/v1/leaks", &json!({ "secrets": [live.secret] }));
    assert_eq!(presented.status, 202);
    for body in [json!({}), json!({ "secrets": [] }), json!({ "secrets": vec!["x"; 21] }), json!({ "secrets": "x" })] {
        host.client(None).post("/v1/leaks", &body).check_problem(400, "invalid_request");
    }
}

#[test]
fn a_network_reports_so_many_a_minute_whatever_they_are() {
    let host = Setup::dev().on_embedded().start();
    let key = host.issue("staging", &["jobs:read"]);
    let many = vec!["cf_prod_"; 20];
    for _ in 0..3 {
        assert_eq!(try_report(&host, &many).status, 202);
    }
    for secret in [key.secret.as_str(), "cf_prod_"] {
        let refused = try_report(&host, &[secret]);
        refused.check_problem(429, "too_many_attempts");
        assert!(refused.header("retry-after").is_some());
    }
    assert_eq!(host.show(&key)["state"], "active");
}

#[test]
fn of_many_reports_at_once_one_is_dealt_with() {
    let host = Host::dev();
    let key = host.issue("staging", &["jobs:read"]);
    let nodes = host.nodes();
    let statuses = in_parallel(20, |number| {
        let client = nodes[number % nodes.len()].client(None);
        client.post("/v1/leaks", &json!({ "secrets": [key.secret] })).status
    });
    assert_eq!(statuses, [202; 20]);
    assert_eq!((trail(&host).len(), host.show(&key)["state"].clone()), (1, json!("revoked")));
    assert_eq!(events(&host, &key.id), ["key.issued", "key.leaked", "key.revoked"]);
}

#[test]
fn receivers_are_told_and_nothing_that_was_written_holds_the_secret() {
    let host = Setup::dev().args(["--egress-allow-private", "127.0.0.1/32", "--log", "trace"]).start();
    let receiver = Receiver::start();
    let hook = json!({ "url": receiver.url(), "events": ["key.leaked"] });
    host.operator().post(&host.workspace("/webhooks"), &hook).check_json(201);
    let Key { id, secret, .. } = host.issue("production", &["jobs:read"]);
    let body = json!({ "secrets": [secret], "url": format!("https://example.com/?k={secret}"), "note": format!("it is {secret}") });
    host.client(None).post("/v1/leaks", &body).check_json(202);
    let received = receiver.wait_for(1).remove(0);
    let told = String::from_utf8_lossy(&received.body).into_owned();
    assert!(told.contains("key.leaked") && told.contains(&id) && told.contains("it is cf_prod_"), "{told}");
    let random = &secret["cf_prod_".len() + 18..][..20];
    for (what, text) in
        [("the message", told), ("the trail", json!(trail(&host)).to_string()), ("the log", host.log().text())]
    {
        assert!(!text.contains(random), "the secret is in {what}");
    }
    wait_until("it is counted", || {
        host.metric_of_all("access_leaks_total{kind=\"production\",reaction=\"disable\"}") == 1
    });
}

#[test]
fn the_command_reports_what_a_text_holds_and_sends_nothing_else() {
    let host = Host::dev();
    let keys = [(); 2].map(|()| host.issue("staging", &["jobs:read"]));
    let folder = harness::setup::temporary();
    let file = folder.path().join("found.txt");
    std::fs::write(&file, format!("a={}\nb={} {}\n", keys[0].secret, keys[1].secret, keys[0].secret)).expect("a file");
    let run = |from: &str| {
        let mut command = harness::process::product();
        let url = format!("http://{}", host.manager().address());
        command.env("CRONFLOW_ACCESS_URL", url).args(["leak", "report", from, "--found-at", FOUND_AT, "--output=json"]);
        Ran::reading(&mut command, std::fs::read(&file).expect("it is there"))
    };
    assert_eq!(run("-").check_json(0), json!({ "received": 2 }));
    host.wait_until_all_know();
    assert!(keys.iter().all(|key| host.show(key)["state"] == "revoked"));
    assert_eq!(run(&file.display().to_string()).check_json(0), json!({ "received": 2 }));
    std::fs::write(&file, "nothing of the kind").expect("a file");
    run("-").check(1, &["there is no secret of ours in it"]);
}

/// A host that gives these answers, one after the other.
fn host_that_answers(answers: Vec<(u16, Value)>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    std::thread::spawn(move || {
        for (status, answer) in answers {
            let (client, _) = listener.accept().expect("a connection");
            let (mut client, mut line, mut length) = (BufReader::new(client), String::new(), 0);
            while client.read_line(&mut line).expect("a line") > 2 {
                let header = line.to_ascii_lowercase();
                if let Some(value) = header.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a number");
                }
                line.clear();
            }
            client.read_exact(&mut vec![0; length]).expect("a body");
            let answer = answer.to_string();
            let head =
                format!("HTTP/1.1 {status} Said\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", answer.len());
            client.get_mut().write_all(format!("{head}{answer}").as_bytes()).expect("it is read");
        }
    });
    address
}

#[test]
fn the_command_goes_on_when_the_host_has_heard_enough_and_says_how_far_it_came() {
    let folder = harness::setup::temporary();
    let file = folder.path().join("found.txt");
    let many = (0..21).map(|number| secret::with_checksum(&format!("cf_prod_01{number:048}000000")) + "\n");
    std::fs::write(&file, many.collect::<String>()).expect("a file");
    let run = |answers: Vec<(u16, Value)>| {
        let mut command = harness::process::product();
        command.env("CRONFLOW_ACCESS_URL", format!("http://{}", host_that_answers(answers)));
        Ran::of(command.args(["leak", "report", "--output=json"]).arg(&file))
    };
    let received = |count: u64| (202, json!({ "received": count }));
    let problem = |status: u16, code: &str| (status, json!({ "status": status, "code": code, "detail": "no" }));
    let ran = run(vec![received(20), problem(429, "too_many_attempts"), received(1)]);
    assert_eq!(ran.check(0, &["waiting"]).check_json(0), json!({ "received": 21 }));
    run(vec![received(20), problem(500, "internal")]).check(1, &["20 of 21 secrets were received", "internal"]);
}

#[test]
fn the_command_sends_nobody_a_root_key() {
    let folder = harness::setup::temporary();
    let file = folder.path().join("found.txt");
    std::fs::write(&file, format!("CRONFLOW_ACCESS_ROOT_KEY={}\n", "a1".repeat(32))).expect("a file");
    let mut command = harness::process::product();
    // Nobody is there to be asked.
    command.env("CRONFLOW_ACCESS_URL", "http://127.0.0.1:1").args(["leak", "report"]);
    Ran::of(command.arg(&file)).check(1, &["secrets rekey", "no secret of ours in it to report"]);
}
