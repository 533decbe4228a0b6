//! The author's commands: a folder becomes a policy in force, and is taken back, by a key that may do nothing else.

mod author;
mod readme;
mod runaway;

use std::fs;
use std::path::{Path, PathBuf};

use harness::process::product;
use harness::{Answer, Host, Question, Ran};
use serde_json::{Value, json};

/// An author: a folder, and a key with the one scope.
struct Author<'h> {
    host: &'h Host,
    folder: PathBuf,
    key: String,
}

impl<'h> Author<'h> {
    fn of(host: &'h Host) -> Self {
        let folder = host.setup().folder().join("author");
        fs::create_dir(&folder).unwrap();
        Self { host, folder, key: host.issue("production", &["policies:write"]).secret }
    }

    /// Runs `policy` with these arguments, in the folder.
    fn policy(&self, args: &[&str]) -> Ran {
        self.policy_as(&self.key, args)
    }

    fn policy_as(&self, token: &str, args: &[&str]) -> Ran {
        let args: Vec<&str> = ["policy"].into_iter().chain(args.iter().copied()).collect();
        let ran = Ran::of(self.host.cli_as(token, &args).current_dir(&self.folder));
        self.host.wait_until_all_know();
        ran
    }

    /// The same, told to programs.
    #[track_caller]
    fn told(&self, args: &[&str]) -> Value {
        self.policy(&[args, &["--output", "json"]].concat()).check_json(0)
    }

    fn new_cel(&self, name: &str) -> PathBuf {
        let mut command = product();
        Ran::of(command.args(["policy", "new", "--cel", name]).current_dir(&self.folder)).check(0, &["written to"]);
        self.folder.join(name)
    }
}

fn change(file: &Path, change: impl FnOnce(String) -> String) {
    let before = fs::read_to_string(file).unwrap();
    let after = change(before.clone());
    assert_ne!(after, before, "{}", file.display());
    fs::write(file, after).unwrap();
}

/// The decision about the demo's production key creating a job.
#[track_caller]
fn create_job(host: &Host) -> Answer {
    host.decide_patiently(&Question::of(&host.demo_key("production").secret).to("POST /v1/jobs").within("production"))
}

#[test]
fn a_folder_goes_from_draft_to_denial_and_back() {
    let host = Host::dev();
    let author = Author::of(&host);
    let folder = author.new_cel("tickets");
    create_job(&host).check_allow();

    let pushed = author.policy(&["push", "tickets"]);
    pushed.check(
        0,
        &[
            "revision",
            "ok  cost: ",
            "7 run, all as expected",
            "revision 1 is a draft; `cronflow-access policy publish tickets`",
        ],
    );
    create_job(&host).check_allow();
    author.policy(&["publish", "tickets"]).check(0, &["published", "revision=1"]);
    let denied = create_job(&host);
    denied.check_deny(&["ticket_missing"]);
    assert_eq!(denied.0["reasons"][0]["policy"], "tickets");

    change(&folder.join("policy.cel"), |source| source.replace("ticket_missing", "no_ticket"));
    change(&folder.join("cases.toml"), |cases| cases.replace("ticket_missing", "no_ticket"));
    let told = author.told(&["push", "tickets", "--publish"]);
    assert_eq!((&told["revision"]["revision"], &told["published"]["revision"]), (&json!(2), &json!(2)), "{told}");
    create_job(&host).check_deny(&["no_ticket"]);
    let again = author.told(&["push", "tickets/"]);
    assert_eq!(again["revision"]["revision"], 2, "the same again is the same: {again}");
    let staging = author.told(&["push", "tickets", "--setting", "environment=staging", "--publish"]);
    assert_eq!(staging["revision"]["settings"]["environment"], "staging", "{staging}");
    create_job(&host).check_allow();

    let back = author.told(&["rollback", "tickets"]);
    assert_eq!(back["published"]["revision"], 2, "{back}");
    create_job(&host).check_deny(&["no_ticket"]);
    assert_eq!(author.told(&["publish", "tickets", "--revision", "1"])["published"]["revision"], 1);
    create_job(&host).check_deny(&["ticket_missing"]);
    author.policy(&["publish", "tickets", "--revision", "9"]).check(1, &["error: not_found (404 Not Found): "]);
    assert_eq!(author.told(&["delete", "tickets"]), json!({ "name": "tickets", "deleted": true }));
    create_job(&host).check_allow();
    author.policy(&["rollback", "tickets"]).check(1, &["error: not_found"]);
}

#[test]
fn what_is_refused_is_told_with_its_place() {
    let host = Host::dev();
    let author = Author::of(&host);
    let folder = author.new_cel("tickets");
    change(&folder.join("policy.cel"), |source| source.replace("context.ticket", "context.tickets"));
    let refused = author.policy(&["push", "tickets", "--publish"]);
    refused.check(
        1,
        &[
            "error: tickets/policy.cel:5:",
            "unknown field `context.tickets`; did you mean `ticket`?",
            "nothing was uploaded",
        ],
    );
    let told = author.policy(&["push", "tickets", "--output", "json"]).check_json(1);
    assert_eq!((&told["code"], &told["findings"][0]["line"]), (&json!("policy_refused"), &json!(5)), "{told}");

    change(&folder.join("policy.cel"), |source| source.replace("context.tickets", "context.ticket"));
    change(&folder.join("cases.toml"), |cases| cases.replacen("ticket_missing", "other", 1));
    let said =
        ["FAILED  tickets: a change without a ticket", "expected forbid (other)", "got      forbid (ticket_missing"];
    author.policy(&["push", "tickets"]).check(1, &said);
    // What is no folder of a policy is not even sent.
    change(&folder.join("manifest.toml"), |manifest| format!("grants = true\n{manifest}"));
    author.policy(&["push", "tickets"]).check(1, &["error: tickets/manifest.toml: an uploaded policy can't grant"]);
    author.policy(&["push", "elsewhere"]).check(1, &["the package has no `manifest.toml`"]);
    author.policy(&["publish", "../tickets"]).check(64, &["a policy's name has lower case letters"]);
    create_job(&host).check_allow();
}

#[test]
fn the_workspace_is_the_keys_own_unless_one_is_named() {
    let host = Host::dev();
    let author = Author::of(&host);
    author.new_cel("tickets");
    author.policy(&["push", "tickets"]).check(0, &[]);
    let workspace = host.identity().workspace.clone();
    author.policy(&["publish", "tickets", "--workspace", &workspace]).check(0, &["revision=1"]);
    let neighbour = host.create_workspace(&host.identity().organization, "neighbour");
    author
        .policy(&["push", "tickets", "--workspace", &neighbour])
        .check(1, &["error: wrong_workspace (403 Forbidden)"]);
    // An operator has none.
    let operator = host.identity().operator_token.clone();
    author.policy_as(&operator, &["list"]).check(1, &["not_found (404 Not Found): there is no workspace `own`"]);
    author.policy_as(&operator, &["list", "--workspace", &neighbour]).check(0, &["nothing here"]);
    let gateway = host.identity().gateway_token.clone();
    author.policy_as(&gateway, &["push", "tickets"]).check(1, &["error: kind_not_allowed"]);
    // To see is another scope than to change.
    author.policy(&["list"]).check(1, &["missing_scope", "policies:read"]);
    let reader = host.issue("production", &["policies:read"]).secret;
    author.policy_as(&reader, &["list"]).check(0, &["tickets"]);
    // The word stands for it wherever a path has the id of a workspace.
    let manager = host.client(Some(&host.demo_key("production").secret));
    let named = manager.get(&host.workspace("/network")).check_json(200);
    assert_eq!(manager.get("/v1/workspaces/own/network").check_json(200), named);
    let shown = manager.get("/v1/workspaces/own").check_json(200);
    assert_eq!(shown["id"], workspace.as_str(), "{shown}");
}
