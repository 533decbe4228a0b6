//! `/v1/forward-auth`: what gateways are told, and whose word is taken.
#![expect(clippy::unwrap_used, reason = "a test")]

mod bench;

use access_model::Profile;
use axum::body::Body;
use axum::http::Request;
use axum::http::request::Builder;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};

use self::bench::{Bench, Told};

const IP: &str = "203.0.113.7";

/// A gateway, just issued.
struct Gateway {
    profile: Profile,
    secret: String,
}

impl Gateway {
    /// How it asks whether its client may do `method` to `uri`. The secrets of both are still to be put in.
    fn states(&self, method: &str, uri: &str) -> Builder {
        let request = Request::builder();
        match self.profile {
            Profile::Nginx | Profile::Haproxy => request
                .uri("/v1/forward-auth")
                .header("x-original-method", method)
                .header("x-original-uri", uri)
                .header("x-real-ip", IP),
            Profile::Caddy | Profile::Traefik => request
                .uri("/v1/forward-auth")
                .header("x-forwarded-method", method)
                .header("x-forwarded-uri", uri)
                .header("x-forwarded-for", IP),
            Profile::Envoy => request.method(method).uri(format!("/v1/forward-auth{uri}")).header("x-real-ip", IP),
        }
    }

    /// How it asks about a client that presents `secret`.
    fn asks(&self, method: &str, uri: &str, secret: &str) -> Builder {
        let bearer = format!("Bearer {secret}");
        self.states(method, uri).header("x-cronflow-gateway", &self.secret).header("authorization", bearer)
    }
}

impl Bench {
    async fn gateway(&self, profile: Profile, further: &str) -> Gateway {
        let name = profile.name();
        let body = format!(r#"{{"name":"edge","organizations":["*"],"profile":"{name}",{further}}}"#);
        let issued = self.operate("POST", "/v1/gateways", &body).await;
        assert_eq!(issued.status, 201, "{}", issued.body);
        let view: serde_json::Value = serde_json::from_str(&issued.body).unwrap();
        assert_eq!(view.get("profile").unwrap(), name);
        Gateway { profile, secret: view.get("secret").and_then(|secret| secret.as_str()).unwrap().to_owned() }
    }

    async fn in_production(&self, profile: Profile) -> Gateway {
        self.gateway(profile, r#""environment":"production""#).await
    }

    async fn ask(&self, request: Builder) -> Told {
        self.tell(request.body(Body::empty()).unwrap()).await
    }

    fn key(&self, kind: &str) -> String {
        self.demo.keys.get(kind).unwrap().expose().to_owned()
    }
}

/// Status, headers in the order of their names, body.
fn shown(told: &Told) -> String {
    let mut headers: Vec<_> =
        told.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    headers.sort();
    format!("{}\n{}\n\n{}", told.status, headers.join("\n"), told.body)
}

#[track_caller]
fn check_problem(told: &Told, status: u16, code: &str, says: &str) {
    let problem: serde_json::Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!((told.status, problem.get("code").unwrap().as_str().unwrap()), (status, code), "{problem}");
    assert!(problem.get("detail").unwrap().as_str().unwrap().contains(says), "{problem}");
}

#[tokio::test]
async fn answers_are_told_in_headers() {
    for profile in [Profile::Nginx, Profile::Caddy] {
        let bench = Bench::new().await;
        let edge = bench.in_production(profile).await;
        let mut told = vec![
            ("allow", bench.ask(edge.asks("GET", "/v1/jobs?a=b", &bench.key("read_only"))).await),
            ("unauthenticated", bench.ask(edge.asks("GET", "/v1/jobs", "cf_prod_nobody")).await),
            ("kind_not_allowed", bench.ask(edge.asks("POST", "/v1/jobs", &bench.key("read_only"))).await),
            ("unknown_action", bench.ask(edge.asks("GET", "/v1//jobs", &bench.key("production"))).await),
        ];
        let scopeless = r#"{"kind":"production","name":"ci","scopes":["jobs:read"]}"#;
        let scopeless = bench.operate("POST", "/v1/workspaces/WS/keys", scopeless).await;
        let scopeless: serde_json::Value = serde_json::from_str(&scopeless.body).unwrap();
        let scopeless = scopeless.get("secret").and_then(|secret| secret.as_str()).unwrap();
        told.push(("missing_scope", bench.ask(edge.asks("POST", "/v1/jobs", scopeless)).await));
        for _ in 0..1_000 {
            bench.ask(edge.asks("GET", "/v1/jobs", &bench.key("read_only"))).await;
        }
        told.push(("rate_limited", bench.ask(edge.asks("GET", "/v1/jobs", &bench.key("read_only"))).await));
        for (name, told) in told {
            insta::with_settings!({ filters => vec![(r"\b(dec|key|org|ws)_\w+", "${1}_…")] }, {
                insta::assert_snapshot!(format!("{}_{name}", profile.name()), shown(&told));
            });
        }
    }
}

#[tokio::test]
async fn every_profile_and_every_method_asks() {
    let bench = Bench::new().await;
    for profile in Profile::ALL {
        let edge = bench.in_production(profile).await;
        for (method, path, kind, status) in [
            ("GET", "/v1/jobs", "read_only", 204),
            ("HEAD", "/v1/jobs", "read_only", 204),
            ("POST", "/v1/jobs", "production", 204),
            ("POST", "/v1/jobs", "read_only", 403),
            ("PATCH", "/v1/queues/1", "production", 204),
            ("DELETE", "/v1/jobs/1", "production", 204),
            ("DELETE", "/v1/jobs/1", "read_only", 403),
            ("OPTIONS", "/v1/jobs", "production", 403),
            ("PURGE", "/v1/jobs", "production", 403),
            ("GET", "/", "production", 403),
            ("GET", "/v1/%2e%2e/jobs", "production", 403),
            ("GET", "//v1/jobs", "production", 403),
        ] {
            let told = bench.ask(edge.asks(method, path, &bench.key(kind))).await;
            let status = if (status, profile) == (204, Profile::Envoy) { 200 } else { status };
            assert_eq!(told.status, status, "{profile:?} {method} {path} {kind}: {}", told.body);
        }
        // Envoy asks with its client's method; whatever the others ask with means nothing.
        for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS", "PURGE"] {
            let told = bench.ask(edge.asks("GET", "/v1/jobs", &bench.key("read_only")).method(method)).await;
            let expected = match (profile, method) {
                (Profile::Envoy, "GET" | "HEAD") => 200,
                (Profile::Envoy, _) => 403,
                _ => 204,
            };
            assert_eq!(told.status, expected, "{profile:?} {method}");
        }
    }
}

#[tokio::test]
async fn the_environment_is_the_gateways_own() {
    let bench = Bench::new().await;
    for (further, environment) in [
        (r#""environment":"staging""#, Some("staging")),
        (r#""environment":"staging","environments":["*"]"#, Some("staging")),
        (r#""environments":["staging"]"#, Some("staging")),
        (r#""environments":["*"]"#, None),
        (r#""environments":["staging","preview"]"#, None),
    ] {
        let edge = bench.gateway(Profile::Nginx, further).await;
        let told = bench.ask(edge.asks("GET", "/v1/jobs", &bench.key("staging"))).await;
        let header = |name: &str| told.headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("x-access-environment"), environment, "{further}");
        assert_eq!(header("x-access-reason"), environment.is_none().then_some("environment_missing"), "{further}");
    }
    let bound_to_none = bench.gateway(Profile::Nginx, r#""environments":[]"#).await;
    let told = bench.ask(bound_to_none.asks("GET", "/v1/jobs", &bench.key("staging"))).await;
    assert_eq!(told.status, 403);
}

#[tokio::test]
async fn a_gateway_that_may_not_ask_is_told_so() {
    let bench = Bench::new().await;
    let edge = bench.in_production(Profile::Caddy).await;
    let production = bench.key("production");
    let bearer = format!("Bearer {production}");
    let own = "the gateway's own credential, in X-CronFlow-Gateway";
    let ask = || edge.states("GET", "/v1/jobs").header("authorization", &bearer);

    check_problem(&bench.ask(ask()).await, 401, "unauthenticated", own);
    for nobody in ["", "nonsense", "cf_gw_nobody"] {
        let told = bench.ask(ask().header("x-cronflow-gateway", nobody)).await;
        check_problem(&told, 401, "unauthenticated", own);
        assert!(told.headers.contains_key("www-authenticate"));
    }
    let twice = ask().header("x-cronflow-gateway", &edge.secret).header("x-cronflow-gateway", &edge.secret);
    check_problem(&bench.ask(twice).await, 401, "unauthenticated", own);
    let told = bench.ask(ask().header("x-cronflow-gateway", &production)).await;
    check_problem(&told, 403, "kind_not_allowed", own);
    for no_profile in [bench.demo.gateway_token.expose(), bench.demo.operator_token.expose()] {
        let told = bench.ask(ask().header("x-cronflow-gateway", no_profile)).await;
        check_problem(&told, 403, "profile_missing", "X-CronFlow-Gateway");
    }
    // Its credential is looked for nowhere else.
    let told =
        bench.ask(edge.states("GET", "/v1/jobs").header("authorization", format!("Bearer {}", edge.secret))).await;
    check_problem(&told, 401, "unauthenticated", own);
}

#[tokio::test]
async fn what_a_gateway_leaves_open_is_denied_and_says_what() {
    let bench = Bench::new().await;
    let production = bench.key("production");
    for profile in Profile::ALL {
        let edge = bench.in_production(profile).await;
        let request = edge.asks("GET", "/v1/jobs", &production);
        let appends = matches!(profile, Profile::Caddy | Profile::Traefik);
        let name = if appends { "x-forwarded-for" } else { "x-real-ip" };
        let told = bench.ask(request.header(name, "198.51.100.7")).await;
        if profile == Profile::Nginx {
            assert_eq!((told.status, told.body.as_str()), (403, ""));
            assert_eq!(told.headers.get("x-access-reason").unwrap(), "request_not_stated");
        } else {
            check_problem(&told, 403, "request_not_stated", &format!("`{name}` is there more than once"));
        }
    }
}

#[tokio::test]
async fn keys_are_looked_for_in_one_header_alone() {
    let bench = Bench::new().await;
    let (production, edge) = (bench.key("production"), bench.in_production(Profile::Envoy).await);
    for query in ["access_token", "key", "api_key", "authorization", "x-cronflow-gateway"] {
        let request = edge.states("GET", &format!("/v1/jobs?{query}={production}"));
        check_problem(&bench.ask(request.header("x-cronflow-gateway", &edge.secret)).await, 403, "secret_in_query", "");
    }
    for elsewhere in ["x-api-key", "cookie", "proxy-authorization"] {
        let request = edge.states("GET", "/v1/jobs").header(elsewhere, format!("Bearer {production}"));
        check_problem(&bench.ask(request.header("x-cronflow-gateway", &edge.secret)).await, 401, "unauthenticated", "");
    }
    let twice = edge.asks("GET", "/v1/jobs", &production).header("authorization", format!("Bearer {production}"));
    check_problem(&bench.ask(twice).await, 401, "unauthenticated", "");
}

#[tokio::test]
async fn bodies_go_unread() {
    let bench = Bench::new().await;
    let edge = bench.in_production(Profile::Envoy).await;
    let request = edge.asks("POST", "/v1/jobs", &bench.key("production"));
    let body = Body::new(Full::new(Bytes::from_static(b"{}")).map_frame(|_| unreachable!("somebody read it")));
    assert_eq!(bench.tell(request.body(body).unwrap()).await.status, 200);
}
