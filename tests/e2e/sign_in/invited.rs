//! Whoever is invited: becomes a member once, with a password that is good, and nothing else than the invitation says.

use harness::{Host, Person, SignedIn, in_parallel, secret};
use serde_json::{Value, json};

use super::count;

const PASSWORD: &str = "seven quiet lanterns";

/// An invitation's secret and id, by the operator.
fn invite(host: &Host, email: &str) -> (String, String) {
    let path = format!("/v1/organizations/{}/invitations", host.identity().organization);
    let told = host.operator().post(&path, &json!({ "email": email, "roles": ["developer"] })).check_json(201);
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    (text("secret"), text("id"))
}

fn acceptance(invitation: &str, password: &str) -> Value {
    json!({ "invitation": invitation, "name": "Grace", "password": password })
}

fn accept(host: &Host, invitation: &str) -> harness::Response {
    host.client(None).post("/v1/invitations/accept", &acceptance(invitation, PASSWORD))
}

#[test]
fn whoever_is_invited_comes_in_and_enrols() {
    let host = Host::dev();
    let (invitation, id) = invite(&host, "grace@example.com");
    let signed_in = SignedIn::of(&host, &accept(&host, &invitation));
    assert_eq!(signed_in.told["factor"], "none");
    let profile = signed_in.client.get("/v1/profile").check_json(200);
    assert_eq!((&profile["roles"], &profile["email"]), (&json!(["developer"]), &json!("grace@example.com")));
    let begun = signed_in.client.post("/v1/profile/totp", &json!({})).check_json(201);
    let grace = Person {
        email: "grace@example.com".into(),
        password: PASSWORD.into(),
        totp_secret: begun["secret"].as_str().unwrap().to_owned(),
    };
    let code = json!({ "code": grace.code(&host, 0) });
    let confirmed = signed_in.client.post("/v1/profile/totp/confirm", &code).check_json(201);
    assert!(SignedIn::told(&host, confirmed["session"].clone()).is_alive());
    assert_eq!(grace.sign_in(&host).told["factor"], "needed");
    assert_eq!(grace.sign_in_with_code(&host).told["factor"], "given");
    accept(&host, &invitation).check_problem(409, "conflict");
    let record = super::trail(&host)
        .into_iter()
        .find(|(action, record)| action == "invitations.accept" && record["after"]["invitation"] == id);
    assert_eq!(record.unwrap().1["target"], profile["id"]);
}

#[test]
fn fifty_acceptances_at_once_make_one_member() {
    let host = Host::dev();
    let (invitation, _) = invite(&host, "grace@example.com");
    let nodes = host.nodes();
    let statuses = in_parallel(50, |number| {
        let client = nodes[number % nodes.len()].client(None);
        client.post("/v1/invitations/accept", &acceptance(&invitation, PASSWORD)).status
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 201 | 409)), "{statuses:?}");
    assert_eq!(count(&host, "invitations.accept"), 2, "the demo's owner, and one more");
}

#[test]
fn an_invitation_that_is_none_lets_nobody_in() {
    let host = Host::dev();
    let (invitation, id) = invite(&host, "grace@example.com");
    for forged in [
        secret::of_nobody(&invitation, 7),
        secret::guessed(&invitation),
        secret::with_broken_checksum(&invitation),
        invitation.replace("cf_inv_", "cf_ses_"),
        id.clone(),
        String::new(),
    ] {
        accept(&host, &forged).check_problem(404, "not_found");
    }
    for weak in ["short", "grace@example.com 1", "password1234"] {
        let refused = host.client(None).post("/v1/invitations/accept", &acceptance(&invitation, weak));
        refused.check_problem(400, "invalid_request");
    }
    // It identifies nobody.
    host.client(Some(&invitation)).get("/v1/profile").check_problem(401, "unauthenticated");
    let path = format!("/v1/organizations/{}/invitations/{id}/revoke", host.identity().organization);
    host.operator().post(&path, &json!({})).check_json(200);
    accept(&host, &invitation).check_problem(409, "conflict");
    let (late, _) = invite(&host, "grace@example.com");
    host.advance(7 * 86_400);
    accept(&host, &late).check_problem(409, "conflict");
    let (taken, _) = invite(&host, "ada@example.com");
    assert_eq!(accept(&host, &taken).status, 201);
}
