//! Guessing: it ends soon, for the account and for the network, and a restart is no way round.

use harness::{Host, Person, SignedIn, in_parallel};
use serde_json::json;

use super::{count, trail};

/// What the catalog states.
const ACCOUNT: usize = 10;
const NETWORK: usize = 100;
const LOCKOUT: u64 = 900;

fn guess(host: &Host, owner: &Person, password: &str) -> harness::Response {
    Person { password: password.to_owned(), ..owner.clone() }.try_sign_in(&host.client(None), None)
}

#[test]
fn a_thousand_guesses_lock_the_account_and_shut_out_the_network_after_a_restart_too() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let mut looked_at = 0;
    for number in 0..1_000 {
        let response = guess(&host, &owner, &format!("guess number {number}"));
        if response.status == 401 {
            looked_at += 1;
            continue;
        }
        response.check_problem(429, "too_many_attempts");
        let wait: u64 = response.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=LOCKOUT).contains(&wait), "{wait}");
    }
    assert_eq!(looked_at, NETWORK);
    assert_eq!(
        (count(&host, "sessions.refuse"), count(&host, "sessions.lock")),
        (ACCOUNT, 1),
        "the rest is not recorded"
    );
    let (_, locked) = trail(&host).into_iter().find(|(action, _)| action == "sessions.lock").unwrap();
    assert!(locked["after"]["until"].is_string() && locked["actor"]["kind"] == "system", "{locked}");

    let host = host.kill_9().start();
    guess(&host, &owner, &owner.password).check_problem(429, "too_many_attempts");
    host.advance(LOCKOUT);
    assert_eq!(SignedIn::of(&host, &guess(&host, &owner, &owner.password)).told["factor"], "needed");
}

#[test]
fn a_locked_account_lets_nobody_in_however_it_is_spelled_until_its_time_is_over() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let before = owner.sign_in(&host);
    for spelling in ["owner@acme.example", "OWNER@ACME.EXAMPLE", " Owner@acme.example"].iter().cycle().take(ACCOUNT) {
        let person = Person { email: (*spelling).to_owned(), ..owner.clone() };
        guess(&host, &person, "a guess of mine").check_problem(401, "sign_in_failed");
    }
    let locked = guess(&host, &owner, &owner.password);
    locked.check_problem(401, "sign_in_failed");
    assert_eq!(locked.body, guess(&host, &owner, "a guess of mine").body, "right or wrong");
    let capitals = Person { email: owner.email.to_uppercase(), ..owner.clone() };
    assert_eq!(guess(&host, &capitals, &owner.password).status, 401);
    assert!(before.is_alive(), "whoever is in stays in");

    let host = host.kill_9().start();
    assert_eq!(guess(&host, &owner, &owner.password).status, 401, "after a restart");
    host.advance(LOCKOUT);
    assert_eq!(guess(&host, &owner, &owner.password).status, 201);
    // What was right begins anew.
    for _ in 1..ACCOUNT {
        guess(&host, &owner, "a guess of mine");
    }
    assert_eq!(guess(&host, &owner, &owner.password).status, 201);
}

#[test]
fn guesses_at_the_same_time_are_no_way_round() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let nodes = host.nodes();
    let statuses = in_parallel(40, |number| {
        let client = nodes[number % nodes.len()].client(None);
        let person = Person { password: format!("guess number {number}"), ..owner.clone() };
        person.try_sign_in(&client, None).status
    });
    assert!(statuses.iter().all(|status| *status == 401), "{statuses:?}");
    assert_eq!((count(&host, "sessions.refuse"), count(&host, "sessions.lock")), (ACCOUNT, 1));
    assert_eq!(guess(&host, &owner, &owner.password).status, 401);
}

#[test]
fn an_address_that_nobody_has_is_locked_like_any_other() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let nobody = Person { email: "nobody@acme.example".into(), ..owner.clone() };
    for _ in 0..=ACCOUNT {
        guess(&host, &nobody, "a guess of mine").check_problem(401, "sign_in_failed");
    }
    let platform = host.operator().get("/v1/audit").check_json(200);
    let told = |action: &str| platform["items"].as_array().unwrap().iter().filter(|of| of["action"] == action).count();
    assert_eq!((told("sessions.refuse"), told("sessions.lock")), (ACCOUNT, 1));
    assert_eq!(guess(&host, &owner, &owner.password).status, 201, "another account is another");
}

#[test]
fn guessing_codes_locks_the_factor_and_knowing_the_password_helps_nothing() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let signed_in = owner.sign_in(&host);
    let code = |code: &str| signed_in.client.post("/v1/sessions/current/factor", &json!({ "code": code }));
    for number in 0..ACCOUNT {
        // Signing in by the password in between takes nothing back.
        if number % 2 == 0 {
            code("000000").check_problem(403, "factor_refused");
        } else {
            assert_eq!(owner.try_sign_in(&host.client(None), Some("000000")).status, 401);
            assert_eq!(owner.try_sign_in(&host.client(None), None).status, 201);
        }
    }
    let right = owner.code(&host, 0);
    let refused = code(&right);
    refused.check_problem(429, "too_many_attempts");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(owner.try_sign_in(&host.client(None), Some(&right)).status, 401);
    let host = host.kill_9().start();
    assert_eq!(owner.try_sign_in(&host.client(None), Some(&owner.code(&host, 0))).status, 401, "after a restart");
    host.advance(LOCKOUT);
    assert_eq!(owner.try_sign_in(&host.client(None), Some(&owner.code(&host, 0))).status, 201);
}
