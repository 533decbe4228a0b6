//! A host that is killed while keys are issued, rotated and revoked, and tokens obtained and revoked.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use harness::{Client, Fault, Host, Key, Request, in_parallel, stopwatch};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Books, check_books, store_of};

/// Connections that change keys; two more obtain tokens.
const OF_KEYS: usize = 6;
/// Tokens of each connection, so that both stay below what a client is given in a minute.
const TOKENS: usize = 80;
/// Acknowledged changes after which the host dies.
const DIES_AFTER: usize = 400;

#[test]
fn keys_and_tokens_are_as_was_acknowledged_before_it_died() {
    let host = Host::dev();
    let acknowledged = AtomicUsize::new(0);
    // Whoever is answered says so here.
    let count = || {
        if acknowledged.fetch_add(1, Ordering::Relaxed) == DIES_AFTER {
            host.signal(Signal::KILL);
        }
    };
    let books = in_parallel(OF_KEYS + 2, |number| {
        let mut books = Books::new();
        // It ends when the host does.
        let ended = if number < OF_KEYS {
            change_keys(&host, &mut books, &count)
        } else {
            change_tokens(&host, &mut books, &count)
        };
        assert!(ended.is_err() || number >= OF_KEYS, "the host lives on");
        books
    });
    let books: Books = books.into_iter().flatten().collect();
    assert!(books.len() > DIES_AFTER / 4, "{} secrets", books.len());
    let what = format!("Host killed while it changes keys and issues tokens, {}", store_of(&host));
    let stopped = host.kill_9();
    let watch = stopwatch();
    let host = stopped.start();
    let recovered = watch();
    let found = check_books(&host, &books);
    Fault { what: &what, saw: "connections that break", recovered, found }.note();
}

/// Issues keys, and rotates and revokes some. What was asked for when the host died is in no book: it may have been done.
fn change_keys(host: &Host, books: &mut Books, count: &impl Fn()) -> io::Result<()> {
    let operator = host.manager().client(Some(&host.identity().operator_token));
    let body = json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read"] });
    for turn in 0.. {
        let key = Key::of(operator.try_send(&post(&host.workspace("/keys"), &body))?.check_json(201));
        count();
        books.insert(key.secret.clone(), true);
        match turn % 3 {
            0 => {
                books.remove(&key.secret);
                operator.try_send(&post(&host.key(&key, "/revoke"), &json!({})))?.check_json(200);
                books.insert(key.secret, false);
            }
            1 => {
                books.remove(&key.secret);
                let rotated = operator.try_send(&post(&host.key(&key, "/rotate"), &json!({ "overlap_seconds": 0 })))?;
                books.insert(Key::of(rotated.check_json(201)).secret, true);
                books.insert(key.secret, false);
            }
            _ => continue,
        }
        count();
    }
    Ok(())
}

/// Obtains tokens, and revokes every other one.
fn change_tokens(host: &Host, books: &mut Books, count: &impl Fn()) -> io::Result<()> {
    let asker = host.manager().client(None);
    for turn in 0..TOKENS {
        let obtained = form(host, &asker, "/oauth/token", "grant_type=client_credentials&scope=jobs:read")?;
        let token = obtained.expect("a token")["access_token"].as_str().expect("a token").to_owned();
        count();
        if turn % 2 == 0 {
            form(host, &asker, "/oauth/revoke", &format!("token={token}"))?;
            count();
        }
        books.insert(token, turn % 2 != 0);
    }
    Ok(())
}

fn post(path: &str, body: &Value) -> Request {
    Request::new("POST", path).json(body)
}

/// Sends a form as the demo's client; what was answered, if anything.
fn form(host: &Host, asker: &Client, path: &str, fields: &str) -> io::Result<Option<Value>> {
    let client = &host.identity().client;
    let form = format!("{fields}&client_id={}&client_secret={}", client.client_id, client.client_secret);
    let request = Request::new("POST", path).body("application/x-www-form-urlencoded", form);
    let answered = asker.try_send(&request)?;
    assert_eq!(answered.status, 200, "{answered:?}");
    Ok(serde_json::from_str(&answered.body).ok())
}
