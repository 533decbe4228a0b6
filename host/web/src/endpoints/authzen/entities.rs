//! What an evaluation is made of, as it arrives: everything may be missing, since a batch has defaults. Unknown members are
//! ignored, as the specification demands of receivers; one that stands twice is refused.

use access_model::Object;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::property::Properties;

/// One evaluation. `subject`, `action` and `resource` are required.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[schemars(rename = "Evaluation", example = example(), extend("required" = ["subject", "action", "resource"], "additionalProperties" = true))]
pub(crate) struct Entities {
    /// Who acts.
    #[serde(default)]
    pub(super) subject: Option<Object<Entity>>,
    /// What is to be done.
    #[serde(default)]
    pub(super) action: Option<Object<Action>>,
    /// What it is to be done to.
    #[serde(default)]
    pub(super) resource: Option<Object<Entity>>,
    /// Free values around it, of any JSON; `ip`, `method`, `path` and `environment` speak of the request.
    #[serde(default)]
    pub(super) context: Option<Properties>,
}

fn example() -> Value {
    json!({
        "subject": { "type": "credential", "id": "checkout", "properties": { "secret": "cf_prod_…" } },
        "action": { "name": "jobs.create" },
        "resource": { "type": "queue", "id": "emails", "properties": { "workspace": "main", "priority": 3 } },
        "context": { "ip": "203.0.113.7", "environment": "production" },
    })
}

/// A subject or a resource. `type` and `id` are required, unless a default of a batch states them.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[schemars(rename = "Entity", extend("additionalProperties" = true))]
pub(crate) struct Entity {
    /// Its type.
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
    /// What names it among those of its type.
    #[serde(default)]
    pub(super) id: Option<String>,
    /// Free values, of any JSON.
    #[serde(default)]
    pub(super) properties: Option<Properties>,
}

/// An action. `name` is required, unless a default of a batch states it.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[schemars(rename = "EvaluatedAction", extend("additionalProperties" = true))]
pub(crate) struct Action {
    /// The catalog's name of it.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// Free values, of any JSON.
    #[serde(default)]
    pub(super) properties: Option<Properties>,
}

impl Entities {
    /// These, with what `default` states of what they leave out. An entity replaces its default whole; only type, id and name
    /// are taken over one by one.
    pub(super) fn or(self, default: Self) -> Self {
        Self {
            subject: either(self.subject, default.subject, Entity::or),
            action: either(self.action, default.action, |own, default| Action {
                name: own.name.or(default.name),
                ..own
            }),
            resource: either(self.resource, default.resource, Entity::or),
            context: self.context.or(default.context),
        }
    }
}

impl Entity {
    fn or(self, default: Self) -> Self {
        Self { kind: self.kind.or(default.kind), id: self.id.or(default.id), ..self }
    }
}

fn either<T>(own: Option<Object<T>>, default: Option<Object<T>>, join: impl FnOnce(T, T) -> T) -> Option<Object<T>> {
    match (own, default) {
        (Some(Object(own)), Some(Object(default))) => Some(Object(join(own, default))),
        (own, default) => own.or(default),
    }
}
