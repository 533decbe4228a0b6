//! A release and the one before it: hosts of both serve beside each other from one Redis, and what one has written the other
//! decides by.
//!
//! `tests/rolling` builds the release before from the history and names it here. Without it both are the same binary: what is shown
//! then is that hosts are started again one after the other, and these tests say so.

mod load;

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::process::product;
use harness::redis::free_port;
use harness::{
    Answer, Balancer, Client, Fault, Host, Key, Node, Question, Ran, Setup, Stopped, is_left_to_tests_run, wait_until,
};
use rustix::process::Signal;
use serde_json::{Value, json};

use self::load::{Books, Load, Parties};
use crate::moving::{self, Seen};

/// Names the binary of the release before.
const PREVIOUS: &str = "CRONFLOW_PREVIOUS_BIN";
/// Keys that were replaced, of which each host is asked about so many: fewer than it takes for somebody to be guessing.
const REPLACED: usize = 100;

#[expect(
    clippy::disallowed_methods,
    reason = "where the release before is, is asked of the tester's environment, here alone"
)]
fn previous() -> Option<PathBuf> {
    std::env::var_os(PREVIOUS).map(PathBuf::from)
}

/// Says which releases were tested, past the test harness, which would keep it to itself.
fn tell(what: &str, previous: Option<&Path>) {
    let told = match previous {
        Some(binary) => format!("rolling: {what}; the release before is {}\n", binary.display()),
        None => format!("rolling: {what}; both releases are the same binary, `tests/rolling` takes two\n"),
    };
    std::io::stderr().write_all(told.as_bytes()).expect("it can be said");
}

#[test]
fn three_hosts_behind_nginx_are_started_again_one_after_the_other_under_load() {
    if is_left_to_tests_run("redis-server") || is_left_to_tests_run("nginx") {
        return;
    }
    let previous = previous();
    // On a machine that is busy with other tests, hosts may not come to proving within a second what they have heard.
    let old = Setup::real().on_redis().args(["--freshness-ms", "5000"]).run_by(previous.as_deref()).initialized();
    let new = old.clone().run_by(None);
    let mut nodes = [1, 2, 3].map(|number| start_somewhere(&old, number));
    let parties = parties(&old, &nodes[0]);
    let nginx = Balancer::start([0, 1, 2].map(|place: usize| nodes[place].address()));
    let load = Load::new(&nginx, &parties);
    let books = load.under(|| {
        check_all_serve(&nodes, &load);
        // The new release takes over from host to host, one of them goes back, and over again.
        for (place, release) in [(0, &new), (1, &new), (2, &new), (0, &old), (0, &new)] {
            nginx.take_out(place);
            stop(&mut nodes[place]);
            start_again(&mut nodes, place, release);
            nginx.put_back();
            check_all_serve(&nodes, &load);
        }
        // One that nobody has taken out: whoever asks is answered by another.
        load.while_nobody_changes(|| {
            stop(&mut nodes[1]);
            load.wait_for_questions();
            start_again(&mut nodes, 1, &new);
            load.wait_for_questions();
        });
        check_all_serve(&nodes, &load);
    });
    let sent = load.check_nothing_failed();
    check_books(&nodes, &parties, &books);
    check_store(&new, &nodes[0]);
    let found = books.living.len() + books.replaced.len();
    let saw = format!("nothing: none of {sent} requests failed");
    let what = "Three hosts behind nginx started again, one after the other";
    Fault { what, saw: &saw, recovered: Duration::ZERO, found }.note();
    tell(&format!("none of {sent} requests through nginx failed"), previous.as_deref());
}

/// Starts a host on a port that the system gives to nobody else while the host is away.
#[track_caller]
fn start_somewhere(setup: &Setup, number: usize) -> Node {
    let started = (0..20).find_map(|_| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        match setup.try_start_node_at(number, address) {
            Ok(node) => Some(node),
            Err(refused) => {
                // Somebody else has it by now; the next one then.
                assert!(refused.stderr.contains("can't listen on"), "{}", refused.stderr);
                None
            }
        }
    });
    started.expect("a port is free")
}

/// Stops a host as an init system does.
#[track_caller]
fn stop(node: &mut Node) {
    node.signal(Signal::TERM);
    let status = node.wait();
    let said = node.log().text();
    assert!(status.success() && !said.contains("cut off"), "{said}");
}

/// Starts a host that was stopped, at its address.
#[track_caller]
fn start_again(nodes: &mut [Node], place: usize, release: &Setup) {
    let started = release.try_start_node_at(place + 1, nodes[place].address());
    nodes[place] = started.unwrap_or_else(|refused| panic!("the host does not start again: {refused:?}"));
    let health = nodes[place].health();
    assert_eq!(health.check_json(200)["status"], "ready", "{health:?}");
}

/// A gateway and a client of the organization.
#[track_caller]
fn parties(setup: &Setup, node: &Node) -> Parties {
    let identity = setup.identity();
    let operator = node.client(Some(&identity.operator_token));
    let gateway = json!({ "name": "e2e", "organizations": [identity.organization], "environments": ["*"] });
    let gateway = operator.post("/v1/gateways", &gateway).check_json(201);
    let client = json!({ "name": "e2e", "scopes": ["jobs:read"], "workspaces": [identity.workspace] });
    let path = format!("/v1/organizations/{}/clients", identity.organization);
    let client = operator.post(&path, &client).check_json(201);
    let text = |of: &Value, name: &str| of[name].as_str().expect("a text").to_owned();
    let (id, secret) = (text(&client, "client_id"), text(&client, "client_secret"));
    Parties {
        workspace: format!("/v1/workspaces/{}", identity.workspace),
        operator: identity.operator_token.clone(),
        gateway: text(&gateway, "secret"),
        client: format!("client_id={id}&client_secret={secret}"),
    }
}

/// Waits until everything was done again, and until each host has had its share of it.
#[track_caller]
fn check_all_serve(nodes: &[Node], load: &Load<'_>) {
    let before: Vec<u64> = nodes.iter().map(allowed).collect();
    load.wait_for_a_round();
    wait_until("each host is asked", || {
        let have_all = nodes.iter().zip(&before).all(|(node, before)| allowed(node) > *before);
        if !have_all {
            // nginx leaves alone for some seconds what was away.
            load.wait_for_questions();
        }
        have_all
    });
}

/// Questions that a host has allowed since it was started.
#[track_caller]
fn allowed(node: &Node) -> u64 {
    let scraped = Client::new(node.metrics(), None).get("/metrics").body;
    let name = r#"access_decisions_total{decision="allow",code=""} "#;
    let value = scraped.lines().find_map(|line| line.strip_prefix(name));
    value.map_or(0, |value| value.parse().expect("a number"))
}

/// Checks that all hosts decide by everything that was acknowledged, whichever host did so.
#[track_caller]
fn check_books(nodes: &[Node], parties: &Parties, books: &Books) {
    let ask = |node: &Node, key: &Key| node.decide(&parties.gateway, &Question::reads_jobs(&key.secret));
    let in_force = |node: &Node| {
        let Answer(answer) = ask(node, &books.living[0]);
        [answer["policy_revision"].clone(), answer["set_digest"].clone()]
    };
    wait_until("all hosts decide by the same policies", || {
        nodes.windows(2).all(|pair| in_force(&pair[0]) == in_force(&pair[1]))
    });
    for node in nodes {
        for key in &books.living {
            ask(node, key).check_allow();
        }
        for key in books.replaced.iter().take(REPLACED) {
            // What was done a moment ago through another host holds within the bound.
            wait_until("a key that was replaced is dead", || !ask(node, key).is_allow());
            ask(node, key).check_unauthenticated();
        }
    }
}

/// Checks that all that hosts of both releases wrote is whole, and sealed as one chain each.
#[track_caller]
fn check_store(setup: &Setup, node: &Node) {
    let url = format!("http://{}", node.address());
    let redis = setup.redis_url().expect("it is on Redis");
    let mut doctor = product();
    doctor.args(["doctor", "--only", "store,root_key,audit", "--url", &url, "--redis", &redis, "--data-dir"]);
    Ran::of(doctor.arg(setup.data_dir())).check(0, &["whole and unchanged, sealed by this installation's keys"]);
}

#[test]
fn what_one_release_wrote_another_decides_by_as_before_in_either_direction() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let previous = previous();
    let host = Setup::dev().on_embedded().run_by(previous.as_deref()).start();
    let (questions, tokens) = moving::furnished(&host);
    let seen = Seen::by(&host, questions, &tokens);
    let Stopped { setup: old, .. } = host.terminate();

    let host = old.clone().run_by(None).start();
    check_decides(&host, &seen);
    for ((path, before), (_, now)) in seen.lists.iter().zip(moving::lists(&host)) {
        assert!(is_told_still(before, &now), "{path}: {before} was told, and now {now}");
    }
    let issued = Question::reads_jobs(&host.issue("production", &["jobs:read"]).secret);
    drop(host.terminate());

    let host = old.clone().start();
    check_decides(&host, &seen);
    host.decide(&issued).check_allow();
    drop(host.terminate());

    // From the file that both have written, into Redis.
    let new = old.run_by(None);
    let file = new.folder().join("access.jsonl");
    Ran::of(&mut moving::export(&new, &file)).check(0, &[]);
    let new = new.on_redis();
    Ran::of(&mut moving::import(&new, &file)).check(0, &[]);
    let host = new.start();
    check_decides(&host, &seen);
    host.decide(&issued).check_allow();
    tell("an embedded store of one release is another's", previous.as_deref());
}

/// Checks that everything is decided as it was, but for what stands in no contract: the words of reasons, and the digest of what
/// decides, since a release may bring policies.
#[track_caller]
fn check_decides(host: &Host, seen: &Seen) {
    let stays = |mut decision: Value| {
        decision["set_digest"] = Value::Null;
        for reason in decision["reasons"].as_array_mut().into_iter().flatten() {
            reason["message"] = Value::Null;
        }
        decision
    };
    for (question, before) in &seen.decisions {
        let (before, now) = (stays(before.clone()), stays(moving::decided(host, question)));
        assert!(is_told_still(&before, &now), "{}: {before} was decided, and now {now}", question.body());
    }
    for (token, before) in &seen.tokens {
        let now = moving::introspected(host, token);
        assert!(is_told_still(before, &now), "{before} was told, and now {now}");
    }
}

/// Whether all that was told is told as it was. A newer release may tell more.
fn is_told_still(before: &Value, now: &Value) -> bool {
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => {
            before.iter().all(|(name, before)| now.get(name).is_some_and(|now| is_told_still(before, now)))
        }
        (Value::Array(before), Value::Array(now)) => {
            before.len() == now.len() && before.iter().zip(now).all(|(before, now)| is_told_still(before, now))
        }
        _ => before == now,
    }
}
