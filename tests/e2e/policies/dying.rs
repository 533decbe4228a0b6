//! A host that dies in the middle of a publish leaves the old revision in force or the new one, whole, and a trail that
//! agrees.

use harness::{Fault, Request, Setup, stopwatch};
use serde_json::json;

use super::{delete_job, forbids_deleting, policy, publish};

/// Where it dies, and whether the new revision is in force then.
const POINTS: [(&str, bool); 4] =
    [("publish.examined", false), ("publish.loaded", false), ("publish.committed", true), ("publish.answering", true)];

#[test]
fn wherever_it_dies_one_revision_is_in_force() {
    for (point, is_new) in POINTS {
        let host = Setup::dev().start();
        publish(&host, "no-deleting", &forbids_deleting("old"));
        let stopped = host.terminate();
        let dying = stopped.setup.clone().args(["--die-at", point]).start();
        let request = Request::new("PUT", &policy(&dying, "no-deleting", "?publish=true"));
        let client = dying.manager().client(Some(&dying.identity().operator_token));
        assert!(client.try_send(&request.json(&forbids_deleting("new"))).is_err(), "{point}: it answered");
        drop(dying);

        let watch = stopwatch();
        let host = stopped.start();
        let recovered = watch();
        let (code, revision) = if is_new { ("new", 2) } else { ("old", 1) };
        let denied = delete_job(&host);
        denied.check_deny(&[code]);
        assert_eq!(denied.0["policy_revision"], revision, "{point}");
        let shown = host.operator().get(&policy(&host, "no-deleting", "")).check_json(200);
        assert_eq!(
            (&shown["published"]["revision"], &shown["latest"]["revision"]),
            (&json!(revision), &json!(revision))
        );
        let trail = host.operator().get(&host.workspace("/audit?action=policies.publish")).check_json(200);
        let published: Vec<_> =
            trail["items"].as_array().expect("items").iter().map(|record| record["after"]["digest"].clone()).collect();
        assert_eq!(published.len(), revision, "{point}: {trail}");
        assert_eq!(published[0], shown["published"]["digest"], "{point}");
        // It goes on as if nothing had been.
        publish(&host, "no-deleting", &forbids_deleting("new"));
        delete_job(&host).check_deny(&["new"]);
        let what = format!("Host killed at {point}");
        Fault { what: &what, saw: "a connection that breaks", recovered, found: revision }.note();
    }
}

#[test]
fn only_a_dev_host_dies_and_only_where_it_can() {
    let refused = Setup::dev().args(["--die-at", "nowhere"]).try_start().expect_err("it serves");
    refused.check_says(&["--die-at", "publish.committed"]);
    let refused =
        Setup::real().initialized().args(["--die-at", "publish.examined"]).try_start().expect_err("it serves");
    refused.check_says(&["--dev"]);
}
