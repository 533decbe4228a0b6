//! Requests that are not what OAuth2 says: its own errors, and never a 500.

use harness::{Host, Request, secret};

use super::{Client, check_error};

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn what_is_no_token_request_is_told_so() {
    let host = Host::dev();
    let demo = Client::demo(&host);
    let grant = "grant_type=client_credentials";
    for (form, error) in [
        ("", "invalid_request"),
        ("grant_type=", "invalid_request"),
        ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
        ("grant_type=client_credentials&scope=jobs:read&scope=jobs:write", "invalid_request"),
        ("grant_type=client_credentials&resource=a&resource=b", "invalid_request"),
        ("grant_type=client_credentials&client_id=cl_00aaaaaaaaaaaaaaaa", "invalid_request"),
        ("grant_type=client_credentials&client_secret=x", "invalid_request"),
        ("grant_type=password&username=a&password=b", "unsupported_grant_type"),
        ("grant_type=refresh_token&refresh_token=a", "unsupported_grant_type"),
        ("grant_type=CLIENT_CREDENTIALS", "unsupported_grant_type"),
        ("grant_type=client_credentials&scope=%00", "invalid_scope"),
        ("grant_type=client_credentials&scope=%22", "invalid_scope"),
        ("grant_type=client_credentials&scope=j%C3%B6bs", "invalid_scope"),
        ("grant_type=client_credentials&resource=%FF%FE", "invalid_target"),
    ] {
        check_error(&demo.post(&host, "token", form), 400, error);
    }
    let many = format!("{grant}&scope={}", vec!["jobs:read"; 65].join("+"));
    check_error(&demo.post(&host, "token", &many), 400, "invalid_scope");
    let large = format!("{grant}&x={}", "a".repeat(20_000));
    check_error(&demo.post(&host, "token", &large), 400, "invalid_request");
    for kind in ["application/json", "multipart/form-data; boundary=x", "text/plain", ""] {
        let request = Request::new("POST", "/oauth/token").body(kind, grant);
        check_error(&host.client(None).send(&request), 400, "invalid_request");
    }
    check_error(
        &host.client(None).send(&demo.request("token?grant_type=client_credentials", grant)),
        400,
        "invalid_request",
    );
    assert_eq!(host.client(None).get("/oauth/token").status, 405);
    assert_eq!(demo.post(&host, "token", &format!("{grant}&unknown=1")).status, 200, "RFC 6749 §3.2: ignored");
    assert_eq!(demo.post(&host, "token", &format!("{grant}&scope=")).status, 200, "empty is not sent");
}

#[test]
fn whoever_can_not_be_authenticated_is_told_one_thing() {
    let host = Host::dev();
    let demo = Client::demo(&host);
    let grant = "grant_type=client_credentials";
    let send = |header: Option<&str>, form: &str| {
        let request = Request::new("POST", "/oauth/token").body(FORM, form);
        host.client(None).send(&match header {
            Some(header) => request.header("Authorization", header),
            None => request,
        })
    };
    for header in
        ["Basic", "Basic ", "Basic !!!", "Basic YQ==", "Basic OjA6", "Basic /////w==", "Bearer x", "Digest a=b", ""]
    {
        check_error(&send(Some(header), grant), 401, "invalid_client");
    }
    let mut wrong = demo.secret.clone();
    let last = wrong.pop().unwrap();
    wrong.push(if last == 'x' { 'y' } else { 'x' });
    let other = secret::of_nobody(&demo.secret, 7);
    for (id, secret) in [
        (demo.id.as_str(), ""),
        (demo.id.as_str(), wrong.as_str()),
        (demo.id.as_str(), other.as_str()),
        ("", demo.secret.as_str()),
        ("cl_00aaaaaaaaaaaaaaaa", demo.secret.as_str()),
        ("nobody", "nothing"),
    ] {
        check_error(&send(None, &format!("{grant}&client_id={id}&client_secret={secret}")), 401, "invalid_client");
    }
    let (id, secret) = (&demo.id, &demo.secret);
    let in_body = format!("{grant}&client_id={id}&client_secret={secret}");
    assert_eq!(send(None, &in_body).status, 200, "client_secret_post");
    check_error(&host.client(None).send(&demo.request("token", &in_body)), 400, "invalid_request");
    let twice = demo.request("token", grant).header("Authorization", "Basic YTpi");
    check_error(&host.client(None).send(&twice), 400, "invalid_request");
}

#[test]
fn wrong_secrets_shut_out_who_sends_them_and_not_the_client() {
    let host = Host::dev();
    let demo = Client::demo(&host);
    let guess = Client { id: demo.id.clone(), secret: secret::guessed(&demo.secret) };
    let statuses: Vec<u16> =
        (0..310).map(|_| guess.post(&host, "token", "grant_type=client_credentials").status).collect();
    assert!(statuses.iter().take(290).all(|status| *status == 401), "{statuses:?}");
    assert_eq!(statuses.last(), Some(&429));
    let shut = guess.post(&host, "token", "grant_type=client_credentials");
    check_error(&shut, 429, "temporarily_unavailable");
    assert!(shut.header("retry-after").is_some());
    demo.token(&host, "");
}

#[test]
fn introspection_and_revocation_need_somebody_and_a_token() {
    let host = Host::dev();
    let demo = Client::demo(&host);
    for endpoint in ["introspect", "revoke"] {
        let request = Request::new("POST", &format!("/oauth/{endpoint}")).body(FORM, "token=x");
        check_error(&host.client(None).send(&request), 401, "invalid_client");
        check_error(&demo.post(&host, endpoint, ""), 400, "invalid_request");
        check_error(&demo.post(&host, endpoint, "token=a&token=b"), 400, "invalid_request");
        assert_eq!(demo.post(&host, endpoint, "token=nonsense").status, 200);
    }
}
