//! Ids of others: whoever names one is answered as if there were no such thing, in every route and every body.

use serde_json::{Value, json};

use crate::people::{Factor, Town, text};

/// Something of another's, and an id of the same kind that nothing has.
pub(crate) struct Pair {
    pub(crate) segment: &'static str,
    pub(crate) theirs: String,
    pub(crate) nobodys: String,
}

impl Pair {
    /// The id's home stays the same, so that nothing but being there tells them apart.
    fn new(segment: &'static str, theirs: String) -> Self {
        let (start, _) = theirs.split_at(theirs.find('_').unwrap() + 3);
        let nobodys = format!("{start}{}", &"Zz9Yy8Xx7Ww6Vv5Uu4"[..theirs.len() - start.len()]);
        Self { segment, theirs, nobodys }
    }
}

/// What was answered, but for what was sent and what is never the same.
fn told(status: u16, body: &str, names: &[(&str, &str)]) -> (u16, Value) {
    let mut body = body.to_owned();
    for (name, stands_for) in names {
        body = body.replace(name, stands_for);
    }
    let mut value: Value = serde_json::from_str(&body).unwrap_or(Value::String(body));
    if let Some(fields) = value.as_object_mut() {
        fields.remove("decision_id");
    }
    (status, value)
}

/// One of everything in an organization, by the segment that names it.
pub(crate) async fn everything(town: &Town, organization: &str, workspace: &str) -> Vec<Pair> {
    let key = json!({ "kind": "staging", "name": "theirs", "scopes": ["jobs:read"] }).to_string();
    let key = town.operate("POST", &format!("/v1/workspaces/{workspace}/keys"), &key).await;
    let client = json!({ "name": "theirs", "scopes": [], "workspaces": [workspace] }).to_string();
    let client = town.operate("POST", &format!("/v1/organizations/{organization}/clients"), &client).await;
    let webhook = json!({ "url": "https://receiver.invalid/", "events": ["*"] }).to_string();
    let webhook = town.operate("POST", &format!("/v1/workspaces/{workspace}/webhooks"), &webhook).await;
    let invitation =
        json!({ "email": format!("{}@theirs.example", town.next_name()), "roles": ["viewer"] }).to_string();
    let invitation = town.operate("POST", &format!("/v1/organizations/{organization}/invitations"), &invitation).await;
    let member = town.person(organization, &json!({ "roles": ["owner"] }), Factor::None).await;
    let session = town.send("GET", "/v1/sessions/current", Some(&member.secret), "").await;
    vec![
        Pair::new("organization", organization.to_owned()),
        Pair::new("workspace", workspace.to_owned()),
        Pair::new("key", text(&key, 201, "id")),
        Pair::new("client", text(&client, 201, "client_id")),
        Pair::new("webhook", text(&webhook, 201, "id")),
        Pair::new("invitation", text(&invitation, 201, "id")),
        Pair::new("member", member.id),
        Pair::new("session", text(&session, 200, "id")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_id_of_another_in_every_route_is_answered_as_if_it_did_not_exist() {
    let town = Town::new(None).await;
    let ours = town.demo.organization.to_string();
    let our_workspace = town.workspace(&ours).await;
    let theirs = town.organization().await;
    let their_workspace = town.workspace(&theirs).await;
    let foreign = everything(&town, &theirs, &their_workspace).await;
    // Of our own organization, and of a workspace that one of us has no part in.
    let beside = town.workspace(&ours).await;
    let next_door: Vec<Pair> = everything(&town, &ours, &beside).await;
    let next_door: Vec<Pair> =
        next_door.into_iter().filter(|pair| ["workspace", "key", "webhook"].contains(&pair.segment)).collect();

    let owner = town.person(&ours, &json!({ "roles": ["owner"] }), Factor::Fresh).await;
    let local = town.person(&ours, &json!({ "workspaces": { &our_workspace: ["admin"] } }), Factor::Fresh).await;
    let key = json!({ "kind": "production", "name": "ours", "scopes": ["keys:read", "keys:write", "settings:read"] });
    let key = town.operate("POST", &format!("/v1/workspaces/{our_workspace}/keys"), &key.to_string()).await;
    let key = text(&key, 201, "secret");
    let operations = town.operations().await;
    for (who, secret, others) in [
        ("an owner of another organization", owner.secret.as_str(), &foreign),
        ("an admin of another workspace", local.secret.as_str(), &foreign),
        ("an admin of the workspace next door", local.secret.as_str(), &next_door),
        ("a key of another organization", key.as_str(), &foreign),
        ("a key of the workspace next door", key.as_str(), &next_door),
    ] {
        let mut asked = 0;
        for operation in operations.iter().filter(|operation| operation.action().is_some()) {
            let named: Vec<&Pair> =
                others.iter().filter(|pair| operation.template.contains(&format!("{{{}}}", pair.segment))).collect();
            // Every choice of what is another's: all of it, or each by itself below what is ours.
            let mut choices: Vec<Vec<&Pair>> = named.iter().map(|pair| vec![*pair]).collect();
            choices.push(named.clone());
            for choice in choices.iter().filter(|choice| !choice.is_empty()) {
                let path = |id: fn(&Pair) -> &str| {
                    let mut segments: Vec<(&str, &str)> = choice.iter().map(|pair| (pair.segment, id(pair))).collect();
                    segments.extend([("organization", ours.as_str()), ("workspace", our_workspace.as_str())]);
                    operation.path(&segments)
                };
                let answer = async |path: String| {
                    let answer = town.ask(operation, &path, secret, r#"{"no_such_field":1}"#).await;
                    let names: Vec<(&str, &str)> = choice
                        .iter()
                        .flat_map(|pair| [(pair.theirs.as_str(), pair.segment), (pair.nobodys.as_str(), pair.segment)])
                        .collect();
                    told(answer.status, &answer.body, &names)
                };
                let of_theirs = answer(path(|pair| &pair.theirs)).await;
                let of_nobodys = answer(path(|pair| &pair.nobodys)).await;
                let segments: Vec<_> = choice.iter().map(|pair| pair.segment).collect();
                assert_eq!(of_theirs, of_nobodys, "{who}: {} with their {segments:?}", operation.id());
                assert!(matches!(of_theirs.0, 400 | 403 | 404), "{who}: {} {of_theirs:?}", operation.id());
                asked += 1;
            }
        }
        assert!(asked > 20, "{who} asked {asked} times");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_id_of_another_in_every_body_is_answered_as_if_it_did_not_exist() {
    let town = Town::new(None).await;
    let ours = town.demo.organization.to_string();
    let theirs = town.organization().await;
    let workspace = Pair::new("workspace", town.workspace(&theirs).await);
    let member = town.person(&theirs, &json!({ "roles": ["owner"] }), Factor::None).await;
    let member = Pair::new("member", member.id);
    let owner = town.person(&ours, &json!({ "roles": ["owner"] }), Factor::Fresh).await;
    let colleague = town.person(&ours, &json!({ "roles": ["viewer"] }), Factor::None).await;
    let below = |what: &str| format!("/v1/organizations/{ours}/{what}");
    let (of_colleague, of_somebody) = (below(&format!("members/{}", colleague.id)), below("permissions?principal="));
    type Body = fn(&str) -> String;
    let bodies: [(&str, String, &Pair, Body); 4] = [
        ("POST", below("clients"), &workspace, |id| json!({ "name": "x", "workspaces": [id] }).to_string()),
        ("POST", below("invitations"), &workspace, |id| {
            json!({ "email": "bob@acme.example", "workspaces": { id: ["viewer"] } }).to_string()
        }),
        ("PUT", of_colleague, &workspace, |id| json!({ "workspaces": { id: ["viewer"] } }).to_string()),
        ("GET", of_somebody, &member, str::to_owned),
    ];
    for (method, path, pair, body) in bodies {
        let answer = async |id: &str| {
            let told_of = match method {
                "GET" => town.send(method, &format!("{path}{id}"), Some(&owner.secret), "").await,
                _ => town.send(method, &path, Some(&owner.secret), &body(id)).await,
            };
            told(told_of.status, &told_of.body, &[(id, pair.segment)])
        };
        let (of_theirs, of_nobodys) = (answer(&pair.theirs).await, answer(&pair.nobodys).await);
        assert!(matches!(of_theirs.0, 400 | 404), "{method} {path}: {of_theirs:?}");
        assert_eq!(of_theirs, of_nobodys, "{method} {path}");
    }
}
