use cronflow_policy_cases::{Facts, Value};
use serde_json::json;

use super::*;
use crate::cel::compile;
use crate::manifest::Manifest;
use crate::trace::Judgement;

const MANIFEST: &str = r#"
name = "t"
version = "1"
engine = "cel"
description = "d"
sees = ["customer"]
reasons = ["too_dear"]
[attributes.context]
cost = "int"
[settings]
most = { type = "int" }
"#;

const SOURCE: &str = r#"// Who may spend: ü
has(request.ip) && false
  ? permit()
  : (true ? principal.kind == "api_key" : false) // a `?` in brackets
    && !('x' in {'a': 1})
  ? (context.cost > settings.most
      ? forbid("too_dear", "costs " + string(context.cost) + (true ? "" : "?"))
      : no_match())
  : step_up(900)"#;

fn explain(source: &str, cost: Option<i64>) -> Trace {
    let program = compile(source, &Manifest::parse(MANIFEST).unwrap()).unwrap();
    let mut facts = Facts::sample();
    facts.context.extend(cost.map(|cost| ("cost".to_owned(), Value::Integer(cost))));
    let settings = Attributes::from([("most".to_owned(), Value::Integer(5))]);
    let values = Values::new(facts.as_ref());
    let trace = program.explain(source, &values, &settings);
    assert_eq!(trace.verdict, program.evaluate(&values, &settings).into(), "explaining changes nothing");
    trace
}

#[test]
fn a_trace_names_every_condition_on_the_way_with_its_source_and_values() {
    let trace = explain(SOURCE, Some(9));
    let shown = serde_json::to_value(&trace).unwrap();
    let texts: Vec<&str> = trace.steps.iter().map(|step| step.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "has(request.ip) && false",
            "(true ? principal.kind == \"api_key\" : false) // a `?` in brackets\n    && !('x' in {'a': 1})",
            "context.cost > settings.most",
            "forbid(\"too_dear\", \"costs \" + string(context.cost) + (true ? \"\" : \"?\"))",
        ]
    );
    assert_eq!(shown["steps"][0]["span"], json!({"start": {"line": 2, "column": 1}, "end": {"line": 2, "column": 25}}));
    assert_eq!(shown["steps"][0]["leaves"], json!([{"path": "has(request.ip)", "value": true}]));
    assert_eq!(shown["steps"][1]["leaves"], json!([{"path": "principal.kind", "value": "api_key"}]));
    assert_eq!(
        shown["steps"][2]["leaves"],
        json!([{"path": "context.cost", "value": 9}, {"path": "settings.most", "value": 5}])
    );
    let outcomes: Vec<Outcome> = trace.steps.iter().map(|step| step.outcome).collect();
    assert_eq!(outcomes, [Outcome::False, Outcome::True, Outcome::True, Outcome::Decided]);
    assert_eq!(shown["verdict"]["effect"], "forbid");
    assert_eq!(shown["verdict"]["reasons"][0]["message"], "costs 9");
}

#[test]
fn an_error_ends_the_trace_and_says_only_its_code() {
    let trace = explain(SOURCE, None);
    assert_eq!(trace.steps.len(), 3);
    let last = serde_json::to_value(trace.steps.last()).unwrap();
    assert_eq!(last["outcome"], json!({"error": "evaluation_error"}));
    assert_eq!(last["leaves"][0], json!({"path": "context.cost", "value": null}));
    assert_eq!(trace.verdict, Judgement::Error { error: "evaluation_error" });
}

#[test]
fn facts_read_are_named_by_path() {
    let program = compile(SOURCE, &Manifest::parse(MANIFEST).unwrap()).unwrap();
    assert_eq!(program.facts_read(), ["context.cost", "principal.kind", "request.ip"]);
}
