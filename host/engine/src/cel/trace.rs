//! A program's way to its verdict, told with the source and the values that it met.
//!
//! What is told is found out by the same evaluation as ever, with the same limits; the source is looked at afterwards.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cel::IdedExpr;
use cel::common::ast::{Expr, SourceInfo};
use cel::parser::pratt_parser::{Lexer, Token, TokenKind};
use cronflow_policy_cases::Attributes;
use serde_json::Value as Json;

use super::bounds::for_each_node;
use super::condition::{Condition, Operand};
use super::parse;
use super::program::{Message, Program, Rule};
use super::schema::{self, Kind, Presence};
use super::slot::{Place, Slot};
use super::values::{FactRef, Scope, Values};
use crate::error::Position;
use crate::guarded::on_gate_stack;
use crate::module::Fault;
use crate::trace::{Leaf, Outcome, Span, Step, Trace};

impl Program {
    /// Judges, and says how. `source` is what the program was compiled from.
    pub(crate) fn explain(&self, source: &str, values: &Values<'_>, settings: &Attributes) -> Trace {
        let scope = self.scope(values, settings);
        let places = Places::of(source);
        let mut steps = Vec::new();
        let mut rule = &self.rule;
        let end = loop {
            let Rule::When { condition, then, otherwise, at } = rule else { break None };
            let held = catch_unwind(AssertUnwindSafe(|| condition.holds(&scope))).unwrap_or(Err(Fault::Panic));
            let outcome = match held {
                Ok(true) => Outcome::True,
                Ok(false) => Outcome::False,
                Err(fault) => Outcome::Error(fault.code()),
            };
            let mut slots = Vec::new();
            condition.slots(&mut slots);
            steps.push(places.step(places.before(*at), outcome, leaves(slots, &scope)));
            match held {
                Ok(held) => rule = if held { then } else { otherwise },
                Err(fault) => break Some(Err(fault)),
            }
        };
        let said = end.unwrap_or_else(|| {
            let said = self.evaluate(values, settings);
            let (at, slots) = rule.verdict();
            let outcome = said.as_ref().map_or_else(|fault| Outcome::Error(fault.code()), |_| Outcome::Decided);
            steps.push(places.step(at.and_then(|at| places.call(at)), outcome, leaves(slots, &scope)));
            said
        });
        Trace { steps, verdict: said.into() }
    }

    /// The facts and free attributes that some evaluation may read, by path, in alphabetical order.
    pub(crate) fn facts_read(&self) -> Vec<String> {
        let mut slots = Vec::new();
        self.rule.slots(&mut slots);
        let mut paths: Vec<String> = slots
            .into_iter()
            .filter(|slot| !matches!(slot, Slot::Attribute(i) | Slot::AttributeStated(i) if self.is_setting(*i)))
            .filter_map(|slot| path(slot, &self.declared))
            .collect();
        paths.sort();
        paths.dedup();
        paths
    }

    fn is_setting(&self, index: usize) -> bool {
        self.declared.get(index).is_some_and(|declared| declared.place == Place::Settings)
    }
}

impl Rule {
    /// Where a verdict stands and what its message names.
    fn verdict(&self) -> (Option<u64>, Vec<Slot>) {
        let mut slots = Vec::new();
        let at = match self {
            Self::When { .. } => None,
            Self::Permit { at } | Self::NoMatch { at } | Self::StepUp { at, .. } => Some(*at),
            Self::Forbid { at, message, .. } => {
                message.slots(&mut slots);
                Some(*at)
            }
        };
        (at, slots)
    }

    /// Recurses as deep as conditionals nest, which the scan bounds.
    fn slots(&self, slots: &mut Vec<Slot>) {
        match self {
            Self::When { condition, then, otherwise, .. } => {
                condition.slots(slots);
                then.slots(slots);
                otherwise.slots(slots);
            }
            Self::Forbid { message, .. } => message.slots(slots),
            Self::Permit { .. } | Self::NoMatch { .. } | Self::StepUp { .. } => {}
        }
    }
}

impl Message {
    fn slots(&self, slots: &mut Vec<Slot>) {
        if let Self::Made(expression) = self {
            in_expression(expression, slots);
        }
    }
}

impl Condition {
    /// Every slot that it names.
    fn slots(&self, slots: &mut Vec<Slot>) {
        let operand = |operand: &Operand| match operand {
            Operand::Literal(_) => None,
            Operand::Fact(row) => Some(Slot::Fact(*row)),
        };
        match self {
            Self::And(a, b) | Self::Or(a, b) => {
                a.slots(slots);
                b.slots(slots);
            }
            Self::Not(a) => a.slots(slots),
            Self::Stated(name) => slots.extend(Slot::decode(name)),
            Self::Equal(a, b) | Self::Unequal(a, b) => slots.extend([a, b].into_iter().filter_map(operand)),
            Self::Among(item, row) => slots.extend(operand(item).into_iter().chain([Slot::Fact(*row)])),
            Self::Intersect(a, b) => slots.extend([Slot::Fact(*a), Slot::Fact(*b)]),
            Self::Cel(expression) => in_expression(expression, slots),
        }
    }
}

fn in_expression(expression: &IdedExpr, slots: &mut Vec<Slot>) {
    for_each_node(expression, |node| {
        if let Expr::Ident(name) = &node.expr {
            slots.extend(Slot::decode(name));
        }
    });
}

fn path(slot: Slot, declared: &[super::slot::Declared]) -> Option<String> {
    match slot {
        Slot::Fact(row) | Slot::FactStated(row) => schema::row(row).map(|row| row.path.to_owned()),
        Slot::Attribute(index) | Slot::AttributeStated(index) => {
            declared.get(index).map(|declared| format!("{}.{}", declared.place.prefix(), declared.name))
        }
        Slot::Pattern(_) => None,
    }
}

/// What stands at slots, each path once. That something is stated is told only where its value is not.
fn leaves(slots: Vec<Slot>, scope: &Scope<'_, '_>) -> Vec<Leaf> {
    let mut leaves: Vec<Leaf> = Vec::new();
    let mut stated: Vec<Leaf> = Vec::new();
    for slot in slots {
        let Some(path) = path(slot, scope.declared) else { continue };
        let (of, leaf) = match slot {
            Slot::Fact(row) => (&mut leaves, Leaf { path, value: fact(row, scope.values) }),
            Slot::Attribute(index) => (&mut leaves, Leaf { path, value: attribute(index, scope) }),
            Slot::FactStated(row) => {
                let presence = schema::row(row).map(|row| row.presence(scope.values));
                (&mut stated, Leaf { path, value: matches!(presence, Some(Presence::Stated)).into() })
            }
            Slot::AttributeStated(index) => {
                (&mut stated, Leaf { path, value: (attribute(index, scope) != Json::Null).into() })
            }
            Slot::Pattern(_) => continue,
        };
        if !of.iter().any(|known| known.path == leaf.path) {
            of.push(leaf);
        }
    }
    stated.retain(|leaf| !leaves.iter().any(|known| known.path == leaf.path));
    let asked = stated.into_iter().map(|leaf| Leaf { path: format!("has({})", leaf.path), ..leaf });
    asked.chain(leaves).collect()
}

fn fact(row: usize, values: &Values<'_>) -> Json {
    let Some(row) = schema::row(row).filter(|row| row.kind != Kind::Record) else { return Json::Null };
    match row.value(values) {
        Some(FactRef::Int(number)) => (*number.inner()).into(),
        Some(FactRef::Text(text)) => text.inner().into(),
        Some(FactRef::Texts(texts)) => texts.texts().into(),
        Some(FactRef::There) | None => Json::Null,
    }
}

fn attribute(index: usize, scope: &Scope<'_, '_>) -> Json {
    let value = scope.declared.get(index).and_then(|declared| scope.place(declared.place).get(&declared.name));
    value.and_then(|value| serde_json::to_value(value).ok()).unwrap_or(Json::Null)
}

/// A source, its tokens, and where the tree's nodes stand in it.
struct Places<'s> {
    source: &'s str,
    tokens: Vec<Token>,
    offsets: Option<Arc<SourceInfo>>,
}

impl<'s> Places<'s> {
    fn of(source: &'s str) -> Self {
        let mut lexer = Lexer::new(source);
        let mut tokens = Vec::new();
        loop {
            let token = lexer.lex();
            match token.kind {
                // the program was compiled from this, so it has no wrong ones
                TokenKind::TokEnd | TokenKind::TokError => break,
                TokenKind::TokWhitespace | TokenKind::TokComment => {}
                _ => tokens.push(token),
            }
        }
        Self { source, tokens, offsets: on_gate_stack(|| parse::offsets(source)).flatten() }
    }

    fn step(&self, at: Option<(usize, usize)>, outcome: Outcome, leaves: Vec<Leaf>) -> Step {
        let text = at.and_then(|(start, end)| self.source.get(start..end)).unwrap_or_default().to_owned();
        let place = |offset| Position::of(self.source, offset);
        let span = at.map(|(start, end)| Span { start: place(start), end: place(end) });
        Step { span, text, outcome, leaves }
    }

    /// The token that a node's id names.
    fn token(&self, id: u64) -> Option<usize> {
        let (start, _) = self.offsets.as_ref()?.offset_for(id)?;
        let start = usize::try_from(start).ok()?;
        self.tokens.iter().position(|token| token.start == start)
    }

    /// The condition that ends before the `?` of a conditional. It holds no `?` and no `:` that is not in brackets of its
    /// own, so it reaches back to the first of these, or to the bracket around it.
    fn before(&self, conditional: u64) -> Option<(usize, usize)> {
        let question = self.token(conditional)?;
        let before = self.tokens.get(..question)?;
        let mut depth = 0usize;
        let start = before.iter().rposition(|token| match token.kind {
            TokenKind::TokQuestion | TokenKind::TokColon => depth == 0,
            TokenKind::TokRightParen | TokenKind::TokRightBracket | TokenKind::TokRightBrace => {
                depth += 1;
                false
            }
            TokenKind::TokLeftParen | TokenKind::TokLeftBracket | TokenKind::TokLeftBrace => {
                let around = depth == 0;
                depth = depth.saturating_sub(1);
                around
            }
            _ => false,
        });
        let first = start.map_or(0, |boundary| boundary + 1);
        Some((before.get(first)?.start, before.last()?.end))
    }

    /// A call, from its name to its closing bracket.
    fn call(&self, id: u64) -> Option<(usize, usize)> {
        let at = self.token(id)?;
        let name = self.tokens.get(..=at)?.iter().rfind(|token| token.kind == TokenKind::TokIdent)?;
        let mut depth = 0usize;
        let rest = self.tokens.get(at..)?;
        let end = rest.iter().find(|token| match token.kind {
            TokenKind::TokLeftParen | TokenKind::TokLeftBracket | TokenKind::TokLeftBrace => {
                depth += 1;
                false
            }
            TokenKind::TokRightParen | TokenKind::TokRightBracket | TokenKind::TokRightBrace => {
                depth = depth.saturating_sub(1);
                depth == 0
            }
            _ => false,
        })?;
        Some((name.start, end.end))
    }
}

#[cfg(test)]
mod tests;
