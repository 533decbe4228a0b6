//! How policies fare: counted by whoever decides, told by every host, and policies in monitor mode watched without counting.

use harness::{Host, Question, Setup, is_left_to_tests_run, wait_until};
use serde_json::{Value, json};

use super::{delete_job, forbids_deleting, policy, publish};

fn status(host: &Host, name: &str) -> Value {
    host.operator().get(&policy(host, name, "/status")).check_json(200)
}

/// What all hosts counted of one thing.
fn sum(status: &Value, counter: &str) -> u64 {
    let hosts = status["hosts"].as_array().expect("hosts");
    hosts.iter().map(|host| host["tally"][counter].as_u64().expect("a count")).sum()
}

fn read_jobs(host: &Host) {
    host.decide(&Question::reads_jobs(&host.demo_key("production").secret)).check_allow();
}

fn watching() -> Value {
    json!({ "mode": "monitor", "engine": "cel", "source": "forbid(\"watched\", \"all of it\")" })
}

/// Publishes and asks, and checks what is told of it, once all hosts have told.
fn check_told(host: &Host) {
    publish(host, "no-deleting", &forbids_deleting("first"));
    publish(host, "watching", &watching());
    let erring = "context.cost > 3 ? forbid(\"costly\", \"too much\") : no_match()";
    let attributes = json!({ "context": { "cost": "int" } });
    publish(host, "erring", &json!({ "mode": "monitor", "engine": "cel", "source": erring, "attributes": attributes }));
    let from = host.log().len();
    (0..3).for_each(|_| read_jobs(host));
    for _ in 0..2 {
        delete_job(host).check_deny(&["first"]);
    }
    wait_until("all that was asked is told", || sum(&status(host, "erring"), "evaluations") == 5);
    for (name, denials, would_have_denied, errors) in
        [("no-deleting", 2, 0, 0), ("watching", 5, 3, 0), ("erring", 0, 3, 5)]
    {
        let status = status(host, name);
        let counted = ["evaluations", "denials", "would_have_denied", "errors"].map(|counter| sum(&status, counter));
        assert_eq!(counted, [5, denials, would_have_denied, errors], "{status}");
        assert_eq!((&status["name"], &status["published"]["revision"]), (&json!(name), &json!(1)), "{status}");
        let answers = &status["hosts"][0];
        assert_eq!((&answers["unavailable"], &answers["tally"]["cost_p50"]), (&json!(false), &Value::Null), "{status}");
    }
    assert!(host.log().wait_for("would have been denied", from), "{}", host.log().text());
}

#[test]
fn a_host_tells_what_came_of_a_policy() {
    let host = Host::dev();
    host.operator().get(&policy(&host, "no-deleting", "/status")).check_problem(404, "not_found");
    check_told(&host);

    // What stays in force goes on counting when something else changes; what is new begins anew.
    publish(&host, "no-deleting", &forbids_deleting("second"));
    read_jobs(&host);
    wait_until("it is told", || sum(&status(&host, "watching"), "evaluations") == 6);
    wait_until("it is told", || sum(&status(&host, "no-deleting"), "evaluations") == 1);
    let draft = host.operator().put(&policy(&host, "later", ""), &forbids_deleting("later"));
    draft.check_json(200);
    let told = status(&host, "later");
    assert_eq!((&told["published"], &told["hosts"][0]["revision"]), (&Value::Null, &Value::Null), "{told}");
}

#[test]
fn every_host_that_lives_tells() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis().start();
    wait_until("the hosts know of each other", || {
        publish(&host, "harmless", &json!({ "engine": "cel", "source": "no_match()" }));
        status(&host, "harmless")["hosts"].as_array().map(Vec::len) == Some(2)
    });
    check_told(&host);
    wait_until("both have what is in force", || {
        let told = status(&host, "watching");
        let hosts = told["hosts"].as_array().expect("hosts");
        hosts.iter().all(|host| host["revision"] == 1 && host["policy_revision"] == 4)
    });
    // Whoever is asked, the same is told: nobody asks a host about the others.
    for node in host.nodes() {
        let told = node.client(Some(&host.identity().operator_token)).get(&policy(&host, "no-deleting", "/status"));
        let told = told.check_json(200);
        let names: Vec<_> = told["hosts"].as_array().expect("hosts").iter().map(|host| host["host"].clone()).collect();
        assert!(names.len() == 2 && names[0] != names[1], "{told}");
        assert_eq!(sum(&told, "denials"), 2, "{told}");
    }
}
