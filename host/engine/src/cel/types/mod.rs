//! Static types: what an expression comes to, worked out before it is ever evaluated.
//!
//! There is no `dyn`: facts, declared attributes and literals all have a type, and every operator and function says in one
//! table, `overloads`, what it takes and gives. What is absent stays an error of the evaluation.

mod check;
pub(super) mod overloads;

use std::fmt;

pub(super) use check::{Checker, form};

use crate::manifest::AttributeType;

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    Bool,
    Int,
    Double,
    Text,
    Ip,
    Cidr,
    Time,
    Duration,
    /// A regular expression: a literal, compiled by the gate. No expression comes to one.
    Pattern,
    List(Box<Type>),
    /// Keys are strings.
    Map(Box<Type>),
    /// What an empty list or map holds: it agrees with everything.
    Anything,
}

impl Type {
    pub(super) fn texts() -> Self {
        Self::List(Box::new(Self::Text))
    }

    /// What is of both types, if anything is.
    pub(super) fn both(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Anything, known) | (known, Self::Anything) => Some(known.clone()),
            (Self::List(a), Self::List(b)) => a.both(b).map(|item| Self::List(Box::new(item))),
            (Self::Map(a), Self::Map(b)) => a.both(b).map(|value| Self::Map(Box::new(value))),
            (a, b) => (a == b).then(|| a.clone()),
        }
    }
}

impl From<AttributeType> for Type {
    fn from(declared: AttributeType) -> Self {
        match declared {
            AttributeType::Bool => Self::Bool,
            AttributeType::Int => Self::Int,
            AttributeType::Double => Self::Double,
            AttributeType::String => Self::Text,
            AttributeType::Strings => Self::texts(),
        }
    }
}

/// As authors name it.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::Text => "string",
            Self::Ip => "ip",
            Self::Cidr => "cidr",
            Self::Time => "timestamp",
            Self::Duration => "duration",
            Self::Pattern => "a pattern",
            Self::List(item) if **item == Self::Anything => "list",
            Self::List(item) => return write!(f, "list({item})"),
            Self::Map(value) if **value == Self::Anything => "map",
            Self::Map(value) => return write!(f, "map(string, {value})"),
            Self::Anything => "anything",
        })
    }
}

#[cfg(test)]
mod tests;
