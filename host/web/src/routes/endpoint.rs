//! One entry of the table: where an endpoint is served, by what, and what is to be known about it.

use std::sync::Arc;

use access_authority::{Page, PageRequest};
use access_model::audit::narrows;
use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn;
use axum::routing::{self, MethodRouter};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::app::App;
use crate::confirmed;

/// Makes the schema of a type.
pub(crate) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// An endpoint.
pub(crate) struct Endpoint {
    /// Its method, in lower case.
    pub(crate) method: &'static str,
    /// Its path, with segments such as `{workspace}`.
    pub(crate) path: &'static str,
    /// What serves it.
    pub(crate) handler: MethodRouter<Arc<App>>,
    /// Whether it serves every path below as well.
    pub(crate) below: bool,
    /// Its name, where it is not the action's.
    pub(crate) name: Option<&'static str>,
    /// The catalog's action that it needs a permit for; none means that it is open to all.
    pub(crate) action: Option<&'static str>,
    /// How the secret of whoever needs the permit is presented: `bearer`, or `gateway`.
    pub(crate) scheme: &'static str,
    /// What it does, in a line.
    pub(crate) summary: &'static str,
    /// What else is to be known.
    pub(crate) notes: Option<&'static str>,
    /// What its query may hold.
    pub(crate) query: Option<Shape>,
    /// Its body.
    pub(crate) body: Option<Takes>,
    /// Its answers, by status.
    pub(crate) answers: Vec<(u16, Answers)>,
    /// Problems that can't be derived.
    pub(crate) also: Vec<u16>,
    /// Whether its errors are OAuth2's (RFC 6749 §5.2).
    pub(crate) oauth: bool,
    /// Whether it changes something.
    pub(crate) writes: bool,
    /// Whether it takes an `Idempotency-Key`.
    pub(crate) idempotent: bool,
    /// Whether what it shows or changes has an `ETag`.
    pub(crate) versioned: bool,
    /// Whether it takes away what has one.
    pub(crate) conditional: bool,
}

/// A body that is taken.
pub(crate) struct Takes {
    /// Its shape.
    pub(crate) shape: Shape,
    /// How it is written.
    pub(crate) media: &'static str,
    /// Its shape as a form, where it may be one.
    pub(crate) form: Option<Shape>,
    /// Whether it must be there.
    pub(crate) required: bool,
}

impl Takes {
    fn json<T: JsonSchema>(required: bool) -> Self {
        Self { shape: SchemaGenerator::subschema_for::<T>, media: "application/json", form: None, required }
    }
}

/// What an answer holds.
pub(crate) enum Answers {
    /// JSON.
    Json(Shape),
    /// A page for people.
    Html,
    /// Text of these media types.
    Text(&'static [&'static str]),
    /// Nothing but its headers.
    Nothing,
}

/// An endpoint that shows something.
pub(crate) fn get<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, handler: H) -> Endpoint {
    Endpoint { writes: false, ..Endpoint::new("get", path, routing::get(handler)) }
}

/// An endpoint that makes or changes something.
pub(crate) fn post<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, handler: H) -> Endpoint {
    Endpoint::new("post", path, routing::post(handler))
}

/// An endpoint that replaces something.
pub(crate) fn put<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, handler: H) -> Endpoint {
    Endpoint::new("put", path, routing::put(handler))
}

/// An endpoint that takes something away.
pub(crate) fn delete<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, handler: H) -> Endpoint {
    Endpoint::new("delete", path, routing::delete(handler))
}

/// An endpoint that takes every method alike; documents show it as a GET.
pub(crate) fn any<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, handler: H) -> Endpoint {
    Endpoint { writes: false, ..Endpoint::new("any", path, routing::any(handler)) }
}

impl Endpoint {
    fn new(method: &'static str, path: &'static str, handler: MethodRouter<Arc<App>>) -> Self {
        Self {
            method,
            path,
            handler,
            below: false,
            name: None,
            action: None,
            scheme: "bearer",
            summary: "",
            notes: None,
            query: None,
            body: None,
            answers: Vec::new(),
            also: Vec::new(),
            oauth: false,
            writes: true,
            idempotent: false,
            versioned: false,
            conditional: false,
        }
    }

    /// Its name for tools: unique.
    pub(crate) fn id(&self) -> &'static str {
        self.name.or(self.action).unwrap_or(self.path)
    }

    /// The method that documents show.
    pub(crate) fn documented_method(&self) -> &'static str {
        if self.takes_some_methods() { self.method } else { "get" }
    }

    /// Whether there are methods that it does not take.
    pub(crate) fn takes_some_methods(&self) -> bool {
        self.method != "any"
    }

    /// Whether it takes `If-Match`.
    pub(crate) const fn takes_if_match(&self) -> bool {
        (self.versioned || self.conditional) && self.writes
    }

    /// The names of its path's segments that stand for something.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Whether it may do nothing but take something from somebody, which is waited for.
    fn narrows(&self) -> bool {
        let is_of_network = |action: &str| action == access_authority::network::ACTION_UPDATE;
        self.action.is_some_and(|action| narrows(action) || is_of_network(action)) || self.path == "/oauth/revoke"
    }

    /// Its routes.
    pub(crate) fn add_to(mut self, router: Router<Arc<App>>) -> Router<Arc<App>> {
        if self.narrows() {
            self.handler = self.handler.route_layer(from_fn(confirmed::tell));
        }
        if !self.below {
            return router.route(self.path, self.handler);
        }
        let (path, handler) = (self.path, self.handler);
        // A wildcard is never empty, so the slash alone is a route of its own.
        let router =
            router.route(&format!("{path}/"), handler.clone()).route(&format!("{path}/{{*below}}"), handler.clone());
        router.route(path, handler)
    }

    /// Serves every path below as well; documents show the one.
    pub(crate) fn and_below(self) -> Self {
        Self { below: true, ..self }
    }

    /// Needs a permit for this action of the catalog, and is named after it.
    pub(crate) fn action(self, action: &'static str) -> Self {
        Self { action: Some(action), ..self }
    }

    /// The gateway's secret has a header of its own, since `Authorization` is its client's.
    pub(crate) fn for_gateways(self) -> Self {
        Self { scheme: "gateway", ..self }
    }

    /// Has a name that is not its action's.
    pub(crate) fn named(self, name: &'static str) -> Self {
        Self { name: Some(name), ..self }
    }

    /// What it does, in a line.
    pub(crate) fn says(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    /// What else is to be known.
    pub(crate) fn notes(self, notes: &'static str) -> Self {
        Self { notes: Some(notes), ..self }
    }

    /// Its query is a `T`.
    pub(crate) fn query<T: JsonSchema>(self) -> Self {
        Self { query: Some(SchemaGenerator::subschema_for::<T>), ..self }
    }

    /// Takes a `T` as JSON.
    pub(crate) fn takes<T: JsonSchema>(self) -> Self {
        Self { body: Some(Takes::json::<T>(true)), ..self }
    }

    /// Takes a `T` as JSON, or nothing.
    pub(crate) fn may_take<T: JsonSchema>(self) -> Self {
        Self { body: Some(Takes::json::<T>(false)), ..self }
    }

    /// Takes a `T` as a form as well.
    pub(crate) fn or_form<T: JsonSchema>(self) -> Self {
        let body = self.body.map(|body| Takes { form: Some(SchemaGenerator::subschema_for::<T>), ..body });
        Self { body, ..self }
    }

    /// Takes a `T` as OAuth2 writes it, and answers errors as OAuth2 does.
    pub(crate) fn oauth<T: JsonSchema>(self) -> Self {
        let takes = Takes { media: "application/x-www-form-urlencoded", ..Takes::json::<T>(true) };
        Self { body: Some(takes), oauth: true, ..self }
    }

    /// Answers a `T` as JSON.
    pub(crate) fn answers<T: JsonSchema>(mut self, status: u16) -> Self {
        self.answers.push((status, Answers::Json(SchemaGenerator::subschema_for::<T>)));
        self
    }

    /// Answers a page for people.
    pub(crate) fn answers_html(mut self, status: u16) -> Self {
        self.answers.push((status, Answers::Html));
        self
    }

    /// Answers text of one of these media types.
    pub(crate) fn answers_text(mut self, status: u16, media: &'static [&'static str]) -> Self {
        self.answers.push((status, Answers::Text(media)));
        self
    }

    /// Answers in headers alone.
    pub(crate) fn answers_nothing(mut self, status: u16) -> Self {
        self.answers.push((status, Answers::Nothing));
        self
    }

    /// Answers pages of `T`s. Its query is a [`PageRequest`], unless it is said to be more.
    pub(crate) fn pages<T: JsonSchema>(self) -> Self {
        let query = self.query.or(Some(SchemaGenerator::subschema_for::<PageRequest>));
        Self { query, ..self }.answers::<Page<T>>(200)
    }

    /// Answers problems of this status besides those that follow from what it is.
    pub(crate) fn also(mut self, status: u16) -> Self {
        self.also.push(status);
        self
    }

    /// Changes nothing, though its method is one that may.
    pub(crate) fn only_reads(self) -> Self {
        Self { writes: false, ..self }
    }

    /// Takes an `Idempotency-Key`.
    pub(crate) fn idempotent(self) -> Self {
        Self { idempotent: true, ..self }
    }

    /// Takes `If-Match`, and shows nothing.
    pub(crate) fn conditional(self) -> Self {
        Self { conditional: true, ..self }
    }

    /// What it shows has an `ETag`; where it changes that, it takes `If-Match`.
    pub(crate) fn versioned(self) -> Self {
        Self { versioned: true, ..self }
    }
}
