//! Two hosts on one Redis: what is done through one holds at the other, and a stated time is never exceeded by which it
//! holds there, even when the other is not told.

mod bound;
mod limits;

use harness::{Came, Client, Host, Key, Node, Question, Setup, ask_on, in_parallel, is_left_to_tests_run, stopwatch};
use serde_json::{Value, json};

/// Two processes, told apart by what is done through them.
struct Pair {
    host: Host,
}

/// One of two hosts, and the other.
#[derive(Clone, Copy)]
struct Way<'a> {
    pair: &'a Pair,
    here: &'a Node,
    there: &'a Node,
}

impl Pair {
    fn dev() -> Self {
        Self { host: Setup::dev().on_redis().start() }
    }

    /// Both ways of doing something through one host and asking the other.
    fn both_ways(&self) -> [Way<'_>; 2] {
        let [first, second] = self.host.nodes() else { panic!("two processes on Redis") };
        [Way { pair: self, here: first, there: second }, Way { pair: self, here: second, there: first }]
    }
}

impl Way<'_> {
    fn operator(&self) -> Client {
        self.here.client(Some(&self.pair.host.identity().operator_token))
    }

    fn issue(&self) -> Key {
        let body = json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read"] });
        Key::of(self.operator().post(&self.pair.host.workspace("/keys"), &body).check_json(201))
    }

    /// Does something to a key through the one host, and waits until the other knows.
    #[track_caller]
    fn change(&self, key: &Key, change: &str, body: &Value) -> Value {
        let changed = self.operator().post(&self.pair.host.key(key, &format!("/{change}")), body);
        self.pair.host.wait_until_all_know();
        changed.check_json(if change == "rotate" { 201 } else { 200 })
    }

    #[track_caller]
    fn check_lives(&self, key: &Key) {
        for node in [self.there, self.here] {
            self.ask(node, key).check_allow();
        }
    }

    #[track_caller]
    fn check_dead(&self, key: &Key) {
        for node in [self.there, self.here] {
            self.ask(node, key).check_unauthenticated();
        }
    }

    #[track_caller]
    fn ask(&self, node: &Node, key: &Key) -> harness::Answer {
        let asked = Question::reads_jobs(&key.secret).from("198.51.100.7");
        node.decide(&self.pair.host.identity().gateway_token, &asked)
    }
}

#[test]
fn what_is_done_through_one_holds_at_the_other() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let pair = Pair::dev();
    let nothing = json!({});
    for way in pair.both_ways() {
        // A key is known everywhere when it has been issued: nobody has asked for it before.
        let [revoked, disabled, replaced, rotated] = std::array::from_fn(|_| way.issue());
        for key in [&revoked, &disabled, &replaced, &rotated] {
            way.check_lives(key);
        }
        way.change(&revoked, "revoke", &nothing);
        way.check_dead(&revoked);
        way.change(&disabled, "disable", &nothing);
        way.check_dead(&disabled);
        way.change(&disabled, "enable", &nothing);
        way.check_lives(&disabled);
        let successor = Key::of(way.change(&replaced, "rotate", &nothing));
        way.check_dead(&replaced);
        way.check_lives(&successor);
        let successor = Key::of(way.change(&rotated, "rotate", &json!({ "overlap_seconds": 3_600 })));
        way.check_lives(&rotated);
        way.check_lives(&successor);

        let organization = format!("/v1/organizations/{}", pair.host.identity().organization);
        for parent in [pair.host.workspace(""), organization] {
            for (change, lives) in [("suspend", false), ("resume", true)] {
                way.operator().post(&format!("{parent}/{change}"), &nothing).check_json(200);
                pair.host.wait_until_all_know();
                if lives { way.check_lives(&successor) } else { way.check_dead(&successor) }
            }
        }

        let network = pair.host.workspace("/network");
        for (ip_allow, is_inside) in
            [(json!(["203.0.113.0/24"]), false), (json!(["198.51.100.0/24"]), true), (Value::Null, true)]
        {
            way.operator().put(&network, &json!({ "ip_allow": ip_allow })).check_json(200);
            pair.host.wait_until_all_know();
            for node in [way.there, way.here] {
                let answer = way.ask(node, &successor);
                if is_inside {
                    answer.check_allow()
                } else {
                    answer.check_deny(&["ip_not_allowed"])
                };
            }
        }

        let organizations = [&pair.host.identity().organization];
        let body = json!({ "name": "e2e", "organizations": organizations, "environments": ["*"] });
        let gateway = way.operator().post("/v1/gateways", &body).check_json(201);
        let asker = way.there.client(gateway["secret"].as_str());
        let asked = Question::reads_jobs(&successor.secret);
        asked.ask(&asker).check_allow();
        let revoke = format!("/v1/gateways/{}/revoke", gateway["id"].as_str().unwrap());
        way.operator().post(&revoke, &nothing).check_json(200);
        pair.host.wait_until_all_know();
        asker.send(&asked.request()).check_problem(401, "unauthenticated");
    }
}

#[test]
fn who_waits_for_the_fleet_need_not_wait_afterwards() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let pair = Pair::dev();
    // Each has told of itself within a second, and whoever waits looks.
    let path = pair.host.key(&pair.both_ways()[0].issue(), "/disable?wait=fleet");
    for node in pair.host.nodes() {
        harness::wait_until("each host knows of the other", || {
            let operator = node.client(Some(&pair.host.identity().operator_token));
            operator.post(&path, &json!({})).check_json(200)["applied"]["hosts"] == 2
        });
    }
    for way in pair.both_ways() {
        for _ in 0..20 {
            let key = way.issue();
            way.check_lives(&key);
            let revoked = way.operator().post(&pair.host.key(&key, "/revoke?wait=fleet"), &json!({})).check_json(200);
            assert_eq!(revoked["state"], "revoked");
            let applied = &revoked["applied"];
            assert_eq!((&applied["hosts"], &applied["missing"]), (&json!(2), &json!([])), "{revoked}");
            assert!(applied["lag_milliseconds"].as_u64().is_some_and(|lag| lag < 2_000), "{revoked}");
            way.check_dead(&key);
        }
    }
    // One that can't say so is told as missing, and nobody waits for it longer than was said.
    let [way, _] = pair.both_ways();
    let key = way.issue();
    way.there.pause();
    let watch = stopwatch();
    let revoked = way.operator().post(&pair.host.key(&key, "/revoke?wait=fleet"), &json!({})).check_json(200);
    assert!(watch().as_secs() < 10, "{:?}", watch());
    assert_eq!(revoked["applied"]["missing"].as_array().map(Vec::len), Some(1), "{revoked}");
    way.there.signal(rustix::process::Signal::CONT);
    let slip = way.operator().post(&pair.host.key(&key, "/revoke?wait=flet"), &json!({}));
    slip.check_problem_says(400, "invalid_request", "`wait`");
    let again = way.operator().post(&pair.host.key(&key, "/revoke"), &json!({})).check_json(200);
    assert!(again.get("applied").is_none(), "nobody was waited for: {again}");
}

#[test]
fn an_id_that_was_unknown_at_one_is_known_once_the_other_has_issued_it() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let pair = Pair::dev();
    for way in pair.both_ways() {
        let key = way.issue();
        let nobody = harness::secret::of_nobody(&key.secret, 1);
        let client = way.there.client(Some(&pair.host.identity().gateway_token));
        Question::reads_jobs(&nobody).ask(&client).check_unauthenticated();
        way.check_lives(&key);
        let read = |node: &Node, what: &str| {
            let operator = node.client(Some(&pair.host.identity().operator_token));
            operator.get(&pair.host.workspace(what)).check_json(200)
        };
        // The books are one.
        for what in ["/keys?limit=200", "/audit?limit=200", "/network", &format!("/keys/{}", key.id)] {
            assert_eq!(read(way.here, what), read(way.there, what), "{what}");
        }
    }
}

#[test]
fn of_a_hundred_rotations_through_both_one_succeeds() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let pair = Pair::dev();
    let key = pair.both_ways()[0].issue();
    let answers = in_parallel(100, |number| {
        let way = pair.both_ways()[number % 2];
        way.operator().post(&pair.host.key(&key, "/rotate"), &json!({ "overlap_seconds": 60 }))
    });
    let (rotated, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(rotated.len(), 1);
    for refused in refused {
        refused.check_problem(409, "conflict");
    }
}

#[test]
fn a_host_joins_while_another_serves() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    for setup in [Setup::dev().on_redis(), Setup::real().on_redis().initialized()] {
        let host = setup.start();
        let key = host.issue("production", &["jobs:read"]);
        let revoked = host.issue("production", &["jobs:read"]);
        host.change(&revoked, "revoke");
        let gateway_token = &host.identity().gateway_token;
        // While the others are asked without a pause.
        let watch = stopwatch();
        let third = in_parallel(3, |number| {
            if number == 0 {
                return Some(host.setup().try_start_node(3).expect("a third serves beside them"));
            }
            let client = host.nodes()[number - 1].client(Some(gateway_token));
            let mut left = 500;
            let asked = ask_on(&client, &Question::reads_jobs(&key.secret).request(), &watch, |_| {
                left -= 1;
                left == 0
            });
            assert!(asked.iter().all(|asked| asked.came == Came::Allow), "{asked:?}");
            None
        });
        let third = third.into_iter().flatten().next().unwrap();
        third.health().check_json(200);
        third.decide(gateway_token, &Question::reads_jobs(&key.secret)).check_allow();
        third.decide(gateway_token, &Question::reads_jobs(&revoked.secret)).check_unauthenticated();
        if let Some(told) = third.identity() {
            assert_eq!(
                (told.keys, told.operator_token),
                (host.identity().keys.clone(), host.identity().operator_token.clone())
            );
        }
        let operator = third.client(Some(&host.identity().operator_token));
        operator.post(&host.key(&key, "/revoke"), &json!({})).check_json(200);
        host.wait_until_all_know();
        for node in host.nodes() {
            node.decide(gateway_token, &Question::reads_jobs(&key.secret)).check_unauthenticated();
        }
    }
}

#[test]
fn hosts_that_begin_a_demo_together_begin_the_same_one() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let setup = Setup::dev().on_redis();
    // Hosts that share a store share its root key.
    std::fs::create_dir(setup.data_dir()).unwrap();
    std::fs::write(setup.data_dir().join("root.key"), "5e".repeat(32)).unwrap();
    let nodes = in_parallel(3, |number| setup.try_start_node(number + 1).expect("all of them serve"));
    let told: Vec<_> = nodes.iter().map(|node| node.identity().unwrap()).collect();
    for (node, identity) in nodes.iter().flat_map(|node| told.iter().map(move |identity| (node, identity))) {
        assert_eq!(identity.workspace, told[0].workspace);
        let asked = Question::reads_jobs(&identity.keys["production"]);
        node.decide(&identity.gateway_token, &asked).check_allow();
    }
}

#[test]
fn the_clock_that_is_moved_at_one_is_followed_by_the_other() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let pair = Pair::dev();
    let watch = stopwatch();
    for way in pair.both_ways() {
        let body = json!({ "kind": "staging", "name": "e2e", "scopes": ["jobs:read"] });
        let key = Key::of(way.operator().post(&pair.host.workspace("/keys"), &body).check_json(201));
        way.check_lives(&key);
        way.operator().post("/v1/dev/clock", &json!({ "advance_seconds": 91 * 86_400 })).check_json(200);
        // By itself: nobody tells the other.
        let client = way.there.client(Some(&pair.host.identity().gateway_token));
        ask_on(&client, &Question::reads_jobs(&key.secret).request(), &watch, |asked| {
            assert!(matches!(asked.came, Came::Allow) || asked.came.is_deny("unauthenticated"), "{asked:?}");
            asked.came != Came::Allow
        });
        way.check_dead(&key);
    }
}
