//! Who may use which endpoint: the table, asked cell by cell.

use std::collections::BTreeSet;

use harness::Host;

use super::endpoints;

const JOBS: [&str; 4] = ["jobs:read", "jobs:write", "workers:manage", "webhooks:configure"];

#[test]
fn a_key_without_management_scopes_manages_nothing() {
    let host = Host::dev();
    let other = host.issue("staging", &[]);
    let bearers = [
        (host.issue("production", &JOBS).secret, "missing_scope"),
        (host.issue("production", &[]).secret, "missing_scope"),
        (host.demo_key("staging").secret, "kind_not_allowed"),
        (host.demo_key("read_only").secret, "kind_not_allowed"),
        (host.identity().gateway_token.clone(), "kind_not_allowed"),
    ];
    for (bearer, code) in &bearers {
        for endpoint in endpoints() {
            let code = if endpoint.scope.is_some() { code } else { "kind_not_allowed" };
            let refused = endpoint.ask(&host, bearer, &host.identity().workspace, &other.id);
            let problem = refused.check_problem(403, code);
            assert_eq!(problem["reasons"][0]["policy"], "management", "{}: {problem}", endpoint.name());
        }
    }
    assert_eq!(host.show(&other)["state"], "active");
}

#[test]
fn each_scope_opens_its_own_endpoints_and_no_others() {
    let host = Host::dev();
    let scopes: BTreeSet<_> = endpoints().iter().filter_map(|endpoint| endpoint.scope).collect();
    for scope in scopes {
        let holder = host.issue("production", &[scope]).secret;
        let other = host.issue("staging", &[]);
        for endpoint in endpoints() {
            let answer = endpoint.ask(&host, &holder, &host.identity().workspace, &other.id);
            let name = endpoint.name();
            match endpoint.scope {
                Some(needed) if needed == scope => assert!(matches!(answer.status, 200 | 201), "{name}: {answer:?}"),
                Some(needed) => {
                    let problem = answer.check_problem(403, "missing_scope");
                    let detail = problem["detail"].as_str().unwrap();
                    assert!(detail.ends_with(&format!("needs the scope {needed}")), "{name}: {detail}");
                    let said = answer.header("www-authenticate").unwrap();
                    assert!(said.contains("insufficient_scope"), "{name}: {said}");
                }
                None => drop(answer.check_problem(403, "kind_not_allowed")),
            }
        }
    }
}

#[test]
fn another_workspace_is_out_of_reach_whether_it_is_there_or_not() {
    let host = Host::dev();
    let scopes: BTreeSet<_> = endpoints().iter().filter_map(|endpoint| endpoint.scope).collect();
    let holder = host.issue("production", &scopes.into_iter().collect::<Vec<_>>()).secret;
    let key = host.issue("staging", &[]);
    for endpoint in endpoints().iter().filter(|endpoint| endpoint.scope.is_some()) {
        endpoint.ask(&host, &holder, "ws_00doesnotexist0000", &key.id).check_problem(403, "wrong_workspace");
    }
}
