//! What holds for every endpoint of the table, told by the document that is served: an endpoint that is added is tested by
//! being there.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

mod bench;
#[path = "table/console.rs"]
mod console;
#[path = "table/grants.rs"]
mod grants;
#[path = "table/members.rs"]
mod members;
#[path = "table/operations.rs"]
mod operations;
#[path = "table/people.rs"]
mod people;
#[path = "table/roles.rs"]
mod roles;
#[path = "table/strangers.rs"]
mod strangers;

use bench::Bench;
use operations::Operation;
use serde_json::Value;

/// Its path in the demo's workspace.
fn path(bench: &Bench, operation: &Operation) -> String {
    operation.path(&[("workspace", &bench.demo.workspace.to_string())])
}

#[tokio::test]
async fn the_document_served_is_the_one_checked_in() {
    let bench = Bench::new().await;
    let served: Value = serde_json::from_str(&bench.send("GET", "/openapi.json", None, "").await.body).unwrap();
    let checked_in = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json")).unwrap();
    let checked_in: Value = serde_json::from_str(&checked_in).unwrap();
    assert!(served == checked_in, "run `UPDATE=1 cargo test -p access-web`");
}

#[tokio::test]
async fn every_endpoint_is_served_and_asks_who_it_is() {
    let bench = Bench::new().await;
    for operation in bench.operations().await {
        let told = bench.send(&operation.method, &path(&bench, &operation), None, "").await;
        if operation.action().is_some() {
            assert_eq!(told.status, 401, "{}: {}", operation.id(), told.body);
        } else {
            assert!(!matches!(told.status, 404 | 405), "{}: {}", operation.id(), told.body);
        }
        let declared = operation.value["responses"].get(told.status.to_string());
        assert!(declared.is_some(), "{}: {} is not declared", operation.id(), told.status);
    }
}

#[tokio::test]
async fn a_key_without_management_scopes_may_do_nothing_here() {
    let bench = Bench::new().await;
    let request = r#"{"kind":"production","name":"jobs alone","scopes":["jobs:read","jobs:write","workers:manage","webhooks:configure"]}"#;
    let issued = bench.operate("POST", "/v1/workspaces/WS/keys", request).await;
    let issued: Value = serde_json::from_str(&issued.body).unwrap();
    let secret = issued["secret"].as_str().unwrap();
    for operation in bench.operations().await.iter().filter(|operation| operation.action().is_some()) {
        let told = bench.ask(operation, &path(&bench, operation), secret, "{}").await;
        assert_eq!(told.status, 403, "{}: {}", operation.id(), told.body);
    }
}

#[tokio::test]
async fn a_method_that_no_endpoint_has_is_not_taken() {
    let bench = Bench::new().await;
    for operation in bench.operations().await {
        if operation.value["responses"].get("405").is_some() {
            let told = bench.send("BREW", &path(&bench, &operation), None, "").await;
            assert_eq!((told.status, told.headers.contains_key("allow")), (405, true), "{}", operation.id());
        }
    }
}

#[tokio::test]
async fn the_docs_show_every_endpoint_and_load_nothing() {
    let bench = Bench::new().await;
    let told = bench.send("GET", "/docs", None, "").await;
    assert_eq!(told.status, 200);
    let policy = told.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    for operation in bench.operations().await {
        assert!(told.body.contains(&format!("<article id=\"{}\">", operation.id())), "{}", operation.id());
    }
    for loads in ["<script", "<link", "<img", "src=", "url(", "style=\"", "onclick", "http-equiv"] {
        assert!(!told.body.contains(loads), "{loads}");
    }
    let targets = told.body.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
    for target in targets {
        assert!(told.body.contains(&format!("id=\"{target}\"")), "#{target} leads nowhere");
    }
}
