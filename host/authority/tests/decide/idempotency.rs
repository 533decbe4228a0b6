//! Requests that are sent twice and done once.

use std::sync::Arc;
use std::time::Duration;

use access_authority::gateways::{ACTION_ISSUE, GatewayRequest};
use access_authority::keys::{KeyRequest, KeyView, actions};
use access_authority::organizations::{self, OrganizationRequest};
use access_authority::workspaces::{self, WorkspaceRequest};
use access_authority::{Done, Error, Idempotency, IfMatch, Issued, PageRequest, Target};
use access_model::{Id, PlainSecret};
use serde_json::{Value, json};

use crate::bench::Bench;

type Answered = Result<Done<Issued<KeyView>>, Error>;

fn key(name: &str, body: &str) -> Idempotency {
    Idempotency::new(name.to_owned(), body.as_bytes())
}

fn request(name: &str) -> KeyRequest {
    serde_json::from_value(json!({ "kind": "staging", "name": name })).unwrap()
}

impl Bench {
    async fn issue_once(&self, bearer: &PlainSecret, workspace: Id, idempotency: &Idempotency) -> Answered {
        let permit = self.permit_of(bearer, actions::ISSUE, Target::workspace(workspace)).await.unwrap();
        self.authority.issue_key(&permit, request("ci"), Some(idempotency)).await
    }

    async fn rotate_once(&self, id: &Id, idempotency: &Idempotency) -> Answered {
        let permit = self.permit(actions::ROTATE).await;
        self.authority.rotate_key(&permit, id, None, &IfMatch::Any, Some(idempotency)).await
    }

    async fn keys(&self) -> usize {
        let page = PageRequest { limit: Some(200), cursor: None };
        self.authority.list_keys(&self.permit(actions::LIST).await, &page).await.unwrap().items.len()
    }
}

/// What was answered before.
fn before<T: std::fmt::Debug>(done: Result<Done<T>, Error>) -> Value {
    match done {
        Ok(Done::Before(answer)) => answer,
        other => panic!("not told again: {other:?}"),
    }
}

fn is_reused<T: std::fmt::Debug>(done: Result<Done<T>, Error>) {
    assert!(matches!(done, Err(Error::IdempotencyKeyReused)), "{done:?}");
}

#[tokio::test]
async fn the_same_request_is_done_once_and_told_again_without_its_secret() {
    let bench = Bench::new().await;
    let (operator, main) = (&bench.demo.operator_token, bench.demo.workspace);
    let count = bench.keys().await;
    let first = bench.issue_once(operator, main, &key("a", "{}")).await.unwrap().now().unwrap();
    let shown = serde_json::to_value(&first.shown).unwrap();
    bench
        .authority
        .change_key(
            &bench.permit(actions::REVOKE).await,
            &first.shown.id,
            access_authority::keys::Change::Revoke,
            &IfMatch::Any,
        )
        .await
        .unwrap();
    let mut again = before(bench.issue_once(operator, main, &key("a", "{}")).await);
    let hint = again.as_object_mut().unwrap().remove("hint").unwrap();
    assert_eq!(again, shown, "as it was answered, not as it is");
    assert!(hint.as_str().unwrap().contains("rotate the key") && !again.to_string().contains(first.secret.expose()));
    assert_eq!(bench.keys().await, count + 1);
}

#[tokio::test]
async fn a_key_is_bound_to_its_principal_action_target_and_body() {
    let bench = Bench::new().await;
    let (operator, main) = (&bench.demo.operator_token, bench.demo.workspace);
    let manager =
        serde_json::from_value(json!({ "kind": "production", "name": "m", "scopes": ["keys:write"] })).unwrap();
    let manager = bench.issue(manager).await.secret;
    let first = bench.issue_once(operator, main, &key("a", "{}")).await.unwrap().now().unwrap();
    is_reused(bench.issue_once(operator, main, &key("a", "{ }")).await);
    is_reused(bench.issue_once(operator, bench.demo.other_workspace, &key("a", "{}")).await);
    is_reused(bench.rotate_once(&first.shown.id, &key("a", "{}")).await);
    let others = bench.issue_once(&manager, main, &key("a", "{}")).await.unwrap().now().unwrap();
    assert_ne!(others.shown.id, first.shown.id, "another principal's request is another request");
    assert_eq!(before(bench.issue_once(&manager, main, &key("a", "{}")).await)["id"], json!(others.shown.id));
}

#[tokio::test]
async fn a_rotation_that_is_sent_again_rotates_nothing() {
    let bench = Bench::new().await;
    let old = bench.issue(request("old")).await.shown;
    let successor = bench.rotate_once(&old.id, &key("r", "")).await.unwrap().now().unwrap().shown;
    assert_eq!(before(bench.rotate_once(&old.id, &key("r", "")).await)["id"], json!(successor.id));
    assert!(matches!(bench.rotate_once(&old.id, &key("other", "")).await, Err(Error::Transition(_))));
    is_reused(bench.rotate_once(&successor.id, &key("r", "")).await);
}

#[tokio::test]
async fn failures_are_not_remembered_and_successes_for_a_day() {
    let bench = Bench::new().await;
    let (operator, main) = (&bench.demo.operator_token, bench.demo.workspace);
    let permit = bench.permit(actions::ISSUE).await;
    let refused = bench.authority.issue_key(&permit, request(" "), Some(&key("a", "bad"))).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })));
    let first = bench.issue_once(operator, main, &key("a", "good")).await.unwrap().now().unwrap();
    bench.clock.advance(Duration::from_secs(86_399));
    assert_eq!(before(bench.issue_once(operator, main, &key("a", "good")).await)["id"], json!(first.shown.id));
    bench.clock.advance(Duration::from_secs(1));
    let second = bench.issue_once(operator, main, &key("a", "other")).await.unwrap().now().unwrap();
    assert_ne!(second.shown.id, first.shown.id);
    bench.clock.advance(Duration::from_secs(86_402));
    bench.authority.tick().await;
    bench.issue_once(operator, main, &key("a", "third")).await.unwrap().now().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_at_once_one_is_done_and_the_others_are_told() {
    let bench = Arc::new(Bench::new().await);
    let count = bench.keys().await;
    let mut sent = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let bench = bench.clone();
        sent.spawn(
            async move { bench.issue_once(&bench.demo.operator_token, bench.demo.workspace, &key("a", "{}")).await },
        );
    }
    let answers = sent.join_all().await;
    let made = answers.iter().filter(|answer| matches!(answer, Ok(Done::Now(_)))).count();
    let told = answers.iter().filter(|answer| matches!(answer, Ok(Done::Before(_)) | Err(Error::Contended))).count();
    assert_eq!((made, told, bench.keys().await), (1, 49, count + 1), "{answers:?}");
}

#[tokio::test]
async fn gateways_and_workspaces_are_made_once() {
    let bench = Bench::new().await;
    let operator = bench.operator().await;
    let permit = bench.authority.require(&operator, ACTION_ISSUE, Target::platform(), None).await.unwrap();
    let request = || serde_json::from_value::<GatewayRequest>(json!({ "name": "edge" })).unwrap();
    let first = bench.authority.issue_gateway(&permit, request(), Some(&key("g", "1"))).await.unwrap().now().unwrap();
    let again = before(bench.authority.issue_gateway(&permit, request(), Some(&key("g", "1"))).await);
    assert_eq!(again["id"], json!(first.shown.id));
    assert!(again["hint"].as_str().unwrap().contains("issue another"));
    is_reused(bench.authority.issue_gateway(&permit, request(), Some(&key("g", "2"))).await);

    let target = Target::organization(bench.demo.organization);
    let permit = bench.authority.require(&operator, workspaces::actions::CREATE, target, None).await.unwrap();
    let request = || WorkspaceRequest { name: "new".into() };
    let first =
        bench.authority.create_workspace(&permit, request(), Some(&key("w", "1"))).await.unwrap().now().unwrap();
    let again = before(bench.authority.create_workspace(&permit, request(), Some(&key("w", "1"))).await);
    assert_eq!(again, serde_json::to_value(&first).unwrap());
    let taken = bench.authority.create_workspace(&permit, request(), Some(&key("w2", "1"))).await;
    assert!(matches!(taken, Err(Error::NameTaken { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_made_once_wherever_its_creation_was_cut_short() {
    for round in 0..40 {
        let bench = Arc::new(Bench::new().await);
        let operator = bench.operator().await;
        let create = |name: &'static str, idempotency: Idempotency| {
            let (bench, operator) = (bench.clone(), operator.clone());
            async move {
                let target = Target::platform();
                let permit =
                    bench.authority.require(&operator, organizations::actions::CREATE, target, None).await.unwrap();
                bench
                    .authority
                    .create_organization(&permit, OrganizationRequest { name: name.into() }, Some(&idempotency))
                    .await
            }
        };
        bench.failing.take(round % 2);
        assert!(matches!(create("globex", key("o", "1")).await, Err(Error::StoreUnavailable)));
        bench.failing.take(usize::MAX);
        if round % 2 == 1 {
            is_reused(create("initech", key("o", "2")).await);
        }
        let mut sent = tokio::task::JoinSet::new();
        for _ in 0..10 {
            sent.spawn(create("globex", key("o", "1")));
        }
        let answers = sent.join_all().await;
        let made: Vec<_> = answers.iter().filter(|answer| matches!(answer, Ok(Done::Now(_)))).collect();
        assert_eq!(made.len(), 1, "{answers:?}");
        let allowed = |answer: &&_| matches!(answer, Ok(_) | Err(Error::Contended | Error::NameTaken { .. }));
        assert!(answers.iter().all(|answer| allowed(&answer)), "{answers:?}");
        let again = before(create("globex", key("o", "1")).await);
        assert_eq!(again["name"], "globex");
        is_reused(create("initech", key("o", "2")).await);
        assert!(matches!(create("globex", key("p", "1")).await, Err(Error::NameTaken { .. })));
        create("initech", key("p", "2")).await.unwrap().now().unwrap();
    }
}
