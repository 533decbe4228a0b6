//! Who may use which endpoint: the table, asked cell by cell.

use std::collections::BTreeSet;

use harness::Host;
use serde_json::json;

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
    // There is one to be read.
    let policy = json!({ "engine": "cel", "source": "no_match()" });
    host.operator().put(&host.workspace("/policies/e2e"), &policy).check_json(200);
    for scope in scopes {
        let holder = host.issue("production", &[scope]).secret;
        let other = host.issue("staging", &[]);
        for endpoint in endpoints() {
            let answer = endpoint.ask(&host, &holder, &host.identity().workspace, &other.id);
            let name = endpoint.name();
            match endpoint.scope {
                Some(needed) if needed == scope => {
                    assert!(matches!(answer.status, 200 | 201 | 204), "{name}: {answer:?}")
                }
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
    let neighbour = host.create_workspace(&host.identity().organization, "neighbour");
    let stranger = host.create_workspace(&host.create_organization("stranger"), "main");
    for workspace in [neighbour.as_str(), &stranger, "ws_00doesnotexist0000"] {
        for endpoint in endpoints().iter().filter(|endpoint| endpoint.scope.is_some()) {
            endpoint.ask(&host, &holder, workspace, &key.id).check_problem(403, "wrong_workspace");
        }
    }
    // Its own workspace's path does not lead to others' keys either.
    for workspace in [neighbour, stranger] {
        let body = json!({ "kind": "staging", "name": "e2e" });
        let there = host.operator().post(&format!("/v1/workspaces/{workspace}/keys"), &body).check_json(201);
        let there = there["id"].as_str().unwrap();
        for endpoint in endpoints().iter().filter(|endpoint| endpoint.path.contains("KEY")) {
            endpoint.ask(&host, &holder, &host.identity().workspace, there).check_problem(404, "not_found");
        }
        let path = format!("/v1/workspaces/{workspace}/keys/{there}");
        assert_eq!(host.operator().get(&path).check_json(200)["state"], "active");
    }
}

#[test]
fn what_is_not_there_is_not_there() {
    let host = Host::dev();
    let operator = host.operator();
    for endpoint in endpoints() {
        let path = endpoint.path.replace("ORG", "org_00doesnotexist0000").replace("WS", "ws_00doesnotexist0000");
        if path != endpoint.path {
            let path = path.replace("KEY", "key_00doesnotexist0000");
            let request = harness::Request::new(endpoint.method, &path);
            let request = endpoint.body.as_ref().map_or(request.clone(), |body| request.json(body));
            operator.send(&request).check_problem(404, "not_found");
        }
    }
    for wrong in ["ws_00doesnotexist0000", "acme", "%00", "org_99doesnotexist0000"] {
        operator.get(&format!("/v1/organizations/{wrong}")).check_problem(404, "not_found");
    }
}
