//! The Rust face of the WIT record `facts`: the same names (in snake case), the same types. What is absent was not stated.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Free attributes: a flat map of names and scalar values. In WIT a list of `attribute`.
pub type Attributes = BTreeMap<String, Value>;

/// A free attribute's value.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Attribute"))]
#[serde(untagged)]
pub enum Value {
    /// `true` or `false`.
    Boolean(bool),
    /// A 64-bit signed integer.
    Integer(i64),
    /// A 64-bit float.
    Double(f64),
    /// A string.
    #[cfg_attr(feature = "schema", schemars(extend("x-catalog" = "attribute_bytes")))]
    Text(String),
    /// A list of strings.
    Texts(Vec<String>),
}

/// By hand: what serde derives for `untagged` tries one variant after the other and words an error for each that does not fit,
/// which every request with attributes would pay for.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean, a number, a string or a list of strings")
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Boolean(truth))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    /// What is no 64-bit signed integer is a float.
    #[expect(clippy::cast_precision_loss, reason = "as a float holds it")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Double(number as f64), Value::Integer))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Double(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element()? {
            texts.push(text);
        }
        Ok(Value::Texts(texts))
    }
}

/// Reads a map and refuses a name that comes twice: which of the two was meant, nobody can say.
///
/// # Errors
/// When a name comes twice, or a value is not one.
pub fn distinct<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    struct Distinct<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Distinct<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("names with values, each name once")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((name, value)) = entries.next_entry()? {
                if map.insert(name, value).is_some() {
                    return Err(A::Error::custom("duplicate field in a map of free names"));
                }
            }
            Ok(map)
        }
    }
    deserializer.deserialize_map(Distinct(PhantomData))
}

/// Who acts, after identification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Principal {
    /// `api_key`, `access_token`, `client`, `gateway`, `operator`; later also `member`.
    pub kind: String,
    /// Public id of the credential.
    pub id: String,
    /// The catalog's kind of the credential, for example `production`.
    pub key_kind: String,
    /// Public id of the owning organization; absent for the platform's own credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Public id of the owning workspace; absent where the credential belongs to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Scopes granted to the credential. Empty means none.
    pub scopes: Vec<String>,
    /// Roles held, for a member. Empty means none.
    pub roles: Vec<String>,
    /// The OAuth2 client that an access token was issued to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// When a second factor was last given, by a member or by whoever issued the credential: Unix time in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor_at: Option<i64>,
    /// Environments that the kind may act in; `*` is every environment. Empty means none.
    pub environments: Vec<String>,
    /// Environments taken away from those.
    pub environments_except: Vec<String>,
    /// HTTP methods that the kind may use; `*` is every method. Empty means none.
    pub methods: Vec<String>,
    /// Networks (CIDR) that the credential may be used from; absent means no restriction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_allow: Option<Vec<String>>,
    /// When the credential was issued, Unix time in milliseconds.
    pub created_at: i64,
    /// When the credential ends, if it does, Unix time in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

/// The customer that the credential belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// Public id.
    pub id: String,
    /// Name.
    pub name: String,
}

/// The workspace that the credential belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    /// Public id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Networks (CIDR) that requests may come from; absent means no restriction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_allow: Option<Vec<String>>,
    /// Networks (CIDR) that the workspace's jobs may call; absent means no restriction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress_allow: Option<Vec<String>>,
}

/// The enforcement point that asks, and what it is bound to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// Public id.
    pub id: String,
    /// Public ids of the organizations that it may ask for; `*` is every organization. Empty means none.
    pub organizations: Vec<String>,
    /// Environments that it may ask for; `*` is every environment. Empty means none.
    pub environments: Vec<String>,
}

/// The request to be judged, in canonical form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// HTTP method, upper case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Canonical path, without a query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The client's address; an IPv4-mapped IPv6 address is given as IPv4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The environment, as the gateway or the request states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// What is to be done, from the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// For example `jobs.create`.
    pub name: String,
    /// `customer`, `management`, `issuance` or `decision`.
    pub category: String,
    /// Scopes of which any one is enough.
    pub scopes: Vec<String>,
    /// Kinds of credential that may do it. Empty means none.
    pub kinds: Vec<String>,
}

/// What it is to be done to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// For example `queue`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The caller's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Public id of its workspace, where that is the principal's own; another or unknown one as it was stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Free attributes.
    #[serde(default, deserialize_with = "distinct")]
    #[cfg_attr(feature = "schema", schemars(extend("x-catalog" = "attributes")))]
    pub attributes: Attributes,
}

/// Everything known for one decision, owned: what cases hold and explanations print.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Unix time in milliseconds.
    pub now: i64,
    /// Who acts.
    pub principal: Principal,
    /// The principal's organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Organization>,
    /// The principal's workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Workspace>,
    /// The enforcement point that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Gateway>,
    /// What is to be done.
    pub action: Action,
    /// The request to be judged.
    pub request: Request,
    /// What it is to be done to.
    pub resource: Resource,
    /// Free attributes of the question.
    #[serde(default, deserialize_with = "distinct")]
    pub context: Attributes,
}

/// The same, borrowed: what a decision hands to the engine. Each part lives where it is cached; nothing is copied.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct FactsRef<'a> {
    /// Unix time in milliseconds.
    pub now: i64,
    /// Who acts.
    pub principal: &'a Principal,
    /// The principal's organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<&'a Organization>,
    /// The principal's workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<&'a Workspace>,
    /// The enforcement point that asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<&'a Gateway>,
    /// What is to be done.
    pub action: &'a Action,
    /// The request to be judged.
    pub request: &'a Request,
    /// What it is to be done to.
    pub resource: &'a Resource,
    /// Free attributes of the question.
    pub context: &'a Attributes,
}

impl FactsRef<'_> {
    /// Copies every part.
    pub fn to_facts(&self) -> Facts {
        Facts {
            now: self.now,
            principal: self.principal.clone(),
            organization: self.organization.cloned(),
            workspace: self.workspace.cloned(),
            gateway: self.gateway.cloned(),
            action: self.action.clone(),
            request: self.request.clone(),
            resource: self.resource.clone(),
            context: self.context.clone(),
        }
    }
}

impl Facts {
    /// Borrows every part.
    pub fn as_ref(&self) -> FactsRef<'_> {
        FactsRef {
            now: self.now,
            principal: &self.principal,
            organization: self.organization.as_ref(),
            workspace: self.workspace.as_ref(),
            gateway: self.gateway.as_ref(),
            action: &self.action,
            request: &self.request,
            resource: &self.resource,
            context: &self.context,
        }
    }

    /// A production key reading jobs in its own workspace: the facts that a case changes a few of.
    pub fn sample() -> Self {
        Self {
            now: 1_767_225_600_000,
            principal: Principal {
                kind: "api_key".into(),
                id: "key_00sample0000000000".into(),
                key_kind: "production".into(),
                organization: Some("org_00sample0000000000".into()),
                workspace: Some("ws_00sample0000000000".into()),
                scopes: vec!["jobs:read".into()],
                roles: Vec::new(),
                client: None,
                factor_at: None,
                environments: vec!["*".into()],
                environments_except: Vec::new(),
                methods: vec!["*".into()],
                ip_allow: None,
                created_at: 1_764_547_200_000,
                expires_at: None,
            },
            organization: Some(Organization { id: "org_00sample0000000000".into(), name: "acme".into() }),
            workspace: Some(Workspace {
                id: "ws_00sample0000000000".into(),
                name: "main".into(),
                ip_allow: None,
                egress_allow: None,
            }),
            gateway: None,
            action: Action {
                name: "jobs.list".into(),
                category: "customer".into(),
                scopes: vec!["jobs:read".into()],
                kinds: vec!["production".into(), "staging".into(), "read_only".into()],
            },
            request: Request {
                method: Some("GET".into()),
                path: Some("/v1/jobs".into()),
                ip: Some("203.0.113.7".into()),
                environment: Some("production".into()),
            },
            resource: Resource::default(),
            context: Attributes::new(),
        }
    }
}
