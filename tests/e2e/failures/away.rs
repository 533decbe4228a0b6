//! Redis is away: each operation, by name. How that looks under load is shown by `outage`.

use std::time::Duration;

use harness::{Came, Fault, Question, Setup, ask_on, is_left_to_tests_run, stopwatch, wait_until};
use serde_json::json;

use super::operations::{Operations, check_answered, check_refused, check_temporarily_unavailable, shown};
use super::{Books, check_books};

/// What "at once" means, on a machine that is busy, for all operations together.
const AT_ONCE: Duration = Duration::from_secs(30);

#[test]
fn every_operation_says_so_at_once_and_nothing_is_half_done() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis().start();
    let operations = Operations::on(&host);
    let question = Question::reads_jobs(&operations.secrets()[0]);
    host.decide_patiently(&question).check_allow();
    let before = shown(&host);
    host.setup().redis().kill_9();

    for node in host.nodes() {
        wait_until("it says that it is not ready", || node.health().status == 503);
        let client = |token: &str| node.client(Some(token));
        let (gateway, operator) = (client(&host.identity().gateway_token), client(&host.identity().operator_token));
        ask_on(&gateway, &question.request(), &stopwatch(), |asked| asked.came == Came::Unavailable);
        let watch = stopwatch();
        let batch = json!({ "items": [question.body()] });
        let evaluation = json!({ "subject": { "type": "user", "id": "ada" }, "action": { "name": "jobs.list" },
                                 "resource": { "type": "queue", "id": "emails" } });
        for (path, body) in [("/v1/authorize/batch", &batch), ("/access/v1/evaluation", &evaluation)] {
            assert_eq!(gateway.post(path, body).status, 503, "{path}");
        }
        check_refused(&operator, &operations.changes());
        check_refused(&operator, &operations.reads());
        let anybody = node.client(None);
        operations.check_no_tokens(&anybody);
        check_temporarily_unavailable(&operations.introspect(&anybody));
        operations.check_no_sign_in(&anybody);
        assert_eq!(node.client(None).get("/health/alive").status, 200);
        assert!(watch() < AT_ONCE, "{:?}", watch());
    }

    let watch = stopwatch();
    host.setup().redis().restart();
    for node in host.nodes() {
        wait_until("it is ready", || node.health().status == 200);
    }
    let recovered = watch();
    check_answered(host.operator(), &operations.reads());
    assert_eq!(shown(&host), before);
    let found = check_books(&host, &Books::from(operations.secrets().map(|secret| (secret, true))));
    let saw = "503 to each operation, at once";
    Fault { what: "Redis away: every operation", saw, recovered, found }.note();
}
