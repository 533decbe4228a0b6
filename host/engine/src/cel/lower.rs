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
use super::cost::Bounds;
use super::limits;
use super::parse::NodeFinding;
use super::regexes::Pattern;
use super::schema;
use super::slot::{Declared, Place, Slot};
use super::types::Checker;
use super::types::overloads::{self, Form};
use crate::error::GateErrorKind;
use crate::manifest::{AttributeType, Manifest};
use crate::text::closest;

/// The state of lowering one module.
pub(super) struct Lowering {
    pub(super) declared: Vec<Declared>,
    /// The codes that `forbid` gives, with where.
    pub(super) given: Vec<(u64, String)>,
    findings: Vec<NodeFinding>,
    /// The part that costs most, in steps, with where.
    costliest: Option<(u64, u64)>,
    patterns: Vec<Pattern>,
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
            costliest: None,
            patterns: Vec::new(),
            locals: Vec::new(),
            comprehensions: 0,
        }
    }

    pub(super) fn refuse(&mut self, id: Option<u64>, kind: GateErrorKind) {
        self.findings.push((id, kind));
    }

    /// The declared attributes and the patterns that slots count into, unless something was found.
    pub(super) fn finish(self) -> Result<(Vec<Declared>, Vec<Pattern>), Vec<NodeFinding>> {
        if self.findings.is_empty() { Ok((self.declared, self.patterns)) } else { Err(self.findings) }
    }

    /// Refuses a module that may cost too much, naming its costliest part.
    pub(super) fn afford(&mut self, steps: u64) {
        if let Some((part, id)) = self.costliest.filter(|_| steps > limits::STEPS) {
            self.refuse(Some(id), GateErrorKind::TooCostly { steps, limit: limits::STEPS, part });
        }
    }

    /// Lowers and checks a condition. Beside it, what it may cost in steps.
    pub(super) fn condition(&mut self, expr: IdedExpr) -> (IdedExpr, u64) {
        self.checked(expr, |checker, expr| checker.condition(expr))
    }

    /// Lowers and checks a reason's message.
    pub(super) fn message(&mut self, expr: IdedExpr) -> (IdedExpr, u64) {
        self.checked(expr, |checker, expr| checker.message(expr))
    }

    fn checked(
        &mut self,
        expr: IdedExpr,
        check: impl for<'l> FnOnce(&mut Checker<'l>, &'l IdedExpr) -> Result<(), NodeFinding>,
    ) -> (IdedExpr, u64) {
        let before = self.findings.len();
        let expr = self.expression(expr);
        // what was refused has no types
        if self.findings.len() > before {
            return (expr, 0);
        }
        if let Err(finding) = check(&mut Checker::new(&self.declared), &expr) {
            self.findings.push(finding);
            return (expr, 0);
        }
        let steps = Bounds::new(&self.declared, &self.patterns).of(&expr).steps();
        self.costliest = self.costliest.max(Some((steps, expr.id)));
        (expr, steps)
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
            "permit" | "forbid" | "no_match" | "step_up" => {
                let message = format!("`{func_name}` is a verdict; it stands alone at the end of a branch");
                return self.stop(id, GateErrorKind::NotAVerdict(message));
            }
            _ => {}
        }
        if func_name == "matches"
            && let [text, pattern] = args.as_mut_slice()
        {
            let (text, pattern) = (std::mem::take(text), std::mem::take(pattern));
            let args = vec![self.lower(text), self.pattern(pattern)];
            return IdedExpr { id, expr: Expr::Call(CallExpr { func_name, target: None, args }) };
        }
        match self.arity(id, &func_name, Form::Function, args.len()) {
            Ok(()) => self.plain(id, &func_name, args),
            Err(refused) => refused,
        }
    }

    fn member(&mut self, id: u64, func_name: String, target: IdedExpr, mut args: Vec<IdedExpr>) -> IdedExpr {
        if let Expr::Ident(namespace) = &target.expr
            && namespace == SETS
        {
            let full = format!("{SETS}.{func_name}");
            return match self.arity(id, &full, Form::Function, args.len()) {
                Ok(()) => self.plain(id, &full, args),
                Err(refused) => refused,
            };
        }
        if let Err(refused) = self.arity(id, &func_name, Form::Method, args.len() + 1) {
            return refused;
        }
        let target = Some(Box::new(self.lower(target)));
        let args = match args.pop() {
            Some(pattern) if func_name == "matches" => vec![self.pattern(pattern)],
            last => args.into_iter().chain(last).map(|arg| self.lower(arg)).collect(),
        };
        IdedExpr { id, expr: Expr::Call(CallExpr { func_name, target, args }) }
    }

    /// Whether a function of this name takes so many arguments, the target counted.
    fn arity(&mut self, id: u64, name: &str, form: Form, given: usize) -> Result<(), IdedExpr> {
        let targets = usize::from(form == Form::Method);
        let mut known: Vec<usize> =
            overloads::named(name, form).map(|overload| overload.takes.len() - targets).collect();
        known.dedup();
        if known.contains(&(given - targets)) {
            return Ok(());
        }
        if form == Form::Method && known.is_empty() && MACROS.contains(&name) {
            known.push(2);
        }
        if known.is_empty() {
            let words: &[&str] = if form == Form::Method { &MACROS } else { &WORDS };
            let suggestion = closest(name, overloads::names(form).chain(words.iter().copied()));
            return Err(self.stop(id, GateErrorKind::UnknownFunction { name: name.to_owned(), suggestion }));
        }
        let counts = known.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ");
        let plural = if known == [1] { "" } else { "s" };
        Err(self.outside(id, &format!("`{name}` takes {counts} argument{plural}")))
    }

    /// The pattern of `matches`: a string literal, compiled here and never again.
    fn pattern(&mut self, pattern: IdedExpr) -> IdedExpr {
        let Expr::Literal(LiteralValue::String(text)) = &pattern.expr else {
            return self
                .outside(pattern.id, "the pattern of `matches` is a string literal, since it is compiled only once");
        };
        if self.patterns.len() == limits::PATTERNS {
            return self.stop(pattern.id, GateErrorKind::Limit { what: "patterns", limit: limits::PATTERNS });
        }
        match Pattern::compile(text.inner()) {
            Ok(compiled) => {
                let slot = Slot::Pattern(self.patterns.len());
                self.patterns.push(compiled);
                IdedExpr { id: pattern.id, expr: Expr::Ident(slot.encode()) }
            }
            Err(message) => self.stop(pattern.id, GateErrorKind::Pattern(message)),
        }
    }

    fn plain(&mut self, id: u64, name: &str, args: Vec<IdedExpr>) -> IdedExpr {
        let args = args.into_iter().map(|arg| self.lower(arg)).collect();
        IdedExpr { id, expr: Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args }) }
    }

    fn comprehension(&mut self, id: u64, c: ComprehensionExpr) -> IdedExpr {
        let iter_range = self.lower(c.iter_range);
        if c.iter_var2.is_some() || c.accu_var != ACCUMULATOR {
            return self.stop(id, GateErrorKind::Unverifiable);
        }
        let taken = self.locals.contains(&c.iter_var) || schema::roots().chain([SETS]).any(|r| r == c.iter_var);
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
}

/// The accumulator of the standard macros. No source can spell it.
const ACCUMULATOR: &str = "@result";

const MACROS: [&str; 5] = ["all", "exists", "exists_one", "filter", "map"];

/// What else is written like a function.
const WORDS: [&str; 5] = ["has", "permit", "forbid", "no_match", "step_up"];

/// The namespace of functions on lists as sets.
const SETS: &str = "sets";

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
