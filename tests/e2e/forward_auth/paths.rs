//! The policy sees exactly what the gateway routes.

use harness::{Make, Request};

use super::rig::{Rig, get};

pub(super) fn what_is_decided_about_is_what_the_api_gets(make: Make) {
    let Some(rig) = Rig::start(make) else { return };
    let client = rig.client(&rig.host.demo_key("read_only").secret);
    for target in [
        "/v1/jobs",
        "/v1/jobs?limit=1&x=%2F..%2F&y=//&z=/../v1/queues",
        "/v1/jobs?",
        "/v1/jobs??a=b?c",
        "/v1/%6Aobs",
        "/v1/jobs/4711%20x",
        "/v1/jobs/a%C3%A4b",
        "/v1/jobs/a%c3%a4b",
        "/v1/jobs/~a.b_c-d!$&'()*+,=:@",
        "/v1/jobs/...",
        "/v1/workers/metrics",
    ] {
        let (received, _) = rig.check_passes(&client, &get(target));
        assert_eq!((received.method.as_str(), received.target.as_str()), ("GET", target));
    }
    // Proxies are asked like this; the path is the same.
    let (received, _) = rig.check_passes(&client, &get("http://localhost/v1/jobs"));
    assert!(received.target.ends_with("/v1/jobs"), "{received:?}");
    rig.check_denied(&client, &get("http://localhost/v1/queues"), 403, "kind_not_allowed");
}

pub(super) fn what_servers_disagree_about_reaches_nobody(make: Make) {
    let Some(rig) = Rig::start(make) else { return };
    // This one may read jobs and nothing else; each of these is `/v1/queues` to some server, or `/v1/jobs` to another.
    let client = rig.client(&rig.host.demo_key("read_only").secret);
    for target in [
        "/v1/queues",
        "//v1/queues",
        "/v1//queues",
        "/v1/jobs/../queues",
        "/v1/jobs/..%2fqueues",
        "/v1/jobs/..%2Fqueues",
        "/v1/jobs/%2e%2e/queues",
        "/v1/jobs/%2E./queues",
        "/v1/jobs%2f..%2f..%2fv1%2fqueues",
        "/v1/jobs/..;/queues",
        "/v1/jobs;/../queues",
        "/v1/jobs;x=1",
        "/v1/jobs%3bx",
        "/v1/./jobs",
        "/v1/jobs/.",
        "/v1/jobs/",
        "/v1/jobs//",
        "/v1/jobs%2f1",
        "/v1/jobs%5c1",
        "/v1/jobs\\1",
        "/v1/jobs%00",
        "/v1/jobs%00/../queues",
        "/v1/jobs%0d%0ax",
        "/v1/jobs%252e%252e/queues",
        "/v1/jobs%",
        "/v1/jobs%zz",
        "/V1/jobs",
        "/v1/Jobs",
        "/",
        "",
        "*",
        "v1/jobs",
        "?/v1/jobs",
        "/_cronflow_access",
        "/_cronflow_access/v1/jobs",
        "/v1/forward-auth/v1/jobs",
        "/..",
        "/../v1/jobs",
    ] {
        let stopped = [400, 403, 404];
        rig.check_stopped(&client, &get(target), &stopped);
    }
    if make == Make::Nginx {
        // Where nginx itself asks is nowhere for clients.
        rig.check_stopped(&client, &get("/_cronflow_access"), &[404]);
    }
    // Beyond ASCII: refused, or spelled out before it is decided about.
    let told = client.send(&get("/v1/jobs/\u{e4}"));
    match (told.status, rig.api.take().as_slice()) {
        (400 | 403, []) => {}
        (200, [received]) => assert_eq!(received.target, "/v1/jobs/%C3%A4"),
        other => panic!("{other:?}"),
    }
    let long = format!("/v1/jobs/{}", "a".repeat(4_000));
    rig.check_denied(&client, &get(&long), 403, "unknown_action");
}

pub(super) fn methods_are_the_clients_own(make: Make) {
    let Some(rig) = Rig::start(make) else { return };
    let read_only = rig.client(&rig.host.demo_key("read_only").secret);
    for method in ["GET", "HEAD"] {
        let (received, _) = rig.check_passes(&read_only, &Request::new(method, "/v1/jobs"));
        assert_eq!(received.method, method);
    }
    let none = [400, 403, 404, 405, 501];
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE", "M-SEARCH", "get", "GETX", "Head"] {
        rig.check_stopped(&read_only, &Request::new(method, "/v1/jobs"), &none);
        rig.check_stopped(&read_only, &Request::new(method, "/v1/jobs/4711"), &none);
    }
    let production = rig.client(&rig.host.demo_key("production").secret);
    for (method, path) in [
        ("POST", "/v1/jobs"),
        ("DELETE", "/v1/jobs/4711"),
        ("PATCH", "/v1/queues/4711"),
        ("PATCH", "/v1/webhooks/4711"),
    ] {
        let (received, _) = rig.check_passes(&production, &Request::new(method, path).body("text/plain", "x"));
        assert_eq!((received.method.as_str(), received.body.as_slice()), (method, b"x".as_slice()));
        rig.check_stopped(&read_only, &Request::new(method, path).body("text/plain", "x"), &[403]);
    }
    // A body on a GET makes no other request of it.
    let (received, _) =
        rig.check_passes(&read_only, &get("/v1/jobs").body("text/plain", "POST /v1/jobs HTTP/1.1\r\n\r\n"));
    assert_eq!((received.method.as_str(), received.target.as_str()), ("GET", "/v1/jobs"));
}
