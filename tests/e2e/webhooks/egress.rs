//! Where nothing is sent to, however it is named.

use std::net::Ipv4Addr;

use harness::{Receiver, Setup};
use serde_json::json;

use super::{Hook, outcomes, setup};

/// Names that lead where nothing is sent to. The first two are this machine's own.
const NAMES: [&str; 5] =
    ["loopback.example", "mapped.example", "translated.example", "private.example", "metadata.example"];

#[test]
fn addresses_that_are_closed_are_refused_when_an_endpoint_is_created() {
    let host = setup().start();
    for url in [
        "http://127.0.0.2:8080/",
        "http://[::1]:8080/",
        "http://[::ffff:127.0.0.1]:8080/",
        "http://[64:ff9b::7f00:1]/",
        "http://0x7f000002/",
        "http://2130706434/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://192.168.0.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://224.0.0.1/",
        "ftp://example.com/",
        "https://user:pass@example.com/",
        "https://example.com:22/",
        "https://example.com/#x",
    ] {
        let body = json!({ "url": url, "events": ["*"] });
        let refused = host.operator().post(&host.workspace("/webhooks"), &body);
        assert_eq!(refused.status, 400, "{url}: {refused:?}");
        assert!(refused.body.contains("`url`"), "{url}: {refused:?}");
    }
}

#[test]
fn names_that_lead_to_closed_addresses_are_not_connected_to() {
    // Something listens there, and would notice.
    let here = Receiver::start_on(Ipv4Addr::new(127, 0, 0, 2).into());
    let host = setup().start();
    for name in NAMES {
        let hook = Hook::create(&host, &format!("http://{name}:{}/", here.address().port()), &["job.*"]);
        host.operator().post(&hook.path(&host, "/test"), &json!({})).check_json(200);
        let delivery = hook.wait_for_attempts(&host, 1);
        assert_eq!(outcomes(&delivery), ["address_forbidden"], "{name}");
        assert!(!delivery.to_string().contains("127.0.0"), "it tells nothing of the networks around: {delivery}");
    }
    assert_eq!(here.connections(), 0);
}

#[test]
fn a_name_with_one_address_that_is_open_is_reached_there() {
    let host = setup().start();
    let receiver = Receiver::start();
    for name in ["receiver.example", "both.example"] {
        let hook = Hook::create(&host, &format!("http://{name}:{}/", receiver.address().port()), &["job.*"]);
        host.operator().post(&hook.path(&host, "/test"), &json!({})).check_json(200);
        hook.wait_until_newest_is(&host, "delivered");
    }
    let host_header = receiver.received()[0].header("host").map(str::to_owned);
    assert_eq!(host_header, Some(format!("receiver.example:{}", receiver.address().port())));
}

#[test]
fn nothing_leaves_outside_what_the_workspace_may_call() {
    let host = setup().start();
    let receiver = Receiver::start();
    let direct = Hook::create(&host, &receiver.url(), &["job.*"]);
    let by_name = Hook::create(&host, &format!("http://receiver.example:{}/", receiver.address().port()), &["job.*"]);
    let allow = |list: serde_json::Value| {
        host.operator().put(&host.workspace("/network"), &json!({ "egress_allow": list })).check_json(200);
    };
    allow(json!(["203.0.113.0/24"]));
    for hook in [&direct, &by_name] {
        host.operator().post(&hook.path(&host, "/test"), &json!({})).check_json(200);
        assert_eq!(outcomes(&hook.wait_for_attempts(&host, 1)), ["outside_egress_allow"]);
    }
    assert_eq!(receiver.connections(), 0);
    // As soon as it is allowed, what waits arrives.
    allow(json!(["127.0.0.1/32"]));
    host.advance(10);
    receiver.wait_for(2);
    for hook in [&direct, &by_name] {
        hook.wait_until_newest_is(&host, "delivered");
    }
}

#[test]
fn a_real_host_sends_in_tls_alone_and_nowhere_private_unless_it_is_told() {
    let host = Setup::real().initialized().start();
    for url in ["http://example.com/", "https://127.0.0.1:8443/", "https://10.0.0.1/"] {
        let body = json!({ "url": url, "events": ["*"] });
        assert_eq!(host.operator().post(&host.workspace("/webhooks"), &body).status, 400, "{url}");
    }
    let refused =
        Setup::dev().args(["--egress-allow-private", "169.254.169.254/32"]).try_start().expect_err("it serves");
    refused.check_says(&["egress_allow_private", "metadata"]);
}
