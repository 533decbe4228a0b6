//! A host of the test's own, everybody who asks it, and the things that can be asked about.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;

use harness::{Client, Host, Person, Request, Response, SignedIn, secret};
use serde_json::{Value, json};

use super::draw::Draw;
use super::spec::{Operation, Spec};

/// The profile of the gateway, and what such a gateway states of its client.
const PROFILE: &str = "caddy";
const STATES: [(&str, &str); 3] =
    [("X-Forwarded-Method", "GET"), ("X-Forwarded-Uri", "/v1/jobs"), ("X-Forwarded-For", "203.0.113.7")];

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Actor {
    /// The operator.
    Operator,
    /// A production key with every scope.
    Manager,
    /// A production key without management scopes.
    Limited,
    Gateway,
    /// The organization's owner, with its second factor.
    Member,
    Nobody,
    /// Somebody with a secret that nobody issued.
    Stranger,
}

impl Actor {
    pub(super) const ALL: [Self; 7] =
        [Self::Operator, Self::Manager, Self::Limited, Self::Gateway, Self::Member, Self::Nobody, Self::Stranger];
}

/// A host, and who asks it.
pub(super) struct World<'s> {
    spec: &'s Spec,
    host: Host,
    /// What each presents, and with what.
    actors: Vec<(Actor, Option<String>, Client)>,
    /// The owner's session, until something ends it.
    member: RefCell<Option<SignedIn>>,
    anybody: Client,
    /// How many were invited.
    invited: Cell<usize>,
}

impl<'s> World<'s> {
    pub(super) fn new(spec: &'s Spec) -> Self {
        let host = Host::dev();
        let limited = host.issue("production", &["jobs:read", "jobs:write"]).secret;
        let gateway =
            json!({ "name": "contract", "organizations": ["*"], "environment": "staging", "profile": PROFILE });
        let gateway =
            host.operator().post("/v1/gateways", &gateway).check_json(201)["secret"].as_str().map(str::to_owned);
        let identity = host.identity();
        let actor = |actor| {
            let secret = match actor {
                Actor::Operator => Some(identity.operator_token.clone()),
                Actor::Manager => Some(identity.keys["production"].clone()),
                Actor::Limited => Some(limited.clone()),
                Actor::Gateway => gateway.clone(),
                // Signs in when it asks something.
                Actor::Member | Actor::Nobody => None,
                Actor::Stranger => Some(secret::guessed(&identity.operator_token)),
            };
            let client = host.client(secret.as_deref());
            (actor, secret, client)
        };
        let actors = Actor::ALL.map(actor).into();
        Self { spec, anybody: host.client(None), actors, member: RefCell::default(), invited: Cell::new(0), host }
    }

    /// Sends a request.
    pub(super) fn send(&self, actor: Actor, sent: &Sent) -> Response {
        if actor == Actor::Member && sent.secret_in.is_none() {
            return self.send_as_member(sent);
        }
        let (_, secret, client) = self.actors.iter().find(|(of, ..)| *of == actor).expect("everybody is there");
        let Some(header) = &sent.secret_in else { return client.send(&sent.request()) };
        // `Authorization` is the client's whom a gateway asks about.
        let bearer = format!("Bearer {}", self.host.identity().keys["production"]);
        let request = sent.request().header("authorization", bearer);
        self.anybody.send(&secret.iter().fold(request, |request, secret| request.header(header, secret)))
    }

    fn send_as_member(&self, sent: &Sent) -> Response {
        let mut member = self.member.borrow_mut();
        if member.is_none() {
            *member = Person::owner(&self.host).sign_in_if_let(&self.host);
        }
        // Whose network guesses too often, or whose organization was ended, does not come in, and asks as anybody does.
        let client = member.as_ref().map_or(&self.anybody, |member| &member.client);
        let response = client.send(&sent.request());
        // What it asked may have ended its session, or its factor is one of long ago. What was not understood did nothing.
        if !matches!((sent.method.as_str(), response.status), ("GET", 200) | (_, 400 | 404 | 405 | 413 | 415 | 422)) {
            *member = None;
        }
        response
    }

    /// Ids for the segments of an operation's path: of the first organization and workspace, and of things made just now.
    pub(super) fn make_segments(&self, operation: &Operation, draw: &mut Draw) -> BTreeMap<String, String> {
        let mut ids = BTreeMap::new();
        for segment in operation.segments() {
            let id = match segment {
                // What may end it is asked about another than the one that everybody here belongs to.
                owner if operation.changes(owner) => self.make(owner, draw),
                "organization" => self.host.identity().organization.clone(),
                "workspace" => self.host.identity().workspace.clone(),
                "webhook" => self.make_webhook(),
                // Of the webhook that stands before it.
                "delivery" => self.test_webhook(ids.get("webhook").map_or("", String::as_str)),
                other => self.make(other, draw),
            };
            ids.insert(segment.to_owned(), id);
        }
        ids
    }

    /// Makes what `segment` stands for; its id.
    pub(super) fn make(&self, segment: &str, draw: &mut Draw) -> String {
        match segment {
            "policy" => return self.put_policy(draw),
            "revision" => return "1".to_owned(),
            "role" => return self.put_role(draw),
            "invitation" => return self.invite(draw)["id"].as_str().expect("an id").to_owned(),
            "member" => return self.add_member(draw),
            "session" => return Person::owner(&self.host).sign_in(&self.host).id,
            _ => {}
        }
        let maker = self.spec.maker(segment).unwrap_or_else(|| panic!("nothing makes what `{{{segment}}}` stands for"));
        let ids = self.make_segments(maker, draw);
        // Names may have to be new: what the document shows is taken once, then others are drawn.
        for round in 0..50 {
            let valid = draw.valid(self.spec, maker, self, &ids, round);
            let valid = if round == 0 { draw.as_shown(self.spec, maker, &ids, valid) } else { valid };
            let made = self.send(Actor::Operator, &valid);
            if made.status == 201 {
                let made: Value = serde_json::from_str(&made.body).expect("JSON");
                let id = made.get("id").or_else(|| made.get(format!("{segment}_id")));
                return id.and_then(Value::as_str).expect("what is made has an id").to_owned();
            }
        }
        panic!("`{}` makes nothing", maker.id());
    }

    /// A policy in force, of a few: a workspace has no room for many. What comes with a name of its own is not made by a POST.
    fn put_policy(&self, draw: &mut Draw) -> String {
        let name = format!("e2e-{}", draw.below(4));
        let path = self.host.workspace(&format!("/policies/{name}?publish=true"));
        self.host.operator().put(&path, &json!({ "engine": "cel", "source": "no_match()" })).check_json(200);
        name
    }

    /// A webhook; a workspace has no room for many, so those before it go.
    fn make_webhook(&self) -> String {
        let (operator, webhooks) = (self.host.operator(), self.host.workspace("/webhooks"));
        let listed = operator.get(&webhooks).check_json(200);
        for old in listed["items"].as_array().expect("items").iter().skip(10) {
            let path = format!("{webhooks}/{}", old["id"].as_str().expect("an id"));
            operator.send(&Request::new("DELETE", &path));
        }
        let body = json!({ "url": "https://receiver.invalid/hooks", "events": ["*"] });
        operator.post(&webhooks, &body).check_json(201)["id"].as_str().expect("an id").to_owned()
    }

    /// A delivery to a webhook.
    fn test_webhook(&self, webhook: &str) -> String {
        let path = self.host.workspace(&format!("/webhooks/{webhook}/test"));
        self.host.operator().post(&path, &json!({})).check_json(200)["id"].as_str().expect("an id").to_owned()
    }

    /// A role of the organization's own, of a few.
    fn put_role(&self, draw: &mut Draw) -> String {
        let name = format!("e2e-{}", draw.below(4));
        let path = format!("/v1/organizations/{}/roles/{name}", self.host.identity().organization);
        self.host.operator().put(&path, &json!({ "actions": ["keys.list"] })).check_json(200);
        name
    }

    /// An invitation for somebody who was not invited before, as it was answered.
    fn invite(&self, draw: &mut Draw) -> Value {
        let path = format!("/v1/organizations/{}/invitations", self.host.identity().organization);
        let email = format!("e2e-{}-{}@example.com", self.invited.get(), draw.below(1_000_000));
        self.invited.set(self.invited.get() + 1);
        self.host.operator().post(&path, &json!({ "email": email, "roles": ["viewer"] })).check_json(201)
    }

    /// Somebody who has accepted an invitation; their id.
    fn add_member(&self, draw: &mut Draw) -> String {
        let invited = self.invite(draw);
        let body =
            json!({ "invitation": invited["secret"], "name": "Ada", "password": "correct horse battery staple" });
        let joined = self.anybody.post("/v1/invitations/accept", &body).check_json(201);
        joined["member"]["id"].as_str().or(joined["member"].as_str()).expect("a member").to_owned()
    }

    /// Texts that mean something to this host.
    pub(super) fn ids(&self) -> Vec<String> {
        let identity = self.host.identity();
        let key = identity.keys["production"].clone();
        vec![
            identity.organization.clone(),
            identity.workspace.clone(),
            key,
            "main".into(),
            "ws_00doesnotexist0000".into(),
        ]
    }
}

/// A request that is sent.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) json: Option<Value>,
    /// In place of `json`: a content type and bytes.
    pub(super) raw: Option<(String, Vec<u8>)>,
    /// What was done to it; empty for a valid one.
    pub(super) spoiled: String,
    /// The header that the secret stands in, where that is not `Authorization`.
    pub(super) secret_in: Option<String>,
    /// Whether its path is one of no operation, or of another.
    pub(super) leads_elsewhere: bool,
    pub(super) declared_methods: Vec<String>,
}

impl Sent {
    /// A request to an operation, about the things with these ids.
    pub(super) fn new(spec: &Spec, operation: &Operation, ids: &BTreeMap<String, String>) -> Self {
        let fill = |path: String, (name, id): (&String, &String)| path.replace(&format!("{{{name}}}"), id);
        let secret_in = operation.secret_in(spec);
        let states = STATES.iter().filter(|_| secret_in.is_some());
        Self {
            method: operation.method.clone(),
            path: ids.iter().fold(operation.path.clone(), fill),
            query: Vec::new(),
            headers: states.map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect(),
            json: None,
            raw: None,
            spoiled: String::new(),
            secret_in,
            leads_elsewhere: false,
            declared_methods: operation.methods.clone(),
        }
    }

    pub(super) fn spoiled(&self) -> bool {
        !self.spoiled.is_empty()
    }

    /// Whether the path does not take its method.
    pub(super) fn is_of_another_method(&self) -> bool {
        let method = if self.method == "HEAD" { "GET" } else { &self.method };
        !self.declared_methods.iter().any(|declared| declared == method)
    }

    fn request(&self) -> Request {
        let mut request = Request::new(&self.method, &self.target());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        match (&self.raw, &self.json) {
            (Some((content_type, bytes)), _) => request.body(content_type, bytes.clone()),
            (None, Some(json)) => request.json(json),
            (None, None) => request,
        }
    }

    fn target(&self) -> String {
        let pairs = self.query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let query = pairs.collect::<Vec<_>>().join("&");
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }
}

/// Text for a path or a query. What is encoded already stays as it is.
pub(super) fn encoded(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/%*".contains(&byte);
    text.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.spoiled() { &self.spoiled } else { "valid" };
        let target: String = self.target().chars().take(300).collect();
        write!(f, "({how}) {} {target}", self.method)?;
        for (name, value) in &self.headers {
            write!(f, " [{name}: {}]", value.escape_ascii())?;
        }
        let body = match (&self.raw, &self.json) {
            (Some((content_type, bytes)), _) => format!(" {content_type} {}", bytes.escape_ascii()),
            (None, Some(json)) => format!(" {json}"),
            (None, None) => String::new(),
        };
        f.write_str(&body.chars().take(500).collect::<String>())
    }
}
