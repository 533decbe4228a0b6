//! The facts that a CEL policy can name: a row per path, with its type, whether it may be absent, and where its value
//! is. Held against the generated JSON Schema by a test, in both directions.

use super::limits;
use super::values::{FactRef, Values};

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Texts,
    /// Fields follow; it is no value itself.
    Record,
    /// Free attributes; it is no value itself.
    Attributes,
}

/// A path that policies can name.
pub(crate) struct Row {
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    pub(crate) optional: bool,
    within: Within,
    value: for<'b, 'a> fn(&'b Values<'a>) -> Option<FactRef<'b, 'a>>,
}

/// The optional record that a path is in.
#[derive(Clone, Copy)]
enum Within {
    Facts,
    Organization,
    Workspace,
    Gateway,
}

/// The answer to `has(…)`.
pub(crate) enum Presence {
    Stated,
    NotStated,
    /// The record that it would stand in is absent itself: an error, as in CEL, since "not stated" would be a guess.
    NowhereToStand,
}

impl Row {
    /// The most bytes of a string, or items of a list, that policies are given; larger facts are an error to them.
    pub(crate) fn most(&self) -> usize {
        match (self.kind, self.path.rsplit('.').next()) {
            (Kind::Texts, Some("ip_allow" | "egress_allow" | "organizations")) => limits::NETWORKS,
            (Kind::Texts, Some("scopes" | "roles")) if self.path.starts_with("principal.") => limits::GRANTED,
            (Kind::Texts, _) => limits::NAMES,
            (_, Some("path")) => limits::PATH_BYTES,
            _ => limits::NAME_BYTES,
        }
    }

    pub(crate) fn value<'b, 'a>(&self, values: &'b Values<'a>) -> Option<FactRef<'b, 'a>> {
        (self.value)(values)
    }

    /// The record that this is in, where that may be absent.
    pub(crate) fn optional_record(&self) -> Option<&'static str> {
        match self.within {
            Within::Facts => None,
            Within::Organization => Some("organization"),
            Within::Workspace => Some("workspace"),
            Within::Gateway => Some("gateway"),
        }
    }

    pub(crate) fn presence(&self, values: &Values<'_>) -> Presence {
        let record = match self.within {
            Within::Facts => true,
            Within::Organization => values.organization.is_some(),
            Within::Workspace => values.workspace.is_some(),
            Within::Gateway => values.gateway.is_some(),
        };
        match (record, self.value(values)) {
            (false, _) => Presence::NowhereToStand,
            (true, Some(_)) => Presence::Stated,
            (true, None) => Presence::NotStated,
        }
    }
}

/// The row of a slot.
pub(crate) fn row(index: usize) -> Option<&'static Row> {
    ROWS.get(index)
}

/// A path's row and its slot.
pub(crate) fn find(path: &str) -> Option<(usize, &'static Row)> {
    ROWS.iter().enumerate().find(|(_, row)| row.path == path)
}

/// The names at the top, as policies write them.
pub(crate) fn roots() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.path).filter(|path| !path.contains('.')).chain(["facts", "settings"])
}

fn here<'b, 'a>(value: impl Into<FactRef<'b, 'a>>) -> Option<FactRef<'b, 'a>> {
    Some(value.into())
}

fn maybe<'b, 'a, V>(value: &'b Option<V>) -> Option<FactRef<'b, 'a>>
where
    &'b V: Into<FactRef<'b, 'a>>,
{
    value.as_ref().map(Into::into)
}

/// A record that is always there.
fn record<'b, 'a>() -> Option<FactRef<'b, 'a>> {
    Some(FactRef::There)
}

/// A record that may be absent.
fn if_there<'b, 'a, T>(record: &Option<T>) -> Option<FactRef<'b, 'a>> {
    record.as_ref().map(|_| FactRef::There)
}

macro_rules! rows {
    ($($within:ident $path:literal $kind:ident $optional:literal $value:expr;)*) => {
        &[$(Row { path: $path, kind: Kind::$kind, optional: $optional, within: Within::$within, value: $value }),*]
    };
}

/// INVARIANT: a row's place is its slot.
pub(crate) const ROWS: &[Row] = rows! {
    Facts "now" Int false |v| here(&v.now);
    Facts "principal" Record false |_| record();
    Facts "principal.kind" Text false |v| here(&v.principal.kind);
    Facts "principal.id" Text false |v| here(&v.principal.id);
    Facts "principal.key_kind" Text false |v| here(&v.principal.key_kind);
    Facts "principal.organization" Text true |v| maybe(&v.principal.organization);
    Facts "principal.workspace" Text true |v| maybe(&v.principal.workspace);
    Facts "principal.scopes" Texts false |v| here(&v.principal.scopes);
    Facts "principal.roles" Texts false |v| here(&v.principal.roles);
    Facts "principal.client" Text true |v| maybe(&v.principal.client);
    Facts "principal.factor_at" Int true |v| maybe(&v.principal.factor_at);
    Facts "principal.environments" Texts false |v| here(&v.principal.environments);
    Facts "principal.environments_except" Texts false |v| here(&v.principal.environments_except);
    Facts "principal.methods" Texts false |v| here(&v.principal.methods);
    Facts "principal.ip_allow" Texts true |v| maybe(&v.principal.ip_allow);
    Facts "principal.created_at" Int false |v| here(&v.principal.created_at);
    Facts "principal.expires_at" Int true |v| maybe(&v.principal.expires_at);
    Facts "organization" Record true |v| if_there(&v.organization);
    Organization "organization.id" Text false |v| here(&v.organization.as_ref()?.0);
    Organization "organization.name" Text false |v| here(&v.organization.as_ref()?.1);
    Facts "workspace" Record true |v| if_there(&v.workspace);
    Workspace "workspace.id" Text false |v| here(&v.workspace.as_ref()?.id);
    Workspace "workspace.name" Text false |v| here(&v.workspace.as_ref()?.name);
    Workspace "workspace.ip_allow" Texts true |v| maybe(&v.workspace.as_ref()?.ip_allow);
    Workspace "workspace.egress_allow" Texts true |v| maybe(&v.workspace.as_ref()?.egress_allow);
    Facts "gateway" Record true |v| if_there(&v.gateway);
    Gateway "gateway.id" Text false |v| here(&v.gateway.as_ref()?.id);
    Gateway "gateway.organizations" Texts false |v| here(&v.gateway.as_ref()?.organizations);
    Gateway "gateway.environments" Texts false |v| here(&v.gateway.as_ref()?.environments);
    Facts "action" Record false |_| record();
    Facts "action.name" Text false |v| here(&v.action.name);
    Facts "action.category" Text false |v| here(&v.action.category);
    Facts "action.scopes" Texts false |v| here(&v.action.scopes);
    Facts "action.kinds" Texts false |v| here(&v.action.kinds);
    Facts "request" Record false |_| record();
    Facts "request.method" Text true |v| maybe(&v.request.method);
    Facts "request.path" Text true |v| maybe(&v.request.path);
    Facts "request.ip" Text true |v| maybe(&v.request.ip);
    Facts "request.environment" Text true |v| maybe(&v.request.environment);
    Facts "resource" Record false |_| record();
    Facts "resource.type" Text true |v| maybe(&v.resource.kind);
    Facts "resource.id" Text true |v| maybe(&v.resource.id);
    Facts "resource.workspace" Text true |v| maybe(&v.resource.workspace);
    Facts "resource.attributes" Attributes false |_| record();
    Facts "context" Attributes false |_| record();
};
