//! The shape of a module: `condition ? verdict : verdict`, down to `permit()`, `forbid("code", message)` `step_up(seconds)` or
//! `no_match()` at the end of every branch.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};

use super::bounds;
use super::condition::Condition;
use super::lower::Lowering;
use super::parse::NodeFinding;
use super::program::{Message, Program, Rule};
use crate::error::GateErrorKind;
use crate::manifest::{Manifest, is_code, is_reserved};
use crate::text::clean_message;

/// Reads a parsed module as verdicts, its conditions and messages lowered.
pub(super) fn read(parsed: IdedExpr, manifest: &Manifest) -> Result<Program, Vec<NodeFinding>> {
    bounds::size(&parsed)?;
    let mut lowering = Lowering::new(manifest);
    let mut codes = Vec::new();
    let rule = verdict(parsed, &mut lowering, &mut codes);
    let steps = rule.as_ref().map_or(0, |(_, steps)| *steps);
    lowering.afford(steps);
    for code in manifest.reasons.iter().flatten() {
        if !codes.contains(code) {
            let message = format!("the manifest lists the reason `{code}`, which the module never gives; take it out");
            lowering.refuse(None, GateErrorKind::Reasons(message));
        }
    }
    for (id, code) in lowering.given.split_off(0) {
        if is_reserved(&code) {
            let message = format!("the reason `{code}` is the host's own; choose another");
            lowering.refuse(Some(id), GateErrorKind::Reasons(message));
        } else if manifest.reasons.as_ref().is_some_and(|listed| !listed.contains(&code)) {
            let message = format!("the reason `{code}` is not among the manifest's `reasons`; add it there");
            lowering.refuse(Some(id), GateErrorKind::Reasons(message));
        }
    }
    match (rule, lowering.finish()) {
        (Some((rule, steps)), Ok((declared, patterns))) => Ok(Program { rule, declared, patterns, steps }),
        (_, Err(findings)) => Err(findings),
        (None, Ok(_)) => Err(vec![(None, GateErrorKind::Unverifiable)]),
    }
}

/// A rule, and what its costliest way may cost in steps. Recurses as deep as conditionals nest, which the scan bounds.
fn verdict(expr: IdedExpr, lowering: &mut Lowering, codes: &mut Vec<String>) -> Option<(Rule, u64)> {
    let id = expr.id;
    let Expr::Call(CallExpr { func_name, target: None, args }) = expr.expr else {
        return not_a_verdict(id, lowering);
    };
    match (func_name.as_str(), args.len()) {
        (operators::CONDITIONAL, 3) => {
            let [condition, then, otherwise]: [IdedExpr; 3] = args.try_into().ok()?;
            let (condition, steps) = lowering.condition(condition);
            let condition = Condition::of(condition);
            let then = verdict(then, lowering, codes);
            let otherwise = verdict(otherwise, lowering, codes);
            let ((then, if_so), (otherwise, if_not)) = (then?, otherwise?);
            let steps = steps.saturating_add(if_so.max(if_not));
            let rule = Rule::When { condition, then: Box::new(then), otherwise: Box::new(otherwise), at: id };
            Some((rule, steps))
        }
        ("permit", 0) => Some((Rule::Permit { at: id }, 1)),
        ("no_match", 0) => Some((Rule::NoMatch { at: id }, 1)),
        ("step_up", 1) => match args.into_iter().next().map(|seconds| seconds.expr) {
            Some(Expr::Literal(LiteralValue::Int(seconds))) if u32::try_from(*seconds.inner()).is_ok() => {
                u32::try_from(*seconds.inner()).ok().map(|seconds| (Rule::StepUp { seconds, at: id }, 1))
            }
            _ => {
                refuse(id, "`step_up` takes the most seconds since the second factor, a whole number literal", lowering)
            }
        },
        ("forbid", 2) => {
            let [code, message]: [IdedExpr; 2] = args.try_into().ok()?;
            let Expr::Literal(LiteralValue::String(text)) = &code.expr else {
                let message = "the first argument of `forbid` is the reason's code, a string literal";
                return refuse(code.id, message, lowering);
            };
            let text = text.inner().to_owned();
            if !is_code(&text) {
                let message = "a reason's code is made of lower case letters, digits and underscores, a letter first";
                return refuse(code.id, message, lowering);
            }
            lowering.given.push((code.id, text.clone()));
            codes.push(text.clone());
            let (message, steps) = match message.expr {
                Expr::Literal(LiteralValue::String(message)) => (Message::Fixed(clean_message(message.inner())), 1),
                Expr::Literal(_) => return refuse(message.id, "a reason's message is a string", lowering),
                _ => {
                    let (message, steps) = lowering.message(message);
                    (Message::Made(message), steps)
                }
            };
            Some((Rule::Forbid { code: text, message, at: id }, steps))
        }
        ("permit" | "no_match", _) => refuse(id, &format!("`{func_name}` takes no arguments"), lowering),
        ("forbid", _) => refuse(id, "`forbid` takes a code and a message", lowering),
        ("step_up", _) => refuse(id, "`step_up` takes a number of seconds", lowering),
        _ => not_a_verdict(id, lowering),
    }
}

fn not_a_verdict<T>(id: u64, lowering: &mut Lowering) -> Option<T> {
    refuse(
        id,
        "this comes to no verdict; end every branch with `permit()`, `forbid(\"code\", message)`, `step_up(seconds)` or \
         `no_match()`",
        lowering,
    )
}

fn refuse<T>(id: u64, message: &str, lowering: &mut Lowering) -> Option<T> {
    lowering.refuse(Some(id), GateErrorKind::NotAVerdict(message.to_owned()));
    None
}
