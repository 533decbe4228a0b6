//! The size and depth of a parsed tree, measured without recursion, since they are what bounds recursion.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr};

use super::limits;
use super::parse::NodeFinding;
use crate::error::GateErrorKind;

/// Refuses a tree with too many nodes.
pub(super) fn size(expr: &IdedExpr) -> Result<(), Vec<NodeFinding>> {
    let mut count = 0usize;
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        count += 1;
        if count > limits::NODES {
            let kind = GateErrorKind::Limit { what: "nodes of the expression", limit: limits::NODES };
            return Err(vec![(Some(expr.id), kind)]);
        }
        for_children(expr, |child| open.push(child));
    }
    Ok(())
}

/// Whether a tree is deeper than one condition or message may be.
pub(super) fn too_deep(expr: &IdedExpr) -> bool {
    let mut open = vec![(expr, 1usize)];
    while let Some((expr, depth)) = open.pop() {
        if depth > limits::EXPRESSION_DEPTH {
            return true;
        }
        for_children(expr, |child| open.push((child, depth + 1)));
    }
    false
}

/// Visits every node in the order of the source, without recursion.
pub(super) fn for_each_node<'e>(expr: &'e IdedExpr, mut visit: impl FnMut(&'e IdedExpr)) {
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        visit(expr);
        let first = open.len();
        for_children(expr, |child| open.push(child));
        open.get_mut(first..).unwrap_or_default().reverse();
    }
}

fn for_children<'e>(expr: &'e IdedExpr, mut visit: impl FnMut(&'e IdedExpr)) {
    let entry = |entry: &'e EntryExpr, visit: &mut dyn FnMut(&'e IdedExpr)| match entry {
        EntryExpr::StructField(field) => visit(&field.value),
        EntryExpr::MapEntry(entry) => {
            visit(&entry.key);
            visit(&entry.value);
        }
    };
    match &expr.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).for_each(visit),
        Expr::Comprehension(c) => {
            [&c.iter_range, &c.accu_init, &c.loop_cond, &c.loop_step, &c.result].into_iter().for_each(visit);
        }
        Expr::List(list) => list.elements.iter().for_each(visit),
        Expr::Map(map) => map.entries.iter().for_each(|e| entry(&e.expr, &mut visit)),
        Expr::Struct(structure) => structure.entries.iter().for_each(|e| entry(&e.expr, &mut visit)),
        Expr::Select(select) => visit(&select.operand),
    }
}
