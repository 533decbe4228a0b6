//! Decisions and changes without a pause, through both hosts, while Redis goes away and comes back.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use harness::process::PATIENCE;
use harness::{Asked, Came, Count, Fault, Host, Key, Question, Request, ask_on, in_parallel, seen, stopwatch};
use serde_json::json;

/// How long a host believes what it has heard.
pub(crate) const BOUND: Duration = Duration::from_secs(1);
/// Connections that ask for decisions, half of them at each host, each about a key of its own.
const ASKING: usize = 64;
/// Connections that issue and revoke, half of them at each host.
const CHANGING: usize = 4;
/// How often each connection is answered before, during and after, at least.
const TIMES: usize = 20;
/// What "no hang" means, on a machine that is busy.
const A_FEW_SECONDS: Duration = Duration::from_secs(10);

/// What came of it all.
pub(crate) struct Told {
    /// About keys that live all the time, each with the number of the host that decided.
    decisions: Vec<(usize, Asked)>,
    changes: Vec<Change>,
    /// The hosts that lost Redis.
    out: Vec<usize>,
    /// What each host said of its health before Redis came back.
    health: Vec<u16>,
    gone: Duration,
    came_back: Duration,
    /// Lines that the hosts logged in between.
    logged: usize,
}

/// What a client did to a key of its own, and what it was told.
struct Change {
    node: usize,
    key: Option<Key>,
    asked: Asked,
    is_revocation: bool,
}

/// Lets Redis go and come back while both hosts are asked and told things.
#[track_caller]
pub(crate) fn under_load(host: &Host, go: impl Fn() + Sync, come_back: impl Fn() + Sync) -> Told {
    under_load_of(host, &[0, 1], go, come_back)
}

/// Lets Redis go for these of two hosts, and come back, while both are asked and told things.
#[track_caller]
pub(crate) fn under_load_of(host: &Host, out: &[usize], go: impl Fn() + Sync, come_back: impl Fn() + Sync) -> Told {
    let keys = host.issue_many(ASKING);
    let watch = stopwatch();
    let [gone, came_back] = [const { OnceLock::new() }; 2];
    let answered: [Count; 2] = Default::default();
    let lines = || host.nodes().iter().map(|node| node.log().text().lines().count()).sum::<usize>();
    let (logged, health) = (OnceLock::new(), OnceLock::new());
    let all = in_parallel(ASKING + CHANGING + 1, |number| {
        let node = &host.nodes()[number % 2];
        // Each phase is over when each connection has had its answers in it.
        let mut times = [0_usize; 3];
        let mut is_enough = |asked: &Asked| {
            let phase = match (gone.get(), came_back.get()) {
                (_, Some(came_back)) if asked.sent > *came_back => 2,
                (Some(gone), None) if asked.sent > *gone + 2 * BOUND => 1,
                (None, _) => 0,
                _ => return false,
            };
            // After it has come back it counts from when the host is back.
            if phase == 2 && asked.came.is_unavailable() {
                return false;
            }
            times[phase] += 1;
            if times[phase] == TIMES {
                answered.get(phase).inspect(|count| count.add_one());
            }
            times[2] >= TIMES
        };
        if number < ASKING {
            let client = node.client(Some(&host.identity().gateway_token));
            let question = Question::reads_jobs(&keys[number].secret).request();
            let asked = ask_on(&client, &question, &watch, is_enough);
            return (asked.into_iter().map(|asked| (number % 2, asked)).collect(), Vec::new());
        }
        if number < ASKING + CHANGING {
            return (Vec::new(), change_on(host, number, &watch, &mut is_enough));
        }
        answered[0].wait_for(ASKING + CHANGING, "all were answered");
        let before = lines();
        go();
        gone.set(watch()).unwrap();
        answered[1].wait_for(ASKING + CHANGING, "all were answered for longer than the bound");
        health.set(host.nodes().iter().map(|node| node.health().status).collect()).unwrap();
        logged.set(lines() - before).unwrap();
        came_back.set(watch()).unwrap();
        come_back();
        (Vec::new(), Vec::new())
    });
    let (decisions, changes): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let [gone, came_back] = [gone, came_back].map(|time| time.into_inner().unwrap());
    let (decisions, changes) = (decisions.into_iter().flatten().collect(), changes.into_iter().flatten().collect());
    let (logged, health) = (logged.into_inner().unwrap(), health.into_inner().unwrap());
    Told { decisions, changes, out: out.to_vec(), health, gone, came_back, logged }
}

/// Issues keys and revokes every other one, until it is enough.
fn change_on(
    host: &Host,
    number: usize,
    watch: &impl Fn() -> Duration,
    mut is_enough: impl FnMut(&Asked) -> bool,
) -> Vec<Change> {
    let node = number % 2;
    let operator = host.nodes()[node].client(Some(&host.identity().operator_token));
    let body = json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read"] });
    let issue = Request::new("POST", &host.workspace("/keys")).json(&body);
    let (mut changes, began) = (Vec::new(), watch());
    let send = |request: &Request| {
        let (sent, mut body) = (watch(), String::new());
        let came = Came::of(operator.try_send(request).inspect(|response| body.clone_from(&response.body)));
        (Asked { sent, took: watch() - sent, came }, body)
    };
    loop {
        let (asked, body) = send(&issue);
        let key = (asked.came == Came::Done).then(|| Key::of(serde_json::from_str(&body).expect("a key is JSON")));
        let mut is_over = is_enough(&asked);
        changes.push(Change { node, key: key.clone(), asked, is_revocation: false });
        if let Some(key) = key.filter(|_| changes.len() % 2 == 0) {
            let revoke = Request::new("POST", &host.key(&key, "/revoke")).json(&json!({}));
            let (asked, _) = send(&revoke);
            is_over |= is_enough(&asked);
            changes.push(Change { node, key: Some(key), asked, is_revocation: true });
        }
        if is_over {
            return changes;
        }
        let last = changes.last().map(|change| &change.asked);
        assert!(watch() < began + PATIENCE, "changed in vain for {PATIENCE:?}, and was told {last:?}");
    }
}

impl Told {
    /// Everything that was asked for, each with the number of the host that was asked.
    fn all(&self) -> impl Iterator<Item = (usize, &Asked)> {
        let decisions = self.decisions.iter().map(|(node, asked)| (*node, asked));
        decisions.chain(self.changes.iter().map(|change| (change.node, &change.asked)))
    }

    /// What was decided by hosts that lost Redis.
    fn decided_without(&self) -> impl Iterator<Item = &Asked> {
        self.decisions.iter().filter(|(node, _)| self.out.contains(node)).map(|(_, asked)| asked)
    }

    /// What was asked of hosts that lost Redis, to be changed.
    fn changed_without(&self) -> impl Iterator<Item = &Asked> {
        self.changes.iter().filter(|change| self.out.contains(&change.node)).map(|change| &change.asked)
    }

    /// From when Redis was back until each host had allowed something.
    fn recovered(&self) -> Duration {
        let of = |node: usize| {
            let is_of = |(of, asked): &&(usize, Asked)| *of == node && asked.sent > self.came_back;
            let allowed = self.decisions.iter().filter(is_of).filter(|(_, asked)| asked.came == Came::Allow);
            allowed.map(|(_, asked)| asked.sent + asked.took - self.came_back).min().expect("it is asked afterwards")
        };
        (0..self.health.len()).map(of).max().expect("there are hosts")
    }
}

/// Notes what came of a fault, in which this many acknowledged changes were looked for afterwards.
#[track_caller]
pub(crate) fn note(what: &str, told: &Told, found: usize) {
    let while_gone = |asked: &&Asked| asked.sent > told.gone && asked.sent + asked.took < told.came_back;
    let saw = seen(told.all().map(|(_, asked)| asked).filter(while_gone).map(|asked| asked.came.to_string()));
    Fault { what, saw: &saw, recovered: told.recovered(), found }.note();
}

/// Checks that clients were served or told that the store can't be reached, and nothing else, and that nothing hung.
#[track_caller]
pub(crate) fn check_served(told: &Told) {
    for (node, asked) in told.all() {
        let is_served = asked.came == Came::Allow || asked.came == Came::Done;
        assert!(is_served || asked.came.is_unavailable(), "host {node}: {asked:?}");
        assert!(asked.took < A_FEW_SECONDS, "{asked:?}");
    }
}

/// Checks that hosts that did not lose Redis went on meanwhile, but for what a machine that is busy may cost.
#[track_caller]
pub(crate) fn check_goes_on(told: &Told) {
    for node in (0..told.health.len()).filter(|node| !told.out.contains(node)) {
        let meanwhile = |(of, asked): &(usize, &Asked)| {
            *of == node && asked.sent > told.gone && asked.sent + asked.took < told.came_back
        };
        let (away, served): (Vec<_>, Vec<_>) =
            told.all().filter(meanwhile).map(|(_, asked)| &asked.came).partition(|came| came.is_unavailable());
        assert!(served.len() > 9 * away.len(), "host {node} served {} and was away for {}", served.len(), away.len());
        assert!(served.contains(&&Came::Allow) && served.contains(&&Came::Done), "host {node}");
    }
}

/// Checks that clients of hosts that lost Redis saw the outage rule and nothing else, that other hosts went on, and that nothing hung.
#[track_caller]
pub(crate) fn check_outage(told: &Told) {
    check_served(told);
    check_goes_on(told);
    for &node in &told.out {
        assert_eq!(told.health[node], 503, "host {node}");
    }
    let late = |asked: &&Asked| asked.sent > told.gone + BOUND && asked.sent + asked.took < told.came_back;
    for asked in told.decided_without().filter(late) {
        let since = asked.sent - told.gone;
        assert!(asked.came.is_unavailable(), "{since:?} after Redis had gone: {asked:?}");
    }
    let while_gone = |asked: &&Asked| asked.sent > told.gone && asked.sent + asked.took < told.came_back;
    for asked in told.changed_without().filter(while_gone) {
        assert_eq!(asked.came, Came::Unavailable, "changed without Redis: {asked:?}");
    }
    let seconds = (told.came_back - told.gone).as_secs() as usize + 1;
    // Each key's denials are told once, and what goes on once a second.
    assert!(told.logged < ASKING + 20 * seconds, "{} lines in {seconds} seconds", told.logged);
    let lost = told.changed_without().filter(while_gone).count();
    assert!(told.decided_without().any(|asked| late(&asked)) && lost > TIMES, "{lost} changes were not made");
}

/// Checks at each host that every change that was acknowledged is there; how many that are.
#[track_caller]
pub(crate) fn check_books(host: &Host, told: &Told) -> usize {
    // By secret: whether it must live. What was not acknowledged may have been done all the same, or not.
    let mut lives: BTreeMap<&str, Option<bool>> = BTreeMap::new();
    for Change { key, asked, is_revocation, .. } in &told.changes {
        let Some(key) = key else { continue };
        let is_known = asked.came == Came::Done;
        lives.insert(&key.secret, is_known.then_some(!is_revocation));
    }
    assert!(lives.len() > TIMES, "{} keys", lives.len());
    host.wait_until_all_know();
    for node in host.nodes() {
        let client = node.client(Some(&host.identity().gateway_token));
        for (number, (secret, lives)) in lives.iter().enumerate() {
            // Each from a network of its own, where nobody has failed yet.
            let from = format!("10.{}.{}.1", number / 256, number % 256);
            let answer = Question::reads_jobs(secret).from(&from).ask_patiently(&client);
            match lives {
                Some(true) => drop(answer.check_allow()),
                Some(false) => drop(answer.check_unauthenticated()),
                None => {}
            }
        }
    }
    told.changes.iter().filter(|change| change.asked.came == Came::Done).count()
}
