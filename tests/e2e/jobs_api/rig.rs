//! One host, and the two ways to protect the same API.

use harness::{Gateway, Host, JobsApi, Make, Request, Response, Setup, is_left_to_tests_run};
use serde_json::{Value, json};

/// The two doors of one environment.
pub(super) struct Doors {
    pub(super) layered: JobsApi,
    pub(super) nginx: Gateway,
    _behind: JobsApi,
}

impl Doors {
    #[track_caller]
    pub(super) fn of(host: &Host, environment: &str) -> Self {
        let organizations = [&host.identity().organization];
        let body =
            json!({ "name": "e2e", "organizations": organizations, "environment": environment, "profile": "nginx" });
        let issued = host.operator().post("/v1/gateways", &body).check_json(201);
        let behind = JobsApi::behind_a_gateway();
        let token = issued["secret"].as_str().unwrap();
        let nginx = Gateway::start(Make::Nginx, host.address(), behind.address(), token);
        Self { layered: layered(host, environment, &[]), nginx, _behind: behind }
    }

    /// A host with both of them, for production. None where nginx is not installed.
    #[track_caller]
    pub(super) fn start(setup: Setup) -> Option<(Host, Self)> {
        if is_left_to_tests_run("nginx") {
            return None;
        }
        let host = setup.start();
        let doors = Self::of(&host, "production");
        Some((host, doors))
    }

    /// What each of them says to a request: nginx, then the layer.
    #[track_caller]
    pub(super) fn ask(&self, bearer: Option<&str>, request: &Request) -> [Response; 2] {
        [self.nginx.client(bearer).send(request), self.layered.client(bearer).send(request)]
    }
}

/// The API with its layer, and nothing before it.
#[track_caller]
pub(super) fn layered(host: &Host, environment: &str, args: &[&str]) -> JobsApi {
    JobsApi::that_asks(host.address(), &host.identity().gateway_token, environment, args)
}

/// The code of a problem; empty when the answer is none.
pub(super) fn code(response: &Response) -> String {
    let problem: Value = serde_json::from_str(&response.body).unwrap_or_default();
    problem["code"].as_str().unwrap_or_default().to_owned()
}

/// The code that a denial was told with. None: the request reached the API, which has no answers of these statuses.
#[track_caller]
pub(super) fn denied(response: &Response) -> Option<String> {
    if !matches!(response.status, 401 | 403 | 429 | 503) {
        return None;
    }
    assert_ne!(code(response), "not_decided", "the API was reached without a decision: {response:?}");
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{response:?}");
    Some(code(response))
}
