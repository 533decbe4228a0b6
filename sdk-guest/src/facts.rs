//! What a policy is told: the records of `wit/policy.wit`, as they come into the guest. Nothing is copied on the way.
//!
//! ```
//! use cronflow_policy::facts::{Attributes, Facts};
//!
//! fn is_urgent(facts: &Facts) -> bool {
//!     facts.request.method.as_deref() == Some("POST")
//!         && facts.principal.scopes.iter().any(|scope| scope == "jobs:write")
//!         && facts.resource.attributes.integer("priority").is_some_and(|priority| priority > 7)
//!         && facts.context.text("ticket").is_some()
//! }
//! # let facts = cronflow_policy::testing::facts().method("POST").scopes(["jobs:write"]).attribute("priority", 9);
//! # assert!(is_urgent(&facts.context("ticket", "OPS-1").build()));
//! ```

pub use crate::bindings::cronflow::policy::facts::{
    Action, Attribute, Facts, Gateway, Organization, Principal, Request, Resource, Timestamp, Value, Workspace,
};

use crate::fail::fail;

/// Free attributes, by name: of `facts.context` and `facts.resource.attributes`. What was not stated is `None`.
///
/// The manifest declares the type of each attribute that the policy reads. One that is stated with another type than it
/// is asked for ends the evaluation: the host denies `policy_error`, since what it means nobody can say.
///
/// ```
/// use cronflow_policy::facts::{Attribute, Attributes, Value};
///
/// let context = [Attribute { name: "cost".into(), value: Value::Integer(12) }];
/// assert_eq!(context.integer("cost"), Some(12));
/// assert_eq!(context.integer("price"), None);
/// assert!(context.has("cost"));
/// ```
pub trait Attributes {
    /// As it was stated, of whatever type.
    fn value(&self, name: &str) -> Option<&Value>;

    /// Whether it was stated.
    fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// One of type `bool`.
    fn boolean(&self, name: &str) -> Option<bool> {
        match self.value(name)? {
            Value::Boolean(value) => Some(*value),
            _ => mistaken(name, "bool"),
        }
    }

    /// One of type `int`.
    fn integer(&self, name: &str) -> Option<i64> {
        match self.value(name)? {
            Value::Integer(value) => Some(*value),
            _ => mistaken(name, "int"),
        }
    }

    /// One of type `double`.
    fn double(&self, name: &str) -> Option<f64> {
        match self.value(name)? {
            Value::Double(value) => Some(*value),
            _ => mistaken(name, "double"),
        }
    }

    /// One of type `string`.
    fn text(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            Value::Text(value) => Some(value),
            _ => mistaken(name, "string"),
        }
    }

    /// One of type `strings`.
    fn texts(&self, name: &str) -> Option<&[String]> {
        match self.value(name)? {
            Value::Texts(value) => Some(value),
            _ => mistaken(name, "strings"),
        }
    }
}

impl Attributes for [Attribute] {
    fn value(&self, name: &str) -> Option<&Value> {
        self.iter().find(|attribute| attribute.name == name).map(|attribute| &attribute.value)
    }
}

fn mistaken(name: &str, kind: &str) -> ! {
    fail(&["the attribute `", name, "` is stated, and is not of type ", kind].concat())
}
