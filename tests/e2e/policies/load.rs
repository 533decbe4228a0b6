//! Publishing while decisions are made.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::{Answer, AtEnd, Host, Question, in_parallel};
use serde_json::json;

use super::{policy, publish};

const REVISIONS: u64 = 200;
const CONNECTIONS: usize = 8;

#[test]
fn each_decision_names_one_revision_and_agrees_with_it() {
    let host = Host::dev();
    let upload = |number: u64| json!({ "engine": "cel", "source": format!("forbid(\"at_{number}\", \"never\")") });
    publish(&host, "changing", &upload(1));
    let keys = host.issue_many(CONNECTIONS);
    let over = AtomicBool::new(false);
    let seen = in_parallel(CONNECTIONS + 1, |number| {
        let mut seen: BTreeSet<(u64, String)> = BTreeSet::new();
        let Some(key) = keys.get(number) else {
            let _end = AtEnd(&over);
            let operator = host.manager().client(Some(&host.identity().operator_token));
            for revision in 2..=REVISIONS {
                let put = operator.put(&policy(&host, "changing", "?publish=true"), &upload(revision)).check_json(200);
                assert_eq!(put["policy_revision"], revision);
            }
            return seen;
        };
        let client = host.client(Some(&host.identity().gateway_token));
        let asked = Question::reads_jobs(&key.secret).request();
        let mut last = 0;
        while !over.load(Ordering::Relaxed) {
            let answer = Answer::of(client.try_send(&asked).expect("no connection breaks").check_json(200));
            let revision = answer.0["policy_revision"].as_u64().expect("a number");
            // The quota is no concern of this: what is denied uses none up, and attempts are few enough or answer first.
            if answer.codes() == ["rate_limited"] {
                continue;
            }
            assert_eq!(answer.codes(), [format!("at_{revision}")], "{}", answer.0);
            assert!(revision >= last, "{revision} after {last}");
            last = revision;
            seen.insert((revision, answer.set_digest().to_owned()));
        }
        seen
    });
    let all: BTreeSet<_> = seen.into_iter().flatten().collect();
    let revisions: BTreeSet<_> = all.iter().map(|(revision, _)| revision).collect();
    assert_eq!(revisions.len(), all.len(), "each revision has one digest");
    assert!(revisions.len() > 20, "{} revisions were seen", revisions.len());
}
