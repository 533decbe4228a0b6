//! A workspace whose policies can't be loaded: what they would see is denied, managing goes on, and the workspace cures it
//! by itself.

use std::fs;

use harness::{Host, Setup};
use serde_json::json;

use super::{delete, delete_job, policy, publish};

/// In what is kept of the policy that will be damaged, and nowhere else.
const MARK: &str = "sound_and_whole";

/// A host whose second revision of `damaged` is in force, and is not what it was any more.
fn damaged() -> Host {
    let host = Setup::dev().on_embedded().start();
    publish(&host, "damaged", &json!({ "engine": "cel", "source": "no_match()" }));
    let source = format!("action.name == \"jobs.create\" ? forbid(\"{MARK}\", \"never\") : no_match()");
    publish(&host, "damaged", &json!({ "engine": "cel", "source": source }));
    delete_job(&host).check_allow();
    let stopped = host.terminate();
    let file = stopped.setup.data_dir().join("access.db");
    let mut bytes = fs::read(&file).unwrap();
    let places: Vec<_> = bytes
        .windows(MARK.len())
        .enumerate()
        .filter(|(_, found)| *found == MARK.as_bytes())
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "it is kept in `access.db`");
    places.into_iter().for_each(|at| bytes[at] = b'f');
    fs::write(&file, bytes).unwrap();
    stopped.start()
}

#[test]
fn what_cant_be_loaded_denies_and_a_rollback_cures_it() {
    let host = damaged();
    let denied = delete_job(&host);
    denied.check_deny(&["policy_unavailable"]);
    assert_eq!((&denied.0["status"], &denied.0["policy_revision"]), (&json!(503), &json!(2)), "{}", denied.0);
    assert!(host.log().wait_for("a workspace's policies can't be loaded", 0));

    // Managing goes on, by the workspace's own key.
    let own = host.client(Some(&host.issue("production", &["policies:read", "policies:write"]).secret));
    let status = own.get(&policy(&host, "damaged", "/status")).check_json(200);
    let told = &status["hosts"][0];
    assert_eq!((&told["unavailable"], &told["revision"]), (&json!(true), &json!(null)), "{status}");
    // What is new can't be in force beside what is not there.
    let more = json!({ "engine": "cel", "source": "no_match()" });
    own.put(&policy(&host, "another", "?publish=true"), &more).check_problem(409, "conflict");
    own.put(&policy(&host, "another", ""), &more).check_json(200);
    delete_job(&host).check_deny(&["policy_unavailable"]);

    own.post(&policy(&host, "damaged", "/rollback"), &json!({})).check_json(200);
    delete_job(&host).check_allow();
    let status = own.get(&policy(&host, "damaged", "/status")).check_json(200);
    let told = &status["hosts"][0];
    assert_eq!((&told["unavailable"], &told["revision"]), (&json!(false), &json!(1)), "{status}");
    // What was damaged does not come back.
    own.post(&policy(&host, "damaged", "/publish"), &json!({ "revision": 2 })).check_problem(409, "conflict");
    delete_job(&host).check_allow();
}

#[test]
fn deleting_and_publishing_something_else_cure_it_as_well() {
    for cure in ["delete", "publish"] {
        let host = damaged();
        delete_job(&host).check_deny(&["policy_unavailable"]);
        let own = host.client(Some(&host.issue("production", &["policies:write"]).secret));
        match cure {
            "delete" => super::check_gone(&own.send(&delete(&policy(&host, "damaged", "")))),
            _ => {
                own.put(&policy(&host, "damaged", "?publish=true"), &json!({ "engine": "cel", "source": "permit()" }))
                    .check_json(200);
            }
        }
        delete_job(&host).check_allow();
    }
}
