//! A workspace's own policies come back with everything else: in force as they were, and with all that can be rolled back to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Answer, Host, Question, Ran, Setup, Stopped};
use serde_json::{Value, json};

use super::{backup, lose, restore};
use crate::wat;

fn publish(host: &Host, name: &str, upload: &Value) {
    host.operator().put(&host.workspace(&format!("/policies/{name}?publish=true")), upload).check_json(200);
}

/// Every question of interest, with what is to be decided.
fn asked(host: &Host) -> Vec<(Question, Vec<&'static str>)> {
    let key = host.demo_key("production").secret;
    let to = |what: &str| Question::of(&key).to(what).within("production");
    vec![
        (to("DELETE /v1/jobs/42"), vec!["deleting_is_off", "shut"]),
        (to("POST /v1/jobs"), vec!["shut"]),
        (
            Question::of(&host.demo_key("staging").secret).to("POST /v1/jobs").within("production"),
            vec!["environment_not_allowed", "shut"],
        ),
    ]
}

#[track_caller]
fn check(host: &Host) -> Vec<(Value, Value)> {
    let told = asked(host).into_iter().map(|(question, codes)| {
        let Answer(told) = host.decide(&question);
        Answer(told.clone()).check_deny(&codes);
        (told["set_digest"].clone(), told["policy_revision"].clone())
    });
    told.collect()
}

#[test]
fn a_workspaces_policies_decide_as_before() {
    let host = Setup::dev().on_embedded().start();
    let cel = |code: &str| {
        json!({
            "engine": "cel",
            "source": format!("action.name == \"jobs.delete\" ? forbid(\"{code}\", \"not here\") : no_match()"),
            "cases": [{ "name": "quiet", "expect": { "effect": "no_match" } }],
        })
    };
    publish(&host, "no-deleting", &cel("before"));
    publish(&host, "no-deleting", &cel("deleting_is_off"));
    let shut = wat::bytes(&wat::module(&wat::verdict(1), ""));
    publish(&host, "closing", &json!({ "engine": "wasm", "module_base64": STANDARD.encode(shut) }));
    publish(
        &host,
        "watching",
        &json!({ "engine": "cel", "mode": "monitor", "source": "forbid(\"watched\", \"all\")" }),
    );
    let revisions = |host: &Host| {
        let of = |number: u32| host.workspace(&format!("/policies/no-deleting/revisions/{number}"));
        [1, 2].map(|number| host.operator().get(&of(number)).check_json(200))
    };
    let (before, kept) = (check(&host), revisions(&host));
    let to = host.setup().folder().join("backup");
    Ran::of(&mut backup(host.setup(), &to)).check(0, &[]);
    // What comes after is not in it.
    publish(&host, "no-deleting", &json!({ "engine": "cel", "source": "no_match()" }));
    let Stopped { setup, .. } = host.kill_9();

    // What modules were compiled to is lost as well, and made anew.
    let root_key = lose(&setup);
    Ran::of(restore(&setup, &to).arg("--root-key").arg(root_key)).check(0, &[]);
    let host = setup.start();
    assert_eq!((check(&host), revisions(&host)), (before, kept));
    let back = host.operator().post(&host.workspace("/policies/no-deleting/rollback"), &json!({})).check_json(200);
    assert_eq!(back["published"]["revision"], 1, "{back}");
    host.decide(&asked(&host)[0].0).check_deny(&["before", "shut"]);
}
