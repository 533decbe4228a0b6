//! A verified module, and its evaluation.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::common::types::{CelBool, CelString};
use cel::{IdedExpr, Value};
use cronflow_policy_cases::{Attributes, Verdict};

use super::condition::Condition;
use super::functions;
use super::limits;
use super::regexes::Pattern;
use super::slot::Declared;
use super::values::{Scope, Values};
use crate::module::Fault;
use crate::text::clean_message;

/// A tree of conditions with a verdict at the end of every branch. Verdicts never become CEL values, so no operator of
/// CEL can swallow one. `at` is the number that the parser gave the node.
#[derive(Debug)]
pub(crate) enum Rule {
    /// `condition ? then : otherwise`
    When { condition: Condition, then: Box<Rule>, otherwise: Box<Rule>, at: u64 },
    /// `permit()`
    Permit { at: u64 },
    /// `no_match()`
    NoMatch { at: u64 },
    /// `step_up(seconds)`
    StepUp { seconds: u32, at: u64 },
    /// `forbid("code", message)`
    Forbid { code: String, message: Message, at: u64 },
}

/// A reason's message.
#[derive(Debug)]
pub(crate) enum Message {
    /// A literal, made fit for printing already.
    Fixed(String),
    /// An expression that must come to a string.
    Made(IdedExpr),
}

/// A verified module.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) rule: Rule,
    /// The free attributes that it reads; slots count into this.
    pub(crate) declared: Vec<Declared>,
    /// The compiled patterns of `matches`; slots count into this.
    pub(crate) patterns: Vec<Pattern>,
    /// What an evaluation may cost at most.
    pub(crate) steps: u64,
}

impl Program {
    /// Judges. Never panics: whatever the evaluator does becomes a fixed code.
    pub(crate) fn evaluate(&self, values: &Values<'_>, settings: &Attributes) -> Result<Verdict, Fault> {
        // what is borrowed here is only read, so an unwinding evaluation leaves nothing half done behind
        catch_unwind(AssertUnwindSafe(|| self.run(values, settings))).unwrap_or(Err(Fault::Panic))
    }

    /// The most steps that an evaluation may cost, by the gate's bound.
    pub(crate) fn cost(&self) -> u64 {
        self.steps
    }

    /// What the gate checked, each with what it found, for the report.
    pub(crate) fn checks(&self) -> Vec<(&'static str, String)> {
        let (conditions, verdicts) = self.rule.count();
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let patterns = match self.patterns.len() {
            0 => "there are none".to_owned(),
            some => format!("{}, compiled once and for all", count(some, "pattern")),
        };
        vec![
            ("parse", format!("{} and {}", count(conditions, "condition"), count(verdicts, "verdict"))),
            ("types", "every name is known, every condition is a bool, every message a string".to_owned()),
            ("cost", format!("{} steps at most, of {}", self.steps, limits::STEPS)),
            ("regexes", patterns),
        ]
    }

    pub(super) fn scope<'s, 'a>(&'s self, values: &'s Values<'a>, settings: &'s Attributes) -> Scope<'s, 'a> {
        Scope { values, settings, declared: &self.declared, patterns: &self.patterns }
    }

    fn run(&self, values: &Values<'_>, settings: &Attributes) -> Result<Verdict, Fault> {
        let scope = self.scope(values, settings);
        let mut rule = &self.rule;
        loop {
            match rule {
                Rule::When { condition, then, otherwise, .. } => {
                    rule = if condition.holds(&scope)? { then } else { otherwise };
                }
                Rule::Permit { .. } => return Ok(Verdict::permit()),
                Rule::NoMatch { .. } => return Ok(Verdict::no_match()),
                Rule::StepUp { seconds, .. } => return Ok(Verdict::step_up(*seconds)),
                Rule::Forbid { code, message, .. } => {
                    let message = match message {
                        Message::Fixed(message) => message.clone(),
                        Message::Made(expression) => text(expression, &scope)?,
                    };
                    return Ok(Verdict::forbid(code.as_str(), message));
                }
            }
        }
    }
}

/// What the evaluator makes of a condition.
pub(super) fn truth(expression: &IdedExpr, scope: &Scope<'_, '_>) -> Result<bool, Fault> {
    let mut context = functions::root().new_inner_scope();
    context.set_variable_resolver(scope);
    // the error's text holds the facts: it ends here
    let value = Value::resolve_val(expression, &context).map_err(|_| Fault::Evaluation)?;
    value.downcast_ref::<CelBool>().map(|truth| *truth.inner()).ok_or(Fault::Evaluation)
}

fn text(expression: &IdedExpr, scope: &Scope<'_, '_>) -> Result<String, Fault> {
    let mut context = functions::root().new_inner_scope();
    context.set_variable_resolver(scope);
    let value = Value::resolve_val(expression, &context).map_err(|_| Fault::Evaluation)?;
    value.downcast_ref::<CelString>().map(|text| clean_message(text.inner())).ok_or(Fault::Evaluation)
}

impl Rule {
    /// Conditions and verdicts. Recurses as deep as conditionals nest, which the scan bounds.
    fn count(&self) -> (usize, usize) {
        match self {
            Self::When { then, otherwise, .. } => {
                let ((c, v), (d, w)) = (then.count(), otherwise.count());
                (c + d + 1, v + w)
            }
            _ => (0, 1),
        }
    }
}

#[cfg(test)]
impl Rule {
    /// The same, with every condition left to the evaluator.
    pub(crate) fn plain(condition: IdedExpr) -> Self {
        Self::When {
            condition: Condition::Cel(condition),
            then: Box::new(Self::Permit { at: 0 }),
            otherwise: Box::new(Self::NoMatch { at: 0 }),
            at: 0,
        }
    }
}
