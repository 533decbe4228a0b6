//! What was looked at and found: a line each, `ok`, `warn` or `fail`, and what to do about it. `config check` and `doctor`
//! print these.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use crate::cli::Format;
use crate::output;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it.
    Warn,
    /// It does not work, or will not.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// What was looked at.
    pub(crate) name: String,
    /// What was found.
    pub(crate) what: String,
    /// What to do about it. INVARIANT: present unless all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) todo: Option<String>,
}

impl Finding {
    pub(crate) fn ok(name: &str, what: impl Into<String>) -> Self {
        Self { level: Level::Ok, name: name.to_owned(), what: what.into(), todo: None }
    }

    pub(crate) fn warn(name: &str, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { level: Level::Warn, name: name.to_owned(), what: what.into(), todo: Some(todo.into()) }
    }

    pub(crate) fn fail(name: &str, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { level: Level::Fail, name: name.to_owned(), what: what.into(), todo: Some(todo.into()) }
    }

    /// What an error says: by the custom of this house, what is wrong up to the first semicolon, then what to do.
    pub(crate) fn of_error(name: &str, error: &str) -> Self {
        let (what, todo) = error.split_once("; ").unwrap_or((error, "see the log of the host"));
        Self::fail(name, what, todo)
    }
}

/// Prints all findings. The exit code is 1 when one of them failed; warnings alone are 0.
pub(crate) fn show(format: Format, findings: &[Finding]) -> ExitCode {
    let failed = findings.iter().any(|finding| finding.level == Level::Fail);
    output::say(&match format {
        Format::Json => json!({ "ok": !failed, "findings": findings }).to_string(),
        Format::Human => human(findings),
    });
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn human(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.name.chars().count()).max().unwrap_or_default();
    findings.iter().fold(String::new(), |mut text, Finding { level, name, what, todo }| {
        let level = match level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        let _ = write!(text, "{level:4}  {name:width$}  {}", plain(what));
        if let Some(todo) = todo {
            let _ = write!(text, "  → {}", plain(todo));
        }
        text.push('\n');
        text
    })
}

/// What stands in files must not steer this terminal; lines after the first are set in.
fn plain(text: &str) -> String {
    let escape = |line: &str| -> String {
        line.chars()
            .flat_map(|letter| if letter.is_control() { letter.escape_debug().collect() } else { vec![letter] })
            .collect()
    };
    text.trim_end().lines().map(escape).collect::<Vec<_>>().join("\n      ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_bad_what_and_what_to_do() {
        let findings =
            [Finding::ok("store", "opens"), Finding::fail("root key", "gone\n\u{1b}[2Jreally", "put it back")];
        assert_eq!(
            human(&findings),
            "ok    store     opens\nfail  root key  gone\n      \\u{1b}[2Jreally  → put it back\n"
        );
        assert_eq!(show(Format::Json, &findings), ExitCode::FAILURE);
        assert_eq!(show(Format::Json, &[Finding::warn("clock", "late", "wind it")]), ExitCode::SUCCESS);
    }
}
