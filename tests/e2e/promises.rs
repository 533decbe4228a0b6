//! PROMISES.md: each cell of its tables names, by its notes, the tests that show it, and those tests exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use harness::process::workspace_root;
use regex::Regex;

/// Where tests are, by what their paths begin with in the document.
const PLACES: [(&str, &str); 6] = [
    ("e2e/", "tests/e2e/"),
    ("decide/", "host/authority/tests/decide/"),
    ("model/", "host/model/src/"),
    ("store/", "host/store/src/"),
    ("store-tests/", "host/store/tests/"),
    ("redis/", "host/store-redis/tests/redis/"),
];
/// Operations and dependencies that the tables speak of, at least.
const FEWEST_ROWS: usize = 35;

fn document() -> String {
    fs::read_to_string(workspace_root().join("PROMISES.md")).expect("the document is there")
}

/// The rows of all tables, without their heads, by cells.
fn rows(document: &str) -> Vec<Vec<&str>> {
    let is_rule = |line: &str| line.chars().all(|of| "|-: ".contains(of));
    let lines: Vec<&str> = document.lines().collect();
    let is_row = |number: usize, line: &str| {
        let is_head = lines.get(number + 1).is_some_and(|next| next.starts_with('|') && is_rule(next));
        line.starts_with('|') && !is_rule(line) && !is_head
    };
    let rows = lines.iter().enumerate().filter(|(number, line)| is_row(*number, line));
    rows.map(|(_, line)| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// By the name of a note, the tests that it names: file and function.
fn notes(document: &str) -> BTreeMap<&str, Vec<[&str; 2]>> {
    let note = Regex::new(r"(?m)^\[\^([a-z-]+)\]: (.*)$").expect("it is an expression");
    let test = Regex::new("`([a-z0-9_/-]+)::([a-z0-9_]+)`").expect("it is an expression");
    let tests = |text| test.captures_iter(text).map(|found| found.extract().1).collect();
    note.captures_iter(document).map(|found| found.extract().1).map(|[name, text]| (name, tests(text))).collect()
}

/// The notes that a cell refers to.
fn named_in(cell: &str) -> BTreeSet<&str> {
    let reference = Regex::new(r"\[\^([a-z-]+)\]").expect("it is an expression");
    reference.captures_iter(cell).filter_map(|found| found.get(1)).map(|found| found.as_str()).collect()
}

#[test]
fn each_cell_names_tests_and_each_note_is_some_cells() {
    let document = document();
    let (rows, notes) = (rows(&document), notes(&document));
    assert!(rows.len() >= FEWEST_ROWS, "{} rows", rows.len());
    let mut used = BTreeSet::new();
    for row in &rows {
        let [what, cells @ ..] = row.as_slice() else { panic!("a row has cells") };
        assert!(cells.len() >= 2, "`{what}` has {} cells", cells.len());
        for cell in cells {
            let named = named_in(cell);
            assert!(!named.is_empty(), "of `{what}`, this names no test: {cell}");
            used.extend(named);
        }
    }
    let defined: BTreeSet<&str> = notes.keys().copied().collect();
    assert_eq!(used, defined, "notes that are referred to, and notes that there are");
}

/// Whether a function of that name is there, and run as a test.
fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<_> = text.lines().map(str::trim_start).collect();
    let function = format!("fn {name}(");
    let at = lines.iter().position(|line| line.strip_prefix("async ").unwrap_or(line).starts_with(&function));
    let Some(at) = at else { return false };
    // What stands above it: its attributes and what is said of it.
    let above = || lines[..at].iter().rev().take_while(|line| line.starts_with('#') || line.starts_with("//"));
    let is_run = above().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"));
    is_run && !above().any(|line| line.starts_with("#[ignore"))
}

#[test]
fn the_tests_that_it_names_exist() {
    let document = document();
    for (note, tests) in notes(&document) {
        assert!(!tests.is_empty(), "the note `{note}` names no test");
        for [file, test] in tests {
            let place =
                PLACES.iter().find_map(|(begins, place)| Some(format!("{place}{}.rs", file.strip_prefix(begins)?)));
            let place = place.unwrap_or_else(|| panic!("the note `{note}`: nobody knows where `{file}` is"));
            let text = fs::read_to_string(workspace_root().join(&place));
            let text = text.unwrap_or_else(|error| panic!("the note `{note}`: `{place}`: {error}"));
            assert!(is_test(&text, test), "the note `{note}`: there is no test `{test}` in `{place}`");
        }
    }
}
