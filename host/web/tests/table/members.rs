//! Members: what they may give and take, what becomes of what they issued, and who is never missing.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::bench::Told;
use crate::people::{Factor, Person, Town, text};

impl Town {
    /// The path of what lies in the demo's organization.
    fn below(&self, what: &str) -> String {
        format!("/v1/organizations/{}/{what}", self.demo.organization)
    }

    /// Somebody with `role` in the demo's whole organization, who gave a second factor just now.
    async fn holder(&self, role: &str) -> Person {
        let organization = self.demo.organization.to_string();
        self.person(&organization, &json!({ "roles": [role] }), Factor::Fresh).await
    }

    async fn as_person(&self, person: &Person, method: &str, path: &str, body: &Value) -> Told {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, Some(&person.secret), &body).await
    }

    async fn issue(&self, person: &Person, kind: &str, scopes: &[&str]) -> Told {
        let path = format!("/v1/workspaces/{}/keys", self.demo.workspace);
        self.as_person(person, "POST", &path, &json!({ "kind": kind, "name": "ci", "scopes": scopes })).await
    }

    async fn update(&self, by: &Person, whom: &Person, update: &Value) -> Told {
        self.as_person(by, "PUT", &self.below(&format!("members/{}", whom.id)), update).await
    }
}

#[track_caller]
fn code(told: &Told) -> String {
    let value: Value = serde_json::from_str(&told.body).unwrap();
    value["code"].as_str().unwrap_or_else(|| panic!("no problem: {} {value}", told.status)).to_owned()
}

#[track_caller]
fn beyond(told: &Told) -> Vec<String> {
    assert_eq!(told.status, 200, "{}", told.body);
    let value: Value = serde_json::from_str(&told.body).unwrap();
    value["beyond"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_or_takes_a_role_that_is_wider_than_their_own() {
    let town = Town::new(None).await;
    let (owner, admin, developer) =
        (town.holder("owner").await, town.holder("admin").await, town.holder("developer").await);
    let invite = json!({ "email": "new@acme.example", "roles": ["owner"] });
    assert_eq!(code(&town.as_person(&admin, "POST", &town.below("invitations"), &invite).await), "grant_role_too_wide");
    let there = json!({ "email": "new@acme.example", "workspaces": { town.demo.workspace.to_string(): ["owner"] } });
    assert_eq!(code(&town.as_person(&admin, "POST", &town.below("invitations"), &there).await), "grant_role_too_wide");
    assert_eq!(code(&town.update(&admin, &admin, &json!({ "roles": ["owner"] })).await), "grant_role_too_wide");
    assert_eq!(code(&town.update(&admin, &owner, &json!({ "roles": ["viewer"] })).await), "grant_role_too_wide");
    for change in ["suspend", "remove", "reset-factors"] {
        let path = town.below(&format!("members/{}/{change}", owner.id));
        assert_eq!(code(&town.as_person(&admin, "POST", &path, &Value::Null).await), "grant_role_too_wide", "{change}");
    }
    assert_eq!(code(&town.update(&developer, &developer, &json!({ "roles": ["admin"] })).await), "role_not_allowed");
    assert_eq!(town.update(&admin, &developer, &json!({ "roles": ["admin"] })).await.status, 200);
    assert_eq!(town.update(&owner, &admin, &json!({ "roles": ["owner"] })).await.status, 200);
    assert_eq!(town.as_person(&admin, "POST", &town.below("invitations"), &invite).await.status, 201, "at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_of_ones_own_is_no_way_to_more() {
    let town = Town::new(None).await;
    let (admin, clerk) = (town.holder("admin").await, town.holder("viewer").await);
    let role = |name: &str| town.below(&format!("roles/{name}"));
    let put = async |by: &Person, name: &str, body: Value| town.as_person(by, "PUT", &role(name), &body).await;
    assert_eq!(code(&put(&admin, "boss", json!({ "actions": ["workspaces.archive"] })).await), "grant_role_too_wide");
    assert_eq!(
        put(&admin, "clerk", json!({ "actions": ["roles.put", "members.update", "keys.revoke"] })).await.status,
        200
    );
    assert_eq!(town.update(&admin, &clerk, &json!({ "roles": ["viewer", "clerk"] })).await.status, 200);
    assert_eq!(code(&put(&clerk, "more", json!({ "actions": ["keys.issue"] })).await), "grant_role_too_wide");
    assert_eq!(code(&put(&clerk, "more", json!({ "scopes": ["jobs:read"] })).await), "grant_scopes_too_wide");
    assert_eq!(code(&put(&clerk, "clerk", json!({ "actions": ["keys.issue"] })).await), "grant_role_too_wide");
    assert_eq!(code(&town.update(&clerk, &clerk, &json!({ "roles": ["admin"] })).await), "grant_role_too_wide");
    assert_eq!(put(&clerk, "less", json!({ "actions": ["keys.revoke"] })).await.status, 200);
    for (name, body) in [
        ("owner", json!({})),
        ("Not-A-Name", json!({})),
        ("platform", json!({ "actions": ["gateways.issue"] })),
        ("unknown", json!({ "actions": ["no.such"] })),
        ("unknown", json!({ "scopes": ["no:such"] })),
    ] {
        assert_eq!(put(&admin, name, body.clone()).await.status, 400, "{name} {body}");
    }
    assert_eq!(code(&town.as_person(&admin, "DELETE", &role("clerk"), &Value::Null).await), "conflict", "it is held");
    assert_eq!(town.as_person(&admin, "DELETE", &role("less"), &Value::Null).await.status, 204);
    assert_eq!(town.as_person(&admin, "GET", &role("less"), &Value::Null).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_issued_within_a_role_and_those_beyond_a_lesser_one_are_listed() {
    let town = Town::new(None).await;
    let (admin, developer) = (town.holder("admin").await, town.holder("developer").await);
    assert_eq!(code(&town.issue(&developer, "production", &["keys:write"]).await), "grant_scopes_too_wide");
    let issued = town.issue(&developer, "production", &["jobs:read"]).await;
    let (key, secret) = (text(&issued, 201, "id"), text(&issued, 201, "secret"));
    assert_eq!(text(&issued, 201, "issued_by"), developer.id);
    let wide = text(&town.issue(&admin, "production", &["keys:read", "jobs:read"]).await, 201, "id");
    let show = async |person: &Person| {
        beyond(&town.as_person(&admin, "GET", &town.below(&format!("members/{}", person.id)), &Value::Null).await)
    };
    assert!(show(&developer).await.is_empty() && show(&admin).await.is_empty());

    let owner = town.holder("owner").await;
    assert_eq!(beyond(&town.update(&owner, &admin, &json!({ "roles": ["developer"] })).await), [wide]);
    assert_eq!(
        beyond(&town.update(&owner, &developer, &json!({ "roles": ["viewer"] })).await),
        std::slice::from_ref(&key)
    );
    let path = town.below(&format!("members/{}/remove", developer.id));
    assert_eq!(beyond(&town.as_person(&owner, "POST", &path, &Value::Null).await), std::slice::from_ref(&key));
    let gone = town.as_person(&developer, "GET", "/v1/profile", &Value::Null).await;
    assert_eq!(gone.status, 401, "its sessions are over");
    // What it issued is the workspace's.
    let rotate = format!("/v1/workspaces/{}/keys/{key}/rotate", town.demo.workspace);
    let question = json!({ "credential": secret, "action": "jobs.list" }).to_string();
    let asked = town.send("POST", "/v1/authorize", Some(town.demo.gateway_token.expose()), &question).await;
    assert!(!asked.body.contains("unauthenticated"), "{}", asked.body);
    let rotated = town.as_person(&owner, "POST", &rotate, &json!({ "overlap_seconds": 0 })).await;
    assert_eq!(text(&rotated, 201, "issued_by"), owner.id, "a successor is whoever's that rotates");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_developer_registers_no_client_and_an_admin_within_its_scopes() {
    let town = Town::new(None).await;
    let (admin, developer) = (town.holder("admin").await, town.holder("developer").await);
    let client = json!({ "name": "billing", "scopes": ["jobs:read"] });
    assert_eq!(code(&town.as_person(&developer, "POST", &town.below("clients"), &client).await), "role_not_allowed");
    let registered = town.as_person(&admin, "POST", &town.below("clients"), &client).await;
    assert_eq!(text(&registered, 201, "issued_by"), admin.id);
    town.operate(
        "PUT",
        &town.below("roles/registrar"),
        r#"{"actions":["clients.register","clients.update","clients.rotate"],"scopes":["jobs:read"]}"#,
    )
    .await;
    let registrar = town.holder("registrar").await;
    let made = town.as_person(&registrar, "POST", &town.below("clients"), &client).await;
    let id = text(&made, 201, "client_id");
    let wider = json!({ "scopes": ["jobs:read", "jobs:write"] });
    let path = town.below(&format!("clients/{id}"));
    assert_eq!(code(&town.as_person(&registrar, "PUT", &path, &wider).await), "grant_scopes_too_wide");
    assert_eq!(town.as_person(&admin, "PUT", &path, &wider).await.status, 200);
    let rotate = format!("{path}/rotate");
    assert_eq!(code(&town.as_person(&registrar, "POST", &rotate, &json!({})).await), "grant_scopes_too_wide");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_stays_whoever_asks_and_of_two_who_go_at_once_one_does() {
    let town = Arc::new(Town::new(None).await);
    let organization = town.organization().await;
    let owner = json!({ "roles": ["owner"] });
    let first = town.person(&organization, &owner, Factor::Fresh).await;
    let member = |person: &Person, then: &str| format!("/v1/organizations/{organization}/members/{}{then}", person.id);
    let demote = r#"{"roles":["admin"]}"#;
    for (method, path, body) in [
        ("PUT", member(&first, ""), demote),
        ("POST", member(&first, "/suspend"), ""),
        ("POST", member(&first, "/remove"), ""),
    ] {
        assert_eq!(code(&town.send(method, &path, Some(&first.secret), body).await), "conflict", "{path}");
        assert_eq!(code(&town.operate(method, &path, body).await), "conflict", "the operator: {path}");
    }
    for round in 0..8 {
        let second = town.person(&organization, &owner, Factor::Fresh).await;
        let leave = |person: Person, path: String| {
            let town = Arc::clone(&town);
            tokio::spawn(async move { town.send("POST", &path, Some(&person.secret), "").await.status })
        };
        let third = town.person(&organization, &owner, Factor::Fresh).await;
        // All of three at once, and one by one: never is there nobody.
        let all = [&first, &second, &third].map(|person| leave((*person).clone(), member(person, "/suspend")));
        let mut gone = 0;
        for one in all {
            gone += usize::from(one.await.unwrap() == 200);
        }
        assert!(gone <= 2, "round {round}: {gone} went");
        for person in [&first, &second, &third] {
            assert_eq!(town.operate("POST", &member(person, "/resume"), "").await.status, 200);
        }
        for person in [&second, &third] {
            assert_eq!(town.operate("POST", &member(person, "/remove"), "").await.status, 200);
        }
        // A session from before is over; the operator brought the first back.
        assert_eq!(code(&town.operate("POST", &member(&first, "/suspend"), "").await), "conflict");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_say_through_which_role_and_with_which_factor() {
    let town = Town::new(None).await;
    let organization = town.demo.organization.to_string();
    let rights =
        json!({ "roles": ["viewer"], "workspaces": { town.demo.workspace.to_string(): ["admin", "auditor"] } });
    let person = town.person(&organization, &rights, Factor::Fresh).await;
    let ask = async |path: String| {
        let told = town.as_person(&person, "GET", &path, &Value::Null).await;
        assert_eq!(told.status, 200, "{}", told.body);
        let value: Value = serde_json::from_str(&told.body).unwrap();
        let actions = value["actions"].as_array().unwrap().clone();
        move |name: &str| actions.iter().find(|action| action["action"] == name).unwrap().clone()
    };
    let here = ask(format!("/v1/workspaces/{}/permissions?principal={}", town.demo.workspace, person.id)).await;
    assert_eq!(here("audit.list")["through"], json!(["admin", "auditor"]));
    assert_eq!((&here("policies.publish")["factor"], &here("keys.list")["factor"]), (&json!("fresh"), &json!("given")));
    assert_eq!(here("workspaces.archive")["allowed"], false);
    let everywhere = ask(town.below("permissions")).await;
    assert_eq!(everywhere("audit.list")["allowed"], false);
    assert_eq!(everywhere("keys.list")["through"], json!(["viewer"]));
    let issued: Value = serde_json::from_str(&town.issue(&person, "production", &["keys:read"]).await.body).unwrap();
    let of_key =
        ask(format!("/v1/workspaces/{}/permissions?principal={}", town.demo.workspace, issued["id"].as_str().unwrap()))
            .await;
    assert_eq!(of_key("keys.list")["through"], json!(["keys:read"]));
    assert_eq!(of_key("keys.issue")["allowed"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_says_which_factor_is_missing() {
    let town = Town::new(None).await;
    let organization = town.demo.organization.to_string();
    let admin = town.person(&organization, &json!({ "roles": ["admin"] }), Factor::Given).await;
    let publish = format!("/v1/workspaces/{}/policies/any/publish", town.demo.workspace);
    let told = town.as_person(&admin, "POST", &publish, &json!({})).await;
    let problem: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!((told.status, &problem["code"]), (403, &json!("factor_stale")));
    assert_eq!(problem["factor"], json!({ "type": "totp", "again": true }));
    let key = json!({ "kind": "production", "name": "x", "scopes": ["jobs:read"] });
    let keys = format!("/v1/workspaces/{}/keys", town.demo.workspace);
    assert_eq!(code(&town.as_person(&admin, "POST", &keys, &key).await), "factor_stale");
    let staging = json!({ "kind": "staging", "name": "x", "scopes": ["jobs:read"] });
    assert_eq!(town.as_person(&admin, "POST", &keys, &staging).await.status, 201);
    let viewer = town.person(&organization, &json!({ "roles": ["viewer"] }), Factor::None).await;
    assert_eq!(town.as_person(&viewer, "GET", &keys, &Value::Null).await.status, 200);
}
