//! Organizations and workspaces: made, named once, suspended, resumed and ended.

use harness::{Host, Question, in_parallel};
use serde_json::{Value, json};

/// How many answered each status.
fn tally(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|answered| **answered == status).count()
}

#[test]
fn a_name_is_given_once_to_fifty_that_ask_at_once() {
    let host = Host::real();
    let of = |path: &str| -> Vec<u16> {
        in_parallel(50, |_| {
            let operator = host.client(Some(&host.identity().operator_token));
            operator.post(path, &json!({ "name": "contended" })).status
        })
    };
    let organizations = of("/v1/organizations");
    assert_eq!((tally(&organizations, 201), tally(&organizations, 409)), (1, 49), "{organizations:?}");
    let workspaces = of(&format!("/v1/organizations/{}/workspaces", host.identity().organization));
    assert_eq!((tally(&workspaces, 201), tally(&workspaces, 409)), (1, 49), "{workspaces:?}");
    let listed = host.operator().get("/v1/organizations").check_json(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
    // What `init` made has its names too.
    let taken = host.operator().post("/v1/organizations", &json!({ "name": "acme" }));
    taken.check_problem_says(409, "name_taken", "named `acme` already");
    let path = format!("/v1/organizations/{}/workspaces", host.identity().organization);
    host.operator().post(&path, &json!({ "name": "main" })).check_problem(409, "name_taken");
    let host = host.kill_9().start();
    host.operator().post("/v1/organizations", &json!({ "name": "contended" })).check_problem(409, "name_taken");
}

#[test]
fn who_is_suspended_is_nobody_at_once_and_comes_back_when_resumed() {
    let host = Host::real();
    let key = host.issue("production", &["jobs:read", "keys:read"]);
    let is_known = || {
        let managing = host.client(Some(&key.secret)).get(&host.workspace("/keys")).status;
        let answer = host.decide(&Question::reads_jobs(&key.secret));
        if answer.is_allow() {
            assert_eq!(managing, 200);
        } else {
            answer.check_unauthenticated();
            assert_eq!(managing, 401);
        }
        answer.is_allow()
    };
    let organization = format!("/v1/organizations/{}", host.identity().organization);
    let change = |of: &str, change: &str| {
        let answer = host.operator().post(&format!("{of}/{change}"), &json!({})).check_json(200);
        answer["state"].as_str().unwrap().to_owned()
    };
    assert!(is_known());
    for of in [&organization, &host.workspace("")] {
        assert_eq!((change(of, "suspend").as_str(), is_known()), ("suspended", false), "{of}");
        assert_eq!((change(of, "resume").as_str(), is_known()), ("active", true), "{of}");
    }
    change(&organization, "suspend");
    let create = host.operator().post(&format!("{organization}/workspaces"), &json!({ "name": "new" }));
    create.check_problem_says(409, "conflict", "suspended");
    // A crash forgets none of it.
    let host = host.kill_9().start();
    host.decide(&Question::reads_jobs(&key.secret)).check_unauthenticated();
    host.operator().post(&format!("{organization}/resume"), &json!({})).check_json(200);
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
    let archived = host.operator().post(&host.workspace("/archive"), &json!({})).check_json(200);
    assert_eq!(archived["state"], "archived");
    host.decide(&Question::reads_jobs(&key.secret)).check_unauthenticated();
    for change in ["/resume", "/suspend"] {
        host.operator().post(&host.workspace(change), &json!({})).check_problem_says(409, "conflict", "for good");
    }
}

#[test]
fn a_key_of_one_organization_is_nothing_in_another() {
    let host = Host::dev();
    let organization = host.create_organization("stranger");
    let workspace = host.create_workspace(&organization, "main");
    let body = json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read"] });
    let issued = host.operator().post(&format!("/v1/workspaces/{workspace}/keys"), &body).check_json(201);
    let secret = issued["secret"].as_str().unwrap();
    // The gateway of the demo is bound to its own organization.
    host.decide(&Question::reads_jobs(secret)).check_deny(&["gateway_not_bound"]);
    let shown = host.operator().get(&format!("/v1/workspaces/{workspace}")).check_json(200);
    assert_eq!((&shown["organization"], &shown["name"]), (&json!(organization), &json!("main")));
    let listed = host.operator().get(&format!("/v1/organizations/{organization}/workspaces")).check_json(200);
    assert_eq!(listed["items"], json!([shown]));
}

#[test]
fn pages_are_complete_while_more_is_made_and_cursors_are_their_lists_alone() {
    let host = Host::dev();
    let organization = host.identity().organization.clone();
    for number in 0..9 {
        host.create_workspace(&organization, &format!("w{number}"));
        host.create_organization(&format!("o{number}"));
    }
    for (list, expected) in
        [(format!("/v1/organizations/{organization}/workspaces"), 11), ("/v1/organizations".into(), 10)]
    {
        let (mut seen, mut cursor, mut round) = (Vec::new(), String::new(), 0);
        loop {
            let page = host.operator().get(&format!("{list}?limit=4{cursor}")).check_json(200);
            seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
            round += 1;
            host.operator().post(&list, &json!({ "name": format!("later{round}") })).check_json(201);
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen.len(), expected, "{list}");
        let foreign = cursor.trim_start_matches('&');
        for other in ["/v1/gateways", "/v1/audit", &host.workspace("/keys")] {
            host.operator().get(&format!("{other}?{foreign}")).check_problem_says(400, "invalid_request", "`cursor`");
        }
    }
}

#[test]
fn each_level_has_its_trail() {
    let host = Host::dev();
    let organization = host.create_organization("told");
    let workspace = host.create_workspace(&organization, "main");
    host.operator()
        .put(&format!("/v1/workspaces/{workspace}/settings"), &json!({ "description": "x" }))
        .check_json(200);
    host.operator()
        .put(&format!("/v1/organizations/{organization}/settings"), &json!({ "description": "y" }))
        .check_json(200);
    let actions = |path: &str| -> Vec<String> {
        let page = host.operator().get(path).check_json(200);
        page["items"].as_array().unwrap().iter().map(|item| item["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(actions(&format!("/v1/workspaces/{workspace}/audit")), ["settings.update", "workspaces.create"]);
    assert_eq!(
        actions(&format!("/v1/organizations/{organization}/audit")),
        ["organization_settings.update", "settings.update", "workspaces.create", "organizations.create"]
    );
    let platform = host.operator().get("/v1/audit?limit=1&action=organizations.create").check_json(200);
    assert_eq!(platform["items"][0]["target"], json!(organization));
    assert_eq!(platform["items"][0]["workspace"], Value::Null);
}
