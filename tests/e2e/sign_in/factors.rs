//! Second factors: each code once, each recovery code once, at the same time and after a restart too.

use harness::people::STEP;
use harness::{Host, Person, SignedIn, in_parallel};
use serde_json::{Value, json};

use super::{count, trail};

/// Gives the second factor by a session.
fn step_up(signed_in: &SignedIn, factor: &Value) -> harness::Response {
    signed_in.client.post("/v1/sessions/current/factor", factor)
}

/// Ten new recovery codes.
fn recovery_codes(signed_in: &SignedIn) -> Vec<String> {
    let told = signed_in.client.post("/v1/profile/recovery-codes", &json!({})).check_json(201);
    told["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_code_serves_once_a_step_to_and_fro_and_after_a_restart_neither() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let try_code = |host: &Host, code: &str| owner.try_sign_in(&host.client(None), Some(code)).status;
    let [before, now, after, too_late, too_early] = [-1, 0, 1, -2, 2].map(|steps| owner.code(&host, steps));
    // The clock may have gone on a step since: by then these are two off to either side at least.
    assert_eq!((try_code(&host, &too_late), try_code(&host, &too_early)), (401, 401));
    assert_eq!((try_code(&host, &now), try_code(&host, &now)), (201, 401));
    assert_eq!(try_code(&host, &before), 401, "nor one before the last that was used");
    assert_eq!((try_code(&host, &after), try_code(&host, &after)), (201, 401));
    let host = host.kill_9().start();
    for used in [&before, &now, &after] {
        assert_eq!(try_code(&host, used), 401, "after a restart");
    }
    host.advance(2 * STEP);
    assert_eq!(try_code(&host, &owner.code(&host, 0)), 201);
    let replayed = trail(&host).into_iter().filter(|(_, record)| record["after"]["reason"] == "code_used_before");
    assert!(replayed.count() >= 4);
}

#[test]
fn of_fifty_uses_of_one_code_at_once_one_comes_in() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let code = owner.code(&host, 0);
    let nodes = host.nodes();
    let statuses = in_parallel(50, |number| {
        let client = nodes[number % nodes.len()].client(None);
        owner.try_sign_in(&client, Some(&code)).status
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 201 | 401)), "{statuses:?}");
    assert_eq!(count(&host, "sessions.open"), 1);
}

#[test]
fn of_fifty_step_ups_by_one_code_at_once_one_succeeds() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let sessions: Vec<_> = (0..8).map(|_| owner.sign_in(&host)).collect();
    let factor = json!({ "code": owner.code(&host, 0) });
    let nodes = host.nodes();
    let statuses = in_parallel(50, |number| {
        let client = nodes[number % nodes.len()].client(Some(&sessions[number % sessions.len()].secret));
        client.post("/v1/sessions/current/factor", &factor).status
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 201 | 401 | 403 | 429)), "{statuses:?}");
    assert_eq!(count(&host, "sessions.step_up"), 1);
}

#[test]
fn a_recovery_code_serves_once_also_among_many_at_once_and_after_a_restart() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let codes = recovery_codes(&owner.sign_in_with_code(&host));
    assert_eq!(codes.len(), 10);
    let try_code = |host: &Host, code: &str| step_up(&owner.sign_in(host), &json!({ "recovery_code": code }));

    let first = SignedIn::of(&host, &try_code(&host, &codes[0]));
    assert_eq!(first.told["factor"], "given");
    assert_eq!(first.client.get("/v1/profile").check_json(200)["factor"]["recovery_codes"], 9);
    try_code(&host, &codes[0]).check_problem(403, "factor_refused");
    // However it is typed.
    try_code(&host, &codes[0].to_uppercase().replace('-', " ")).check_problem(403, "factor_refused");
    assert_eq!(try_code(&host, &codes[1].to_uppercase().replace('-', "")).status, 201);

    let sessions: Vec<_> = (0..8).map(|_| owner.sign_in(&host)).collect();
    let statuses = in_parallel(8, |number| step_up(&sessions[number], &json!({ "recovery_code": codes[2] })).status);
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");

    host.advance(86_400);
    let host = host.kill_9().start();
    for used in &codes[..3] {
        try_code(&host, used).check_problem(403, "factor_refused");
    }
    let last = SignedIn::of(&host, &try_code(&host, &codes[3]));
    let replaced = recovery_codes(&last);
    assert!(replaced.iter().all(|code| !codes.contains(code)));
    try_code(&host, &codes[4]).check_problem(403, "factor_refused");
    assert_eq!(try_code(&host, &replaced[4]).status, 201);
}

#[test]
fn what_is_no_factor_is_refused() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let signed_in = owner.sign_in(&host);
    assert_eq!(signed_in.told["factor"], "needed");
    for neither in [json!({}), json!({ "code": "123456", "recovery_code": "3k9xm-c7v2q" }), json!({ "code": 123_456 })]
    {
        step_up(&signed_in, &neither).check_problem(400, "invalid_request");
    }
    for wrong in [json!({ "code": "" }), json!({ "recovery_code": "" }), json!({ "recovery_code": "3k9xm-c7v2q" })] {
        step_up(&signed_in, &wrong).check_problem(403, "factor_refused");
    }
    // Somebody who is no member has none.
    host.operator().post("/v1/sessions/current/factor", &json!({ "code": "123456" })).check_problem(404, "not_found");
    host.operator().get("/v1/profile").check_problem(404, "not_found");
}

#[test]
fn a_factor_is_taken_away_enrolled_anew_and_confirmed_by_its_first_code() {
    let host = Host::dev();
    let mut owner = Person::owner(&host);
    let (other, signed_in) = (owner.sign_in_with_code(&host), owner.sign_in_with_code(&host));
    signed_in.client.post("/v1/profile/totp", &json!({})).check_problem(409, "conflict");
    let without = SignedIn::of(&host, &signed_in.client.post("/v1/profile/totp/remove", &json!({})));
    assert_eq!(without.told["factor"], "none");
    assert!(!other.is_alive() && !signed_in.is_alive() && without.is_alive());

    let begun = without.client.post("/v1/profile/totp", &json!({})).check_json(201);
    let (secret, uri) = (begun["secret"].as_str().unwrap(), begun["otpauth_uri"].as_str().unwrap());
    assert!(uri.starts_with("otpauth://totp/CronFlow:owner%40acme.example?secret=") && uri.contains(secret), "{uri}");
    assert!(begun["qr_svg"].as_str().unwrap().starts_with("<svg "));
    assert_eq!(without.client.get("/v1/profile").check_json(200)["factor"], Value::Null, "not before it is confirmed");
    let confirm = |code: &str| without.client.post("/v1/profile/totp/confirm", &json!({ "code": code }));
    confirm(&owner.code(&host, 0)).check_problem(403, "factor_refused");
    owner.totp_secret = secret.to_owned();
    let code = owner.code(&host, 0);
    let confirmed = confirm(&code).check_json(201);
    assert_eq!(confirmed["recovery_codes"].as_array().unwrap().len(), 10);
    let enrolled = SignedIn::told(&host, confirmed["session"].clone());
    assert_eq!(enrolled.told["factor"], "given");
    assert!(enrolled.is_alive() && !without.is_alive());

    assert_eq!(owner.try_sign_in(&host.client(None), Some(&code)).status, 401, "its first code was used");
    owner.sign_in_with_code(&host);
    assert_eq!(count(&host, "profile.factors"), 3);
}
