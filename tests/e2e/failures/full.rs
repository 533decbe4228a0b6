//! No room for the embedded store's files. A disk that is full takes root to make; a limit on how large a process may make a file
//! does not, and refuses the same write (`EFBIG` in place of `ENOSPC`). What SQLite says of a full disk by that name is shown where
//! the store is: `store/embedded/tests`.

use std::fs;

use harness::{Came, Fault, Host, Key, Question, Request, Setup, ask_on, stopwatch};
use serde_json::json;

use super::operations::{Operations, check_answered, check_refused, shown};
use super::{Books, check_books};

/// Room that is left when it begins to run short.
const ROOM: u64 = 128 << 10;
/// Keys that fit in there, at the very most.
const MOST: usize = 5_000;

fn issue(host: &Host) -> Request {
    let body = json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read"] });
    Request::new("POST", &host.workspace("/keys")).json(&body)
}

/// Bytes of the largest file of the store.
fn largest_file(host: &Host) -> u64 {
    let files = fs::read_dir(host.setup().data_dir()).expect("there is a data folder").flatten();
    files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).max().expect("there are files")
}

#[test]
fn without_room_changes_are_refused_whole_reading_goes_on_and_room_is_all_that_is_needed() {
    let host = Setup::dev().on_embedded().that_outlives_limits().start();
    let node = host.manager();
    let known = host.issue("production", &["jobs:read"]);
    host.decide(&Question::reads_jobs(&known.secret)).check_allow();
    let operator = node.client(Some(&host.identity().operator_token));
    let operations = Operations::on(&host);
    let mut books = Books::from(operations.secrets().map(|secret| (secret, true)));
    books.insert(known.secret.clone(), true);
    let before = shown(&host);

    node.limit_files(Some(largest_file(&host) + ROOM));
    let refused = (0..MOST).find_map(|_| {
        let answered = operator.try_send(&issue(&host)).expect("the host goes on");
        if answered.status != 201 {
            return Some(answered);
        }
        books.insert(Key::of(answered.check_json(201)).secret, true);
        None
    });
    refused.expect("there is no room any more").check_problem(503, "store_unavailable");

    // Nothing that would take something from somebody either: it was not acknowledged, so it is not so.
    node.limit_files(Some(0));
    check_refused(&operator, &operations.changes());
    check_answered(&operator, &operations.reads());
    let anybody = node.client(None);
    operations.check_no_tokens(&anybody);
    operations.check_no_sign_in(&anybody);
    let mut left = 50;
    let gateway = node.client(Some(&host.identity().gateway_token));
    let told = ask_on(&gateway, &Question::reads_jobs(&known.secret).request(), &stopwatch(), |_| {
        left -= 1;
        left == 0
    });
    // What its lease covers, which can't be renewed.
    assert!(told.iter().all(|asked| asked.came == Came::Allow || asked.came.is_unavailable()), "{told:?}");
    host.decide(&Question::reads_jobs(&known.secret).to("POST /v1/jobs")).check_deny(&["missing_scope"]);

    let watch = stopwatch();
    node.limit_files(None);
    ask_on(&operator, &issue(&host), &watch, |asked| {
        assert!(asked.came == Came::Done || asked.came == Came::Unavailable, "{asked:?}");
        asked.came == Came::Done
    });
    let recovered = watch();
    check_books(&host, &books);
    assert_eq!(shown(&host), before);
    host.change(&known, "revoke");
    books.insert(known.secret, false);
    let host = host.kill_9().start();
    let found = check_books(&host, &books);
    let saw = "503 store_unavailable to changes; reads, denials, and allows within a lease";
    Fault { what: "Disk full under the embedded store", saw, recovered, found }.note();
}
