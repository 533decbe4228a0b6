//! Facts to judge: those of the cases' sample, with a few of them changed.

use cronflow_policy_cases as cases;

use crate::facts::{Action, Attribute, Facts, Gateway, Organization, Principal, Request, Resource, Value, Workspace};

/// The facts that every case starts from: a production key that reads jobs in its own workspace.
///
/// ```
/// let facts = cronflow_policy::testing::facts().method("POST").context("cost", 12).build();
/// assert_eq!(facts.request.method.as_deref(), Some("POST"));
/// assert_eq!(facts.action.name, "jobs.list");
/// ```
pub fn facts() -> FactsBuilder {
    FactsBuilder(cases::Facts::sample().into())
}

/// Facts in the making. What has no method of its own here is a public field of what [`FactsBuilder::build`] gives.
#[derive(Debug, Clone)]
pub struct FactsBuilder(Facts);

impl FactsBuilder {
    /// The facts.
    pub fn build(self) -> Facts {
        self.0
    }

    /// When it is asked: Unix time in milliseconds.
    #[must_use]
    pub fn now(mut self, milliseconds: i64) -> Self {
        self.0.now = milliseconds;
        self
    }

    /// What is to be done: its name in the catalog.
    #[must_use]
    pub fn action(mut self, name: &str) -> Self {
        name.clone_into(&mut self.0.action.name);
        self
    }

    /// The scopes that the credential holds.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.0.principal.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The request's method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.0.request.method = Some(method.to_owned());
        self
    }

    /// The request's path.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        self.0.request.path = Some(path.to_owned());
        self
    }

    /// The client's address.
    #[must_use]
    pub fn ip(mut self, address: &str) -> Self {
        self.0.request.ip = Some(address.to_owned());
        self
    }

    /// The environment.
    #[must_use]
    pub fn environment(mut self, environment: &str) -> Self {
        self.0.request.environment = Some(environment.to_owned());
        self
    }

    /// Type and id of the resource.
    #[must_use]
    pub fn resource(mut self, kind: &str, id: &str) -> Self {
        self.0.resource.type_ = Some(kind.to_owned());
        self.0.resource.id = Some(id.to_owned());
        self
    }

    /// A free attribute of the resource.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.0.resource.attributes, name, value.into());
        self
    }

    /// A free attribute of the question.
    #[must_use]
    pub fn context(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.0.context, name, value.into());
        self
    }
}

fn set(attributes: &mut Vec<Attribute>, name: &str, value: Value) {
    attributes.retain(|attribute| attribute.name != name);
    attributes.push(Attribute { name: name.to_owned(), value });
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl<const N: usize> From<[&str; N]> for Value {
    fn from(values: [&str; N]) -> Self {
        Self::Texts(values.map(str::to_owned).into())
    }
}

/// In the order of their names, as the host gives them.
pub(super) fn attributes(attributes: cases::Attributes) -> Vec<Attribute> {
    attributes.into_iter().map(|(name, value)| Attribute { name, value: value.into() }).collect()
}

impl From<cases::Value> for Value {
    fn from(value: cases::Value) -> Self {
        match value {
            cases::Value::Boolean(value) => Self::Boolean(value),
            cases::Value::Integer(value) => Self::Integer(value),
            cases::Value::Double(value) => Self::Double(value),
            cases::Value::Text(value) => Self::Text(value),
            cases::Value::Texts(values) => Self::Texts(values),
        }
    }
}

impl From<cases::Facts> for Facts {
    fn from(facts: cases::Facts) -> Self {
        let cases::Facts { now, principal, organization, workspace, gateway, action, request, resource, context } =
            facts;
        Self {
            now,
            principal: principal.into(),
            organization: organization.map(|cases::Organization { id, name }| Organization { id, name }),
            workspace: workspace.map(|cases::Workspace { id, name, ip_allow, egress_allow }| Workspace {
                id,
                name,
                ip_allow,
                egress_allow,
            }),
            gateway: gateway.map(|cases::Gateway { id, organizations, environments }| Gateway {
                id,
                organizations,
                environments,
            }),
            action: {
                let cases::Action { name, category, scopes, kinds } = action;
                Action { name, category, scopes, kinds }
            },
            request: {
                let cases::Request { method, path, ip, environment } = request;
                Request { method, path, ip, environment }
            },
            resource: {
                let cases::Resource { kind: type_, id, workspace, attributes: free } = resource;
                Resource { type_, id, workspace, attributes: attributes(free) }
            },
            context: attributes(context),
        }
    }
}

impl From<cases::Principal> for Principal {
    fn from(principal: cases::Principal) -> Self {
        let cases::Principal {
            kind,
            id,
            key_kind,
            organization,
            workspace,
            scopes,
            roles,
            client,
            factor_at,
            environments,
            environments_except,
            methods,
            ip_allow,
            created_at,
            expires_at,
        } = principal;
        Self {
            kind,
            id,
            key_kind,
            organization,
            workspace,
            scopes,
            roles,
            client,
            factor_at,
            environments,
            environments_except,
            methods,
            ip_allow,
            created_at,
            expires_at,
        }
    }
}
