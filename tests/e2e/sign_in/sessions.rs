//! Sessions: taken over, listed, ended, and dead by themselves in time.

use harness::{Host, Person, Request, SignedIn, secret};
use serde_json::json;

use super::count;

#[test]
fn a_second_factor_makes_another_session_of_it() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let before = owner.sign_in(&host);
    let code = json!({ "code": owner.code(&host, 0) });
    let after = SignedIn::of(&host, &before.client.post("/v1/sessions/current/factor", &code));
    assert_eq!((&after.told["factor"], &after.told["expires_at"]), (&json!("given"), &before.told["expires_at"]));
    assert_ne!((&after.id, &after.secret), (&before.id, &before.secret));
    assert!(after.is_alive() && !before.is_alive(), "what was found before the factor is worth nothing after");
}

#[test]
fn signing_in_ends_the_session_that_is_presented() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let (before, other) = (owner.sign_in(&host), owner.sign_in(&host));
    let after = SignedIn::of(&host, &owner.try_sign_in(&before.client, None));
    assert!(!before.is_alive() && after.is_alive() && other.is_alive());
    // Whoever presents what is none is let in as anybody.
    for forged in [secret::of_nobody(&after.secret, 1), secret::guessed(&other.secret), "x".to_owned()] {
        assert_eq!(owner.try_sign_in(&host.client(Some(&forged)), None).status, 201);
    }
    assert!(after.is_alive() && other.is_alive());
}

#[test]
fn sessions_are_listed_and_ended_by_their_member() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let browser = Request::new("POST", "/v1/sessions").header("User-Agent", format!("Browser {}", "x".repeat(300)));
    let sign_in = json!({ "email": owner.email, "password": owner.password });
    let first = SignedIn::of(&host, &host.client(None).send(&browser.json(&sign_in)));
    let second = owner.sign_in_with_code(&host);
    let listed = second.client.get("/v1/sessions").check_json(200);
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.iter().map(|item| &item["id"]).collect::<Vec<_>>(), [&json!(second.id), &json!(first.id)]);
    assert_eq!((&items[0]["current"], &items[1]["current"]), (&json!(true), &json!(false)));
    assert_eq!((&items[1]["factor_at"], &items[1]["ip"]), (&json!(null), &json!("127.0.0.1")));
    assert_eq!(items[1]["user_agent"].as_str().unwrap().len(), 200);
    assert!(items.iter().all(|item| item.get("secret").is_none()));

    let revoke = |id: &str| second.client.post(&format!("/v1/sessions/{id}/revoke"), &json!({}));
    assert_eq!(revoke(&first.id).check_json(200)["id"], first.id);
    assert!(!first.is_alive() && second.is_alive());
    for missing in [
        first.id.as_str(),
        "ses_000000000000000000",
        "ses_990000000000000000",
        "current",
        second.told["member"].as_str().unwrap(),
    ] {
        revoke(missing).check_problem(404, "not_found");
    }
    revoke(&second.id).check_json(200);
    assert!(!second.is_alive());
    assert_eq!(count(&host, "sessions.revoke"), 2);
}

#[test]
fn a_session_ends_when_it_is_not_used_and_after_its_life_time_in_any_case() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let (idle, used) = (owner.sign_in(&host), owner.sign_in(&host));
    host.advance(1_700);
    assert!(used.is_alive());
    host.advance(105);
    assert!(!idle.is_alive() && used.is_alive());
    // Used all the time, twelve hours are over all the same. Both uses above count as one.
    for _ in 0..27 {
        host.advance(1_500);
        assert!(used.is_alive());
    }
    host.advance(800);
    assert!(used.is_alive());
    host.advance(100);
    assert!(!used.is_alive());
    let host = host.kill_9().start();
    assert_eq!(host.client(Some(&used.secret)).get("/v1/profile").status, 401, "after a restart");
}

#[test]
fn forged_sessions_are_nobodys() {
    let host = Host::dev();
    let signed_in = Person::owner(&host).sign_in(&host);
    for forged in [
        secret::of_nobody(&signed_in.secret, 7),
        secret::guessed(&signed_in.secret),
        secret::with_broken_checksum(&signed_in.secret),
        signed_in.id.clone(),
        signed_in.secret.replace("cf_ses_", "cf_op_"),
        signed_in.secret.replace("cf_ses_", "cf_inv_"),
        String::from("cf_ses_"),
    ] {
        let nobody = host.client(Some(&forged));
        for path in ["/v1/profile", "/v1/sessions", "/v1/sessions/current", &host.workspace("/keys")] {
            nobody.get(path).check_problem(401, "unauthenticated");
        }
    }
    assert!(signed_in.is_alive());
}

#[test]
fn so_many_sessions_are_alive_and_the_oldest_ends() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let first = owner.sign_in(&host);
    host.advance(1);
    for _ in 0..19 {
        owner.sign_in(&host);
    }
    assert!(first.is_alive());
    let last = owner.sign_in_with_code(&host);
    assert!(!first.is_alive() && last.is_alive());
    assert_eq!(last.client.get("/v1/sessions").check_json(200)["items"].as_array().unwrap().len(), 20);
}
