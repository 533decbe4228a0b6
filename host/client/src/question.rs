//! A question: who presents what, and what for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::secret::Secret;

/// A question to be decided. What is not stated is absent, and policies may deny for that.
#[derive(Debug, Clone)]
pub struct Question {
    credential: Secret,
    request: Request,
    action: Option<String>,
    resource: Option<Resource>,
    context: BTreeMap<String, Attribute>,
    min_revision: Option<u64>,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Request {
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
}

impl Question {
    /// May `credential` send this request? The path as it came, without its query.
    pub fn request(credential: Secret, method: impl Into<String>, path: impl Into<String>) -> Self {
        let (method, path) = (Some(method.into()), Some(path.into()));
        Self::of(credential, Request { method, path, ..Request::default() }, None)
    }

    /// May `credential` do this action of the catalog, `jobs.create` say?
    pub fn action(credential: Secret, action: impl Into<String>) -> Self {
        Self::of(credential, Request::default(), Some(action.into()))
    }

    const fn of(credential: Secret, request: Request, action: Option<String>) -> Self {
        Self { credential, request, action, resource: None, context: BTreeMap::new(), min_revision: None }
    }

    /// From where the request came.
    #[must_use]
    pub fn ip(mut self, ip: IpAddr) -> Self {
        self.request.ip = Some(ip.to_canonical());
        self
    }

    /// In which environment, where the gateway's credential fixes none.
    #[must_use]
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.request.environment = Some(environment.into());
        self
    }

    /// What it is to be done to.
    #[must_use]
    pub fn resource(self, resource: Resource) -> Self {
        Self { resource: Some(resource), ..self }
    }

    /// A free attribute of the question.
    #[must_use]
    pub fn context(mut self, name: impl Into<String>, value: impl Into<Attribute>) -> Self {
        self.context.insert(name.into(), value.into());
        self
    }

    /// The least policy revision that the decision must know of, as a publication answered it.
    #[must_use]
    pub fn min_revision(self, revision: u64) -> Self {
        Self { min_revision: Some(revision), ..self }
    }

    /// Who is asked about.
    pub(crate) const fn credential(&self) -> &Secret {
        &self.credential
    }
}

/// As the host reads it. Private to the transport's and the cache's use: it holds the secret.
impl Serialize for Question {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_struct("Question", 6)?;
        body.serialize_field("credential", self.credential.expose())?;
        body.serialize_field("request", &self.request)?;
        if let Some(action) = &self.action {
            body.serialize_field("action", action)?;
        }
        if let Some(resource) = &self.resource {
            body.serialize_field("resource", resource)?;
        }
        if !self.context.is_empty() {
            body.serialize_field("context", &self.context)?;
        }
        if let Some(revision) = &self.min_revision {
            body.serialize_field("min_revision", revision)?;
        }
        body.end()
    }
}

/// What an action is done to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Resource {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, Attribute>,
}

impl Resource {
    /// A resource of a type, `queue` say, with an id of yours.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: Some(kind.into()), id: Some(id.into()), ..Self::default() }
    }

    /// Its workspace, by public id or name. Left out, it is in the credential's own.
    #[must_use]
    pub fn workspace(self, workspace: impl Into<String>) -> Self {
        Self { workspace: Some(workspace.into()), ..self }
    }

    /// A free attribute of it.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<Attribute>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }
}

/// The value of a free attribute.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Attribute {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number. One that is not finite can't be asked about.
    Double(f64),
    /// A text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
}

macro_rules! attribute_from {
    ($($given:ty => $variant:ident),+) => {$(
        impl From<$given> for Attribute {
            fn from(value: $given) -> Self {
                Self::$variant(value.into())
            }
        }
    )+};
}

attribute_from!(bool => Bool, i64 => Int, i32 => Int, u32 => Int, f64 => Double, String => Text, &str => Text, Vec<String> => List);
