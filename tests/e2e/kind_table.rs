//! Every cell of the kind table (`tests/data/kind_table.md`), over HTTP, with its reason codes.

pub(crate) mod table;

use std::collections::{BTreeMap, BTreeSet};

use harness::{Answer, Host, Question};
use serde_json::json;

use self::table::{Action, KINDS, Kind, catalog, read_catalog, read_table};

/// In no list that these tests set.
const OUTSIDE: &str = "198.51.100.7";

#[test]
fn the_catalog_says_what_the_table_says() {
    let (table, catalog) = (read_table(), read_catalog());
    for action in &table {
        let found = catalog.iter().find(|found| found.name == action.name);
        assert_eq!(found, Some(action), "left: the catalog, right: the table");
    }
    for action in &catalog {
        assert!(table.iter().any(|stated| stated.name == action.name), "the table has no `{}`", action.name);
    }
}

#[test]
fn each_cell_is_decided_as_it_says() {
    check_each_cell(Host::dev());
}

/// Asks a host every cell of the table; gives the host back.
pub(crate) fn check_each_cell(host: Host) -> Host {
    let keys = Keys { host };
    for action in read_table() {
        for kind in KINDS {
            keys.check_cell(kind, &action, &keys.ask(kind, &action));
        }
    }
    keys.host
}

#[test]
fn head_follows_get() {
    let keys = Keys::of_dev_host();
    let readers: Vec<_> = read_table().into_iter().filter(|action| action.method == "GET").collect();
    assert!(readers.len() >= 10, "most of CronFlow can be read");
    for action in readers {
        for kind in KINDS {
            let asked = keys.question(kind).to(&format!("HEAD {}", action.sample_path()));
            keys.check_cell(kind, &action, &keys.host.decide(&asked));
        }
    }
}

#[test]
fn an_action_by_name_is_decided_as_its_route() {
    let keys = Keys::of_dev_host();
    let table = read_table();
    for action in &table {
        for kind in KINDS {
            let by_name = keys.question(kind).action(&action.name);
            keys.check_cell(kind, action, &keys.host.decide(&by_name));
            let by_both = keys.question(kind).action(&action.name).to(&action.route());
            keys.check_cell(kind, action, &keys.host.decide(&by_both));
        }
        for other in table.iter().filter(|other| other.name != action.name).take(3) {
            let contradiction = keys.question("production").action(&other.name).to(&action.route());
            keys.host.decide(&contradiction).check_deny(&["unknown_action"]);
        }
    }
}

#[test]
fn staging_keys_are_denied_in_production_and_all_keys_without_an_environment() {
    let keys = Keys::of_dev_host();
    for (kind, action) in keys.allowed() {
        let nowhere = Question::of(&keys.secret(kind)).to(&action.route());
        keys.host.decide(&nowhere).check_deny(&["environment_missing"]);
        if kind == "staging" {
            keys.host.decide(&nowhere.clone().within("production")).check_deny(&["environment_not_allowed"]);
            keys.host.decide(&nowhere.clone().within("preview-17")).check_allow();
        }
    }
}

#[test]
fn resources_of_another_workspace_are_denied() {
    let keys = Keys::of_dev_host();
    let own = keys.host.identity().workspace.clone();
    let of_nobody = format!("{}{}", &own[..own.len() - 4], if own.ends_with("0000") { "1111" } else { "0000" });
    for (kind, action) in keys.allowed() {
        let asked = keys.question(kind).to(&action.route());
        for other in ["other", &of_nobody, "unknown", "", "MAIN", "*", &own.to_uppercase()] {
            keys.host.decide(&asked.clone().in_workspace(other)).check_deny(&["wrong_workspace"]);
        }
        for same in [own.as_str(), "main"] {
            keys.host.decide(&asked.clone().in_workspace(same)).check_allow();
        }
    }
}

#[test]
fn addresses_outside_the_list_are_denied() {
    let keys = Keys::of_dev_host();
    keys.host.allow_from(&json!(["203.0.113.0/24", "2001:db8::/32"]));
    for (kind, action) in keys.allowed() {
        let asked = keys.question(kind).to(&action.route());
        keys.host.decide(&asked).check_deny(&["ip_not_allowed"]);
        for outside in [OUTSIDE, "203.0.114.1", "2001:db9::1", "::ffff:198.51.100.7"] {
            keys.host.decide(&asked.clone().from(outside)).check_deny(&["ip_not_allowed"]);
        }
        for inside in ["203.0.113.7", "2001:db8::7", "::ffff:203.0.113.7"] {
            keys.host.decide(&asked.clone().from(inside)).check_allow();
        }
    }
    keys.host.allow_from(&json!(null));
    for (kind, action) in keys.allowed() {
        keys.host.decide(&keys.question(kind).to(&action.route()).from(OUTSIDE)).check_allow();
    }
}

#[test]
fn keys_without_the_scope_are_denied() {
    let keys = Keys::of_dev_host();
    let catalog = catalog();
    let mut issued: BTreeMap<(Kind, BTreeSet<String>), String> = BTreeMap::new();
    for (kind, action) in keys.allowed() {
        let all = table::strings(&catalog["kinds"][kind]["scopes"]);
        let others: BTreeSet<String> = all.difference(&action.scopes).cloned().collect();
        let secret = issued.entry((kind, others)).or_insert_with_key(|(kind, scopes)| {
            let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
            keys.host.issue(kind, &scopes).secret
        });
        let asked = Question::of(secret).within(environment_of(kind)).to(&action.route());
        keys.host.decide(&asked).check_deny(&["missing_scope"]);
        // One of several is enough.
        for scope in action.scopes.intersection(&all) {
            let key = issued
                .entry((kind, BTreeSet::from([scope.clone()])))
                .or_insert_with(|| keys.host.issue(kind, &[scope]).secret);
            keys.host.decide(&Question::of(key).within(environment_of(kind)).to(&action.route())).check_allow();
        }
    }
}

#[test]
fn unknown_routes_wrong_methods_and_unsafe_paths_are_denied() {
    let keys = Keys::of_dev_host();
    let unknown = ["/", "/v1", "/v1/unknown", "/v2/jobs", "/v1/jobs/1/unknown", "/V1/jobs", "/v1/Jobs", "/v1/jobs/1/"];
    let contested = [
        "/v1//jobs",
        "/v1/jobs/../queues",
        "/v1/./jobs",
        "/v1/%2e%2e/jobs",
        "/v1%2fjobs",
        "/v1/jobs%00",
        "/v1/jobs;a=b",
        "/v1\\jobs",
        "/v1/jobs/%zz",
        "v1/jobs",
        "http://localhost/v1/jobs",
        "",
    ];
    let questions = unknown.into_iter().chain(contested).map(|path| format!("GET {path}"));
    let methods =
        ["PUT /v1/jobs", "DELETE /v1/jobs", "HEAD /v1/jobs/1/cancel", "OPTIONS /v1/jobs", "get /v1/jobs", " /v1/jobs"];
    for route in questions.chain(methods.map(str::to_owned)) {
        for kind in KINDS {
            keys.host.decide(&keys.question(kind).to(&route)).check_deny(&["unknown_action"]);
        }
    }
    for name in ["jobs", "jobs.unknown", "JOBS.LIST", "", "*", "keys.issue", "decisions.ask", "dev.clock"] {
        keys.host.decide(&keys.question("production").action(name)).check_deny(&["unknown_action"]);
    }
}

/// A dev host, with the demo's key of each kind.
struct Keys {
    host: Host,
}

impl Keys {
    fn of_dev_host() -> Self {
        Self { host: Host::dev() }
    }

    fn secret(&self, kind: Kind) -> String {
        self.host.demo_key(kind).secret
    }

    /// A question that states nothing but the key and its environment.
    fn question(&self, kind: Kind) -> Question {
        Question::of(&self.secret(kind)).within(environment_of(kind))
    }

    fn ask(&self, kind: Kind, action: &Action) -> Answer {
        self.host.decide(&self.question(kind).to(&action.route()))
    }

    /// Every action that a kind is allowed.
    fn allowed(&self) -> impl Iterator<Item = (Kind, Action)> {
        let table = read_table();
        KINDS.into_iter().flat_map(move |kind| {
            let allowed = table.iter().filter(|action| action.kinds.contains(kind)).cloned();
            allowed.map(|action| (kind, action)).collect::<Vec<_>>()
        })
    }

    /// Checks that an answer says what the table says, and nothing else.
    #[track_caller]
    fn check_cell(&self, kind: Kind, action: &Action, answer: &Answer) {
        let mut codes = Vec::new();
        if !action.kinds.contains(kind) {
            codes.push("kind_not_allowed");
        }
        // The demo's keys hold every scope of their kind.
        let held = table::strings(&catalog()["kinds"][kind]["scopes"]);
        if held.is_disjoint(&action.scopes) {
            codes.push("missing_scope");
        }
        match codes.as_slice() {
            [] => answer.check_allow(),
            codes => answer.check_deny(codes),
        };
    }
}

/// Where a kind is tried: in production wherever that is not closed to it.
fn environment_of(kind: Kind) -> &'static str {
    if kind == "staging" { "staging" } else { "production" }
}
