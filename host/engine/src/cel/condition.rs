//! Conditions, with the commonest shapes taken out of the evaluator's hands.
//!
//! Most of what policies ask is whether something is stated, equal to something or among something, joined by `&&`, `||`
//! and `!`. The evaluator answers that by looking names up scope by scope; here the slot is at hand. Everything else is
//! still evaluated by it, and what is answered here is answered by the same values' own methods. A test evaluates every
//! expression both ways.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};
use cel::common::types::{CelBool, CelString};
use cel::common::value::Val;
use cel::context::VariableResolver;

use super::program::truth;
use super::schema::{self, Kind};
use super::slot::Slot;
use super::values::{FactRef, Scope};
use crate::module::Fault;

/// A lowered condition.
#[derive(Debug)]
pub(crate) enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    /// Whether a fact or an attribute is stated: the slot, encoded.
    Stated(String),
    Equal(Operand, Operand),
    Unequal(Operand, Operand),
    /// An item and a list of strings of the facts, by its row.
    Among(Operand, usize),
    /// Two lists of strings of the facts.
    Intersect(usize, usize),
    /// Anything else.
    Cel(IdedExpr),
}

/// A string, or a fact by its row.
#[derive(Debug)]
pub(crate) enum Operand {
    Literal(CelString<'static>),
    Fact(usize),
}

impl Condition {
    /// Sorts a lowered expression.
    pub(super) fn of(expr: IdedExpr) -> Self {
        let Expr::Call(CallExpr { func_name, target: None, args }) = &expr.expr else {
            return match &expr.expr {
                Expr::Ident(name) => match Slot::decode(name) {
                    Some(Slot::FactStated(_) | Slot::AttributeStated(_)) => Self::Stated(name.clone()),
                    _ => Self::Cel(expr),
                },
                _ => Self::Cel(expr),
            };
        };
        let boxed = |expr: &IdedExpr| Box::new(Self::of(expr.clone()));
        let shortcut = match (func_name.as_str(), args.as_slice()) {
            (operators::LOGICAL_AND, [a, b]) => Some(Self::And(boxed(a), boxed(b))),
            (operators::LOGICAL_OR, [a, b]) => Some(Self::Or(boxed(a), boxed(b))),
            // what lowering makes of `!a`
            (operators::CONDITIONAL, [a, then, otherwise]) if is(then, false) && is(otherwise, true) => {
                Some(Self::Not(boxed(a)))
            }
            (operators::EQUALS, [a, b]) => Operand::both(a, b).map(|(a, b)| Self::Equal(a, b)),
            (operators::NOT_EQUALS, [a, b]) => Operand::both(a, b).map(|(a, b)| Self::Unequal(a, b)),
            (operators::IN, [item, of]) => Operand::of(item).zip(list(of)).map(|(item, row)| Self::Among(item, row)),
            ("sets.intersects", [a, b]) => list(a).zip(list(b)).map(|(a, b)| Self::Intersect(a, b)),
            _ => None,
        };
        shortcut.unwrap_or(Self::Cel(expr))
    }

    /// Comes to true, false or an error. `&&` and `||` are CEL's: what decides absorbs an error on the other side.
    pub(super) fn holds(&self, scope: &Scope<'_, '_>) -> Result<bool, Fault> {
        match self {
            Self::And(a, b) => match a.holds(scope) {
                Ok(true) => b.holds(scope),
                Ok(false) => Ok(false),
                Err(fault) => {
                    if b.holds(scope)? {
                        Err(fault)
                    } else {
                        Ok(false)
                    }
                }
            },
            Self::Or(a, b) => match a.holds(scope) {
                Ok(false) => b.holds(scope),
                Ok(true) => Ok(true),
                Err(fault) => {
                    if b.holds(scope)? {
                        Ok(true)
                    } else {
                        Err(fault)
                    }
                }
            },
            Self::Not(a) => Ok(!a.holds(scope)?),
            Self::Stated(slot) => {
                let stated = scope.resolve(slot).ok_or(Fault::Evaluation)?;
                stated.downcast_ref::<CelBool>().map(|truth| *truth.inner()).ok_or(Fault::Evaluation)
            }
            Self::Equal(a, b) => Ok(a.value(scope)?.equals(b.value(scope)?)),
            Self::Unequal(a, b) => Ok(!a.value(scope)?.equals(b.value(scope)?)),
            Self::Among(item, of) => {
                let item = item.value(scope)?;
                let list = fact(*of, scope)?.as_val();
                list.as_container().ok_or(Fault::Evaluation)?.contains(item).map_err(|_| Fault::Evaluation)
            }
            Self::Intersect(a, b) => match (fact(*a, scope)?, fact(*b, scope)?) {
                (FactRef::Texts(a), FactRef::Texts(b)) => Ok(a.intersects(b)),
                _ => Err(Fault::Evaluation),
            },
            Self::Cel(expr) => truth(expr, scope),
        }
    }
}

impl Operand {
    fn of(expr: &IdedExpr) -> Option<Self> {
        match &expr.expr {
            Expr::Literal(LiteralValue::String(text)) => Some(Self::Literal(text.clone())),
            Expr::Ident(name) => match Slot::decode(name)? {
                Slot::Fact(row) => Some(Self::Fact(row)),
                _ => None,
            },
            _ => None,
        }
    }

    fn both(a: &IdedExpr, b: &IdedExpr) -> Option<(Self, Self)> {
        Self::of(a).zip(Self::of(b))
    }

    fn value<'s>(&'s self, scope: &'s Scope<'_, '_>) -> Result<&'s (dyn Val + 's), Fault> {
        match self {
            Self::Literal(text) => Ok(text),
            Self::Fact(row) => Ok(fact(*row, scope)?.as_val()),
        }
    }
}

/// A fact's value; an absent one is an error.
fn fact<'s, 'a>(row: usize, scope: &Scope<'s, 'a>) -> Result<FactRef<'s, 'a>, Fault> {
    schema::row(row).and_then(|row| row.value(scope.values)).ok_or(Fault::Evaluation)
}

fn is(expr: &IdedExpr, truth: bool) -> bool {
    matches!(&expr.expr, Expr::Literal(LiteralValue::Boolean(literal)) if *literal.inner() == truth)
}

/// The row of a list of strings of the facts.
fn list(expr: &IdedExpr) -> Option<usize> {
    let Expr::Ident(name) = &expr.expr else { return None };
    match Slot::decode(name)? {
        Slot::Fact(row) if schema::row(row)?.kind == Kind::Texts => Some(row),
        _ => None,
    }
}
