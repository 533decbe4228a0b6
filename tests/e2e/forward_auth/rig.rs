//! A host, an API, and a gateway between clients and both.

use std::io::Write as _;
use std::process::Command;
use std::sync::LazyLock;

use harness::{Api, Client, Gateway, Host, Make, Received, Request, Response, Setup, is_left_to_tests_run};
use serde_json::{Value, json};

/// Everything that a request meets.
pub(super) struct Rig {
    pub(super) gateway: Gateway,
    pub(super) api: Api,
    pub(super) host: Host,
    token: String,
}

impl Rig {
    /// Over a dev host, for its production. None where the gateway is not installed.
    #[track_caller]
    pub(super) fn start(make: Make) -> Option<Self> {
        Self::over(make, Setup::dev())
    }

    #[track_caller]
    pub(super) fn over(make: Make, setup: Setup) -> Option<Self> {
        if is_left_out(make) {
            return None;
        }
        let (host, api) = (setup.start(), Api::start());
        let token = issue(&host, make, "production");
        let gateway = Gateway::start(make, host.address(), api.address(), &token);
        Some(Self { gateway, api, host, token })
    }

    /// Another gateway before the same, for another environment.
    #[track_caller]
    pub(super) fn gateway_for(&self, environment: &str) -> Gateway {
        let make = self.gateway.make();
        let token = issue(&self.host, make, environment);
        Gateway::start(make, self.host.address(), self.api.address(), &token)
    }

    /// The gateway's own secret.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// A client with this secret.
    pub(super) fn client(&self, secret: &str) -> Client {
        self.gateway.client(Some(secret))
    }

    /// Checks that a request reaches the API, and the API's answer the client.
    #[track_caller]
    pub(super) fn check_passes(&self, client: &Client, request: &Request) -> (Received, Response) {
        let told = client.send(request);
        let mut received = self.api.take();
        assert_eq!((told.status, received.len()), (200, 1), "{request:?}: {told:?} {received:?}");
        let received = received.remove(0);
        for (name, value) in &received.headers {
            // Neither secret is the API's business.
            assert!(!value.contains(&self.token) && name != "authorization", "{received:?}");
        }
        (received, told)
    }

    /// Checks that a request does not reach the API.
    #[track_caller]
    pub(super) fn check_stopped(&self, client: &Client, request: &Request, statuses: &[u16]) -> Response {
        let told = client.send(request);
        let received = self.api.take();
        assert!(received.is_empty(), "{request:?}: {told:?} {received:?}");
        assert!(statuses.contains(&told.status), "{request:?}: {told:?}, expected {statuses:?}");
        assert!(!told.body.contains(&self.token), "{told:?}");
        told
    }

    /// Checks that a request was denied for this reason.
    #[track_caller]
    pub(super) fn check_denied(&self, client: &Client, request: &Request, status: u16, code: &str) -> Response {
        let told = self.check_stopped(client, request, &[status]);
        assert_eq!(told.header("content-type"), Some("application/problem+json"), "{told:?}");
        let problem: Value = serde_json::from_str(&told.body).unwrap();
        assert_eq!(
            (problem["code"].as_str(), problem["status"].as_u64()),
            (Some(code), Some(status.into())),
            "{told:?}"
        );
        assert!(problem["decision_id"].is_string(), "{told:?}");
        told
    }
}

/// Issues the credential of a gateway that fixes its environment.
#[track_caller]
fn issue(host: &Host, make: Make, environment: &str) -> String {
    let organizations = [&host.identity().organization];
    let body =
        json!({ "name": "e2e", "organizations": organizations, "environment": environment, "profile": make.name() });
    let issued = host.operator().post("/v1/gateways", &body).check_json(201);
    issued["secret"].as_str().unwrap().to_owned()
}

/// Whether a gateway is not here. Envoy is no need of `tests/run`: it is too large for what it would show besides.
fn is_left_out(make: Make) -> bool {
    if make != Make::Envoy {
        return is_left_to_tests_run(make.name());
    }
    static IS_HERE: LazyLock<bool> = LazyLock::new(|| {
        let is_here = Command::new("envoy").arg("--version").output().is_ok();
        if !is_here {
            std::io::stderr().write_all(b"left out: forward_auth::envoy, for envoy is not on the path\n").unwrap();
        }
        is_here
    });
    !*IS_HERE
}

/// GET, as most requests are.
pub(super) fn get(target: &str) -> Request {
    Request::new("GET", target)
}
