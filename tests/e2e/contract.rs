//! The host keeps what its own `/openapi.json` promises: thousands of requests, drawn from the document and then spoiled, by
//! everybody who may come along, find no 5xx, no status that is not declared, and no body that is not what is declared. An
//! endpoint that is added is tested by being in the document.
//!
//! Reading order: [`spec`] (the document), [`draw`] (valid values from schemas), [`spoil`] (what is done to them), [`world`]
//! (who asks, and what there is to ask about), [`schema`] (whether a value is what a schema says).
//!
//! `CONTRACT_SEED=n cargo test -p e2e --test e2e contract` draws others.

mod draw;
mod schema;
mod spec;
mod spoil;
mod world;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use draw::Draw;
use harness::{Response, in_parallel};
use serde_json::{Value, json};
use spec::{Operation, Spec};
use world::{Actor, Sent, World};

/// Valid requests of an operation, by each actor.
const VALID: usize = 6;
/// Hosts at a time.
const HOSTS: usize = 4;

#[expect(clippy::disallowed_methods, reason = "which requests to draw is asked of the tester's environment")]
fn seed() -> u64 {
    std::env::var("CONTRACT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_260_131)
}

#[test]
fn the_host_answers_what_its_document_says() {
    let seed = seed();
    let spec = Spec::served();
    let next = AtomicUsize::new(0);
    // A host for each operation, so that what one does to it (its clock, its owner suspended) is no other's concern.
    let runs = in_parallel(HOSTS, |_| {
        let mut runs = Vec::new();
        while let Some(operation) = spec.operations.get(next.fetch_add(1, Ordering::Relaxed)) {
            runs.push(Run::of(&spec, operation, seed));
        }
        runs
    });
    let runs: Vec<Run> = runs.into_iter().flatten().collect();
    let sent: usize = runs.iter().map(|run| run.sent).sum();
    println!("{sent} requests to {} operations, seed {seed}", runs.len());
    runs.iter().for_each(|run| println!("{:24} {:?}", run.operation.id(), run.statuses));
    let faults: Vec<String> = runs.into_iter().flat_map(|run| run.faults).collect();
    let shown = faults.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n\n");
    assert!(faults.is_empty(), "seed {seed}: {} faults in {sent} requests\n\n{shown}", faults.len());
    assert!(sent > 2_000, "{sent} requests are not many");
}

#[test]
fn the_examples_of_the_document_are_what_it_says() {
    let spec = Spec::served();
    let mut checked = 0;
    spec.each_example(&mut |at, schema, example| {
        checked += 1;
        schema::check(&spec.document, schema, example).unwrap_or_else(|fault| panic!("{at}: {fault} in {example}"));
    });
    assert!(checked > 30, "{checked} examples are not many");
}

/// What came of the requests to one operation.
struct Run<'s> {
    spec: &'s Spec,
    operation: &'s Operation,
    sent: usize,
    /// How often each status was answered.
    statuses: BTreeMap<u16, usize>,
    /// Who may ask it anything.
    may: Actor,
    /// Whether a valid request by who may was ever answered with success.
    succeeded: bool,
    faults: Vec<String>,
}

impl<'s> Run<'s> {
    fn of(spec: &'s Spec, operation: &'s Operation, seed: u64) -> Self {
        let may = match operation.secret_in(spec) {
            Some(_) => Actor::Gateway,
            None if operation.is_for_members() => Actor::Member,
            None => Actor::Operator,
        };
        let (statuses, faults) = (BTreeMap::new(), Vec::new());
        let mut run = Self { spec, operation, sent: 0, statuses, may, succeeded: false, faults };
        let mut draw = Draw::new(seed, operation.id());
        let world = World::new(spec);
        for round in 0..VALID {
            for actor in Actor::ALL {
                // Fresh things each time: the request before may have ended them.
                let ids = world.make_segments(operation, &mut draw);
                let mut valid = draw.valid(spec, operation, &world, &ids, round);
                if actor == may && round < 2 {
                    // As the document shows it, so that it is known to be meant well.
                    valid = draw.as_shown(spec, operation, &ids, valid);
                }
                run.send(&world, actor, &valid);
            }
        }
        for round in 0..3 {
            let ids = world.make_segments(operation, &mut draw);
            let valid = draw.valid(spec, operation, &world, &ids, round);
            for spoiled in spoil::all(spec, operation, &valid, &world, &mut draw) {
                run.send(&world, may, &spoiled);
                if draw.one_in(6) {
                    let other = *draw.one_of(&Actor::ALL);
                    run.send(&world, other, &spoiled);
                }
            }
        }
        let is_for_others =
            operation.takes_form_alone() || operation.takes_proof() || operation.is_refused_by_dev_hosts();
        if !run.succeeded && !is_for_others {
            run.faults.push(format!("{}: no valid request by who may was ever answered with success", operation.id()));
        }
        run
    }

    fn send(&mut self, world: &World<'_>, actor: Actor, request: &Sent) {
        let response = world.send(actor, request);
        self.sent += 1;
        *self.statuses.entry(response.status).or_default() += 1;
        self.succeeded |= actor == self.may && !request.spoiled() && response.status < 300;
        if let Err(fault) = self.judge(actor, request, &response) {
            let shown: String = response.body.chars().take(400).collect();
            self.faults.push(format!(
                "{}: {fault}\n  {actor:?} {request}\n  {} {shown}",
                self.operation.id(),
                response.status
            ));
        }
    }

    fn judge(&self, actor: Actor, request: &Sent, response: &Response) -> Result<(), String> {
        let status = response.status;
        if status >= 500 {
            return Err("a 5xx".into());
        }
        if request.leads_elsewhere {
            return if status < 500 { Ok(()) } else { Err("a 5xx".into()) };
        }
        let declared = self.operation.response(self.spec, status);
        let declared = declared.ok_or_else(|| format!("{status} is not declared"))?;
        if self.operation.needs_permit() && !request.is_of_another_method() {
            let expected: &[u16] = match actor {
                Actor::Nobody | Actor::Stranger => &[401],
                // What is not there is told to those who are somebody, until the operator has ended who owns them.
                Actor::Limited => &[401, 403, 404],
                _ => &[],
            };
            if !expected.is_empty() && !expected.contains(&status) {
                return Err(format!("{status} for somebody who may do nothing"));
            }
        }
        if request.is_of_another_method() && status != 405 {
            return Err(format!("{status} for a method that is not declared"));
        }
        if status < 300
            && let Err(why) = self.allows(request)
        {
            return Err(format!("the document does not allow it, and it succeeded: {why}"));
        }
        let header = match status {
            401 => "www-authenticate",
            405 => "allow",
            429 => "retry-after",
            _ => "content-type",
        };
        if status != 204 && response.header(header).is_none() {
            return Err(format!("no `{header}`"));
        }
        let tagged = declared["headers"]["ETag"].is_object();
        // What is told again is of a version that may be gone.
        if tagged && response.header("etag").is_none() && response.header("idempotency-replayed").is_none() {
            return Err("no `etag`".into());
        }
        self.judge_body(request, response, declared)
    }

    /// Whether body and query are what the document says.
    fn allows(&self, request: &Sent) -> Result<(), String> {
        if let (Some(schema), Some(json)) = (self.operation.body(), &request.json) {
            schema::check(&self.spec.document, schema, json)?;
        }
        for parameter in self.operation.parameters_in("query") {
            let given: Vec<_> = request.query.iter().filter(|(name, _)| parameter["name"] == *name).collect();
            let value = match given.as_slice() {
                [] => continue,
                [(_, text)] if parameter["schema"]["type"] == "integer" => {
                    json!(text.parse::<u64>().ok())
                }
                [(_, text)] if parameter["schema"]["type"] == "boolean" => json!(text.parse::<bool>().ok()),
                [(_, text)] => json!(text),
                _ => return Err(format!("{} stands more than once", parameter["name"])),
            };
            schema::check(&self.spec.document, &parameter["schema"], &value)?;
        }
        Ok(())
    }

    fn judge_body(&self, request: &Sent, response: &Response, declared: &Value) -> Result<(), String> {
        let Some(content) = declared["content"].as_object() else {
            return if response.body.is_empty() { Ok(()) } else { Err("a body that is not declared".into()) };
        };
        let given = response.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
        let media = content.get(given).ok_or_else(|| format!("content type `{given}` is not declared"))?;
        if request.method == "HEAD" {
            return if response.body.is_empty() { Ok(()) } else { Err("a body for HEAD".into()) };
        }
        let body = match given {
            "text/html" | "text/csv" | "application/x-ndjson" => Value::String(response.body.clone()),
            _ => serde_json::from_str(&response.body).map_err(|error| format!("the body is not JSON: {error}"))?,
        };
        if given == "application/problem+json" && body["status"] != response.status {
            return Err("the problem states another status".into());
        }
        schema::check(&self.spec.document, &media["schema"], &body)
    }
}
