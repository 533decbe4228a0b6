//! The type check of one lowered expression.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators as op};

use super::Type;
use super::overloads::{self, Form, Of, Overload};
use crate::cel::functions::{net, time};
use crate::cel::parse::NodeFinding;
use crate::cel::schema::{self, Kind};
use crate::cel::slot::{Declared, Slot};
use crate::error::GateErrorKind;

/// Checks expressions of one module.
pub(in crate::cel) struct Checker<'l> {
    declared: &'l [Declared],
    locals: Vec<(&'l str, Type)>,
}

/// A type, or what is wrong with the first thing that is.
type Checked = Result<Type, NodeFinding>;

fn wrong(id: u64, message: String) -> NodeFinding {
    (Some(id), GateErrorKind::Type(message))
}

impl<'l> Checker<'l> {
    pub(in crate::cel) fn new(declared: &'l [Declared]) -> Self {
        Self { declared, locals: Vec::new() }
    }

    /// A condition, which must be a bool.
    pub(in crate::cel) fn condition(&mut self, expr: &'l IdedExpr) -> Result<(), NodeFinding> {
        self.expect(expr, &Type::Bool, "a condition")
    }

    /// A reason's message, which must be a string.
    pub(in crate::cel) fn message(&mut self, expr: &'l IdedExpr) -> Result<(), NodeFinding> {
        match self.expect(expr, &Type::Text, "a reason's message") {
            Err((id, GateErrorKind::Type(message))) if message.starts_with("a reason's") => {
                Err((id, GateErrorKind::Type(format!("{message}; write `string(…)` around it"))))
            }
            other => other,
        }
    }

    fn expect(&mut self, expr: &'l IdedExpr, wanted: &Type, what: &str) -> Result<(), NodeFinding> {
        let got = self.check(expr)?;
        if got.both(wanted).is_some() {
            return Ok(());
        }
        Err(wrong(expr.id, format!("{what} is a {wanted}; this is a {got}")))
    }

    /// Recurses as deep as the expression, which lowering has bounded.
    fn check(&mut self, expr: &'l IdedExpr) -> Checked {
        match &expr.expr {
            Expr::Literal(literal) => literal_type(literal).ok_or((Some(expr.id), GateErrorKind::Unverifiable)),
            Expr::Ident(name) => self.named(name).ok_or((Some(expr.id), GateErrorKind::Unverifiable)),
            Expr::List(list) => self.items(&list.elements, "items of a list").map(|item| Type::List(Box::new(item))),
            Expr::Map(map) => {
                let values = map.entries.iter().filter_map(|entry| match &entry.expr {
                    EntryExpr::MapEntry(pair) => Some(&pair.value),
                    EntryExpr::StructField(_) => None,
                });
                self.items(values, "values of a map").map(|value| Type::Map(Box::new(value)))
            }
            Expr::Call(call) => self.call(expr.id, call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            // lowering leaves none of these
            Expr::Select(_) | Expr::Struct(_) | Expr::Unspecified => Err((Some(expr.id), GateErrorKind::Unverifiable)),
        }
    }

    fn items(&mut self, items: impl IntoIterator<Item = &'l IdedExpr>, what: &str) -> Checked {
        items.into_iter().try_fold(Type::Anything, |known, item| {
            let got = self.check(item)?;
            known
                .both(&got)
                .ok_or_else(|| wrong(item.id, format!("{what} are of one type; {got} stands beside {known}")))
        })
    }

    fn named(&self, name: &str) -> Option<Type> {
        if let Some((_, local)) = self.locals.iter().rev().find(|(local, _)| *local == name) {
            return Some(local.clone());
        }
        match Slot::decode(name)? {
            Slot::Fact(row) => match schema::row(row)?.kind {
                Kind::Int => Some(Type::Int),
                Kind::Text => Some(Type::Text),
                Kind::Texts => Some(Type::texts()),
                Kind::Record | Kind::Attributes => None,
            },
            Slot::FactStated(_) | Slot::AttributeStated(_) => Some(Type::Bool),
            Slot::Attribute(index) => self.declared.get(index).map(|declared| declared.kind.into()),
            Slot::Pattern(_) => Some(Type::Pattern),
        }
    }

    fn call(&mut self, id: u64, call: &'l CallExpr) -> Checked {
        let form = form(call);
        let args: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        let got = args.iter().map(|arg| self.check(arg)).collect::<Result<Vec<Type>, _>>()?;
        literals(call)?;
        let mut given = overloads::named(&call.func_name, form).filter_map(|overload| applies(overload, &got));
        match given.next() {
            // an item of an empty list, which there never is: several overloads apply, and none is meant
            Some(first) if got.contains(&Type::Anything) && given.any(|other| other != first) => Ok(Type::Anything),
            Some(first) => Ok(first),
            None => Err(mismatch(id, call, form, &args, &got)),
        }
    }

    fn comprehension(&mut self, c: &'l ComprehensionExpr) -> Checked {
        let item = match self.check(&c.iter_range)? {
            Type::List(item) => *item,
            other => {
                let message = format!("comprehensions range over lists; this is a {other}");
                return Err(wrong(c.iter_range.id, message));
            }
        };
        let start = self.check(&c.accu_init)?;
        self.locals.push((&c.iter_var, item));
        self.locals.push((&c.accu_var, start.clone()));
        let step = self.check(&c.loop_cond).and_then(|_| self.check(&c.loop_step));
        let step = step.and_then(|step| {
            start.both(&step).ok_or_else(|| wrong(c.loop_step.id, format!("this comes to a {step}, not a {start}")))
        });
        let result = step.and_then(|accumulated| {
            if let Some((_, accumulator)) = self.locals.last_mut() {
                *accumulator = accumulated;
            }
            self.check(&c.result)
        });
        self.locals.truncate(self.locals.len().saturating_sub(2));
        result
    }
}

/// How a lowered call is called. Operators have names that no source can spell.
pub(in crate::cel) fn form(call: &CallExpr) -> Form {
    match &call.target {
        Some(_) => Form::Method,
        None if call.func_name.starts_with(|c: char| c.is_ascii_alphabetic()) => Form::Function,
        None => Form::Operator,
    }
}

fn literal_type(literal: &LiteralValue) -> Option<Type> {
    match literal {
        LiteralValue::Boolean(_) => Some(Type::Bool),
        LiteralValue::Int(_) => Some(Type::Int),
        LiteralValue::Double(_) => Some(Type::Double),
        LiteralValue::String(_) => Some(Type::Text),
        LiteralValue::Bytes(_) | LiteralValue::UInt(_) | LiteralValue::Null => None,
    }
}

/// What an overload gives, if it takes this.
fn applies(overload: &Overload, got: &[Type]) -> Option<Type> {
    if overload.takes.len() != got.len() {
        return None;
    }
    let mut a = Type::Anything;
    for (takes, got) in overload.takes.iter().zip(got) {
        match (takes, got) {
            (Of::A, got) => a = a.both(got)?,
            (Of::ListOfA, Type::List(item)) => a = a.both(item)?,
            (Of::MapOfA, Type::Map(value)) => a = a.both(value)?,
            (Of::ListOfA | Of::MapOfA, Type::Anything) => {}
            (takes, got) => drop(plain(*takes)?.both(got)?),
        }
    }
    Some(match overload.gives {
        Of::A => a,
        Of::ListOfA => Type::List(Box::new(a)),
        Of::MapOfA => Type::Map(Box::new(a)),
        gives => plain(gives)?,
    })
}

fn plain(of: Of) -> Option<Type> {
    Some(match of {
        Of::Bool => Type::Bool,
        Of::Int => Type::Int,
        Of::Double => Type::Double,
        Of::Text => Type::Text,
        Of::Ip => Type::Ip,
        Of::Cidr => Type::Cidr,
        Of::Time => Type::Time,
        Of::Duration => Type::Duration,
        Of::Pattern => Type::Pattern,
        Of::Texts => Type::texts(),
        Of::A | Of::ListOfA | Of::MapOfA => return None,
    })
}

/// Says what a call takes and what it got.
fn mismatch(id: u64, call: &CallExpr, form: Form, args: &[&IdedExpr], got: &[Type]) -> NodeFinding {
    let name = call.func_name.as_str();
    let at = |place: usize| args.get(place).map_or(id, |arg| arg.id);
    let first_not_bool = got.iter().position(|got| got.both(&Type::Bool).is_none());
    match (name, got) {
        (op::CONDITIONAL, [condition, then, otherwise]) => match first_not_bool {
            Some(0) => {
                // what lowering makes of `!a`
                let not = args.iter().skip(1).all(|arg| arg.id == id);
                let what = if not { "`!` takes a bool" } else { "a condition is a bool" };
                wrong(at(0), format!("{what}; this is a {condition}"))
            }
            _ => wrong(id, format!("both branches of `? :` come to one type; these come to {then} and {otherwise}")),
        },
        (op::LOGICAL_AND | op::LOGICAL_OR, _) => {
            let place = first_not_bool.unwrap_or_default();
            let sign = spelling(name);
            wrong(at(place), format!("`{sign}` joins bools; this is a {}", listed(got.get(place))))
        }
        (op::EQUALS | op::NOT_EQUALS, [left, right]) => {
            wrong(id, format!("`{}` compares two of one type, not {left} with {right}", spelling(name)))
        }
        (op::IN, [item, of]) => wrong(
            id,
            format!("`in` looks for an item of its type in a list, or for a key in a map, not for {item} in {of}"),
        ),
        (op::INDEX, [of, index]) => {
            wrong(id, format!("`[…]` takes a list and an int, or a map and a string, not {of} and {index}"))
        }
        _ => {
            let mut known: Vec<String> = Vec::new();
            for overload in overloads::named(name, form).filter(|overload| overload.takes.len() == got.len()) {
                known.push(overload.takes.iter().map(|of| describe(*of)).collect::<Vec<_>>().join(" and "));
            }
            known.dedup();
            let got = listed(got);
            let name = spelling(name);
            wrong(id, format!("`{name}` takes {}; it got {got}", known.join(", or ")))
        }
    }
}

fn listed<'t>(types: impl IntoIterator<Item = &'t Type>) -> String {
    types.into_iter().map(Type::to_string).collect::<Vec<_>>().join(" and ")
}

fn describe(of: Of) -> String {
    match of {
        Of::A => "anything".to_owned(),
        Of::ListOfA => "list".to_owned(),
        Of::MapOfA => "map".to_owned(),
        of => plain(of).map(|plain| plain.to_string()).unwrap_or_default(),
    }
}

/// An operator as it is written: `_+_` is `+`.
fn spelling(name: &str) -> &str {
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { name.trim_matches(['_', '@']) }
}

/// Literals that could only err in every evaluation are found out here.
fn literals(call: &CallExpr) -> Result<(), NodeFinding> {
    let Some((id, last)) = call.args.last().map(|arg| (arg.id, &arg.expr)) else { return Ok(()) };
    let name = call.func_name.as_str();
    if let ("timestamp", Expr::Ident(slot)) = (name, last)
        && let Some(Slot::Fact(row)) = Slot::decode(slot)
        && let Some(row) = schema::row(row).filter(|row| row.kind == Kind::Int)
    {
        let message =
            format!("`{0}` is in milliseconds and `timestamp` takes seconds; write `timestamp({0} / 1000)`", row.path);
        return Err(wrong(id, message));
    }
    let Expr::Literal(LiteralValue::String(text)) = last else { return Ok(()) };
    let text = text.inner();
    let (good, what) = match name {
        "ip" | "containsIP" => (net::parse_ip(text).is_some(), "an address, such as 203.0.113.7"),
        "cidr" | "containsCIDR" => (net::parse_cidr(text).is_some(), "a network, such as 203.0.113.0/24"),
        "timestamp" => (time::parse(text).is_some(), "a time, such as 2026-12-24T00:00:00Z"),
        "duration" => (time::parse_duration(text).is_some(), "a duration, such as 1h30m"),
        getter if getter.starts_with("get") => (
            time::parse_offset(text).is_some(),
            "a fixed offset from UTC, such as +02:00; named time zones change, which a decision must not",
        ),
        _ => return Ok(()),
    };
    if good { Ok(()) } else { Err(wrong(id, format!("`{}` is not {what}", text.escape_debug()))) }
}
