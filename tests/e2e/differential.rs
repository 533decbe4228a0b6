//! Cached, leased, batched, and by whichever host: under load, and while policies are published and keys end, each answer is the one
//! that a host without a memory gives. That host is begun anew for each state, on the same store, and asked once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use harness::{
    Answer, AtEnd, Client, Count, Host, Key, Question, Request, Setup, ask_on, in_parallel, is_left_to_tests_run,
    stopwatch, wait_until,
};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::policies::{forbids_deleting, policy};

/// How long a host believes what it has heard.
const BOUND: Duration = Duration::from_secs(1);
/// Connections that ask, half of them at each host.
const ASKING: usize = 6;
/// Keys that are asked about. The first three are changed.
const KEYS: usize = 32;
/// Of so many requests of a connection, one is a batch of all questions.
const BATCH_EACH: usize = 200;
/// Says nothing of a key, a network or a policy: how much was asked, whether the store could be reached just then, and how busy the
/// machine was.
const BESIDES: [&str; 3] = ["rate_limited", "store_unavailable", "policy_overloaded"];

/// Makes a change, through the first host, as its operator.
type Change = fn(&Host, &Client, &[Key]);

/// What is changed, one after the other.
const CHANGES: [Change; 11] = [
    |host, operator, _| publish(host, operator, "first"),
    |host, operator, keys| change(host, operator, &keys[0], "disable"),
    |host, operator, _| publish(host, operator, "second"),
    |host, operator, keys| change(host, operator, &keys[1], "revoke"),
    |host, operator, _| allow_from(host, operator, &json!(["203.0.113.0/24"])),
    |host, operator, keys| {
        operator.post(&host.key(&keys[2], "/rotate"), &json!({ "overlap_seconds": 0 })).check_json(201);
    },
    |host, operator, _| allow_from(host, operator, &Value::Null),
    |host, operator, keys| change(host, operator, &keys[0], "enable"),
    |host, operator, _| done(operator, &policy(host, "differing", "/rollback")),
    |host, operator, _| done(operator, &host.workspace("/suspend")),
    |host, operator, _| done(operator, &host.workspace("/resume")),
];

/// A state of the books, from when its change was begun and when that was acknowledged, and what a host without a memory says.
struct State {
    begun: Duration,
    acknowledged: Duration,
    said: Vec<String>,
}

/// An answer that was given under load.
struct Told {
    node: usize,
    question: usize,
    sent: Duration,
    came: Duration,
    said: String,
}

fn publish(host: &Host, operator: &Client, code: &str) {
    operator.put(&policy(host, "differing", "?publish=true"), &forbids_deleting(code)).check_json(200);
}

fn change(host: &Host, operator: &Client, key: &Key, what: &str) {
    done(operator, &host.key(key, &format!("/{what}")));
}

fn allow_from(host: &Host, operator: &Client, networks: &Value) {
    operator.put(&host.workspace("/network"), &json!({ "ip_allow": networks })).check_json(200);
}

fn done(operator: &Client, path: &str) {
    operator.post(path, &json!({})).check_json(200);
}

/// All that is asked: three questions about each key.
fn questions(keys: &[Key]) -> Vec<Question> {
    let of = |key: &Key| {
        let asks = Question::of(&key.secret).from("198.51.100.7");
        [
            Question::reads_jobs(&key.secret).from("198.51.100.7"),
            asks.clone().to("POST /v1/jobs").within("production"),
            asks.to("DELETE /v1/jobs/42").within("production").from("203.0.113.7"),
        ]
    };
    keys.iter().flat_map(of).collect()
}

/// What an answer says, but for its own name and how much is left. None: it says nothing of what is compared.
fn said(answer: Value) -> Option<String> {
    let answer = Answer::of(answer);
    let codes = answer.codes();
    let of = &answer.0;
    let is_besides = codes.first().is_some_and(|code| BESIDES.contains(&code.as_str()));
    let what = ["status", "policy_revision", "set_digest", "principal"].map(|part| &of[part]);
    (!is_besides).then(|| json!([codes, what]).to_string())
}

/// Issues what is asked about.
fn issue(host: &Host) -> Vec<Key> {
    (0..KEYS).map(|_| host.issue("production", &["jobs:read", "jobs:write"])).collect()
}

/// What is said of each, asked until it can be decided.
#[track_caller]
fn one_by_one(questions: &[Question], client: &Client) -> Vec<String> {
    let decided = |question: &Question| {
        let mut decided = None;
        wait_until("it decides", || {
            decided = said(question.ask(client).0);
            decided.is_some()
        });
        decided.expect("it has decided")
    };
    questions.iter().map(decided).collect()
}

/// The same, all of them in one request.
#[track_caller]
fn at_once(questions: &[Question], client: &Client) -> Vec<String> {
    let mut decided = None;
    wait_until("it decides", || {
        let answers = client.send(&batch(questions)).check_json(200);
        decided = answers["items"].as_array().expect("items").iter().cloned().map(said).collect();
        decided.is_some()
    });
    decided.expect("it has decided")
}

/// What a host says that has just begun and is not asked for long enough to remember anything but what it has just read.
#[track_caller]
fn said_without_a_memory(host: &Host, questions: &[Question]) -> Vec<String> {
    let mut node = host.setup().try_start_node(3).expect("a third serves beside them");
    let client = node.client(Some(&host.identity().gateway_token));
    let said = one_by_one(questions, &client);
    // It gives back what it leased.
    node.signal(Signal::TERM);
    assert!(node.wait().success());
    said
}

fn batch(questions: &[Question]) -> Request {
    let items: Vec<_> = questions.iter().map(Question::body).collect();
    Request::new("POST", "/v1/authorize/batch").json(&json!({ "items": items }))
}

/// Asks on and on, question by question and now and then all of them at once, until it is over.
fn ask_until(
    host: &Host,
    number: usize,
    questions: &[Question],
    watch: &impl Fn() -> Duration,
    is_over: &AtomicBool,
    asking: &Count,
) -> Vec<Told> {
    let node = number % 2;
    let client = host.nodes()[node].client(Some(&host.identity().gateway_token));
    let mut told = Vec::new();
    for turn in number.. {
        let question = turn % questions.len();
        let is_batch = turn % BATCH_EACH == 0;
        let request = if is_batch { batch(questions) } else { questions[question].request() };
        let sent = watch();
        let response = client.try_send(&request).expect("no connection breaks");
        let came = watch();
        if response.status == 503 {
            response.check_problem(503, "store_unavailable");
        } else if is_batch {
            let answers = response.check_json(200)["items"].as_array().expect("items").clone();
            let answers = answers.into_iter().enumerate();
            told.extend(
                answers.filter_map(|(question, answer)| Some(Told { node, question, sent, came, said: said(answer)? })),
            );
        } else if let Some(said) = said(response.check_json(200)) {
            told.push(Told { node, question, sent, came, said });
        }
        if turn == number + BATCH_EACH {
            asking.add_one();
        }
        if is_over.load(Ordering::Relaxed) {
            return told;
        }
    }
    told
}

/// The states that may have been, when this was answered. The host that changes things knows at once, the other within the bound.
fn possible<'a>(states: &'a [State], told: &'a Told) -> impl Iterator<Item = (usize, &'a State)> {
    let slack = if told.node == 0 { Duration::ZERO } else { BOUND };
    let ended = move |number: usize| states.get(number + 1).map(|next| next.acknowledged + slack);
    let is_possible = move |number: usize, state: &State| {
        state.begun <= told.came && ended(number).is_none_or(|ended| told.sent <= ended)
    };
    states.iter().enumerate().filter(move |(number, state)| is_possible(*number, state))
}

#[test]
fn under_load_each_answer_is_what_a_host_without_a_memory_says() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis().start();
    let keys = issue(&host);
    let (questions, watch) = (questions(&keys), stopwatch());
    let (is_over, asking) = (AtomicBool::new(false), Count::default());
    let came = in_parallel(ASKING + 1, |number| {
        if number < ASKING {
            return (ask_until(&host, number, &questions, &watch, &is_over, &asking), Vec::new());
        }
        let _end = AtEnd(&is_over);
        let operator = host.manager().client(Some(&host.identity().operator_token));
        asking.wait_for(ASKING, "all ask");
        let first = State {
            begun: Duration::ZERO,
            acknowledged: Duration::ZERO,
            said: said_without_a_memory(&host, &questions),
        };
        let states = CHANGES.iter().map(|change| {
            let begun = watch();
            change(&host, &operator, &keys);
            let acknowledged = watch();
            let said = said_without_a_memory(&host, &questions);
            // Until this alone can be.
            let asker = host.decider().client(Some(&host.identity().gateway_token));
            ask_on(&asker, &questions[0].request(), &watch, |asked| asked.sent > acknowledged + 2 * BOUND);
            State { begun, acknowledged, said }
        });
        (Vec::new(), std::iter::once(first).chain(states).collect())
    });
    let (told, states): (Vec<_>, Vec<_>) = came.into_iter().unzip();
    let states: Vec<State> = states.into_iter().flatten().collect();
    let mut seen = BTreeSet::new();
    for told in told.iter().flatten() {
        let possible: Vec<_> = possible(&states, told).collect();
        let is_right = possible.iter().any(|(_, state)| state.said[told.question] == told.said);
        let expected: Vec<_> = possible.iter().map(|(number, state)| (number, &state.said[told.question])).collect();
        assert!(
            is_right,
            "host {} from {:?} to {:?}, question {}: {}; it could be {expected:#?}",
            told.node, told.sent, told.came, told.question, told.said
        );
        if let [(number, _)] = possible.as_slice() {
            seen.insert((told.node, *number));
        }
    }
    let all: BTreeSet<_> = (0..2).flat_map(|node| (0..states.len()).map(move |number| (node, number))).collect();
    assert_eq!(seen, all, "each state was asked about at each host, and no other could be");
}

#[test]
fn after_all_of_it_what_is_remembered_is_what_a_fresh_start_reads() {
    let host = Host::dev();
    let keys = issue(&host);
    let questions = questions(&keys);
    let operator = host.manager().client(Some(&host.identity().operator_token));
    let mut remembered = one_by_one(&questions, host.gateway());
    for change in CHANGES {
        change(&host, &operator, &keys);
        host.wait_until_all_know();
        let before = std::mem::replace(&mut remembered, one_by_one(&questions, host.gateway()));
        assert_ne!(remembered, before, "a change that changes nothing shows nothing");
        assert_eq!(at_once(&questions, host.gateway()), remembered);
    }
    let host = host.terminate().start();
    assert_eq!(one_by_one(&questions, host.gateway()), remembered);
}
