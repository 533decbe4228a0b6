//! What a workspace does to itself, it can undo by itself: managing is judged by the platform alone.

use harness::{Host, Question};
use serde_json::json;

use super::{delete, delete_job, policy, publish};
use crate::wat;

#[test]
fn a_policy_that_forbids_everything_is_rolled_back_by_the_workspaces_own_key() {
    let host = Host::dev();
    let own = host.issue("production", &["policies:write", "policies:read", "jobs:write"]).secret;
    let own = host.client(Some(&own));
    publish(&host, "harmless", &json!({ "engine": "cel", "source": "no_match()" }));
    let everything = json!({ "engine": "cel", "source": "forbid(\"never\", \"nothing is allowed\")" });
    own.put(&policy(&host, "everything", "?publish=true"), &everything).check_json(200);
    delete_job(&host).check_deny(&["never"]);
    own.get(&policy(&host, "everything", "")).check_json(200);
    own.post(&policy(&host, "everything", "/rollback"), &json!({})).check_json(200);
    delete_job(&host).check_allow();
    // Deleting cures as well.
    own.post(&policy(&host, "everything", "/publish"), &json!({ "revision": 1 })).check_json(200);
    delete_job(&host).check_deny(&["never"]);
    super::check_gone(&own.send(&delete(&policy(&host, "everything", ""))));
    delete_job(&host).check_allow();
}

#[test]
fn a_policy_that_errs_denies_and_is_rolled_back() {
    let host = Host::dev();
    let own = host.client(Some(&host.issue("production", &["policies:write"]).secret));
    // Absent in the question, so that reading it is an error.
    let upload = json!({
        "engine": "cel",
        "source": "context.cost > 3 ? forbid(\"costly\", \"too much\") : no_match()",
        "attributes": { "context": { "cost": "int" } },
    });
    own.put(&policy(&host, "cost", "?publish=true"), &upload).check_json(200);
    delete_job(&host).check_deny(&["policy_error"]);
    own.post(&policy(&host, "cost", "/rollback"), &json!({})).check_json(200);
    delete_job(&host).check_allow();
}

#[test]
fn a_module_that_loops_or_traps_is_rolled_back_by_the_workspaces_own_key() {
    let host = Host::dev();
    let own = host.client(Some(&host.issue("production", &["policies:write"]).secret));
    publish(&host, "module", &super::wasm(&wat::module(&wat::verdict(2), "")));
    delete_job(&host).check_allow();
    for then in ["(loop (br 0))", "unreachable"] {
        // So that the gate finds nothing: its facts are about something else.
        let module = super::wasm(&wat::module(&wat::where_said(*b"dele", then), ""));
        own.put(&policy(&host, "module", "?publish=true"), &module).check_json(200);
        delete_job(&host).check_deny(&["policy_error"]);
        host.decide(&Question::reads_jobs(&host.demo_key("production").secret)).check_allow();
        own.post(&policy(&host, "module", "/rollback"), &json!({})).check_json(200);
        delete_job(&host).check_allow();
    }
}

#[test]
fn a_permit_of_its_own_gives_nobody_anything() {
    let host = Host::dev();
    publish(&host, "generous", &json!({ "engine": "cel", "source": "permit()" }));
    let key = host.issue("production", &["jobs:read"]);
    let asked = Question::of(&key.secret).to("DELETE /v1/jobs/42").within("production");
    host.decide(&asked).check_deny(&["missing_scope"]);
}
