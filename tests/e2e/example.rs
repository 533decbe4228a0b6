//! The example does what its first lines say.

use std::process::Command;

use harness::process::workspace_root;
use harness::{Host, Ran};

/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:1";

fn decide(url: &str, gateway: &str, credential: &str, args: &[&str]) -> Ran {
    let mut command = Command::new(workspace_root().join("examples/decide.sh"));
    Ran::of(command.env("ACCESS_URL", url).env("GATEWAY", gateway).env("CREDENTIAL", credential).args(args))
}

#[test]
fn the_smallest_enforcement_point_tells_all_three_outcomes_apart() {
    let host = Host::dev();
    let (url, gateway) = (host.url(), &host.identity().gateway_token);
    let (production, read_only) = (host.demo_key("production").secret, host.demo_key("read_only").secret);

    let request = ["POST", "/v1/jobs", "production"];
    let said = decide(&url, gateway, &production, &request).check_json(0);
    assert_eq!(said["decision"], "allow", "{said}");
    decide(&url, gateway, &read_only, &request).check(2, &["kind_not_allowed"]);
    decide(&url, gateway, "cf_prod_nobody", &request).check(2, &["unauthenticated"]);

    host.allow_from(&serde_json::json!(["203.0.113.0/24"]));
    let from = |ip| ["GET", "/v1/jobs", "production", ip];
    decide(&url, gateway, &production, &from("203.0.113.7")).check(0, &["allow"]);
    decide(&url, gateway, &production, &from("198.51.100.7")).check(2, &["ip_not_allowed"]);
    decide(&url, gateway, &production, &from("nowhere")).check(3, &[]);

    decide(&url, "cf_gw_nobody", &production, &request).check(3, &[]);
    decide(NOBODY, gateway, &production, &request).check(3, &[]);
    decide(&url, gateway, &production, &["POST"]).check(3, &["usage"]);
}
