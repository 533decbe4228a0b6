//! Whatever goes wrong denies.

use std::net::TcpListener;
use std::time::Duration;

use cronflow_access_client::{BuildError, Cause, Client, Decision, Secret, UNAVAILABLE};
use serde_json::{Value, json};

use crate::server::{Act, Server, allow, deny, question, say};

#[track_caller]
fn check_unavailable(decision: &Decision) -> &Cause {
    let Decision::Deny(denial) = decision else { panic!("{decision:?}") };
    assert_eq!((denial.status, denial.code(), denial.retry_after()), (503, UNAVAILABLE, Some(1)));
    denial.cause().unwrap()
}

#[tokio::test]
async fn nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::builder(format!("http://{address}"), Secret::new("s")).build().unwrap();
    let decision = client.authorize(&question()).await;
    assert!(matches!(check_unavailable(&decision), Cause::Unreachable(_)), "{decision:?}");
    for decision in client.authorize_batch(&[question(), question()]).await {
        check_unavailable(&decision);
    }
}

#[tokio::test]
async fn the_host_says_nothing() {
    let server = Server::that([Act::Wait]);
    let client = server.builder().timeout(Duration::from_millis(50)).build().unwrap();
    assert_eq!(check_unavailable(&client.authorize(&question()).await), &Cause::TimedOut);
    // Half an answer is none either.
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\n{\"decision\":\"allow\"".to_vec();
    let server = Server::that([Act::Write(half)]);
    let decision = server.client().authorize(&question()).await;
    assert!(matches!(check_unavailable(&decision), Cause::Broken(_)), "{decision:?}");
}

#[tokio::test]
async fn what_may_have_been_decided_is_not_asked_again() {
    // It reads the question and goes away.
    let server = Server::that([say(&allow(5)), Act::Write(Vec::new()), say(&allow(5))]);
    let client = server.client();
    assert!(client.authorize(&question()).await.is_allow());
    let decision = client.authorize(&question()).await;
    assert!(matches!(check_unavailable(&decision), Cause::Broken(_)), "{decision:?}");
    assert_eq!(server.received().len(), 2);
    assert!(client.authorize(&question()).await.is_allow());
}

#[tokio::test]
async fn a_host_that_does_not_decide_is_no_decision() {
    for (status, body, code) in [
        (401, r#"{"code":"unauthenticated"}"#, "unauthenticated"),
        (400, r#"{"code":"invalid_request"}"#, "invalid_request"),
        (429, r#"{"code":"bad\r\ncode <b>"}"#, "badcodeb"),
        (503, "<html>", ""),
        (204, "", ""),
        (302, "", ""),
        (500, "", ""),
    ] {
        let server = Server::that([Act::Say(status, body.to_owned())]);
        let decision = server.client().authorize(&question()).await;
        assert_eq!(check_unavailable(&decision), &Cause::Refused { status, code: code.to_owned() });
    }
    // Not even when its body is one.
    let server = Server::that([Act::Say(201, allow(5).to_string())]);
    check_unavailable(&server.client().authorize(&question()).await);
}

#[tokio::test]
async fn what_is_no_decision_or_contradicts_itself_denies() {
    let changed = |of: Value, field: &str, to: Value| {
        let mut of = of;
        of[field] = to;
        of.to_string()
    };
    let without = |field: &str| {
        let mut of = allow(5);
        of.as_object_mut().unwrap().remove(field);
        of.to_string()
    };
    let whole = allow(5).to_string();
    let answers = [
        String::new(),
        "null".to_owned(),
        "{}".to_owned(),
        "\"allow\"".to_owned(),
        format!("[{whole}]"),
        format!("{whole}{whole}"),
        whole[..whole.len() - 1].to_owned(),
        whole.replacen("\"decision\":\"allow\"", "\"decision\":\"deny\",\"decision\":\"allow\"", 1),
        changed(allow(5), "decision", json!("ALLOW")),
        changed(allow(5), "decision", json!("maybe")),
        changed(allow(5), "decision", json!(true)),
        changed(allow(5), "status", json!(403)),
        changed(allow(5), "status", json!("200")),
        changed(allow(5), "reasons", deny(403, "x")["reasons"].clone()),
        changed(allow(5), "principal", json!(null)),
        changed(allow(5), "quota", json!({ "limit": -1, "remaining": 1, "reset_seconds": 1 })),
        changed(deny(403, "x"), "status", json!(200)),
        changed(deny(403, "x"), "status", json!(404)),
        without("decision"),
        without("status"),
        without("reasons"),
        without("principal"),
        without("decision_id"),
    ];
    for answer in answers {
        let server = Server::that([Act::Say(200, answer.clone())]);
        let decision = server.client().authorize(&question()).await;
        assert!(matches!(check_unavailable(&decision), Cause::NotUnderstood(_)), "{answer}: {decision:?}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut() {
    let mut answer = allow(5);
    answer["padding"] = json!("x".repeat(70_000));
    let decision = Server::that([say(&answer)]).client().authorize(&question()).await;
    assert!(matches!(check_unavailable(&decision), Cause::Broken(_)), "{decision:?}");
}

#[tokio::test]
async fn a_batch_of_another_length_is_none() {
    for items in [json!([]), json!([allow(1)]), json!([allow(1), allow(1), allow(1)]), json!([allow(1), {}])] {
        let server = Server::that([say(&json!({ "items": items }))]);
        let decisions = server.client().authorize_batch(&[question(), question()]).await;
        assert_eq!(decisions.len(), 2);
        for decision in &decisions {
            check_unavailable(decision);
        }
    }
}

#[test]
fn what_is_no_host_is_refused() {
    for url in [
        "",
        "127.0.0.1:7800",
        "ftp://127.0.0.1",
        "http://",
        "http://user@127.0.0.1",
        "http://127.0.0.1/v1",
        "http://127.0.0.1/?x",
        "unix:/run/access.sock",
    ] {
        let refused = Client::builder(url, Secret::new("s")).build().unwrap_err();
        assert_eq!(refused, BuildError::Url(url.to_owned()));
    }
    assert!(Client::builder("http://[::1]:7800/", Secret::new("s")).build().is_ok());
    let refused = Client::builder("http://127.0.0.1:7800", Secret::new("a\nb")).build().unwrap_err();
    assert_eq!(refused, BuildError::Secret);
    #[cfg(not(feature = "tls"))]
    assert_eq!(Client::builder("https://127.0.0.1", Secret::new("s")).build().unwrap_err(), BuildError::TlsIsOff);
}
