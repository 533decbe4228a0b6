//! Subjects that nobody here knows: what they may, what they count as, whose policies judge them.

use std::fs;

use harness::process::product;
use harness::{Host, Ran, Setup};
use serde_json::{Value, json};

use super::{EVALUATIONS, check_decisions, codes, evaluate, evaluation, fixture, post, presents, record, user, with};
use crate::kind_table::table::read_table;

#[test]
fn the_shipped_set_allows_them_nothing() {
    let host = Host::dev();
    for action in read_table() {
        let alice = with(user("alice"), json!({ "role": "admin", "scopes": ["jobs:read"], "kind": "production" }));
        let mut body = evaluation(&alice, &action.name, &with(record("1"), json!({ "workspace": "main" })));
        body["context"] = json!({ "environment": "production", "ip": "203.0.113.7" });
        let answer = evaluate(host.gateway(), &body);
        assert_eq!(answer["decision"], false, "{answer}");
        assert_eq!(answer["context"]["status"], 403);
        let principal = &answer["context"]["principal"];
        assert_eq!((&principal["kind"], &principal["key_kind"]), (&json!("user"), &json!("stated")));
        assert_eq!((&principal["scopes"], principal.get("quota")), (&json!([]), None));
        assert_eq!(principal["workspace"], host.identity().workspace);
    }
}

#[test]
fn a_context_can_not_state_what_only_a_subject_has() {
    let host = fixture();
    let archived = with(record("record-2"), json!({ "status": "archived" }));
    let mut body = evaluation(&user("alice"), "write", &archived);
    for context in [
        json!({ "subject.role": "admin" }),
        json!({ "subject": { "role": "admin" } }),
        json!({ "subject.role": "admin", "subject": { "roles": ["admin"] }, "action.soft": true }),
    ] {
        body["context"] = context;
        assert_eq!(codes(&evaluate(host.gateway(), &body)), ["record_archived"]);
    }
    body["subject"] = with(user("alice"), json!({ "role": "admin" }));
    assert_eq!(evaluate(host.gateway(), &body)["decision"], true);
    // What is no string is none to the policy either, and an error denies.
    body["subject"] = with(user("alice"), json!({ "role": ["admin"] }));
    assert_eq!(codes(&evaluate(host.gateway(), &body)), ["policy_error"]);
}

#[test]
fn a_workspace_that_the_resource_names_narrows_them_by_its_own_policies() {
    let host = fixture();
    let in_workspace = |workspace: &str, path: &str| {
        let resource = with(record("record-1"), json!({ "workspace": workspace, "file": { "path": path } }));
        evaluate(host.gateway(), &evaluation(&user("alice"), "read", &resource))
    };
    assert_eq!(in_workspace("main", "/secret")["decision"], true);
    let policy = json!({
        "engine": "cel",
        "attributes": { "resource": { "file.path": "string" } },
        "source": "has(resource.attributes.file.path) && resource.attributes.file.path == '/secret' && principal.kind == 'user' ? forbid('no_secrets', 'not here') : no_match()",
    });
    let of_main = host.client(Some(&host.demo_key("production").secret));
    of_main.put("/v1/workspaces/own/policies/no-secrets?publish=true", &policy).check_json(200);
    let workspace = host.identity().workspace.clone();
    for named in ["main", &workspace] {
        let answer = in_workspace(named, "/secret");
        assert_eq!(codes(&answer), ["no_secrets"]);
        assert_eq!(answer["context"]["policy_revision"], 1, "{answer}");
        assert_eq!(in_workspace(named, "/public")["decision"], true);
    }
    assert_eq!(in_workspace("other", "/secret")["decision"], true);
}

#[test]
fn who_belongs_to_nobody_alive_is_nobody() {
    let host = Host::dev();
    let asks = |workspace: &str| {
        let resource = with(record("1"), json!({ "workspace": workspace }));
        evaluate(host.gateway(), &evaluation(&user("alice"), "jobs.get", &resource))
    };
    let wrong = |workspace: &str| codes(&asks(workspace)).contains(&"wrong_workspace");
    assert!(!wrong("main") && wrong("nowhere") && wrong("ws_00doesnotexist0000"));
    let umbrella = host.operator().post("/v1/organizations", &json!({ "name": "umbrella" })).check_json(201);
    let path = format!("/v1/organizations/{}/workspaces", umbrella["id"].as_str().unwrap());
    let lab = host.operator().post(&path, &json!({ "name": "lab" })).check_json(201);
    assert!(wrong("lab") && wrong(lab["id"].as_str().unwrap()));
    host.operator().post(&host.workspace("/suspend"), &json!({})).check_json(200);
    assert_eq!(codes(&asks("main")), ["unauthenticated"]);
    let organization = format!("/v1/organizations/{}/suspend", host.identity().organization);
    host.operator().post(&organization, &json!({})).check_json(200);
    assert_eq!(codes(&asks("other")), ["unauthenticated"]);
}

#[test]
fn a_gateway_that_is_not_bound_to_one_organization_states_subjects_of_none() {
    let host = Host::dev();
    let identity = host.identity();
    let gateway = |organizations: Value| {
        let body = json!({ "name": "wide", "organizations": organizations, "environments": ["*"] });
        let issued = host.operator().post("/v1/gateways", &body).check_json(201);
        host.client(issued["secret"].as_str())
    };
    let asks = evaluation(&user("alice"), "jobs.get", &with(record("1"), json!({ "workspace": "main" })));
    let answer = evaluate(&gateway(json!(["*"])), &asks);
    assert!(answer["context"]["principal"].get("organization").is_none(), "{answer}");
    assert!(codes(&answer).contains(&"wrong_workspace"), "{answer}");
    let umbrella = host.operator().post("/v1/organizations", &json!({ "name": "umbrella" })).check_json(201);
    let several = gateway(json!([identity.organization, umbrella["id"]]));
    assert_eq!(codes(&evaluate(&several, &asks)), ["gateway_not_bound"]);
}

#[test]
fn they_consume_nobodys_quota_and_are_logged_as_what_they_are() {
    let host = fixture();
    let reads = evaluation(&user("alice"), "read", &record("record-1"));
    let answer = host.gateway().send(&post(EVALUATIONS, &json!({ "evaluations": vec![&reads; 100] })));
    assert_eq!(check_decisions(&answer), vec![true; 100]);
    assert!(evaluate(host.gateway(), &reads)["context"].get("quota").is_none());
    let key = host.demo_key("production");
    let from = host.log().len();
    evaluate(host.gateway(), &evaluation(&user(&key.secret), "write", &record("record-1")));
    evaluate(host.gateway(), &evaluation(&user(&key.id), "write", &record("record-1")));
    let logged_as = format!("user:{}", key.id);
    assert!(host.log().wait_for(&logged_as, from), "{}", host.log().text());
    assert!(!host.log().text().contains(&key.secret[8..]), "a secret that was put in the wrong place is not logged");
}

#[test]
fn a_step_up_says_what_to_authenticate_with() {
    let setup = Setup::dev();
    let policies = setup.folder().join("policies");
    Ran::of(product().args(["policy", "export"]).arg(&policies)).check(0, &["written to"]);
    let careful = policies.join("careful");
    fs::create_dir(&careful).unwrap();
    let manifest = "name = \"careful\"\nversion = \"1.0.0\"\nengine = \"cel\"\ndescription = \"asks for a factor\"\nsees = [\"customer\"]\nreasons = []\n";
    fs::write(careful.join("manifest.toml"), manifest).unwrap();
    fs::write(careful.join("policy.cel"), "action.name == 'jobs.delete' ? step_up(900) : no_match()\n").unwrap();
    let case = "[[case]]\nname = \"reading\"\nexpect = { effect = \"no_match\" }\n";
    fs::write(careful.join("cases.toml"), case).unwrap();
    let host = setup.args(["--policies".to_owned(), policies.display().to_string()]).start();
    let mut body = evaluation(&presents(&host.demo_key("production").secret), "jobs.delete", &record("1"));
    body["context"] = json!({ "environment": "production" });
    let answer = evaluate(host.gateway(), &body);
    assert_eq!(codes(&answer), ["step_up_required"]);
    assert_eq!(answer["decision"], false);
    assert_eq!(answer["context"]["acr_values"], "urn:cronflow-access:acr:second-factor");
    body["action"]["name"] = json!("jobs.get");
    let answer = evaluate(host.gateway(), &body);
    assert!(answer["decision"] == true && answer["context"].get("acr_values").is_none(), "{answer}");
}
