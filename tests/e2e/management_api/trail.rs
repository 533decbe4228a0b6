//! The audit trail over HTTP and on the command line: decisions in it, what comes after, and as a file.

use harness::setup::temporary;
use harness::{Host, Question, wait_until};
use serde_json::{Value, json};

fn actions(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["action"].as_str().unwrap()).collect()
}

fn trail(host: &Host, query: &str) -> Value {
    host.operator().get(&host.workspace(&format!("/audit{query}"))).check_json(200)
}

#[test]
fn decisions_appear_once_the_workspace_wants_them_and_are_followed() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    let after = trail(&host, "?limit=1")["newest_cursor"].as_str().unwrap().to_owned();
    let settings = json!({ "audit_decisions": "denials" });
    host.operator().put(&host.workspace("/settings"), &settings).check_json(200);
    host.wait_until_all_know();
    host.decide(&Question::of(&key.secret).to("POST /v1/jobs").within("production").from("203.0.113.7"))
        .check_deny(&["missing_scope"]);
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
    wait_until("the denial is recorded", || !actions(&trail(&host, "?action=decisions.*")).is_empty());
    let told = trail(&host, "?action=decisions.*");
    assert_eq!(actions(&told), ["decisions.deny"]);
    let record = &told["items"][0];
    let (actor, after_value) = (&record["actor"], &record["after"]);
    assert_eq!((&actor["kind"], &actor["id"]), (&json!("api_key"), &json!(key.id)), "{record}");
    assert_eq!(
        (&record["target"], &after_value["code"], &after_value["ip"]),
        (&json!("jobs.create"), &json!("missing_scope"), &json!("203.0.113.7"))
    );
    let followed = trail(&host, &format!("?after={after}"));
    assert_eq!(actions(&followed), ["settings.update", "decisions.deny"], "{followed}");
    let nothing = trail(&host, &format!("?after={}", followed["newest_cursor"].as_str().unwrap()));
    assert_eq!(nothing["items"], json!([]));
    // A crash forgets neither, and a secret is in none of it.
    let host = host.kill_9().start();
    assert_eq!(actions(&trail(&host, &format!("?after={after}"))), ["settings.update", "decisions.deny"]);
    assert!(!told.to_string().contains(&key.secret));
    for wrong in ["?after=nonsense", "?cursor=AAAA", "?after=AAAA&cursor=AAAA", "?until=yesterday", "?limit=0"] {
        host.operator().get(&host.workspace(&format!("/audit{wrong}"))).check_problem(400, "invalid_request");
    }
}

#[test]
fn an_export_is_a_file_that_no_spreadsheet_runs() {
    let host = Host::real();
    for description in ["=1+1", "a,\"b\""] {
        host.operator().put(&host.workspace("/settings"), &json!({ "description": description })).check_json(200);
    }
    let export = |query: &str| host.operator().get(&host.workspace(&format!("/audit/export{query}")));
    let lines = export("");
    assert_eq!((lines.status, lines.header("content-type")), (200, Some("application/x-ndjson")));
    assert_eq!(lines.header("cache-control"), Some("no-store"));
    let lines: Vec<Value> = lines.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Oldest first, and the trailer after the last record.
    let newest = &lines[lines.len() - 3..];
    assert_eq!((&newest[0]["after"]["description"], &newest[1]["action"]), (&json!("a,\"b\""), &json!("audit.export")));
    assert!(newest[2]["trailer"].is_object(), "{newest:?}");
    let csv = export("?format=csv&action=settings.*");
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(csv.header("content-disposition").unwrap().contains("audit.csv"));
    assert_eq!(csv.body.lines().count(), 3, "{}", csv.body);
    assert!(csv.body.lines().all(|line| !line.split(',').any(|field| field.starts_with(['=', '+', '-', '@']))));
    // Each export is in the trail, with what was asked for.
    let told = trail(&host, "?action=audit.export");
    assert_eq!(told["items"][0]["after"], json!({ "format": "csv", "filter": { "action": "settings.*" } }));
    assert_eq!(told["items"].as_array().unwrap().len(), 2);
    for wrong in ["?format=xml", "?limit=5", "?since=yesterday"] {
        export(wrong).check_problem(400, "invalid_request");
    }
    let organization = format!("/v1/organizations/{}/audit/export", host.identity().organization);
    assert_eq!(host.operator().get(&organization).status, 200);
}

#[test]
fn the_command_line_lists_and_exports() {
    let host = Host::dev();
    let workspace = host.identity().workspace.clone();
    let listed =
        host.cli(&["--output", "json", "audit", "list", "--workspace", &workspace, "--limit", "1"]).check_json(0);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let folder = temporary();
    let file = folder.path().join("audit.csv");
    let to = file.to_str().unwrap();
    let args = ["audit", "export", "--workspace", &workspace, "--as", "csv", "--to", to, "--action", "keys.*"];
    host.cli(&args).check(0, &[]);
    assert!(std::fs::read_to_string(&file).unwrap().contains(",keys.issue,"));
    host.cli(&args).check(1, &["audit.csv"]);
    host.cli(&["audit", "export"]).check(64, &["--workspace"]);
    host.cli(&["audit", "export", "--workspace", &workspace, "--since", "never"]).check(1, &["RFC 3339"]);
}
