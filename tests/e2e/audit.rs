//! The audit trail as evidence: every change has its record, every record its place in a chain, and an export shows whether any of
//! it was touched.

mod events;
mod follow;
mod killed;
mod report;
mod verify;

use harness::process::product;
use harness::{Client, Host, Key, Ran, Request};
use serde_json::Value;

/// The keys that exports are signed with, asked for by nobody in particular.
#[track_caller]
fn signing_key(host: &Host) -> String {
    let keys = host.client(None).get("/.well-known/cronflow-access-audit-keys").check_json(200);
    assert_eq!(keys["algorithm"], "ed25519");
    keys["keys"][0].as_str().expect("a key").to_owned()
}

/// An export of the first workspace's trail.
#[track_caller]
fn export(host: &Host, query: &str) -> String {
    let response = host.operator().get(&host.workspace(&format!("/audit/export{query}")));
    assert_eq!(response.status, 200, "{}", response.body);
    response.body
}

/// `audit verify` on what is piped into it: it asks no host.
fn verify(text: &[u8], more: &[&str]) -> Ran {
    let folder = harness::setup::temporary();
    let file = folder.path().join("export.ndjson");
    std::fs::write(&file, text).expect("a file is written");
    let mut command = product();
    command.args(["audit", "verify"]).arg(&file).args(more);
    Ran::of(&mut command)
}

/// The records in an export, without what stands around and between them.
fn records(text: &str) -> Vec<Value> {
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    lines.filter(|line| line.get("action").is_some()).collect()
}

/// A client of each process.
fn operators(host: &Host) -> Vec<Client> {
    host.nodes().iter().map(|node| node.client(Some(&host.identity().operator_token))).collect()
}

/// The request that disables or enables a key.
fn change(host: &Host, key: &Key, change: &str) -> Request {
    Request::new("POST", &host.key(key, &format!("/{change}"))).json(&serde_json::json!({}))
}
