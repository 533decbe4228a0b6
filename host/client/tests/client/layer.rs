//! The layer around a service that tells what it was sent.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use cronflow_access_client::{AccessLayer, Allow, Principal, Resource, TrustedProxies};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tower::{Layer as _, ServiceExt as _};

use crate::server::{Act, Server, allow, deny, say};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

fn layer(server: &Server) -> AccessLayer {
    AccessLayer::new(server.client(), "production", |_| Some(PEER))
}

/// What the service was sent, as JSON.
async fn service(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    let headers: Vec<&str> = request.headers().keys().map(http::HeaderName::as_str).collect();
    let principal = request.extensions().get::<Principal>().map(|principal| &principal.id);
    let decision = request.extensions().get::<Allow>().map(|allow| &allow.decision_id);
    let (method, path) = (request.method().as_str(), request.uri().to_string());
    let told =
        json!({ "method": method, "path": path, "headers": headers, "principal": principal, "decision": decision });
    let mut response = Response::new(Full::from(told.to_string()));
    response.headers_mut().insert("ratelimit", "\"api\";r=0".parse().unwrap());
    Ok(response)
}

async fn send(layer: &AccessLayer, request: http::request::Builder) -> (http::response::Parts, Value) {
    let request = request.body(Full::from("body")).unwrap();
    let response = layer.layer(tower::service_fn(service)).oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head, serde_json::from_slice(&body).unwrap())
}

fn get(target: &str) -> http::request::Builder {
    Request::builder().uri(target).header("authorization", "Bearer cf_prod_sentinel")
}

#[track_caller]
fn header<'h>(head: &'h http::response::Parts, name: &str) -> Option<&'h str> {
    let mut all = head.headers.get_all(name).iter();
    let first = all.next().map(|value| value.to_str().unwrap());
    assert!(all.next().is_none(), "`{name}` is there more than once");
    first
}

#[track_caller]
fn check_problem(head: &http::response::Parts, problem: &Value, status: u16, code: &str) {
    assert_eq!(head.status, status, "{problem}");
    assert_eq!(header(head, "content-type"), Some("application/problem+json"));
    assert_eq!(header(head, "cache-control"), Some("no-store"));
    assert_eq!(problem["code"], code);
    assert_eq!(problem["type"], format!("urn:cronflow-access:problem:{code}"));
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
}

#[tokio::test]
async fn what_is_allowed_passes_with_who_it_is_and_tells_what_is_left() {
    let server = Server::that([say(&allow(99))]);
    let (head, told) = send(&layer(&server), get("/v1/jobs?limit=1").header("accept", "*/*")).await;
    assert_eq!(head.status, 200);
    assert_eq!(header(&head, "ratelimit"), Some("\"default\";r=99;t=42"));
    assert_eq!(header(&head, "ratelimit-policy"), Some("\"default\";q=100"));
    let expected = json!({
        "method": "GET", "path": "/v1/jobs?limit=1", "headers": ["accept"], "principal": "key_1", "decision": "dec_1",
    });
    assert_eq!(told, expected);
    let asked = &server.received()[0].body;
    let request = json!({ "method": "GET", "path": "/v1/jobs", "ip": PEER.to_string(), "environment": "production" });
    assert_eq!(asked, &json!({ "credential": "cf_prod_sentinel", "request": request }));
}

#[tokio::test]
async fn denials_are_answered_as_they_should_be() {
    let realm = "Bearer realm=\"cronflow-access\"";
    let (invalid, scope) =
        (format!("{realm}, error=\"invalid_token\""), format!("{realm}, error=\"insufficient_scope\""));
    let mut exhausted = deny(429, "rate_limited");
    exhausted["quota"] = json!({ "limit": 100, "remaining": 0, "reset_seconds": 42 });
    for (answer, status, code, challenge, retry_after) in [
        (say(&deny(401, "unauthenticated")), 401, "unauthenticated", Some(invalid.as_str()), None),
        (say(&deny(403, "missing_scope")), 403, "missing_scope", Some(scope.as_str()), None),
        (say(&deny(403, "ip_not_allowed")), 403, "ip_not_allowed", None, None),
        (say(&exhausted), 429, "rate_limited", None, Some("42")),
        (say(&deny(429, "rate_limited")), 429, "rate_limited", None, Some("1")),
        (say(&deny(503, "store_unavailable")), 503, "store_unavailable", None, Some("1")),
        (Act::Say(500, String::new()), 503, "access_unavailable", None, Some("1")),
        (Act::Write(Vec::new()), 503, "access_unavailable", None, Some("1")),
    ] {
        let server = Server::that([answer]);
        let (head, problem) = send(&layer(&server), get("/v1/jobs")).await;
        check_problem(&head, &problem, status, code);
        assert_eq!(header(&head, "www-authenticate"), challenge, "{code}");
        assert_eq!(header(&head, "retry-after"), retry_after, "{code}");
        let left = (code == "rate_limited" && retry_after == Some("42")).then_some("\"default\";r=0;t=42");
        assert_eq!(header(&head, "ratelimit"), left);
        assert!(!problem.to_string().contains("sentinel") && problem.get("reasons").is_none(), "{problem}");
    }
}

#[tokio::test]
async fn what_presents_no_secret_in_its_place_is_refused_and_nobody_is_asked() {
    let server = Server::that_allows();
    let layer = layer(&server);
    let realm = "Bearer realm=\"cronflow-access\"";
    let (head, problem) = send(&layer, Request::builder().uri("/v1/jobs")).await;
    check_problem(&head, &problem, 401, "unauthenticated");
    assert_eq!(header(&head, "www-authenticate"), Some(realm));
    for request in [
        get("/v1/jobs").header("authorization", "Bearer cf_prod_sentinel"),
        get("/v1/jobs?access_token=x"),
        get("/v1/jobs?q=cf_prod_sentinel"),
        Request::builder().uri("/v1/jobs?api_key=x"),
    ] {
        let (head, problem) = send(&layer, request).await;
        check_problem(&head, &problem, 400, "invalid_request");
        assert_eq!(header(&head, "www-authenticate"), Some(format!("{realm}, error=\"invalid_request\"").as_str()));
    }
    for wrong in ["Basic Y2Y6eA==", "Bearer", "Bearer "] {
        let (head, problem) = send(&layer, Request::builder().uri("/v1/jobs").header("authorization", wrong)).await;
        check_problem(&head, &problem, 401, "unauthenticated");
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn the_method_and_path_are_the_requests_own() {
    let server = Server::that_allows();
    let layer = layer(&server);
    for method in ["GET", "HEAD", "OPTIONS", "DELETE", "PURGE", "get"] {
        let request = get("/v1/jobs/a%20b").method(method).header("x-http-method-override", "POST");
        let (_, told) =
            send(&layer, request.header("X_HTTP_METHOD_OVERRIDE", "POST").header("x-original-uri", "/v1/x")).await;
        assert_eq!((&told["method"], &told["path"]), (&json!(method), &json!("/v1/jobs/a%20b")));
        assert_eq!(told["headers"], json!([]));
        let asked = server.received().pop().unwrap().body;
        assert_eq!(
            (&asked["request"]["method"], &asked["request"]["path"]),
            (&json!(method), &json!("/v1/jobs/a%20b"))
        );
    }
    // What servers disagree about is told as it came.
    for path in ["//v1/queues", "/v1/jobs/../queues", "/v1/jobs%2f1", "/v1/jobs;x=1"] {
        let _ = send(&layer, get(path)).await;
        assert_eq!(server.received().pop().unwrap().body["request"]["path"], path);
    }
    let _ = send(&layer, get("http://elsewhere.example/v1/jobs?x=1")).await;
    assert_eq!(server.received().pop().unwrap().body["request"]["path"], "/v1/jobs");
}

#[tokio::test]
async fn a_path_that_escapes_letters_is_denied_since_routers_read_it_differently() {
    let server = Server::that_allows();
    for path in ["/v1/workers/%6Detrics", "/v1/%6aobs", "/v1/jobs/%2e%2e/queues"] {
        let (head, problem) = send(&layer(&server), get(path)).await;
        check_problem(&head, &problem, 403, "unknown_action");
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn clients_cant_say_who_they_are() {
    let server = Server::that_allows();
    let request = get("/v1/jobs").header("x-access-principal", "key_2").header("X_Access_Workspace", "ws_2");
    let (_, told) = send(&layer(&server), request.header("x-cronflow-gateway", "cf_gw_x")).await;
    assert_eq!((&told["headers"], &told["principal"]), (&json!([]), &json!("key_1")));
}

#[tokio::test]
async fn the_address_is_the_peers_or_what_a_trusted_proxy_says() {
    let server = Server::that_allows();
    let forwarded = || get("/v1/jobs").header("x-forwarded-for", "6.6.6.6, 203.0.113.9");
    let asked_from = || server.received().pop().unwrap().body["request"]["ip"].clone();
    let _ = send(&layer(&server), forwarded()).await;
    assert_eq!(asked_from(), PEER.to_string());
    let behind = layer(&server).behind(TrustedProxies::new(["198.51.100.0/24"]).unwrap());
    let _ = send(&behind, forwarded()).await;
    assert_eq!(asked_from(), "203.0.113.9");
    // Nobody knows.
    let _ = send(&behind, get("/v1/jobs")).await;
    assert_eq!(asked_from(), Value::Null);
    let _ = send(&AccessLayer::new(server.client(), "production", |_| None), get("/v1/jobs")).await;
    assert_eq!(asked_from(), Value::Null);
}

#[tokio::test]
async fn questions_can_be_described_and_the_secret_kept() {
    let server = Server::that_allows();
    let layer = layer(&server)
        .describe(|parts, question| question.resource(Resource::new("host", parts.uri.path())))
        .keep_authorization();
    let (_, told) = send(&layer, get("/v1/jobs")).await;
    assert_eq!(told["headers"], json!(["authorization"]));
    assert_eq!(server.received()[0].body["resource"], json!({ "type": "host", "id": "/v1/jobs" }));
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn an_axum_router_is_protected_with_all_that_it_serves() {
    use axum::extract::ConnectInfo;
    use axum::routing::get as route;
    use axum::{Extension, Router};
    use std::net::SocketAddr;

    let server = Server::that([say(&allow(5)), say(&deny(403, "missing_scope"))]);
    let router = Router::new()
        .route("/v1/jobs", route(async |Extension(who): Extension<Principal>| who.id))
        .layer(AccessLayer::axum(server.client(), "production"));
    let ask = async |target: &str| {
        let mut request = get(target).body(axum::body::Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((PEER, 4711))));
        router.clone().oneshot(request).await.unwrap()
    };
    let passed = ask("/v1/jobs").await;
    assert_eq!(passed.status(), 200);
    assert_eq!(passed.into_body().collect().await.unwrap().to_bytes(), "key_1");
    assert_eq!(server.received()[0].body["request"]["ip"], PEER.to_string());
    // What it does not serve is asked about as well: nobody learns what there is.
    for target in ["/v1/jobs", "/v1/nothing", "/"] {
        assert_eq!(ask(target).await.status(), 403, "{target}");
    }
}
