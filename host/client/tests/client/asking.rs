//! What is asked, and what is answered.

use cronflow_access_client::{Decision, Question, Resource, Secret};
use serde_json::json;

use crate::server::{Act, Server, allow, deny, question, say};

#[tokio::test]
async fn a_question_says_what_was_stated_and_nothing_else() {
    let server = Server::that_allows();
    let client = server.client();
    let resource = Resource::new("queue", "emails").workspace("main").attribute("priority", 3);
    let whole = question()
        .ip("::ffff:203.0.113.7".parse().unwrap())
        .environment("production")
        .resource(resource)
        .context("ticket", "OPS-17")
        .context("tags", vec!["a".to_owned()])
        .min_revision(12);
    let _ = client.authorize(&whole).await;
    let _ = client.authorize(&Question::action(Secret::new("s"), "jobs.create")).await;
    let [first, second] = &server.received()[..] else { panic!("two questions") };
    assert!(first.head.starts_with("post /v1/authorize http/1.1\r\n"), "{}", first.head);
    assert!(first.head.contains("\r\nauthorization: bearer cf_gw_sentinel\r\n"), "{}", first.head);
    assert!(first.head.contains("\r\ncontent-type: application/json\r\n"), "{}", first.head);
    let expected = json!({
        "credential": "cf_prod_sentinel",
        "request": { "method": "GET", "path": "/v1/jobs", "ip": "203.0.113.7", "environment": "production" },
        "resource": { "type": "queue", "id": "emails", "workspace": "main", "attributes": { "priority": 3 } },
        "context": { "ticket": "OPS-17", "tags": ["a"] },
        "min_revision": 12,
    });
    assert_eq!(first.body, expected);
    assert_eq!(second.body, json!({ "credential": "s", "request": {}, "action": "jobs.create" }));
}

#[tokio::test]
async fn an_allow_tells_who_and_how_much_is_left() {
    let server = Server::that_allows();
    let Decision::Allow(allow) = server.client().authorize(&question()).await else { panic!("it is allowed") };
    assert_eq!((allow.decision_id.as_str(), allow.policy_revision, allow.set_digest.as_str()), ("dec_1", 7, "d1"));
    let principal = &allow.principal;
    assert_eq!((principal.id.as_str(), principal.workspace.as_deref()), ("key_1", Some("ws_1")));
    assert_eq!(principal.scopes, ["jobs:read"]);
    let quota = allow.quota.unwrap();
    assert_eq!((quota.limit, quota.remaining, quota.reset_seconds), (100, 100, 42));
}

#[tokio::test]
async fn a_denial_tells_every_reason() {
    for status in [401, 403, 429, 503] {
        let server = Server::that([say(&deny(status, "missing_scope"))]);
        let Decision::Deny(denial) = server.client().authorize(&question()).await else { panic!("it is denied") };
        assert_eq!((denial.status, denial.code(), denial.message()), (status, "missing_scope", "because"));
        assert_eq!(
            denial.reasons.iter().map(|reason| reason.code.as_str()).collect::<Vec<_>>(),
            ["missing_scope", "second"]
        );
        assert!(denial.cause().is_none());
    }
}

#[tokio::test]
async fn fields_of_later_releases_are_no_trouble() {
    let mut answer = allow(1);
    answer["obligations"] = json!(["new"]);
    answer["principal"]["client"] = json!({ "id": "client_1" });
    assert!(Server::that([say(&answer)]).client().authorize(&question()).await.is_allow());
}

#[tokio::test]
async fn a_batch_is_decided_in_its_order() {
    let server = Server::that([say(&json!({ "items": [allow(5), deny(403, "missing_scope"), allow(4)] }))]);
    let decisions = server.client().authorize_batch(&[question(), question(), question()]).await;
    assert_eq!(decisions.iter().map(Decision::is_allow).collect::<Vec<_>>(), [true, false, true]);
    let received = server.received();
    assert!(received[0].head.starts_with("post /v1/authorize/batch "));
    assert_eq!(received[0].body["items"].as_array().unwrap().len(), 3);
    assert!(server.client().authorize_batch(&[]).await.is_empty());
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn connections_are_kept_and_shared_by_clones() {
    let server = Server::that_allows();
    let client = server.client();
    for _ in 0..5 {
        assert!(client.clone().authorize(&question()).await.is_allow());
    }
    assert!(server.received().iter().all(|received| received.connection == 0));
}

#[tokio::test]
async fn secrets_are_shown_nowhere() {
    let server = Server::that([Act::Say(401, "{\"code\":\"unauthenticated\"}".to_owned())]);
    let (builder, client, question) = (server.builder(), server.client(), question());
    let decision = client.authorize(&question).await;
    let shown = format!("{builder:?} {client:?} {question:?} {decision:?} {:?}", Secret::new("sentinel"));
    assert!(!shown.contains("sentinel"), "{shown}");
}
