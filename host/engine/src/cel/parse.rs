//! Parsing, and where a node of the tree stands in the source.

use std::sync::Arc;

use cel::IdedExpr;
use cel::common::ast::SourceInfo;
use cel::parser::{ParseErrors, PrattParser};

use super::{Findings, limits};
use crate::error::{GateErrorKind, Position};

/// A finding at a node of the tree, by the node's id; `None` where the module as a whole is meant.
pub(crate) type NodeFinding = (Option<u64>, GateErrorKind);

fn parser() -> PrattParser {
    // an expression in every bracket, and one level for each conditional's branch
    let depth = u16::try_from(limits::BRACKET_DEPTH * 2 + limits::CONDITIONALS).unwrap_or(u16::MAX);
    PrattParser::new().max_recursion_depth(depth).error_recovery_limit(4)
}

/// Parses what the scan let through.
pub(crate) fn parse(source: &str) -> Result<IdedExpr, Findings> {
    parser().parse(source).map_err(|ParseErrors { errors }| {
        let mut findings: Findings = errors
            .into_iter()
            .map(|error| {
                let position = position(error.pos.0, error.pos.1);
                let message = error.msg.strip_prefix("Syntax error: ").unwrap_or(&error.msg);
                (position, GateErrorKind::Syntax(format!("the expression does not parse: {message}")))
            })
            .collect();
        // that it gave up on finding more has no place, and says nothing to the author
        if findings.iter().any(|(at, _)| at.is_some()) {
            findings.retain(|(at, _)| at.is_some());
        }
        if findings.is_empty() {
            findings.push((None, GateErrorKind::Unverifiable));
        }
        findings
    })
}

fn position(line: isize, column: isize) -> Option<Position> {
    match (usize::try_from(line), usize::try_from(column)) {
        (Ok(line), Ok(column)) if line > 0 => Some(Position { line, column }),
        _ => None,
    }
}

/// Where the nodes of a source's tree stand.
pub(crate) fn offsets(source: &str) -> Option<Arc<SourceInfo>> {
    // The parser numbers nodes as it reads and hands their offsets out with errors only. So the source is read again
    // with a bracket too many at its end: the same numbers, and an error that carries the offsets.
    match parser().parse(&format!("{source}\n)")) {
        Ok(_) => None,
        Err(ParseErrors { errors }) => errors.into_iter().find_map(|error| error.source_info),
    }
}

/// Gives findings their positions.
pub(crate) fn locate(source: &str, findings: Vec<NodeFinding>) -> Findings {
    let offsets = offsets(source);
    let place = |id: u64| {
        let (start, _) = offsets.as_ref()?.offset_for(id)?;
        Some(Position::of(source, usize::try_from(start).ok()?))
    };
    let mut located: Findings = findings.into_iter().map(|(id, kind)| (id.and_then(place), kind)).collect();
    located.sort_by_key(|(position, _)| *position);
    located.truncate(limits::FINDINGS);
    located
}
