//! Redis goes away: clients see the outage rule and nothing else, and when it comes back, so does the service, with
//! everything that was acknowledged.

pub(crate) mod load;

use harness::{Came, Host, Node, Question, Setup, ask_on, is_left_to_tests_run, stopwatch, wait_until};
use serde_json::json;

use self::load::{check_books, check_outage, note, under_load};

/// Checks that a host can't decide, says so, and says nothing else.
#[track_caller]
fn check_is_out(host: &Host, node: &Node, secret: &str) {
    wait_until("it says that it is not ready", || node.health().status == 503);
    let client = node.client(Some(&host.identity().gateway_token));
    let asked =
        ask_on(&client, &Question::reads_jobs(secret).request(), &stopwatch(), |asked| asked.came.is_unavailable());
    assert!(asked.iter().all(|asked| asked.came == Came::Allow || asked.came.is_unavailable()), "{asked:?}");
    let operator = node.client(Some(&host.identity().operator_token));
    for response in [
        operator.get(&host.workspace("/keys")),
        operator.post(&host.workspace("/keys"), &json!({ "kind": "production", "name": "e2e" })),
        operator.put(&host.workspace("/network"), &json!({ "ip_allow": null })),
    ] {
        response.check_problem(503, "store_unavailable");
        assert!(response.header("retry-after").is_some(), "{response:?}");
    }
}

#[test]
fn killed_under_load_and_started_again() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis().start();
    let redis = host.setup().redis();
    let told = under_load(&host, || redis.kill_9(), || redis.restart());
    check_outage(&told);
    note("Redis killed", &told, check_books(&host, &told));
}

#[test]
fn killed_under_load_again_and_again() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::real().on_redis().initialized().start();
    let redis = host.setup().redis();
    for _ in 0..3 {
        let told = under_load(&host, || redis.kill_9(), || redis.restart());
        check_outage(&told);
        check_books(&host, &told);
    }
}

#[test]
fn paused_under_load_and_going_on() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis().start();
    let redis = host.setup().redis();
    let told = under_load(&host, || redis.pause(), || redis.resume());
    check_outage(&told);
    note("Redis paused (SIGSTOP)", &told, check_books(&host, &told));
}

#[test]
fn a_host_that_was_away_longer_than_its_redis() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis().start();
    let key = host.issue("production", &["jobs:read"]);
    host.setup().redis().kill_9();
    let stopped = host.kill_9();
    stopped.setup.redis().restart();
    let host = stopped.start();
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
}

#[test]
fn no_host_starts_without_its_redis() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let setup = Setup::real().on_redis().initialized();
    let redis = setup.redis().clone();
    redis.kill_9();
    setup
        .try_start_node(1)
        .expect_err("nobody answers")
        .check_says(&["can't use Redis at ", "check that it runs there"]);
    redis.restart();
    setup.start();
}

/// All that was stored is gone, and nothing may be made of that: neither that a key is nobody's nor that it is somebody's.
#[test]
fn emptied_under_the_hosts() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    for empty in [(|redis| drop(redis.command(&["FLUSHALL"]))) as fn(&harness::Redis), |redis| {
        redis.kill_9();
        redis.restart_empty();
    }] {
        let host = Setup::dev().on_redis().start();
        let [asked_before, never_asked] = std::array::from_fn(|_| host.issue("production", &["jobs:read"]));
        host.decide(&Question::reads_jobs(&asked_before.secret)).check_allow();
        empty(host.setup().redis());
        for node in host.nodes() {
            // The one may go on for the bound, by what the host knows. Of the other it knows nothing.
            let client = node.client(Some(&host.identity().gateway_token));
            let came = Came::of(client.try_send(&Question::reads_jobs(&never_asked.secret).request()));
            assert!(came.is_unavailable(), "{came:?}");
            check_is_out(&host, node, &asked_before.secret);
            check_is_out(&host, node, &never_asked.secret);
            let nobody = harness::secret::of_nobody(&never_asked.secret, 1);
            check_is_out(&host, node, &nobody);
        }
        // And they stay out: nothing that they do makes it look begun again.
        let watch = stopwatch();
        let client = host.decider().client(Some(&host.identity().gateway_token));
        let asked = ask_on(&client, &Question::reads_jobs(&asked_before.secret).request(), &watch, |asked| {
            asked.sent > 3 * load::BOUND
        });
        assert!(asked.iter().all(|asked| asked.came.is_unavailable()), "{asked:?}");
    }
}
