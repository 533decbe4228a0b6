//! What an auditor asks first.

use harness::{Host, Question};
use serde_json::{Value, json};

const DAY: u64 = 86_400;

#[test]
fn an_auditor_is_told_what_to_look_at() {
    let host = Host::dev();
    let organization = host.identity().organization.clone();
    let report = |query: &str| {
        host.operator().get(&format!("/v1/organizations/{organization}/audit/report{query}")).check_json(200)
    };
    let fresh = report("");
    assert_eq!(
        (&fresh["members"], &fresh["rotation_overdue"]["count"], &fresh["inactive"]["count"]),
        (&json!(1), &json!(0), &json!(0))
    );
    assert_eq!(fresh["admins_without_factor"]["count"], 0, "the owner has one: {fresh}");
    let used = host.demo_key("read_only");
    host.operator()
        .put(&format!("/v1/organizations/{organization}/roles/nightly"), &json!({ "actions": ["keys.list"] }))
        .check_json(200);
    host.advance(15 * DAY);
    host.decide(&Question::reads_jobs(&used.secret)).check_allow();
    harness::wait_until("its use is told of", || host.show(&used)["last_used_at"].is_string());
    let names =
        |list: &Value| list["items"].as_array().unwrap().iter().map(|key| key["id"].clone()).collect::<Vec<_>>();
    let later = report("");
    let inactive = names(&later["inactive"]);
    assert!(
        !inactive.contains(&json!(used.id)) && inactive.contains(&json!(host.demo_key("production").id)),
        "{later}"
    );
    let changes = &later["permission_changes"]["items"];
    assert!(changes.as_array().unwrap().iter().any(|change| change["action"] == "roles.put"), "{changes}");
    host.advance(76 * DAY);
    let overdue = report("");
    assert_eq!(names(&overdue["rotation_overdue"]), [json!(host.demo_key("production").id)], "{overdue}");
    assert_eq!(report("?since=2100-01-01T00:00:00Z")["permission_changes"], json!({ "count": 0, "items": [] }));
    host.operator()
        .get(&format!("/v1/organizations/{organization}/audit/report?since=never"))
        .check_problem(400, "invalid_request");
    let told = host.cli(&["--output", "json", "audit", "report", "--organization", &organization]).check_json(0);
    assert_eq!(told["organization"], json!(organization));
    host.cli(&["audit", "report", "--organization", &organization, "--since", "never"]).check(1, &["RFC 3339"]);
}
