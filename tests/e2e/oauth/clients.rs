//! A client's life over the management API and the command line.

use harness::{Host, Request};
use serde_json::json;

use super::{Client, client, clients};

#[test]
fn a_client_is_registered_shown_changed_and_ended() {
    let host = Host::dev();
    let here = host.identity().workspace.clone();
    let terms = json!({ "name": "billing", "scopes": ["jobs:write", "jobs:read"], "workspaces": [here] });
    let answer = host.operator().post(&clients(&host), &terms);
    let shown = answer.check_json(201);
    assert_eq!((&shown["scopes"], &shown["environments"]), (&json!(["jobs:read", "jobs:write"]), &json!(["*"])));
    let billing = Client::shown(&shown);
    assert!(billing.secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    let path = client(&host, &billing, "");
    let seen = host.operator().get(&path);
    assert!(!seen.body.contains("client_secret") && !seen.body.contains(&billing.secret), "{}", seen.body);
    assert!(seen.check_json(200)["secrets"][0].get("last_used_at").is_none());
    let listed = host.operator().get(&clients(&host)).check_json(200);
    assert_eq!(listed["items"][0]["client_id"], json!(billing.id), "newest first");

    let tag = seen.header("etag").expect("a tag").to_owned();
    let update = |tag: &str, scopes: &[&str]| {
        host.operator().send(&Request::new("PUT", &path).header("If-Match", tag).json(&json!({ "scopes": scopes })))
    };
    let changed = update(&tag, &["jobs:read"]).check_json(200);
    assert_eq!((&changed["scopes"], &changed["name"]), (&json!(["jobs:read"]), &json!("billing")), "the rest stays");
    assert_eq!(update(&tag, &["jobs:write"]).status, 412, "made of what was shown before");
    for (body, says) in [
        (json!({ "scopes": ["jobs:rite"] }), "jobs:rite"),
        (json!({ "workspaces": ["main"] }), "main"),
        (json!({ "name": "" }), "name"),
        (json!({ "ip_allow": [] }), "ip_allow"),
        (json!({ "environments": ["Not A Name"] }), "environments"),
        (json!({ "surprise": 1 }), "surprise"),
    ] {
        let refused = host.operator().put(&path, &body);
        assert!(refused.status == 400 && refused.body.contains(says), "{body}: {} {}", refused.status, refused.body);
    }
    host.operator().post(&client(&host, &billing, "/revoke"), &json!({})).check_json(200);
    assert_eq!(host.operator().post(&client(&host, &billing, "/enable"), &json!({})).status, 409);
    assert_eq!(host.operator().put(&path, &json!({ "name": "again" })).status, 409);
    assert_eq!(host.operator().post(&client(&host, &billing, "/rotate"), &json!({})).status, 409);
    let absent = format!("{}/cl_00aaaaaaaaaaaaaaaa", clients(&host));
    assert_eq!(host.operator().get(&absent).status, 404);
    let elsewhere = host.create_organization("globex");
    let not_theirs = format!("/v1/organizations/{elsewhere}/clients/{}", billing.id);
    assert_eq!(host.operator().get(&not_theirs).status, 404);
}

#[test]
fn a_request_that_is_sent_again_registers_once_and_tells_no_secret_twice() {
    let host = Host::dev();
    let register = || {
        let request = Request::new("POST", &clients(&host)).header("Idempotency-Key", "once");
        host.operator().send(&request.json(&json!({ "name": "once" })))
    };
    let (first, second) = (register().check_json(201), register().check_json(201));
    assert_eq!(first["client_id"], second["client_id"]);
    assert!(first["client_secret"].is_string() && second.get("client_secret").is_none() && second["hint"].is_string());
}

#[test]
fn the_command_line_does_all_of_it() {
    let host = Host::dev();
    let organization = host.identity().organization.clone();
    let here = host.identity().workspace.clone();
    let cli =
        |args: &[&str]| host.cli(&[&["client"], args, &["--organization", &organization, "--output", "json"]].concat());
    let made = cli(&["register", "--name", "ci", "--scope", "jobs:read", "--workspace", &here]).check_json(0);
    let ci = Client::shown(&made);
    assert_eq!(ci.token(&host, "").len(), "cf_at_".len() + 18 + 32 + 6);
    let rotated = Client::shown(&cli(&["rotate", &ci.id, "--overlap-seconds", "60"]).check_json(0));
    assert_eq!(cli(&["show", &ci.id]).check_json(0)["secrets"].as_array().unwrap().len(), 2);
    rotated.token(&host, "");
    assert_eq!(cli(&["update", &ci.id, "--scope", "jobs:write"]).check_json(0)["scopes"], json!(["jobs:write"]));
    assert_eq!(cli(&["disable", &ci.id]).check_json(0)["state"], "disabled");
    assert_eq!(cli(&["enable", &ci.id]).check_json(0)["state"], "active");
    assert_eq!(cli(&["list"]).check_json(0)["items"][0]["client_id"], json!(ci.id));
    assert_eq!(cli(&["revoke", &ci.id]).check_json(0)["state"], "revoked");
}
