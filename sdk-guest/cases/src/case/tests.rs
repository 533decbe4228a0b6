use super::*;
use crate::{CaseOutcome, Report, Said, Value, Verdict, VerdictReason};

fn refusal(source: &str) -> String {
    CaseFile::parse(source).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn facts_merge_from_the_sample_over_the_file_to_the_case() {
    let source = r#"
[facts]
context = { mfa = true, age = 5, ratio = 0.5, names = ["a"] }
[facts.request]
ip = "192.0.2.1"

[[case]]
name = "one"
facts = { context = { age = 6 }, request = { method = "POST" } }
expect = { effect = "permit" }

[[case]]
name = "two"
absent = ["context.mfa", "workspace", "request.ip"]
settings = { limit = 3 }
expect = { error = true }
"#;
    let file = CaseFile::parse(source).unwrap();
    // Each by itself is what it is in its file.
    assert_eq!(CaseFile::from_json(&CaseFile::to_json(source).unwrap()).unwrap(), file);
    let [one, two] = file.cases.as_slice() else { panic!() };
    assert_eq!(one.facts.context["age"], Value::Integer(6));
    assert_eq!(one.facts.context["ratio"], Value::Double(0.5));
    assert_eq!(one.facts.context["names"], Value::Texts(vec!["a".into()]));
    assert_eq!(one.facts.request.method.as_deref(), Some("POST"));
    assert_eq!(one.facts.request.ip.as_deref(), Some("192.0.2.1"));
    assert_eq!(one.facts.principal, Facts::sample().principal);
    assert_eq!(two.facts.workspace, None);
    assert_eq!(two.facts.request.ip, None);
    assert!(!two.facts.context.contains_key("mfa"));
    assert_eq!(two.settings["limit"], Value::Integer(3));
    assert_eq!(two.expect, Expectation::Error { error: true });
}

#[test]
fn unknown_keys_are_refused_with_their_position() {
    let expect = "expect = { effect = \"permit\" }\n";
    let refused = [
        ("[[cases]]\n", "1:3: "),
        ("[[case]]\nname = \"a\"\nfact = {}\n", "3:1: "),
        ("[[case]]\nname = \"a\"\nexpect = { effect = \"permit\", code = [] }\n", "3:31: "),
        ("[facts.request]\nenviroment = \"x\"\n", "2:1: unknown fact `enviroment`"),
        ("[[case]]\nname = \"a\"\nfacts = { principal = { scope = [] } }\n", "3:25: unknown fact `scope`"),
        ("[[case]]\nname = \"a\"\nfacts = { workspaces = {} }\n", "3:11: unknown fact `workspaces`"),
        ("[[case]]\nname = \"a\"\nfacts.resource.atributes.x = 1\n", "3:16: unknown fact `atributes`"),
    ];
    for (source, start) in refused {
        let source = if source.contains("expect") { source.to_owned() } else { format!("{source}{expect}") };
        let message = refusal(&source);
        assert!(message.starts_with(start), "{source}\n{message}");
    }
}

#[test]
fn cases_that_would_test_nothing_are_refused() {
    let refused = [
        ("name = \"a\"\nexpect = { effect = \"forbid\" }", "codes"),
        ("name = \"a\"\nexpect = { effect = \"permit\", codes = [\"x\"] }", "only `forbid`"),
        ("name = \"a\"\nexpect = { effect = \"permit\", error = true }", "write `effect"),
        ("name = \"a\"\nexpect = { error = false }", "write `effect"),
        ("name = \"a\"\nexpect = {}", "write `effect"),
        ("name = \" \"\nexpect = { effect = \"permit\" }", "needs a name"),
        ("name = \"a\"", "missing field `expect`"),
        ("name = \"a\"\nabsent = [\"gateway\"]\nexpect = { effect = \"permit\" }", "not there to be taken away"),
        ("name = \"a\"\nabsent = [\"action.name\"]\nexpect = { effect = \"permit\" }", "missing field `name`"),
        ("name = \"a\"\nfacts = { now = \"noon\" }\nexpect = { effect = \"permit\" }", "incomplete or wrong"),
        ("name = \"a\"\nfacts = { gateway = { id = \"g\" } }\nexpect = { effect = \"permit\" }", "organizations"),
        (
            "name = \"a\"\nexpect = { effect = \"permit\" }\n[[case]]\nname = \"a\"\nexpect = { effect = \"permit\" }",
            "already there",
        ),
    ];
    for (case, part) in refused {
        let message = refusal(&format!("[[case]]\n{case}\n"));
        assert!(message.contains(part), "{case}\n{message}");
    }
}

#[test]
fn a_report_tells_what_was_expected_and_what_was_said() {
    let source = "[[case]]\nname = \"a\"\nexpect = { effect = \"forbid\", codes = [\"x\", \"y\"] }\n";
    let case = CaseFile::parse(source).unwrap().cases.remove(0);
    let reasons = |codes: &[&str]| {
        let reason = |code: &&str| VerdictReason { code: (*code).into(), message: "because".into() };
        Said::from(Verdict {
            effect: Effect::Forbid,
            reasons: codes.iter().map(reason).collect(),
            obligations: Vec::new(),
        })
    };
    assert!(CaseOutcome::new(&case, reasons(&["x", "y"])).passed);
    assert!(!CaseOutcome::new(&case, reasons(&["y", "x"])).passed);
    assert!(!CaseOutcome::new(&case, reasons(&["x"])).passed);
    assert!(!CaseOutcome::new(&case, Verdict::permit().into()).passed);
    let error = Said::Error { error: "evaluation_error".into() };
    let report = Report::new("p", vec![CaseOutcome::new(&case, reasons(&["x"])), CaseOutcome::new(&case, error)]);
    assert!(!report.is_success());
    assert_eq!(
        report.to_string(),
        "FAILED  p: a\n        expected forbid (x, y)\n        got      forbid (x: because)\n\
         FAILED  p: a\n        expected forbid (x, y)\n        got      an error (evaluation_error)\n\
         p: 0 passed, 2 failed\n"
    );
    assert_eq!(report.to_json()["cases"][0]["got"]["effect"], "forbid");
    assert!(!Report::new("p", vec![]).is_success());
}
