//! Reading the kind table and the catalog into the same shape.

use std::collections::BTreeSet;
use std::path::Path;

use harness::process::workspace_root;
use toml::{Table, Value};

/// The name of a kind.
pub(crate) type Kind = &'static str;

/// The kinds, in the order of the table's columns.
pub(crate) const KINDS: [Kind; 3] = ["production", "staging", "read_only"];

const COLUMNS: [&str; 6] =
    ["action", "method and path", "scope (any of)", "production", "staging, not production", "read_only"];

/// A customer action: how it is reached, and who may do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) kinds: BTreeSet<String>,
}

impl Action {
    /// The path, with something in place of its parameters.
    pub(crate) fn sample_path(&self) -> String {
        self.path.replace("{id}", "4711")
    }

    /// Method and path, with something in place of its parameters.
    pub(crate) fn route(&self) -> String {
        format!("{} {}", self.method, self.sample_path())
    }
}

/// The actions of the table.
pub(crate) fn read_table() -> Vec<Action> {
    let text = read("tests/data/kind_table.md");
    let tables = tables(&text);
    let [cells, routes] = tables.as_slice() else { panic!("the file holds two tables") };
    assert_eq!(cells[0], COLUMNS);
    assert_eq!(routes[0], ["action", "method", "path"]);
    let mut rest = &routes[1..];
    let mut actions = Vec::new();
    for row in &cells[1..] {
        let names = names(row[0], rest);
        let (own, after) = rest.split_at(names.len());
        rest = after;
        let listed: Vec<&str> = own.iter().map(|route| route[0]).collect();
        assert_eq!(listed, names, "both tables name the same actions, in the same order");
        for piece in row[1].split(", ") {
            assert!(own.iter().any(|route| abbreviates(piece, route)), "no route of {listed:?} is `{piece}`");
        }
        actions.extend(own.iter().map(|route| {
            Action {
                name: route[0].to_owned(),
                method: route[1].to_owned(),
                path: route[2].to_owned(),
                scopes: row[2].split(", ").map(str::to_owned).collect(),
                kinds: KINDS
                    .iter()
                    .zip(&row[3..])
                    .filter(|(_, cell)| allows(cell, route[0]))
                    .map(|(kind, _)| (*kind).into())
                    .collect(),
            }
        }));
    }
    assert!(rest.is_empty(), "no row of the kind table has {rest:?}");
    actions
}

/// The customer actions of the catalog.
pub(crate) fn read_catalog() -> Vec<Action> {
    let catalog = catalog();
    let actions = catalog["actions"].as_array().expect("the catalog lists actions");
    let of_customers = actions.iter().filter(|action| text(&action["category"]) == "customer");
    let read = |action: &Value| {
        let routes = strings(&action["routes"]);
        assert_eq!(routes.len(), 1, "the table gives each action one route, the catalog gives {routes:?}");
        let (method, path) = routes.first().and_then(|route| route.split_once(' ')).expect("a method and a path");
        let (keys, others): (BTreeSet<_>, BTreeSet<_>) =
            strings(&action["kinds"]).into_iter().partition(|kind| KINDS.contains(&kind.as_str()));
        // Tokens may do what they have the scope for, wherever a production key may.
        let tokens = BTreeSet::from(["access_token".to_owned()]);
        assert_eq!(others, if keys.contains("production") { tokens } else { BTreeSet::new() }, "{}", action["name"]);
        Action {
            name: text(&action["name"]).to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            scopes: strings(&action["scopes"]),
            kinds: keys,
        }
    };
    of_customers.map(read).collect()
}

/// The catalog as it is.
pub(crate) fn catalog() -> Table {
    catalog_text().parse().expect("the catalog is TOML")
}

/// Its text.
pub(crate) fn catalog_text() -> String {
    read("policies/catalog.toml")
}

/// A list of strings.
pub(crate) fn strings(list: &Value) -> BTreeSet<String> {
    list.as_array().expect("a list").iter().map(|item| text(item).to_owned()).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(workspace_root().join(Path::new(path))).expect("the file is there")
}

/// The tables of a Markdown text: rows of cells, the head first, without the rule below it.
fn tables(text: &str) -> Vec<Vec<Vec<&str>>> {
    let mut tables = Vec::new();
    let mut is_within = false;
    for line in text.lines() {
        let row = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |"));
        if let Some(row) = row {
            if !is_within {
                tables.push(Vec::new());
            }
            tables.last_mut().expect("just begun").push(row.split(" | ").collect());
        }
        is_within = row.is_some() || line.starts_with("|-");
    }
    tables
}

/// Spells out the first cell: `.get` goes on with the noun before it, and `a.list … delete` is all that the routes list from
/// the one to the other.
fn names(cell: &str, routes: &[Vec<&str>]) -> Vec<String> {
    if let Some((first, last)) = cell.split_once(" … ") {
        let noun = first.split('.').next().expect("a noun");
        let last = format!("{noun}.{last}");
        let end = routes.iter().position(|route| route[0] == last).expect("the routes list the last one");
        assert_eq!(routes[0][0], first);
        return routes[..=end].iter().map(|route| route[0].to_owned()).collect();
    }
    let mut noun = "";
    let spell = |name| match str::strip_prefix(name, '.') {
        Some(verb) => format!("{noun}.{verb}"),
        None => {
            noun = name.split('.').next().expect("a noun");
            name.to_owned()
        }
    };
    cell.split(", ").map(spell).collect()
}

/// Whether a piece of the second cell means this route. It leaves out what stands before it in the cell.
fn abbreviates(piece: &str, route: &[&str]) -> bool {
    piece.split(' ').all(|part| match part.strip_prefix('…') {
        Some(end) => route[2].ends_with(end),
        None => part == route[1] || part == route[2],
    })
}

/// What a cell of a kind says about an action: `allow`, `deny`, or either with the verb that it is about.
fn allows(cell: &str, name: &str) -> bool {
    let verb = name.split('.').next_back().expect("a verb");
    let said = cell.split(", ").find_map(|part| match part.split_once(' ') {
        None => Some(part),
        Some((said, about)) => (about == verb).then_some(said),
    });
    match said {
        Some("allow") => true,
        Some("deny") => false,
        other => panic!("`{name}` is neither allowed nor denied: {other:?} in `{cell}`"),
    }
}
