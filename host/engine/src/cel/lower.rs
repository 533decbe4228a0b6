//! The profile: what an expression may hold, and every name turned into a slot.
//!
//! A name that stays a name would be looked up segment by segment in every evaluation, and one that exists nowhere would
//! be found out only there, where `||` can swallow the error and with it a whole rule. So paths of facts become slots
//! here, or the module is refused.

use cel::IdedExpr;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, ListExpr, LiteralValue, MapExpr, SelectExpr, operators,
};

use super::bounds;
use super::functions::{GLOBAL, MEMBER, SETS};
use super::limits;
use super::parse::NodeFinding;
use super::schema::{self, Kind};
use super::slot::{Declared, Place, Slot};
use crate::error::GateErrorKind;
use crate::manifest::{AttributeType, Manifest};
use crate::text::closest;

/// The state of lowering one module.
pub(super) struct Lowering {
    pub(super) declared: Vec<Declared>,
    /// The codes that `forbid` gives, with where.
    pub(super) given: Vec<(u64, String)>,
    findings: Vec<NodeFinding>,
    /// The variables of the comprehensions around, innermost last.
    pub(super) locals: Vec<String>,
    comprehensions: usize,
}

impl Lowering {
    pub(super) fn new(manifest: &Manifest) -> Self {
        let of =
            |place| move |(name, kind): (&String, &AttributeType)| Declared { place, name: name.clone(), kind: *kind };
        let context = manifest.attributes.context.iter().map(of(Place::Context));
        let resource = manifest.attributes.resource.iter().map(of(Place::Resource));
        let settings = manifest.settings.iter().map(|(name, s)| of(Place::Settings)((name, &s.kind)));
        Self {
            declared: context.chain(resource).chain(settings).collect(),
            given: Vec::new(),
            findings: Vec::new(),
            locals: Vec::new(),
            comprehensions: 0,
        }
    }

    pub(super) fn refuse(&mut self, id: Option<u64>, kind: GateErrorKind) {
        self.findings.push((id, kind));
    }

    pub(super) fn finish(self) -> Result<Vec<Declared>, Vec<NodeFinding>> {
        if self.findings.is_empty() { Ok(self.declared) } else { Err(self.findings) }
    }

    /// Lowers one condition or message.
    pub(super) fn expression(&mut self, expr: IdedExpr) -> IdedExpr {
        if bounds::too_deep(&expr) {
            let what = "levels of one expression (chains count)";
            return self.stop(expr.id, GateErrorKind::Limit { what, limit: limits::EXPRESSION_DEPTH });
        }
        self.lower(expr)
    }

    /// Notes a finding and goes on, to find the next.
    pub(super) fn stop(&mut self, id: u64, kind: GateErrorKind) -> IdedExpr {
        self.refuse(Some(id), kind);
        IdedExpr { id, expr: Expr::Literal(LiteralValue::Boolean(false.into())) }
    }

    pub(super) fn outside(&mut self, id: u64, message: &str) -> IdedExpr {
        self.stop(id, GateErrorKind::OutsideProfile(message.to_owned()))
    }

    /// Recurses as deep as the expression, which [`bounds::too_deep`] bounds.
    fn lower(&mut self, expr: IdedExpr) -> IdedExpr {
        let id = expr.id;
        let lowered = match expr.expr {
            Expr::Unspecified => return self.stop(id, GateErrorKind::Unverifiable),
            Expr::Literal(literal) => return self.literal(id, literal),
            Expr::Ident(name) => return self.path(id, vec![name], false),
            Expr::Select(select) => return self.select(id, select),
            Expr::Call(call) => return self.call(id, call),
            Expr::Comprehension(comprehension) => return self.comprehension(id, *comprehension),
            Expr::Struct(_) => return self.outside(id, "there are no messages to construct; use the facts"),
            Expr::List(ListExpr { elements, optional_indices }) => {
                if !optional_indices.is_empty() {
                    return self.outside(id, "optional elements are not supported");
                }
                let elements = elements.into_iter().map(|element| self.lower(element)).collect();
                Expr::List(ListExpr { elements, optional_indices })
            }
            Expr::Map(map) => return self.map(id, map),
        };
        IdedExpr { id, expr: lowered }
    }

    fn literal(&mut self, id: u64, literal: LiteralValue) -> IdedExpr {
        match literal {
            LiteralValue::Bytes(_) => self.outside(id, "bytes are not supported; facts hold none"),
            LiteralValue::UInt(_) => self.outside(id, "unsigned numbers are not supported; leave the `u` out"),
            LiteralValue::Null => self.outside(id, "there is no null; ask with `has(…)` whether something is stated"),
            literal => IdedExpr { id, expr: Expr::Literal(literal) },
        }
    }

    fn map(&mut self, id: u64, map: MapExpr) -> IdedExpr {
        let mut keys: Vec<LiteralValue> = Vec::new();
        let mut entries = map.entries;
        for entry in &mut entries {
            let EntryExpr::MapEntry(pair) = &mut entry.expr else {
                return self.outside(entry.id, "there are no messages to construct; use the facts");
            };
            match &pair.key.expr {
                Expr::Literal(LiteralValue::String(key)) => {
                    let key = LiteralValue::String(key.clone());
                    if pair.optional || keys.contains(&key) {
                        return self.outside(entry.id, "keys of a map are given once each");
                    }
                    keys.push(key);
                }
                _ => return self.outside(pair.key.id, "keys of a map are string literals"),
            }
            let value = std::mem::take(&mut pair.value);
            pair.value = self.lower(value);
        }
        IdedExpr { id, expr: Expr::Map(MapExpr { entries }) }
    }

    fn select(&mut self, id: u64, select: SelectExpr) -> IdedExpr {
        let test = select.test;
        let mut segments = vec![select.field];
        let mut operand = *select.operand;
        loop {
            match operand.expr {
                Expr::Ident(name) => {
                    segments.push(name);
                    segments.reverse();
                    return self.path(id, segments, test);
                }
                Expr::Select(inner) if !inner.test => {
                    segments.push(inner.field);
                    operand = *inner.operand;
                }
                _ => return self.outside(id, "only facts have fields; to index a map write `[\"key\"]`"),
            }
        }
    }

    fn call(&mut self, id: u64, call: CallExpr) -> IdedExpr {
        let CallExpr { func_name, target, mut args } = call;
        if let Some(target) = target {
            return self.member(id, func_name, *target, args);
        }
        match func_name.as_str() {
            operators::LOGICAL_NOT if args.len() == 1 => {
                // The evaluator's `!` makes its error before it knows whether there is one. A conditional says the same
                // and errs in the same cases.
                args.push(boolean(id, false));
                args.push(boolean(id, true));
                return self.plain(id, operators::CONDITIONAL, args);
            }
            operators::INDEX | operators::IN => {
                let test = func_name == operators::IN;
                let keyed = match args.as_slice() {
                    [key, of] if test => self.keyed(of, key, true),
                    [of, key] => self.keyed(of, key, false),
                    _ => None,
                };
                return keyed.unwrap_or_else(|| self.plain(id, &func_name, args));
            }
            name if OPERATORS.contains(&name) => return self.plain(id, &func_name, args),
            "permit" | "forbid" | "no_match" => {
                let message = format!("`{func_name}` is a verdict; it stands alone at the end of a branch");
                return self.stop(id, GateErrorKind::NotAVerdict(message));
            }
            _ => {}
        }
        match GLOBAL.iter().find(|(name, _)| *name == func_name) {
            Some((_, arity)) if *arity == args.len() => self.plain(id, &func_name, args),
            Some((_, arity)) => self.wrong_arity(id, &func_name, *arity),
            None => {
                let known = GLOBAL.iter().map(|(name, _)| *name).chain(["has", "permit", "forbid", "no_match"]);
                let suggestion = closest(&func_name, known);
                self.stop(id, GateErrorKind::UnknownFunction { name: func_name, suggestion })
            }
        }
    }

    fn member(&mut self, id: u64, func_name: String, target: IdedExpr, args: Vec<IdedExpr>) -> IdedExpr {
        if matches!(&target.expr, Expr::Ident(name) if name == "sets") {
            return match SETS.into_iter().find(|(name, _)| *name == func_name) {
                Some((_, full)) if args.len() == 2 => self.plain(id, full, args),
                Some((_, full)) => self.wrong_arity(id, full, 2),
                None => {
                    let suggestion = closest(&func_name, SETS.into_iter().map(|(name, _)| name));
                    self.stop(id, GateErrorKind::UnknownFunction { name: format!("sets.{func_name}"), suggestion })
                }
            };
        }
        match MEMBER.iter().find(|(name, _)| *name == func_name) {
            Some((_, arity)) if *arity == args.len() => {
                let target = Some(Box::new(self.lower(target)));
                let args = args.into_iter().map(|arg| self.lower(arg)).collect();
                IdedExpr { id, expr: Expr::Call(CallExpr { func_name, target, args }) }
            }
            Some((_, arity)) => self.wrong_arity(id, &func_name, *arity),
            None if MACROS.contains(&func_name.as_str()) => self.wrong_arity(id, &func_name, 2),
            None => {
                let known = MEMBER.iter().map(|(name, _)| *name).chain(MACROS);
                let suggestion = closest(&func_name, known);
                self.stop(id, GateErrorKind::UnknownFunction { name: func_name, suggestion })
            }
        }
    }

    fn wrong_arity(&mut self, id: u64, name: &str, arity: usize) -> IdedExpr {
        let message = format!("`{name}` takes {arity} argument{}", if arity == 1 { "" } else { "s" });
        self.outside(id, &message)
    }

    fn plain(&mut self, id: u64, name: &str, args: Vec<IdedExpr>) -> IdedExpr {
        let args = args.into_iter().map(|arg| self.lower(arg)).collect();
        IdedExpr { id, expr: Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args }) }
    }

    fn comprehension(&mut self, id: u64, c: ComprehensionExpr) -> IdedExpr {
        let range_id = c.iter_range.id;
        let iter_range = self.lower(c.iter_range);
        if !self.is_bounded_list(&iter_range) {
            return self.outside(
                range_id,
                "comprehensions range over lists of facts, declared lists of strings, list literals, and what `map` and \
                 `filter` make of these",
            );
        }
        if c.iter_var2.is_some() || c.accu_var != ACCUMULATOR {
            return self.stop(id, GateErrorKind::Unverifiable);
        }
        let taken = self.locals.contains(&c.iter_var) || schema::roots().chain(["sets"]).any(|r| r == c.iter_var);
        if taken {
            let message = format!("the variable `{}` hides another of that name; choose a new one", c.iter_var);
            return self.outside(id, &message);
        }
        if self.comprehensions == limits::COMPREHENSION_DEPTH {
            let what = "comprehensions within each other";
            return self.stop(id, GateErrorKind::Limit { what, limit: limits::COMPREHENSION_DEPTH });
        }
        let accu_init = self.lower(c.accu_init);
        self.comprehensions += 1;
        self.locals.push(c.iter_var.clone());
        self.locals.push(ACCUMULATOR.to_owned());
        let loop_cond = self.lower(c.loop_cond);
        let loop_step = self.lower(c.loop_step);
        let result = self.lower(c.result);
        self.locals.truncate(self.locals.len() - 2);
        self.comprehensions -= 1;
        let expr = Expr::Comprehension(Box::new(ComprehensionExpr {
            iter_range,
            accu_init,
            loop_cond,
            loop_step,
            result,
            ..c
        }));
        IdedExpr { id, expr }
    }

    /// Whether a lowered expression is a list whose length the facts' limits or the source bound.
    fn is_bounded_list(&self, expr: &IdedExpr) -> bool {
        match &expr.expr {
            Expr::List(_) => true,
            Expr::Comprehension(inner) => matches!(inner.accu_init.expr, Expr::List(_)),
            Expr::Ident(name) => match Slot::decode(name) {
                Some(Slot::Fact(row)) => schema::row(row).is_some_and(|row| row.kind == Kind::Texts),
                Some(Slot::Attribute(index)) => {
                    self.declared.get(index).is_some_and(|declared| declared.kind == AttributeType::Strings)
                }
                _ => false,
            },
            // a finding stands there already
            Expr::Literal(LiteralValue::Boolean(_)) => !self.findings.is_empty(),
            _ => false,
        }
    }
}

/// The accumulator of the standard macros. No source can spell it.
const ACCUMULATOR: &str = "@result";

const MACROS: [&str; 5] = ["all", "exists", "exists_one", "filter", "map"];

/// The operators that are evaluated as they are.
const OPERATORS: [&str; 16] = [
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::LESS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::GREATER_EQUALS,
    operators::ADD,
    operators::SUBSTRACT,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::NEGATE,
    operators::NOT_STRICTLY_FALSE,
];

fn boolean(id: u64, truth: bool) -> IdedExpr {
    IdedExpr { id, expr: Expr::Literal(LiteralValue::Boolean(truth.into())) }
}
