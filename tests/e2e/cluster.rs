//! Three hosts on a Redis Cluster: what they are there for is served while a server dies and while slots move, and what was taken
//! from somebody stays taken.

mod cut_off;
mod lag;
mod limit;
pub(crate) mod rig;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use harness::{
    Asked, Came, Cluster, Count, Fault, Key, Question, Request, ask_on, in_parallel, is_left_to_tests_run, seen,
    stopwatch, wait_until,
};

use self::rig::Trio;

/// Connections that ask for decisions, a third of them at each host.
const ASKING: usize = 12;
/// Connections that issue and revoke.
const CHANGING: usize = 3;
/// How often each connection is answered in each phase, at least.
const TIMES: usize = 20;
/// What "no hang" means, on a machine that is busy.
const A_FEW_SECONDS: Duration = Duration::from_secs(10);

/// What came of asking and changing while something happened.
#[derive(Default)]
struct Told {
    decisions: Vec<Asked>,
    changes: Vec<Asked>,
    /// Keys whose revocation was acknowledged as confirmed.
    revoked: Vec<Key>,
    /// When it began to happen.
    began: Duration,
    /// When it had happened.
    over: Duration,
}

/// Has all hosts asked and told things, without a pause, before, while and after something happens.
#[track_caller]
fn under_load(trio: &Trio, happen: impl Fn() + Sync) -> Told {
    let keys = trio.issue_many(ASKING);
    let watch = stopwatch();
    let [began, over] = [const { OnceLock::new() }; 2];
    let before = Count::default();
    let all = in_parallel(ASKING + CHANGING + 1, |number| {
        let (mut earlier, mut later) = (0, 0);
        let mut is_enough = |asked: &Asked| {
            earlier += 1;
            if earlier == TIMES {
                before.add_one();
            }
            // Afterwards it counts from when it is served again.
            let is_later = over.get().is_some_and(|over| asked.sent > *over) && !asked.came.is_unavailable();
            later += usize::from(is_later);
            later >= TIMES
        };
        if number == ASKING + CHANGING {
            before.wait_for(ASKING + CHANGING, "all were answered");
            began.set(watch()).expect("it begins once");
            happen();
            over.set(watch()).expect("it happens once");
            return Told::default();
        }
        if number >= ASKING {
            let (changes, revoked) = change_on(trio, number, &watch, &mut is_enough);
            return Told { changes, revoked, ..Told::default() };
        }
        let question = Question::reads_jobs(&keys[number].secret).request();
        let decisions = ask_on(&trio.gateway(number % 3), &question, &watch, is_enough);
        Told { decisions, ..Told::default() }
    });
    let [began, over] = [began, over].map(|time| time.into_inner().expect("it has happened"));
    all.into_iter().fold(Told { began, over, ..Told::default() }, |mut all, told| {
        all.decisions.extend(told.decisions);
        all.changes.extend(told.changes);
        all.revoked.extend(told.revoked);
        all
    })
}

/// Issues keys and revokes them, until it is enough.
fn change_on(
    trio: &Trio,
    number: usize,
    watch: &impl Fn() -> Duration,
    mut is_enough: impl FnMut(&Asked) -> bool,
) -> (Vec<Asked>, Vec<Key>) {
    let operator = trio.operator(number % 3);
    let (mut changes, mut revoked) = (Vec::new(), Vec::new());
    loop {
        let sent = watch();
        let answered = operator.try_send(&Request::new("POST", &trio.workspace("/keys")).json(&rig::a_key()));
        let body = answered.as_ref().map(|response| response.body.clone()).unwrap_or_default();
        let asked = Asked { sent, took: watch() - sent, came: Came::of(answered) };
        let key = (asked.came == Came::Done).then(|| Key::of(serde_json::from_str(&body).expect("a key is JSON")));
        let mut is_over = is_enough(&asked);
        changes.push(asked);
        if let Some(key) = key {
            let sent = watch();
            let answered = trio.try_revoke(&operator, &key);
            let is_confirmed = answered.as_ref().is_ok_and(rig::is_confirmed);
            let asked = Asked { sent, took: watch() - sent, came: Came::of(answered) };
            is_over |= is_enough(&asked);
            changes.push(asked);
            if is_confirmed {
                revoked.push(key);
            }
        }
        if is_over {
            return (changes, revoked);
        }
        assert!(sent < 2 * harness::process::PATIENCE, "changed in vain, and was told {:?}", changes.last());
    }
}

impl Told {
    fn all(&self) -> impl Iterator<Item = &Asked> {
        self.decisions.iter().chain(&self.changes)
    }

    /// Notes what came of it, once all that was revoked was seen to be dead. Counted from `since` until everybody was served.
    #[track_caller]
    fn note(&self, what: &str, since: Duration) {
        let meanwhile = self.all().filter(|asked| asked.sent + asked.took > self.began);
        let told = |asked: &Asked| {
            let lost = is_unknown(asked).then(|| "404 for a key that was issued a moment before".to_owned());
            lost.unwrap_or_else(|| asked.came.to_string())
        };
        let saw = seen(meanwhile.map(told));
        let recovered = last_unserved(self.all()).saturating_sub(since);
        Fault { what, saw: &saw, recovered, found: self.revoked.len() }.note();
    }
}

/// When the last of those was answered who could not be served.
fn last_unserved<'a>(told: impl IntoIterator<Item = &'a Asked>) -> Duration {
    let unserved = told.into_iter().filter(|asked| asked.came.is_unavailable());
    unserved.map(|asked| asked.sent + asked.took).max().unwrap_or_default()
}

/// Checks that what was asked was answered in time, and at worst with the outage rule.
#[track_caller]
fn check_told(told: &Told) {
    for asked in &told.decisions {
        assert!(asked.came == Came::Allow || asked.came.is_unavailable(), "{asked:?}");
    }
    for asked in &told.changes {
        assert!(asked.came == Came::Done || asked.came.is_unavailable() || is_unknown(asked), "{asked:?}");
    }
    for asked in told.all() {
        assert!(asked.took < A_FEW_SECONDS, "{asked:?}");
    }
    assert!(told.revoked.len() > TIMES, "{}", told.revoked.len());
}

/// A fail-over may lose a key that was issued a moment before, since nobody waits for replicas then. It is nobody's.
fn is_unknown(asked: &Asked) -> bool {
    matches!(&asked.came, Came::Else(told) if told.contains("status: 404"))
}

#[test]
fn what_is_done_through_one_holds_at_all() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::of(3, 1);
    let trio = Trio::on(&cluster.url());
    for at in 0..3 {
        let key = trio.issue(at);
        trio.wait_until_all_allow(&key);
        let revoked = trio.revoke(at, &key);
        assert!(rig::is_confirmed(&revoked), "{revoked:?}");
        trio.check_dead(&key);
    }
    let [first, ..] = trio.nodes() else { panic!("three hosts") };
    let keys = first.client(Some(&trio.identity().operator_token)).get(&trio.workspace("/keys?limit=200"));
    for node in trio.nodes() {
        let client = node.client(Some(&trio.identity().operator_token));
        assert_eq!(client.get(&trio.workspace("/keys?limit=200")).check_json(200), keys.check_json(200));
    }
}

#[test]
fn a_primary_is_killed_under_load() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::start();
    let trio = Trio::on(&cluster.url());
    let key = trio.key_of_home();
    let told = under_load(&trio, || {
        let dead = cluster.holder_of(&key);
        dead.kill_9();
        wait_until("another is in its place", || cluster.holder_of(&key).address() != dead.address());
    });
    check_told(&told);
    for key in &told.revoked {
        trio.check_dead(key);
    }
    assert!(told.decisions.iter().any(|asked| asked.came == Came::Allow));
    told.note("Redis Cluster: primary killed under load; revocations that were confirmed", told.began);
}

#[test]
fn slots_move_under_load() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::of(3, 1);
    let trio = Trio::on(&cluster.url());
    let key = trio.key_of_home();
    let told = under_load(&trio, || {
        for _ in 0..3 {
            cluster.move_slot(&key, cluster.another_primary(&key));
        }
    });
    check_told(&told);
    for key in &told.revoked {
        trio.check_dead(key);
    }
    told.note("Redis Cluster: a slot moved three times under load; revocations that were confirmed", told.over);
}

/// It wakes up believing that it is still what it was.
#[test]
fn a_primary_that_slept_while_another_took_its_place_is_not_believed() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let cluster = Cluster::start();
    let trio = Trio::on(&cluster.url());
    let home = trio.key_of_home();
    let keys = trio.issue_many(ASKING);
    keys.iter().for_each(|key| trio.wait_until_all_allow(key));
    let (watch, ended, over) = (stopwatch(), OnceLock::new(), AtomicBool::new(false));
    let told = in_parallel(ASKING + 1, |number| {
        let Some(key) = keys.get(number) else {
            let old = cluster.holder_of(&home);
            old.pause();
            wait_until("another takes its place", || {
                cluster.nodes().iter().any(|node| node.address() != old.address() && rig::holds(node, &home))
            });
            for key in &keys {
                let operator = trio.operator(0);
                let is_revoked = || trio.try_revoke(&operator, key).is_ok_and(|told| rig::is_confirmed(&told));
                wait_until("it is revoked", is_revoked);
            }
            ended.set(watch()).expect("it ends once");
            old.resume();
            wait_until("it has heard", || old.says(&["INFO", "replication"], "role:slave"));
            over.store(true, Ordering::SeqCst);
            return Vec::new();
        };
        let mut left = TIMES;
        ask_on(&trio.gateway(number % 3), &Question::reads_jobs(&key.secret).request(), &watch, |_| {
            left -= usize::from(over.load(Ordering::SeqCst));
            left == 0
        })
    });
    let ended = ended.into_inner().expect("they ended");
    let told: Vec<_> = told.into_iter().flatten().collect();
    for asked in &told {
        match &asked.came {
            Came::Allow => assert!(asked.sent <= ended + rig::BOUND, "allowed {:?} after its end", asked.sent - ended),
            came => assert!(came.is_unavailable() || came.is_deny("unauthenticated"), "{asked:?}"),
        }
    }
    for key in &keys {
        trio.check_dead(key);
    }
    let (saw, recovered) = (seen(told.iter().map(|asked| asked.came.to_string())), last_unserved(&told));
    let what = "Redis Cluster: primary paused (SIGSTOP) until another took its place";
    Fault { what, saw: &saw, recovered: recovered.saturating_sub(ended), found: keys.len() }.note();
}
