//! Export and import: an installation goes over from one store to another, and nobody who asks it notices.

mod refused;

use std::fs;
use std::path::Path;
use std::process::Command;

use harness::process::product;
use harness::{Host, Question, Ran, Request, Setup, Stopped, is_left_to_tests_run};
use serde_json::{Value, json};

/// `export` of a setup's store, not yet run.
pub(super) fn export(setup: &Setup, to: &Path) -> Command {
    of("export", "--to", to, setup)
}

/// `import` into a setup's store, not yet run.
pub(super) fn import(setup: &Setup, from: &Path) -> Command {
    of("import", "--from", from, setup)
}

fn of(name: &str, flag: &str, file: &Path, setup: &Setup) -> Command {
    let mut command = product();
    command.args([name, "--output", "json", flag]).arg(file).arg("--data-dir").arg(setup.data_dir());
    if let Some(url) = setup.redis_url() {
        command.args(["--redis", &url]);
    }
    command
}

/// What an installation is asked before it moves and after.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Questions, and what is decided about them.
    pub(super) decisions: Vec<(Question, Value)>,
    /// Tokens, and what is said about them.
    pub(super) tokens: Vec<(String, Value)>,
    /// Paths that list or show something, and what they answer.
    pub(super) lists: Vec<(String, Value)>,
}

/// What stays of a decision: all but its own id, and what is left of the quota.
pub(super) fn decided(host: &Host, question: &Question) -> Value {
    let mut answer = host.decide(question).0;
    let fields = answer.as_object_mut().unwrap();
    fields.remove("decision_id");
    if let Some(quota) = fields.get_mut("quota") {
        *quota = quota["limit"].take();
    }
    answer
}

pub(super) fn introspected(host: &Host, token: &str) -> Value {
    let request = Request::new("POST", "/oauth/introspect");
    let request = request.body("application/x-www-form-urlencoded", format!("token={token}"));
    let said = host.gateway().send(&request).check_json(200);
    // Where the host listens is in it; that changes.
    serde_json::from_str(&said.to_string().replace(&host.url(), "https://access.example")).unwrap()
}

/// An emptied data folder, with the root key in it, as after a fresh installation of the machine.
fn emptied(setup: &Setup) {
    let lost = setup.folder().join("lost");
    let _ = fs::remove_dir_all(&lost);
    fs::rename(setup.data_dir(), &lost).unwrap();
    fs::create_dir(setup.data_dir()).unwrap();
    fs::copy(lost.join("root.key"), setup.data_dir().join("root.key")).unwrap();
}

impl Seen {
    /// Asks it all.
    pub(super) fn by(host: &Host, questions: Vec<Question>, tokens: &[String]) -> Self {
        let decisions = questions.into_iter().map(|question| {
            let decision = decided(host, &question);
            (question, decision)
        });
        let decisions = decisions.collect();
        let tokens = tokens.iter().map(|token| (token.clone(), introspected(host, token))).collect();
        Self { decisions, tokens, lists: lists(host) }
    }

    /// Asks it all again.
    fn check_same(&self, host: &Host) {
        for (question, expected) in &self.decisions {
            assert_eq!(decided(host, question), *expected, "{}", question.body());
        }
        for (token, expected) in &self.tokens {
            assert_eq!(introspected(host, token), *expected);
        }
        for ((path, expected), (_, found)) in self.lists.iter().zip(lists(host)) {
            assert_eq!(found, *expected, "{path}");
        }
    }
}

pub(super) fn lists(host: &Host) -> Vec<(String, Value)> {
    let organization = |then: &str| format!("/v1/organizations/{}{then}", host.identity().organization);
    let mut paths: Vec<String> =
        ["/keys?limit=100", "/policies", "/network", "/webhooks", "/settings"].map(|then| host.workspace(then)).into();
    paths.extend(["", "/workspaces", "/clients", "/members", "/invitations", "/roles", "/settings"].map(organization));
    paths.push("/v1/gateways".to_owned());
    let listed = |path: String| {
        let mut answer = host.operator().get(&path).check_json(200);
        forget_use(&mut answer);
        (path, answer)
    };
    paths.into_iter().map(listed).collect()
}

/// What is noticed of use, a moment later than the use itself.
fn forget_use(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !name.starts_with("last_") && name != "inactive_since");
            fields.values_mut().for_each(forget_use);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_use),
        _ => {}
    }
}

/// Keys in every state that there is, tokens, a gateway, a webhook, members, a policy of the workspace's own, and questions about
/// all that can be asked about.
pub(super) fn furnished(host: &Host) -> (Vec<Question>, Vec<String>) {
    let scopes = ["jobs:read", "jobs:write"];
    let issue = |kind: &str, further: Value| host.issue_with(kind, &scopes, &further);
    let [active, disabled, revoked, replaced, overlapping] =
        ["production", "production", "production", "production", "production"].map(|kind| issue(kind, json!({})));
    let staging = issue("staging", json!({}));
    let ended = issue("production", json!({ "expires_at": host.hours_from_now(1) }));
    host.change(&disabled, "disable");
    host.change(&revoked, "revoke");
    host.advance(2 * 3_600);
    let not_yet = issue("production", json!({ "not_before": host.hours_from_now(12) }));
    let listed = issue("production", json!({ "ip_allow": ["203.0.113.0/24"] }));
    let (successor, second) = (host.rotate(&replaced, 0), host.rotate(&overlapping, 86_400));
    let token = host.token(&["jobs:read"]);
    let over = host.token(&["jobs:read"]);
    let client = &host.identity().client;
    let form = format!("token={over}&client_id={}&client_secret={}", client.client_id, client.client_secret);
    let revoke = Request::new("POST", "/oauth/revoke").body("application/x-www-form-urlencoded", form);
    assert_eq!(host.client(None).send(&revoke).status, 200);
    let webhook = json!({ "url": "https://hooks.example.com/cronflow", "events": ["key.leaked"] });
    host.operator().post(&host.workspace("/webhooks"), &webhook).check_json(201);
    let invitation = json!({ "email": "grace@example.com", "roles": ["viewer"] });
    let invitations = format!("/v1/organizations/{}/invitations", host.identity().organization);
    host.operator().post(&invitations, &invitation).check_json(201);
    let policy = json!({
        "engine": "cel",
        "source": "action.name == \"jobs.delete\" ? forbid(\"deleting_is_off\", \"not here\") : no_match()",
    });
    host.operator().put(&host.workspace("/policies/no-deleting?publish=true"), &policy).check_json(200);
    host.wait_until_all_know();

    let reads = |secret: &str| Question::reads_jobs(secret);
    let writes = |secret: &str, environment: &str| Question::of(secret).to("POST /v1/jobs").within(environment);
    let mut questions: Vec<Question> =
        [&active, &staging, &disabled, &revoked, &replaced, &overlapping, &successor, &second, &ended, &not_yet]
            .map(|key| reads(&key.secret))
            .into();
    questions.extend([
        reads(&listed.secret).from("203.0.113.9"),
        reads(&listed.secret).from("198.51.100.9"),
        writes(&active.secret, "production"),
        writes(&staging.secret, "production"),
        Question::of(&active.secret).to("DELETE /v1/jobs/42").within("production"),
        reads(&host.demo_key("read_only").secret),
        reads(&token),
        reads(&over),
        reads("cf_prod_nobody"),
    ]);
    (questions, vec![token, over])
}

#[test]
fn an_installation_goes_over_to_redis_and_back() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_embedded().start();
    let (questions, tokens) = furnished(&host);
    let seen = Seen::by(&host, questions, &tokens);
    let identity = host.identity().clone();
    let trail = host.operator().get(&host.workspace("/audit?limit=200")).check_json(200);
    let Stopped { setup: old, .. } = host.terminate();

    let file = old.folder().join("access.jsonl");
    let told = Ran::of(&mut export(&old, &file));
    let told = told.check(0, &["is not in the export; take it along"]).check_json(0);
    assert_eq!((&told["shards"], &told["dev"]), (&json!(16), &json!(true)));
    assert_eq!(crate::beginnings::mode(&file), 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("{\"cronflow_access_export\":1,") && text.lines().last().unwrap().contains("\"seal\""));
    let root_key = fs::read_to_string(old.data_dir().join("root.key")).unwrap();
    assert!(!text.contains(root_key.trim()), "the root key is not in it");

    // The data folder has the root key still, and the store besides, which nobody asks any more.
    let new = old.on_redis();
    let imported = Ran::of(&mut import(&new, &file)).check(0, &["this is the store as it was at "]).check_json(0);
    assert_eq!(imported["as_of"], told["created_at"]);
    for name in ["records", "members", "log_entries", "counters"] {
        assert_eq!(imported[name], told[name], "{name}");
    }
    let host = new.start();
    assert_eq!(host.identity().keys, identity.keys, "the demo is the same");
    seen.check_same(&host);
    let moved = host.operator().get(&host.workspace("/audit?limit=200")).check_json(200);
    let records = |trail: &Value| trail["items"].as_array().unwrap().clone();
    let (old_records, new_records) = (records(&trail), records(&moved));
    assert!(old_records.iter().all(|record| new_records.contains(record)), "nothing is missing in its trail");
    check_trail(&host);
    let ran = Ran::of(
        product()
            .args(["doctor", "--only", "store,root_key,audit", "--dev", "--url", &host.url(), "--data-dir"])
            .arg(host.setup().data_dir())
            .args(["--redis", &host.setup().redis_url().unwrap()]),
    );
    ran.check(0, &["whole and unchanged, sealed by this installation's keys"]);
    // It goes on: what is changed is changed.
    let key = host.issue("production", &["jobs:read"]);
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
    host.change(&key, "revoke");
    let Stopped { setup: new, .. } = host.terminate();

    let back = new.folder().join("back.jsonl");
    Ran::of(&mut export(&new, &back)).check(0, &[]);
    let again = new.on_embedded();
    emptied(&again);
    Ran::of(&mut import(&again, &back)).check(0, &[]);
    let host = again.start();
    host.decide(&Question::reads_jobs(&key.secret)).check_unauthenticated();
    check_trail(&host);
}

/// The trail is exported by the host, and checked without it.
#[track_caller]
fn check_trail(host: &Host) {
    let exported = host.operator().get(&host.workspace("/audit/export"));
    assert_eq!(exported.status, 200, "{}", exported.body);
    let file = host.setup().folder().join("trail.ndjson");
    fs::write(&file, &exported.body).unwrap();
    let keys = host.client(None).get("/.well-known/cronflow-access-audit-keys").check_json(200);
    let key = keys["keys"][0].as_str().unwrap();
    Ran::of(product().args(["audit", "verify", "--key", key]).arg(&file)).check(0, &["verified"]);
}

/// Whoever has seen it before the move can change it after, if nobody else has.
#[test]
fn what_is_shown_keeps_its_version() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::real().on_embedded().initialized().start();
    let key = host.issue("production", &["jobs:read"]);
    let tag = |host: &Host| host.operator().get(&host.key(&key, "")).header("etag").expect("a version").to_owned();
    let disable = |host: &Host, tag: &str| {
        let request = Request::new("POST", &host.key(&key, "/disable")).header("If-Match", tag);
        host.operator().send(&request.json(&json!({})))
    };
    let before = tag(&host);
    let Stopped { setup: old, .. } = host.terminate();
    let file = old.folder().join("access.jsonl");
    Ran::of(&mut export(&old, &file)).check(0, &[]);
    let new = old.on_redis();
    Ran::of(&mut import(&new, &file)).check(0, &[]);
    let host = new.start();
    assert_eq!(tag(&host), before);
    disable(&host, &before).check_json(200);
    assert_eq!(disable(&host, &before).status, 412);
}

/// A host goes on while the embedded store is exported, and what was acknowledged before is in it.
#[test]
fn an_export_is_taken_while_a_host_serves() {
    let host = Setup::real().on_embedded().initialized().start();
    let before = Question::reads_jobs(&host.issue("production", &["jobs:read"]).secret);
    let file = host.setup().folder().join("access.jsonl");
    Ran::of(&mut export(host.setup(), &file)).check(0, &[]);
    let after = Question::reads_jobs(&host.issue("production", &["jobs:read"]).secret);
    // Replacing it takes a word more.
    Ran::of(&mut export(host.setup(), &file)).check(1, &["error: ", "exists already", "--force"]);
    host.decide(&before).check_allow();
    host.decide(&after).check_allow();
    let Stopped { setup, .. } = host.terminate();
    emptied(&setup);
    Ran::of(&mut import(&setup, &file)).check(0, &[]);
    let host = setup.start();
    host.decide(&before).check_allow();
    host.decide(&after).check_unauthenticated();
    Ran::of(export(host.setup(), &file).arg("--force")).check(0, &[]);
}
