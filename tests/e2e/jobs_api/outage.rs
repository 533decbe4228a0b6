//! Without a decision nobody gets in, and afterwards everybody does again.

use harness::{JobsApi, Request, Setup, is_left_to_tests_run, wait_until};
use rustix::process::Signal;

use super::rig::{Doors, layered};

#[test]
fn a_store_that_is_down_is_503_and_comes_back() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let Some((host, doors)) = Doors::start(Setup::dev().on_redis()) else { return };
    let (secret, get) = (host.demo_key("production").secret, Request::new("GET", "/v1/jobs"));
    assert_eq!(doors.ask(Some(&secret), &get).map(|told| told.status), [200, 200]);
    host.setup().redis().kill_9();
    for client in [doors.nginx.client(Some(&secret)), doors.layered.client(Some(&secret))] {
        // What is known stays good for a moment. Who is told that the store is out of reach is whoever asks first: the
        // customer, or the door, which then has no decision to pass on and says so in its own words.
        let mut told = client.send(&get);
        wait_until("nothing can be decided", || {
            told = client.send(&get);
            assert!(matches!(told.status, 200 | 503), "{told:?}");
            told.status == 503
        });
        let code = super::rig::denied(&told).unwrap();
        assert!(["store_unavailable", "access_unavailable", ""].contains(&&*code), "{told:?}");
        assert!(told.header("retry-after").is_some(), "{told:?}");
    }
    host.setup().redis().restart();
    for client in [doors.nginx.client(Some(&secret)), doors.layered.client(Some(&secret))] {
        wait_until("decisions are made again", || client.send(&get).status == 200);
    }
}

#[test]
fn a_host_that_is_paused_is_503_and_comes_back_and_one_that_is_gone_stays_so() {
    let host = Setup::dev().start();
    let (secret, get) = (host.demo_key("production").secret, Request::new("GET", "/v1/jobs"));
    // Reusing allows makes nothing of it any longer than a second.
    for args in [[].as_slice(), &["--reuse-allows-ms", "1000"]] {
        let api = layered(&host, "production", args);
        let client = api.client(Some(&secret));
        assert_eq!(client.send(&get).status, 200);
        host.decider().pause();
        wait_until("nothing can be decided", || client.send(&get).status == 503);
        let told = client.send(&get);
        told.check_problem(503, "access_unavailable");
        assert_eq!(told.header("retry-after"), Some("1"));
        assert!(api.log().wait_for("the host took too long", 0), "{}", api.log().text());
        host.signal(Signal::CONT);
        wait_until("decisions are made again", || client.send(&get).status == 200);
    }
    let api = layered(&host, "production", &[]);
    let client = api.client(Some(&secret));
    assert_eq!(client.send(&get).status, 200);
    drop(host);
    for _ in 0..5 {
        client.send(&get).check_problem(503, "access_unavailable");
    }
}

#[test]
fn a_service_that_may_not_ask_lets_nobody_in() {
    let host = Setup::dev().start();
    let secret = host.demo_key("production").secret;
    for token in ["cf_gw_nobody", secret.as_str()] {
        let api = JobsApi::that_asks(host.address(), token, "production", &[]);
        api.client(Some(&secret)).get("/v1/jobs").check_problem(503, "access_unavailable");
        assert!(api.log().wait_for("in place of a decision", 0));
        assert!(!api.log().text().contains(&secret), "{}", api.log().text());
    }
}
