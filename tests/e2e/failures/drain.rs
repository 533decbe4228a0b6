//! A host that is told to stop under load: what it answers is served, and what it answered is kept.

use std::sync::atomic::{AtomicUsize, Ordering};

use harness::{Came, Fault, Host, Key, Question, Request, in_parallel, stopwatch};
use rustix::process::Signal;
use serde_json::json;

use super::{Books, check_books, store_of};

/// Connections that ask for decisions, each about a key of its own.
const ASKING: usize = 8;
/// Connections that issue and revoke.
const CHANGING: usize = 4;
/// Answers after which it is told to stop.
const STOPS_AFTER: usize = 1_000;

#[test]
fn whatever_is_answered_on_the_way_out_is_served_and_kept() {
    let host = Host::real();
    let keys = host.issue_many(ASKING);
    let answered = AtomicUsize::new(0);
    let count = || {
        if answered.fetch_add(1, Ordering::Relaxed) == STOPS_AFTER {
            host.signal(Signal::TERM);
        }
    };
    let books = in_parallel(ASKING + CHANGING, |number| {
        let mut books = Books::new();
        match keys.get(number) {
            Some(key) => ask_until_it_ends(&host, key, &count),
            None => change_until_it_ends(&host, &mut books, &count),
        }
        books
    });
    let mut books: Books = books.into_iter().flatten().collect();
    books.extend(keys.into_iter().map(|key| (key.secret, true)));
    let what = format!("Host told to stop (SIGTERM) under load, {}", store_of(&host));
    let stopped = host.wait();
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.stderr);
    assert!(!stopped.stderr.contains("cut off"), "{}", stopped.stderr);
    let watch = stopwatch();
    let host = stopped.start();
    let recovered = watch();
    let found = check_books(&host, &books);
    Fault { what: &what, saw: "answers as ever, then connections refused", recovered, found }.note();
}

/// Asks on and on. A request that meets the end of its connection is not answered, and so is nobody's.
fn ask_until_it_ends(host: &Host, key: &Key, count: &impl Fn()) {
    let client = host.client(Some(&host.identity().gateway_token));
    let question = Question::reads_jobs(&key.secret).request();
    while let Ok(answered) = client.try_send(&question) {
        let came = Came::of(Ok(answered));
        assert_eq!(came, Came::Allow);
        count();
    }
}

/// Issues keys and revokes every other one. What was asked for in vain is in no book.
fn change_until_it_ends(host: &Host, books: &mut Books, count: &impl Fn()) {
    let operator = host.manager().client(Some(&host.identity().operator_token));
    let body = json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read"] });
    let issue = Request::new("POST", &host.workspace("/keys")).json(&body);
    let mut is_even = false;
    while let Ok(issued) = operator.try_send(&issue) {
        let key = Key::of(issued.check_json(201));
        count();
        is_even = !is_even;
        if is_even {
            let revoke = Request::new("POST", &host.key(&key, "/revoke")).json(&json!({}));
            let Ok(revoked) = operator.try_send(&revoke) else { return };
            revoked.check_json(200);
        }
        books.insert(key.secret, !is_even);
    }
}
