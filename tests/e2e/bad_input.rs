//! What is wrong with a request is said: where, and what to do, and never by showing a value that may be a secret.

use harness::http::Connection;
use harness::{Client, Host, Question, Request, Response, Setup, secret};
use serde_json::{Value, json};

const BODY_LIMIT: usize = 262_144;

fn post(client: &Client, path: &str, body: impl Into<Vec<u8>>) -> Response {
    client.send(&Request::new("POST", path).body("application/json", body))
}

#[track_caller]
fn check_refused(host: &Host, body: &str, says: &str) {
    post(host.gateway(), "/v1/authorize", body).check_problem_says(400, "invalid_request", says);
}

#[test]
fn json_that_is_none_is_told_with_its_place() {
    let host = Host::dev();
    check_refused(&host, "", "line 1 column 0");
    check_refused(&host, "{", "line 1 column 1");
    check_refused(&host, "{\n  \"credential\": !\n}", "line 2 column 17");
    check_refused(&host, r#"{"credential":"x","#, "the body is not JSON (line 1 column 18)");
    check_refused(&host, r#"{"credential":"x","action":"jobs.list"} {}"#, "something after the JSON document");
    check_refused(&host, "\u{feff}{}", "line 1 column 1");
    for raw in [b"\xff\xfe{".as_slice(), b"{\"credential\":\"\xed\xa0\x80\"}", b"{\"credential\":\"\x00\"}", b"\0"] {
        post(host.gateway(), "/v1/authorize", raw).check_problem_says(
            400,
            "invalid_request",
            "not JSON (line 1 column",
        );
    }
}

#[test]
fn fields_unknown_doubled_missing_or_of_another_type() {
    let host = Host::dev();
    check_refused(
        &host,
        r#"{"credential":"x","surprise":1}"#,
        "unknown field `surprise`, expected one of `credential`",
    );
    check_refused(&host, r#"{"credential":"x","request":{"verb":"GET"}}"#, "`request.verb`: unknown field `verb`");
    check_refused(&host, r#"{"credential":"x","resource":{"kind":"job"}}"#, "`resource.kind`");
    check_refused(&host, r#"{"credential":"x","credential":"y"}"#, "duplicate field `credential`");
    check_refused(&host, r#"{"credential":"x","request":{"ip":"::1","ip":"::2"}}"#, "duplicate field `ip`");
    check_refused(&host, r#"{"credential":"x","action":"jobs.list","context":{"a":1,"a":2}}"#, "duplicate field");
    check_refused(&host, r#"{"credential":"x","resource":{"attributes":{"a":1,"a":2}}}"#, "duplicate field");
    let twice = r#"{"kind":"staging","name":"e2e","metadata":{"a":"1","a":"2"}}"#;
    let refused = post(host.operator(), &host.workspace("/keys"), twice);
    refused.check_problem_says(400, "invalid_request", "duplicate field");
    check_refused(&host, r#"{"action":"jobs.list"}"#, "missing field `credential`");
    check_refused(&host, r#"{"credential":"x"}"#, "state `action`, or `request.method` and `request.path`");
    check_refused(&host, r#"{"credential":"x","request":{"method":"GET"}}"#, "`request.path`");
    check_refused(&host, r#"{"credential":"x","request":null,"action":"jobs.list"}"#, "`request`");
    for document in ["null", "[]", "7", "\"x\"", "true"] {
        check_refused(&host, document, "wrong type");
    }
}

#[test]
fn a_value_that_may_be_a_secret_is_not_shown() {
    let host = Host::dev();
    let secret = host.issue("production", &["jobs:read"]).secret;
    let nested = |field: &str| json!({ "credential": "x", "request": { field: [secret] } });
    let bodies = [
        json!({ "credential": [secret] }),
        json!({ "credential": { "value": secret } }),
        json!({ "credential": "x", "action": { "name": secret } }),
        json!({ "credential": "x", "context": secret }),
        json!({ "credential": "x", "context": { "a": { "b": secret } } }),
        json!({ "credential": "x", "resource": [secret] }),
        json!({ "credential": "x", "action": "jobs.list", "request": { "ip": secret } }),
        nested("method"),
        nested("environment"),
        json!(secret),
        json!([secret]),
    ];
    for body in bodies {
        let refused = host.gateway().post("/v1/authorize", &body);
        refused.check_problem(400, "invalid_request");
        assert!(!refused.body.contains(&secret[8..]), "{body} {refused:?}");
    }
    for field in ["kind", "name", "expires_at", "not_before", "metadata"] {
        let mut body = json!({ "kind": "production", "name": "e2e" });
        body[field] = json!({ "of": [secret] });
        let refused = host.try_issue(&body);
        refused.check_problem_says(400, "invalid_request", &format!("`{field}"));
        assert!(!refused.body.contains(&secret[8..]), "{body} {refused:?}");
    }
}

#[test]
fn control_characters_are_either_refused_or_of_nobody() {
    let host = Host::dev();
    let key = host.issue("production", &["jobs:read"]);
    let asks = Question::reads_jobs(&key.secret);
    for path in ["/v1/jobs\0", "/v1/jobs\r\nx: y", "/v1/jobs\u{7f}", "/v1/jo\u{1b}[2Jbs", "/v1/jobs%00", "/v1/jobs%0a"]
    {
        host.decide(&asks.clone().to(&format!("GET {path}"))).check_deny(&["unknown_action"]);
    }
    for method in ["GET\n", "GET\0", "\u{1b}[2J", "get", ""] {
        host.decide(&asks.clone().to(&format!("{method} /v1/jobs"))).check_deny(&["unknown_action"]);
    }
    host.decide(&asks.clone().action("jobs.list\0")).check_deny(&["unknown_action"]);
    for environment in ["staging\0", "stag\ning", "Staging", "", "*", "-a", " staging"] {
        let refused = host.gateway().send(&asks.clone().within(environment).request());
        refused.check_problem_says(400, "invalid_request", "`request.environment`");
    }
    for ip in ["203.0.113.7\0", "203.0.113.7:80", "[::1]", "fe80::1%eth0", "localhost", "", "203.0.113"] {
        let refused = host.gateway().send(&asks.clone().from(ip).request());
        refused.check_problem_says(400, "invalid_request", "`request.ip`");
    }
    for name in ["a\0b", "a\nb", "a\u{1b}[2Jb"] {
        let refused = host.try_issue(&json!({ "kind": "production", "name": name }));
        refused.check_problem_says(400, "invalid_request", "`name`");
        let metadata = json!({ "kind": "production", "name": "a", "metadata": { "a": name } });
        host.try_issue(&metadata).check_problem_says(400, "invalid_request", "`metadata`");
    }
    let before = host.log().len();
    host.decide(&asks).check_allow();
    assert!(host.log().text()[..before].bytes().all(|byte| byte == b'\n' || byte >= b' '), "{}", host.log().text());
}

#[test]
fn depth_and_size_of_numbers() {
    let host = Host::dev();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let (open, close) = (open.repeat(20_000), close.repeat(20_000));
        for body in [
            format!("{open}1{close}"),
            open.clone(),
            format!(r#"{{"credential":"x","action":"jobs.list","context":{{"a":{open}1{close}}}}}"#),
            format!(r#"{{"credential":{open}1{close}}}"#),
        ] {
            post(host.gateway(), "/v1/authorize", body).check_problem(400, "invalid_request");
        }
    }
    let huge = "9".repeat(10_000);
    check_refused(&host, r#"{"credential":"x","action":"jobs.list","context":{"a":1e400}}"#, "(line 1 column 59)");
    check_refused(&host, &format!(r#"{{"credential":{huge}}}"#), "line 1 column");
    for seconds in ["-1", "1e400", "18446744073709551616", "0.5", &huge, "\"1\"", "null", "[]"] {
        let body = format!(r#"{{"advance_seconds":{seconds}}}"#);
        post(host.operator(), "/v1/dev/clock", body).check_problem(400, "invalid_request");
    }
    let body = format!(r#"{{"advance_seconds":{}}}"#, u64::MAX);
    post(host.operator(), "/v1/dev/clock", body).check_problem_says(400, "invalid_request", "`advance_seconds`");
    let asks = Question::reads_jobs(&host.demo_key("production").secret);
    host.decide(&asks.context("a", json!(i64::MIN)).context("b", json!(1e300))).check_allow();
}

#[test]
fn bodies_too_large_and_of_another_kind() {
    let host = Host::dev();
    let padded = |length: usize| {
        let body = json!({ "credential": "x", "action": "jobs.list" }).to_string();
        format!("{body}{}", " ".repeat(length - body.len()))
    };
    assert_eq!(post(host.gateway(), "/v1/authorize", padded(BODY_LIMIT)).check_json(200)["status"], 401);
    let too_large = padded(BODY_LIMIT + 1);
    post(host.gateway(), "/v1/authorize", too_large.clone()).check_problem(413, "payload_too_large");
    post(host.operator(), &host.workspace("/keys"), too_large).check_problem(413, "payload_too_large");
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "", "text/json"] {
        let request = Request::new("POST", "/v1/authorize").body(content_type, padded(100));
        host.gateway().send(&request).check_problem_says(415, "unsupported_media_type", "application/json");
    }
    host.gateway().send(&Request::new("POST", "/v1/authorize")).check_problem(415, "unsupported_media_type");
    for content_type in ["application/json; charset=utf-8", "Application/JSON"] {
        host.gateway().send(&Request::new("POST", "/v1/authorize").body(content_type, padded(100))).check_json(200);
    }
}

#[test]
fn what_does_not_exist() {
    let host = Host::dev();
    let anybody = host.client(None);
    let key = host.issue("production", &[]).id;
    let paths = [
        "/v1/workspaces/ws_00doesnotexist0000/keys".to_owned(),
        "/v1/workspaces/nonsense/keys".into(),
        "/v1/workspaces/%00/keys".into(),
        format!("/v1/workspaces/{key}/keys"),
        format!("/v1/workspaces/ws_00doesnotexist0000/keys/{key}"),
        host.workspace("/keys/key_00doesnotexist0000"),
        host.workspace("/keys/key_"),
        host.workspace("/keys/nonsense"),
        host.workspace("/keys/%2e%2e"),
        host.workspace("/keys/%ff"),
        "/v1/workspaces/%ff/keys".into(),
        host.workspace(&format!("/keys/{}", key.to_uppercase())),
        host.workspace(&format!("/keys/{}", host.identity().workspace)),
    ];
    for path in &paths {
        anybody.get(path).check_problem(401, "unauthenticated");
        host.operator().get(path).check_problem(404, "not_found");
    }
    for path in ["/v1", "/v2/authorize", "/v1/authorize/", "/v1//authorize", "/metrics", "/%00", "/.env", "/v1/keys"] {
        host.operator().get(path).check_problem(404, "not_found");
        anybody.get(path).check_problem(404, "not_found");
    }
}

#[test]
fn methods_that_a_path_does_not_take() {
    let host = Host::dev();
    let allowed =
        [("/v1/authorize".to_owned(), "POST"), (host.workspace("/keys"), "GET"), (host.workspace("/network"), "PUT")];
    for (path, allows) in &allowed {
        for method in ["DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
            let refused = host.operator().send(&Request::new(method, path));
            refused.check_problem(405, "method_not_allowed");
            assert!(refused.header("allow").is_some_and(|said| said.contains(allows)), "{refused:?}");
        }
    }
    let overriding = Request::new("POST", &host.workspace("/network")).header("X-HTTP-Method-Override", "PUT");
    host.operator()
        .send(&overriding.json(&json!({ "ip_allow": ["203.0.113.0/24"] })))
        .check_problem(405, "method_not_allowed");
    let reading = Request::new("GET", &host.workspace("/network")).header("X-HTTP-Method-Override", "PUT");
    let shown = host.operator().send(&reading.json(&json!({ "ip_allow": ["203.0.113.0/24"] }))).check_json(200);
    assert_eq!(shown["ip_allow"], Value::Null);
}

#[test]
fn hostile_headers() {
    let host = Host::dev();
    let (anybody, gateway) = (host.client(None), &host.identity().gateway_token);
    let asks = Question::reads_jobs(&host.demo_key("production").secret);
    let with = |value: &[u8]| anybody.send(&asks.request().header("authorization", value));
    let bearer = format!("Bearer {gateway}");
    with(bearer.as_bytes()).check_json(200);
    with(format!("bearer {gateway}").as_bytes()).check_json(200);
    for wrong in [
        b"Bearer \xff\xfe\xfa".as_slice(),
        b"Bearer",
        b"",
        b"Bearer ",
        gateway.as_bytes(),
        format!("Basic {gateway}").as_bytes(),
        format!("Bearer {gateway},{gateway}").as_bytes(),
        format!("Bearer {}", "x".repeat(20_480)).as_bytes(),
    ] {
        with(wrong).check_problem(401, "unauthenticated");
    }
    let twice = asks.request().header("authorization", &bearer).header("authorization", &bearer);
    anybody.send(&twice).check_problem(401, "unauthenticated");
    let wrong = format!("Bearer {}", secret::guessed(gateway));
    for (first, second) in [(&bearer, &wrong), (&wrong, &bearer)] {
        let both = asks.request().header("authorization", first).header("authorization", second);
        anybody.send(&both).check_problem(401, "unauthenticated");
    }
    // A large or binary header of no concern to us concerns us not.
    host.gateway().send(&asks.request().header("x-large", "x".repeat(20_480))).check_json(200);
    host.gateway().send(&asks.request().header("x-binary", b"\xff\x80")).check_json(200);
    for name in ["access_token", "key", "token", "api_key", "authorization"] {
        let keys = host.workspace(&format!("/keys?{name}={}", host.identity().operator_token));
        anybody.get(&keys).check_problem(401, "unauthenticated");
    }
}

#[test]
fn garbage_and_halves_leave_the_host_serving() {
    let host = Setup::dev().start();
    let asks = Question::reads_jobs(&host.demo_key("production").secret);
    let head = format!(
        "POST /v1/authorize HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n",
        host.identity().gateway_token
    );
    let mut pieces: Vec<Vec<u8>> = [
        "content-length: -1\r\n\r\n{}",
        "content-length: 99999999999999999999999\r\n\r\n{}",
        "content-length: 5\r\ncontent-length: 6\r\n\r\n{}",
        "transfer-encoding: chunked\r\n\r\nzz\r\n",
        "transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "content-type: application/json\r\ncontent-length: 100\r\n\r\n{\"credential\":",
        "x: ",
        "",
    ]
    .iter()
    .map(|rest| format!("{head}{rest}").into_bytes())
    .collect();
    pieces.extend([
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"\r\n\r\n\r\n".to_vec(),
        b"\0\xff".repeat(4_000),
        b"GET /".repeat(50_000),
        format!("{head}{}\r\n", "x: y\r\n".repeat(5_000)).into_bytes(),
    ]);
    for piece in pieces {
        let mut connection = Connection::open(host.address()).unwrap();
        // The host may hang up before it has read everything.
        let _ = connection.write(&piece);
        drop(connection);
        host.decide(&asks).check_allow();
    }
    assert!(!host.log().text().contains("panic"), "{}", host.log().text());
}
