//! Whatever clients say in headers that a gateway, the host or the API believes: it changes nothing.

use harness::{Client, Make, Received, Request};
use serde_json::json;

use super::rig::{Rig, get};

/// In the list of the key that is denied here.
const ALLOWED: &str = "203.0.113.7";
/// In nobody's list.
const DENIED: &str = "198.51.100.7";

/// Headers, and what clients might say in them.
const HEADERS: [(&str, &[&str]); 27] = [
    ("X-Original-Method", &["GET", "DELETE", ""]),
    ("X-Original-URI", &["/v1/jobs", "/v1/nowhere"]),
    ("X-Original-URL", &["/v1/jobs", "/v1/nowhere"]),
    ("X-Rewrite-URL", &["/v1/jobs", "/v1/nowhere"]),
    ("X-HTTP-Method-Override", &["GET", "DELETE"]),
    ("X-HTTP-Method", &["GET", "DELETE"]),
    ("X-Method-Override", &["GET", "DELETE"]),
    ("X-Forwarded-Method", &["GET", "DELETE", ""]),
    ("X-Forwarded-Uri", &["/v1/jobs", "/v1/nowhere"]),
    ("X-Forwarded-For", &[ALLOWED, DENIED, "203.0.113.7, 203.0.113.8", "127.0.0.1", "nonsense", ""]),
    ("X-Forwarded-Host", &["elsewhere.example"]),
    ("X-Forwarded-Proto", &["https"]),
    ("X-Forwarded-Port", &["1"]),
    ("X-Forwarded-Prefix", &["/v1/nowhere"]),
    ("X-Forwarded-Server", &["elsewhere.example"]),
    ("X-Real-IP", &[ALLOWED, DENIED, "nonsense", ""]),
    ("Forwarded", &["for=203.0.113.7", "for=198.51.100.7;host=elsewhere.example;proto=https"]),
    ("X-CronFlow-Gateway", &["cf_gw_nobody", ""]),
    ("X-Access-Decision", &["allow", "deny"]),
    ("X-Access-Decision-Id", &["dec_invented"]),
    ("X-Access-Principal", &["key_invented", ""]),
    ("X-Access-Organization", &["org_invented"]),
    ("X-Access-Workspace", &["ws_invented"]),
    ("X-Access-Environment", &["staging"]),
    ("X-Access-Scopes", &["jobs:read jobs:write"]),
    ("X-Access-Status", &["200", "204", "403"]),
    ("X-Access-Reason", &["invented"]),
];

/// What some proxies take away as hop-by-hop, and perhaps what was to be believed with it.
const NAMED_IN_CONNECTION: [&str; 6] = [
    "X-Access-Principal",
    "X-Access-Decision-Id, X-Access-Organization, X-Access-Workspace, X-Access-Environment, X-Access-Scopes",
    "X-Real-IP, X-Forwarded-For, X-CronFlow-Gateway",
    "X-Original-Method, X-Original-URI",
    "X-Forwarded-Method, X-Forwarded-Uri, X-Forwarded-Host",
    "Authorization",
];

/// Further ones that are the API's business, if anybody's.
const IRRELEVANT: [(&str, &str); 8] = [
    ("True-Client-IP", ALLOWED),
    ("CF-Connecting-IP", ALLOWED),
    ("X-Client-IP", ALLOWED),
    ("X-Cluster-Client-IP", ALLOWED),
    ("Via", "1.1 elsewhere.example"),
    ("Proxy-Connection", "X-Access-Principal"),
    ("Keep-Alive", "X-Access-Principal"),
    ("Proxy-Authorization", "Bearer cf_prod_nobody"),
];

/// Requests whose fate is known, from 127.0.0.1.
struct Known {
    rig: Rig,
    allowed: Client,
    from_elsewhere: Client,
    nobody: Client,
    /// What the API gets of an allowed one.
    baseline: Vec<(String, String)>,
}

impl Known {
    fn start(make: Make) -> Option<Self> {
        let rig = Rig::start(make)?;
        let key =
            |ip_allow| rig.host.issue_with("production", &["jobs:read"], &json!({ "ip_allow": [ip_allow] })).secret;
        let (allowed, from_elsewhere) = (rig.client(&key("127.0.0.0/8")), rig.client(&key("203.0.113.0/24")));
        let nobody = rig.gateway.client(None);
        let (received, _) = rig.check_passes(&allowed, &get("/v1/jobs?limit=1"));
        let baseline = lasting(&received);
        Some(Self { rig, allowed, from_elsewhere, nobody, baseline })
    }

    /// Checks that requests with these headers are decided as without them, and that the API learns nothing of them.
    #[track_caller]
    fn check(&self, headers: &[(&str, &str)], is_the_apis_business: bool) {
        let with =
            |request: Request| headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let (received, _) = self.rig.check_passes(&self.allowed, &with(get("/v1/jobs?limit=1")));
        assert_eq!((received.method.as_str(), received.target.as_str()), ("GET", "/v1/jobs?limit=1"), "{headers:?}");
        if !is_the_apis_business {
            assert_eq!(lasting(&received), self.baseline, "left: with {headers:?}");
        }
        self.check_denied(&with, &[403], &[401]);
    }

    /// Checks that requests with a header that no server need understand are refused, or as they are without it.
    #[track_caller]
    fn check_refused_or_the_same(&self, name: &str, value: &str) {
        let with = |request: Request| request.header(name, value);
        self.check_denied(&with, &[400, 401, 403], &[400, 401]);
        let told = self.allowed.send(&with(get("/v1/jobs?limit=1")));
        let received = self.rig.api.take();
        match (told.status, received.as_slice()) {
            (400 | 401 | 403, []) => {}
            (200, [received]) => assert_eq!(lasting(received), self.baseline, "left: with {name:?}: {value:?}"),
            other => panic!("{name:?}: {value:?}: {other:?}"),
        }
    }

    #[track_caller]
    fn check_denied(&self, with: &impl Fn(Request) -> Request, denied: &[u16], unauthenticated: &[u16]) {
        // From the wrong address, to a path of nobody's, with a method beyond its scope.
        self.rig.check_stopped(&self.from_elsewhere, &with(get("/v1/jobs")), denied);
        self.rig.check_stopped(&self.allowed, &with(get("/v1/nowhere")), denied);
        self.rig.check_stopped(&self.allowed, &with(Request::new("DELETE", "/v1/jobs/4711")), denied);
        self.rig.check_stopped(&self.nobody, &with(get("/v1/jobs")), unauthenticated);
    }
}

/// The headers that are the same each time.
fn lasting(received: &Received) -> Vec<(String, String)> {
    // The last is the tests' own, and the API's business.
    let changes = |name: &str| matches!(name, "x-access-decision-id" | "x-request-id" | "a");
    let mut lasting: Vec<_> = received.headers.iter().filter(|(name, _)| !changes(name)).cloned().collect();
    lasting.sort();
    lasting
}

/// A name, as it might be written.
fn spellings(name: &str) -> Vec<String> {
    let mut all = vec![name.to_owned(), name.to_lowercase(), name.to_uppercase()];
    if let Some((before, after)) = name.rsplit_once('-') {
        all.extend([name.replace('-', "_"), format!("{before}_{after}"), name.to_lowercase().replace('-', "_")]);
    }
    all
}

pub(super) fn headers_of_clients_change_nothing(make: Make) {
    let Some(known) = Known::start(make) else { return };
    for (name, values) in HEADERS {
        for name in spellings(name) {
            for value in values {
                known.check(&[(&name, value)], false);
                known.check(&[(&name, value), (&name, value)], false);
            }
        }
        for pair in values.windows(2) {
            known.check(&[(name, pair[0]), (name, pair[1])], false);
        }
    }
    for header in IRRELEVANT {
        known.check(&[header], true);
    }
    for names in NAMED_IN_CONNECTION {
        known.check_refused_or_the_same("Connection", names);
        known.check_refused_or_the_same("Connection", &format!("keep-alive, {names}"));
    }
    // All at once, in two spellings.
    let all: Vec<(String, &str)> = HEADERS
        .iter()
        .filter(|(name, _)| name.starts_with("X-") || *name == "Forwarded")
        .flat_map(|(name, values)| [((*name).to_owned(), values[0]), (name.replace('-', "_"), values[0])])
        .collect();
    let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    known.check(&all, false);
}

pub(super) fn malformed_headers_help_nobody(make: Make) {
    let Some(known) = Known::start(make) else { return };
    for (name, values) in HEADERS.iter().filter(|(name, _)| name.starts_with("X-") || *name == "Forwarded") {
        let value = values[0];
        for (name, value) in [
            (format!("{name} "), value.to_owned()),
            (format!("{name}\t"), value.to_owned()),
            (format!(" {name}"), value.to_owned()),
            (format!("a: b\n{name}"), value.to_owned()),
            (format!("a: b\r{name}"), value.to_owned()),
            (format!("{name}\0"), value.to_owned()),
            ((*name).to_owned(), format!("{value}\0")),
            ((*name).to_owned(), format!("{value}\u{1}")),
        ] {
            known.check_refused_or_the_same(&name, &value);
        }
    }
}
