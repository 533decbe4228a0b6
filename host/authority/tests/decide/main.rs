//! The way of a request, on the in-memory store, with a clock that stands still and seeded randomness.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod accept;
mod bench;
mod chain;
mod due;
mod due_cost;
mod events;
mod fleet;
mod grants;
mod hosts;
mod idempotency;
mod identify;
mod limits;
mod management;
mod organizations;
mod outage;
mod outgoing;
mod overview;
mod secrets;
mod settings;
mod sign_in;
mod stock;
mod traffic;
mod trail;

use access_authority::Outcome;
use bench::{Ask, Bench};

#[tokio::test]
async fn a_production_key_is_allowed_and_the_answer_says_who_it_was() {
    let bench = Bench::new().await;
    let answer = bench.ask(Ask::default()).await;
    assert_eq!((answer.decision, answer.status, answer.reasons.len()), (Outcome::Allow, 200, 0));
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!(json["principal"]["kind"], "api_key");
    assert_eq!(json["principal"]["environment"], "production");
    assert_eq!(json["quota"]["remaining"], 9_999);
}

#[tokio::test]
async fn a_question_that_can_not_be_mapped_is_an_unknown_action() {
    let bench = Bench::new().await;
    for (method, path, action) in [
        (Some("GET"), Some("/v1/unknown"), None),
        (Some("PUT"), Some("/v1/jobs"), None),
        (Some("GET"), Some("/v1/jobs/../queues"), None),
        (Some("GET"), Some("/v1/jobs%2f1"), None),
        (None, None, Some("jobs.explode")),
        (None, None, Some("keys.issue")),
        (None, None, Some("decisions.ask")),
        (Some("GET"), Some("/v1/jobs"), Some("jobs.create")),
    ] {
        let answer = bench.ask(Ask { method, path, action, ..Ask::default() }).await;
        assert_eq!(
            (answer.status, answer.reasons[0].code.as_str()),
            (403, "unknown_action"),
            "{method:?} {path:?} {action:?}"
        );
    }
}

#[tokio::test]
async fn an_action_by_name_decides_as_its_route_does() {
    let bench = Bench::new().await;
    let by_name = Ask { method: None, path: None, action: Some("jobs.list"), ..Ask::default() };
    assert_eq!(bench.ask(by_name).await.decision, Outcome::Allow);
    let both = Ask { action: Some("jobs.list"), ..Ask::default() };
    assert_eq!(bench.ask(both).await.decision, Outcome::Allow);
}

#[tokio::test]
async fn facts_over_the_cap_are_denied_with_a_code_of_their_own() {
    let bench = Bench::new().await;
    let context =
        |count: usize, length: usize| (0..count).map(|at| (format!("{at:0>length$}"), "x".repeat(length))).collect();
    assert_eq!(bench.ask(Ask { context: context(14, 1_000), ..Ask::default() }).await.decision, Outcome::Allow);
    for (count, length) in [(32, 1_024), (33, 2), (1, 1_025)] {
        let answer = bench.ask(Ask { context: context(count, length), ..Ask::default() }).await;
        assert_eq!((answer.status, answer.reasons[0].code.as_str()), (403, "facts_too_large"), "{count} × {length}");
    }
}

#[tokio::test]
async fn a_gateway_learns_nothing_about_organizations_it_is_not_bound_to() {
    let bench = Bench::new().await;
    let stranger = bench.gateway(&["org_00doesnotexist0000"], &["*"], None).await;
    assert!(stranger.is_err(), "an organization that does not exist is refused at issue");
    let bound_to_none = bench.gateway(&[], &["*"], None).await.unwrap();
    let read_only = bench.key("read_only");
    let ask =
        || Ask { gateway: Some(&bound_to_none), credential: Some(read_only), method: Some("POST"), ..Ask::default() };
    for _ in 0..2 {
        let answer = bench.ask(ask()).await;
        assert_eq!((answer.status, answer.reasons.len()), (403, 1), "not what the key is and lacks");
        assert_eq!(answer.reasons[0].code, "gateway_not_bound");
        let json = serde_json::to_value(&answer).unwrap();
        assert!(json.get("principal").is_none() && json.get("quota").is_none());
    }
}

#[tokio::test]
async fn a_fixed_environment_may_be_repeated_and_not_changed() {
    let bench = Bench::new().await;
    let organization = bench.demo.organization.to_string();
    let fixed = bench.gateway(&[&organization], &["*"], Some("staging")).await.unwrap();
    let ask = |environment| Ask { gateway: Some(&fixed), environment, ..Ask::default() };
    for silent_or_same in [None, Some("staging")] {
        let answer = bench.ask(ask(silent_or_same)).await;
        assert_eq!(answer.decision, Outcome::Allow);
        assert_eq!(serde_json::to_value(&answer).unwrap()["principal"]["environment"], "staging");
    }
    let answer = bench.ask(ask(Some("production"))).await;
    assert_eq!((answer.status, answer.reasons[0].code.as_str()), (403, "environment_not_allowed"));
}
mod usage;
