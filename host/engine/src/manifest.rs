//! A policy's manifest: what it is called, what it is asked about, what it reads and what it may answer.

use std::collections::BTreeMap;

use cronflow_policy_cases::{Attributes, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{GateErrorKind, Position};
use crate::text::is_disguising;

/// The most free attributes and settings that one policy may declare, of each kind.
pub(crate) const DECLARED_LIMIT: usize = 24;

/// What a policy says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Lower case letters, digits and hyphens; the folder's name.
    pub name: String,
    /// The author's version, for people.
    pub version: String,
    /// What evaluates the module.
    pub engine: Engine,
    /// One sentence for people.
    pub description: String,
    /// The categories of action that it is evaluated for.
    pub sees: Vec<Category>,
    /// Whether its permits count. Only the platform's policies may grant.
    #[serde(default)]
    pub grants: bool,
    /// The codes of the reasons it may give, exactly those. Required in a manifest; a tenant's upload leaves it open.
    pub reasons: Option<Vec<String>>,
    /// The free attributes that it reads.
    #[serde(default)]
    pub attributes: DeclaredAttributes,
    /// The settings that a binding may give it.
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
}

/// The free attributes that a policy reads, by where they stand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredAttributes {
    /// In `context`.
    #[serde(default, deserialize_with = "cronflow_policy_cases::distinct")]
    pub context: BTreeMap<String, AttributeType>,
    /// In `resource.attributes`.
    #[serde(default, deserialize_with = "cronflow_policy_cases::distinct")]
    pub resource: BTreeMap<String, AttributeType>,
}

/// A setting, declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: AttributeType,
    /// What it is for, for people.
    #[serde(default)]
    pub description: String,
    /// What it is where the binding does not say; without one it is absent then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// What evaluates a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// `policy.cel`, one CEL expression.
    Cel,
    /// `policy.wasm`, a component, or a core module that carries its component type.
    Wasm,
}

/// A category of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// What customers' credentials do on CronFlow's APIs.
    Customer,
    /// Managing the installation, organizations and workspaces.
    Management,
    /// Issuing tokens.
    Issuance,
    /// Asking for decisions.
    Decision,
}

impl Category {
    /// Every category, in the order of their index.
    pub const ALL: [Self; 4] = [Self::Customer, Self::Management, Self::Issuance, Self::Decision];

    /// By the name that actions carry.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "customer" => Some(Self::Customer),
            "management" => Some(Self::Management),
            "issuance" => Some(Self::Issuance),
            "decision" => Some(Self::Decision),
            _ => None,
        }
    }
}

/// The type of a free attribute or setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AttributeType {
    /// `true` or `false`.
    Bool,
    /// A 64-bit signed integer.
    Int,
    /// A 64-bit float.
    Double,
    /// A string.
    String,
    /// A list of strings.
    Strings,
}

impl AttributeType {
    /// The type of a value.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Boolean(_) => Self::Bool,
            Value::Integer(_) => Self::Int,
            Value::Double(_) => Self::Double,
            Value::Text(_) => Self::String,
            Value::Texts(_) => Self::Strings,
        }
    }

    /// Whether a value is of this type.
    pub fn fits(self, value: &Value) -> bool {
        matches!(
            (self, value),
            (Self::Bool, Value::Boolean(_))
                | (Self::Int, Value::Integer(_))
                | (Self::Double, Value::Double(_))
                | (Self::String, Value::Text(_))
                | (Self::Strings, Value::Texts(_))
        )
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::String => "string",
            Self::Strings => "strings",
        }
    }
}

impl Manifest {
    /// Reads and checks a manifest. On failure also says where.
    pub(crate) fn parse(source: &str) -> Result<Self, (Option<Position>, GateErrorKind)> {
        let mut manifest: Self = toml::from_str(source).map_err(|e| {
            let position = e.span().map(|span| Position::of(source, span.start));
            (position, GateErrorKind::Manifest(e.message().to_owned()))
        })?;
        manifest.reasons.get_or_insert_default();
        manifest.check().map_err(|message| (None, GateErrorKind::Manifest(message)))?;
        Ok(manifest)
    }

    /// Holds what it says to the rules of manifests.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !is_name(&self.name) {
            return Err(format!(
                "`name` is `{}`; use up to 63 lower case letters, digits and hyphens, a letter first",
                self.name.escape_debug()
            ));
        }
        if self.version.trim().is_empty() || self.description.trim().is_empty() {
            return Err("`version` and `description` can't be empty; say what this is, for people".to_owned());
        }
        if self.sees.is_empty() {
            return Err("`sees` is empty; list the categories of action that the policy is asked about".to_owned());
        }
        let mut sees = self.sees.clone();
        sees.sort();
        sees.dedup();
        if sees.len() != self.sees.len() {
            return Err("`sees` names a category twice".to_owned());
        }
        let reasons = self.reasons.as_deref().unwrap_or_default();
        for (place, code) in reasons.iter().enumerate() {
            if !is_code(code) {
                return Err(format!(
                    "the reason `{}` is no code; use lower case letters, digits and underscores",
                    code.escape_debug()
                ));
            }
            if reasons.iter().take(place).any(|other| other == code) {
                return Err(format!("`reasons` lists `{code}` twice"));
            }
            if is_reserved(code) {
                return Err(format!("the reason `{code}` is the host's own; choose another"));
            }
        }
        let counts = [self.attributes.context.len(), self.attributes.resource.len(), self.settings.len()];
        if counts.into_iter().any(|count| count > DECLARED_LIMIT) {
            return Err(format!("a policy may declare {DECLARED_LIMIT} attributes of each kind"));
        }
        let attributes = self.attributes.context.keys().chain(self.attributes.resource.keys());
        for name in attributes.chain(self.settings.keys()) {
            if name.is_empty() || name.len() > 64 || name.contains(|c: char| c.is_control() || is_disguising(c)) {
                return Err(format!(
                    "`{}` is no name of an attribute or setting; use 1 to 64 characters",
                    name.escape_debug()
                ));
            }
        }
        for (name, setting) in &self.settings {
            if setting.default.as_ref().is_some_and(|default| !setting.kind.fits(default)) {
                return Err(format!("the default of setting `{name}` is not of type {}", setting.kind.name()));
            }
        }
        Ok(())
    }

    /// A binding's settings, checked, with defaults filled in.
    pub(crate) fn settle_settings(&self, given: &Attributes) -> Result<Attributes, String> {
        for (name, value) in given {
            match self.settings.get(name) {
                None => {
                    let known: Vec<&str> = self.settings.keys().map(String::as_str).collect();
                    return Err(format!("unknown setting `{name}`; this policy knows [{}]", known.join(", ")));
                }
                Some(setting) if !setting.kind.fits(value) => {
                    return Err(format!("setting `{name}` is not of type {}", setting.kind.name()));
                }
                Some(_) => {}
            }
        }
        let defaults = self.settings.iter().filter_map(|(name, s)| Some((name.clone(), s.default.clone()?)));
        Ok(defaults.chain(given.clone()).collect())
    }
}

/// Codes that the host answers with; a policy that gave them would pass for it.
const RESERVED_CODES: [&str; 12] = [
    "not_permitted",
    "policy_error",
    "policy_unavailable",
    "policy_overloaded",
    "unauthenticated",
    "subject_not_presented",
    "rate_limited",
    "store_unavailable",
    "unknown_action",
    "facts_too_large",
    "internal_error",
    "step_up_required",
];

fn is_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether a reason's code is the host's own.
pub(crate) fn is_reserved(code: &str) -> bool {
    RESERVED_CODES.contains(&code)
}

/// Whether a reason's code is one: up to 63 lower case letters, digits, underscores, a letter first.
pub(crate) fn is_code(code: &str) -> bool {
    code.len() <= 63
        && code.starts_with(|c: char| c.is_ascii_lowercase())
        && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
