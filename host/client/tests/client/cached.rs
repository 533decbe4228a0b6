//! Reused allows, over the wire. `src/cache/tests.rs` has their arithmetic.

use cronflow_access_client::{MaxAge, Question, Resource, Secret};

use crate::server::{Server, allow, deny, question, say};

#[tokio::test]
async fn nothing_is_reused_unless_that_was_asked_for() {
    let server = Server::that_allows();
    let client = server.client();
    for _ in 0..3 {
        assert!(client.authorize(&question()).await.is_allow());
    }
    assert_eq!(server.received().len(), 3);
}

/// Allows what it finds, so it does not go by what a clock says: a question that differs from the one before in anything at
/// all is asked, however soon it comes.
#[tokio::test]
async fn whatever_a_decision_may_depend_on_is_another_question() {
    let server = Server::that_allows();
    let client = server.builder().reuse_allows(MaxAge::LONGEST, 1000).build().unwrap();
    let of = |secret: &str, method: &str, path: &str| Question::request(Secret::new(secret), method, path);
    let questions = [
        of("a", "GET", "/v1/jobs"),
        of("b", "GET", "/v1/jobs"),
        of("a", "HEAD", "/v1/jobs"),
        of("a", "GET", "/v1/jobs/1"),
        Question::action(Secret::new("a"), "jobs.list"),
        of("a", "GET", "/v1/jobs").ip("203.0.113.7".parse().unwrap()),
        of("a", "GET", "/v1/jobs").ip("203.0.113.8".parse().unwrap()),
        of("a", "GET", "/v1/jobs").environment("production"),
        of("a", "GET", "/v1/jobs").environment("staging"),
        of("a", "GET", "/v1/jobs").resource(Resource::new("queue", "1")),
        of("a", "GET", "/v1/jobs").resource(Resource::new("queue", "2")),
        of("a", "GET", "/v1/jobs").resource(Resource::new("job", "1")),
        of("a", "GET", "/v1/jobs").resource(Resource::new("queue", "1").workspace("main")),
        of("a", "GET", "/v1/jobs").resource(Resource::new("queue", "1").attribute("n", 1)),
        of("a", "GET", "/v1/jobs").resource(Resource::new("queue", "1").attribute("n", "1")),
        of("a", "GET", "/v1/jobs").context("n", 1),
        of("a", "GET", "/v1/jobs").context("n", 2),
        of("a", "GET", "/v1/jobs").min_revision(1),
    ];
    for (asked, question) in questions.iter().enumerate() {
        assert!(client.authorize(question).await.is_allow());
        assert_eq!(server.received().len(), asked + 1, "{question:?}");
    }
}

#[tokio::test]
async fn who_is_nobody_is_asked_about_again_in_everything() {
    let server = Server::that_allows();
    let client = server.builder().reuse_allows(MaxAge::LONGEST, 1000).build().unwrap();
    let other = || Question::request(Secret::new("cf_prod_sentinel"), "GET", "/v1/queues");
    assert!(client.authorize(&question()).await.is_allow());
    server.now(say(&deny(401, "unauthenticated")));
    assert!(!client.authorize(&other()).await.is_allow());
    assert!(!client.authorize(&question()).await.is_allow());
    // And denials are asked about again.
    server.now(say(&allow(100)));
    assert!(client.authorize(&question()).await.is_allow());
}

#[tokio::test]
async fn an_allow_is_reused_no_more_often_than_is_left() {
    let server = Server::that([say(&allow(3))]);
    let client = server.builder().reuse_allows(MaxAge::LONGEST, 1000).build().unwrap();
    for _ in 0..20 {
        assert!(client.authorize(&question()).await.is_allow());
    }
    // A slow machine asks more often, none less.
    assert!(server.received().len() >= 17, "{}", server.received().len());
}
