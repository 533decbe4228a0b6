//! Signing in: who comes in, who doesn't, and what either learns of it.

mod factors;
mod guesses;
mod invited;
mod sessions;

use harness::people::STEP;
use harness::{Host, Person, Setup, SignedIn};
use serde_json::{Value, json};

/// The organization's audit trail, newest first: action and what was said of it.
fn trail(host: &Host) -> Vec<(String, Value)> {
    let path = format!("/v1/organizations/{}/audit?limit=200", host.identity().organization);
    let told = host.operator().get(&path).check_json(200);
    let items = told["items"].as_array().unwrap().iter();
    items.map(|item| (item["action"].as_str().unwrap().to_owned(), item.clone())).collect()
}

/// How often something is told of in the trail.
fn count(host: &Host, action: &str) -> usize {
    trail(host).iter().filter(|(of, _)| of == action).count()
}

#[test]
fn the_demos_owner_signs_in_and_out() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let signed_in = owner.sign_in_with_code(&host);
    assert!(signed_in.secret.starts_with("cf_ses_"), "{}", signed_in.told);
    assert_eq!((&signed_in.told["factor"], &signed_in.told["idle_seconds"]), (&json!("given"), &json!(1800)));
    assert_eq!(signed_in.told["organization"], host.identity().organization);

    let profile = signed_in.client.get("/v1/profile").check_json(200);
    assert_eq!((&profile["email"], &profile["roles"]), (&json!(owner.email), &json!(["owner"])));
    assert_eq!((&profile["id"], &profile["factor"]["type"]), (&signed_in.told["member"], &json!("totp")));
    let renamed = signed_in.client.put("/v1/profile", &json!({ "name": "Ada" })).check_json(200);
    assert_eq!(renamed["name"], "Ada");
    signed_in.client.put("/v1/profile", &json!({ "name": "a\u{202e}b" })).check_problem(400, "invalid_request");

    let ended = signed_in.client.post("/v1/sessions/current/end", &json!({})).check_json(200);
    assert_eq!((&ended["id"], &ended["current"]), (&json!(signed_in.id), &json!(true)));
    assert!(!signed_in.is_alive());
    signed_in.client.get("/v1/profile").check_problem(401, "unauthenticated");
    let actions: Vec<_> = trail(&host).into_iter().take(3).map(|(action, _)| action).collect();
    assert_eq!(actions, ["sessions.end", "profile.update", "sessions.open"]);
}

/// The same at every start, and what was changed of it stays.
#[test]
fn the_demos_owner_is_the_same_after_a_restart() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    owner.sign_in_with_code(&host).client.put("/v1/profile", &json!({ "name": "Grace" })).check_json(200);
    let host = host.terminate().start();
    let again = Person::owner(&host);
    assert_eq!((&again.password, &again.totp_secret), (&owner.password, &owner.totp_secret));
    let signed_in = again.sign_in_with_code(&host);
    assert_eq!(signed_in.client.get("/v1/profile").check_json(200)["name"], "Grace");
}

#[test]
fn whatever_is_wrong_is_told_the_same() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let nobody = host.client(None);
    let check = |email: &str, password: &str, code: Option<&str>| {
        let person = Person { email: email.into(), password: password.into(), ..Person::default() };
        let response = person.try_sign_in(&nobody, code);
        response.check_problem(401, "sign_in_failed");
        let mut headers = response.headers.clone();
        headers.retain(|(name, _)| name != "date");
        (response.body, headers)
    };
    let wrong = check(&owner.email, "not the password", None);
    assert!(!wrong.0.contains(&owner.email));
    for other in [
        check("nobody@acme.example", "not the password", None),
        check("nobody@acme.example", &owner.password, None),
        check("not an address", "not the password", None),
        check("", "", None),
        check(&owner.email, &owner.password, Some("000000")),
        check(&owner.email, &owner.password, Some("not a code")),
        check(&owner.email, &owner.password.to_uppercase(), Some(&owner.code(&host, 0))),
    ] {
        assert_eq!(other, wrong);
    }
    nobody.post("/v1/sessions", &json!({ "email": owner.email })).check_problem(400, "invalid_request");
    let twice = json!({ "email": owner.email, "password": owner.password, "role": "owner" });
    nobody.post("/v1/sessions", &twice).check_problem(400, "invalid_request");
    let refused = trail(&host).into_iter().filter(|(action, _)| action == "sessions.refuse");
    let reasons: Vec<_> = refused.map(|(_, record)| record["after"]["reason"].as_str().unwrap().to_owned()).collect();
    assert_eq!(reasons, ["wrong_password", "wrong_code", "wrong_code", "wrong_password"]);
    // Those that are nobody's lie in the platform's books, without what was typed.
    let platform = host.operator().get("/v1/audit?action=sessions.refuse");
    assert_eq!(platform.check_json(200)["items"].as_array().unwrap().len(), 4);
    assert!(!platform.body.contains("nobody@") && !platform.body.contains("not an address"), "{}", platform.body);
}

#[test]
fn an_address_is_the_same_in_capitals_and_no_other_is() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let as_typed = |email: &str| {
        let person = Person { email: email.to_owned(), ..owner.clone() };
        person.try_sign_in(&host.client(None), None).status
    };
    for same in ["OWNER@acme.example", " owner@ACME.example ", "Owner@Acme.Example"] {
        assert_eq!(as_typed(same), 201, "{same}");
    }
    for other in ["o.wner@acme.example", "owner+x@acme.example", "owner@acme.example.", "ow\u{200b}ner@acme.example"] {
        assert_eq!(as_typed(other), 401, "{other}");
    }
}

#[test]
fn a_password_is_changed_by_whoever_knows_it_and_ends_every_other_session() {
    let host = Host::dev();
    let owner = Person::owner(&host);
    let (other, current) = (owner.sign_in_with_code(&host), owner.sign_in_with_code(&host));
    let change = |current: &str, new: &str| json!({ "current": current, "new": new });
    let path = "/v1/profile/password";
    let good = "seven quiet lanterns";
    current.client.post(path, &change("a guess of mine", good)).check_problem(403, "password_refused");
    for weak in ["short", "password1234", "i am owner@acme.example", "cronflow for ever", &owner.password] {
        let problem = current.client.post(path, &change(&owner.password, weak)).check_problem(400, "invalid_request");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with("`new`: ") && (!detail.contains(weak) || weak == "short"), "{detail}");
    }
    assert!(other.is_alive() && current.is_alive());
    let successor = SignedIn::of(&host, &current.client.post(path, &change(&owner.password, good)));
    assert_eq!(
        (&successor.told["factor"], &successor.told["expires_at"]),
        (&json!("given"), &current.told["expires_at"])
    );
    assert!(successor.is_alive() && !other.is_alive() && !current.is_alive());
    assert_eq!(owner.try_sign_in(&host.client(None), None).status, 401);
    let changed = Person { password: good.to_owned(), ..owner };
    changed.sign_in_with_code(&host);
    assert_eq!(count(&host, "profile.password"), 1);
}

#[test]
fn what_is_typed_lies_nowhere() {
    let host = Setup::dev().args(["--log", "trace"]).start();
    let owner = Person::owner(&host);
    let wrong = Person { password: "a sentinel among passwords".into(), ..owner.clone() };
    wrong.try_sign_in(&host.client(None), Some("a sentinel among codes"));
    let signed_in = owner.sign_in_with_code(&host);
    let new = "another sentinel of mine";
    signed_in.client.post("/v1/profile/password", &json!({ "current": owner.password, "new": new }));
    host.advance(STEP);
    let answers = [format!("{:?}", trail(&host)), host.scrape(), signed_in.client.get("/v1/profile").body];
    let stopped = host.terminate();
    let mut places: Vec<String> = answers.into();
    places.push(stopped.stderr.clone());
    for folder in stopped.setup.data_places() {
        for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file())
        {
            places.push(String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned());
        }
    }
    let secret = &signed_in.secret[signed_in.secret.len() - 20..];
    for place in places {
        for hidden in [&wrong.password, new, &owner.password, &owner.totp_secret, secret, "sentinel among codes"] {
            assert!(!place.contains(hidden), "`{hidden}` lies in {}", place.chars().take(200).collect::<String>());
        }
    }
}
