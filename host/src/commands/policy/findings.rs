//! What is objected to, for people: the place, the sentence, and the line of the source with a caret under it.

use std::fs;
use std::path::Path;

use access_engine::{GateError, Position};
use serde_json::{Value, json};

use crate::output;

/// Columns of a source's line that are shown.
const WIDTH: usize = 120;

/// Prints findings to standard error, each with its line where it has a place in a file of the folder.
pub(super) fn complain(dir: &Path, findings: &[GateError]) {
    for finding in findings {
        // The folder of one policy, or of several.
        let own = dir.join(&finding.policy);
        let dir = if own.is_dir() { &own } else { dir };
        complain_of(dir, &finding.to_string(), &finding.file, finding.position);
    }
}

/// Prints one.
pub(super) fn complain_of(dir: &Path, sentence: &str, file: &str, position: Option<Position>) {
    output::complain(sentence);
    let source = fs::read_to_string(dir.join(file)).unwrap_or_default();
    if let Some(shown) = position.and_then(|position| excerpt(&source, position)) {
        output::remark(&shown);
    }
}

/// For programs.
pub(super) fn to_json(findings: &[GateError]) -> Value {
    let json = |GateError { file, position, kind, .. }: &GateError| {
        let (line, column) = position.map(|Position { line, column }| (line, column)).unzip();
        json!({ "file": file, "line": line, "column": column, "message": kind.to_string() })
    };
    findings.iter().map(json).collect()
}

/// The line, and a caret under the column. Of a long line, what is around it.
fn excerpt(source: &str, Position { line, column }: Position) -> Option<String> {
    // One character, one column: neither a tab nor what steers a terminal.
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let text: Vec<char> = source.lines().nth(line.checked_sub(1)?)?.chars().map(plain).collect();
    let before = column.checked_sub(1)?.min(text.len());
    let from = if text.len() > WIDTH { before.saturating_sub(WIDTH / 2) } else { 0 };
    let shown: String = text.into_iter().skip(from).take(WIDTH).collect();
    let margin = line.to_string();
    Some(format!(
        "  {margin} | {}\n  {:width$} | {:indent$}^",
        shown.trim_end(),
        "",
        "",
        width = margin.len(),
        indent = before - from
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_place() {
        let at = |line, column| Position { line, column };
        assert_eq!(excerpt("a\n\tb == c\n", at(2, 7)).unwrap(), "  2 |  b == c\n    |       ^");
        assert_eq!(excerpt("a", at(1, 9)).unwrap(), "  1 | a\n    |  ^", "past its end");
        assert_eq!(excerpt("a", at(2, 1)), None);
        let long = format!("{}here{}", "x".repeat(500), "y".repeat(500));
        let shown = excerpt(&long, at(1, 501)).unwrap();
        let (text, caret) = shown.split_once('\n').unwrap();
        assert_eq!(text.find("here"), caret.find('^'), "{shown}");
        assert!(text.len() < WIDTH + 10);
    }
}
