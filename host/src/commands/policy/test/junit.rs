//! JUnit's XML: a suite for each policy and way of running it.

use std::fmt::Write as _;

use serde_json::Value;

use super::Run;

/// The document.
pub(super) fn document(runs: &[Run], differences: &[String]) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for run in runs {
        let suite = format!("{} ({})", run.policy(), run.place);
        let count = |field: &str| run.report.get(field).and_then(Value::as_u64).unwrap_or_default();
        open(&mut xml, &suite, count("passed") + count("failed"), count("failed"));
        for case in run.cases() {
            let told = |field: &str| case.get(field).map(|value| value.to_string()).unwrap_or_default();
            let failed = case.get("passed") != Some(&Value::Bool(true));
            let failure = failed.then(|| format!("expected {}, got {}", told("expected"), told("got")));
            testcase(
                &mut xml,
                &suite,
                case.get("name").and_then(Value::as_str).unwrap_or_default(),
                failure.as_deref(),
            );
        }
        xml.push_str("  </testsuite>\n");
    }
    if !differences.is_empty() {
        open(&mut xml, "parity", differences.len() as u64, differences.len() as u64);
        for (number, difference) in (1..).zip(differences) {
            testcase(&mut xml, "parity", &format!("difference {number}"), Some(difference));
        }
        xml.push_str("  </testsuite>\n");
    }
    xml + "</testsuites>"
}

fn open(xml: &mut String, name: &str, tests: u64, failures: u64) {
    let name = escaped(name);
    let _ = writeln!(xml, "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">");
}

fn testcase(xml: &mut String, suite: &str, name: &str, failure: Option<&str>) {
    let (suite, name) = (escaped(suite), escaped(name));
    let _ = match failure.map(escaped) {
        None => writeln!(xml, "    <testcase classname=\"{suite}\" name=\"{name}\"/>"),
        Some(failure) => writeln!(
            xml,
            "    <testcase classname=\"{suite}\" name=\"{name}\"><failure message=\"{failure}\"/></testcase>"
        ),
    };
}

/// Text as an attribute's value; what XML 1.0 can't hold at all, as `\u{…}`.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, letter| {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                escaped.extend(letter.escape_unicode());
            }
            letter => escaped.push(letter),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_suite_for_each_run_and_what_differs() {
        let cases = json!([
            { "name": "a <b> & \"c\"\u{1}", "passed": true, "expected": {}, "got": {} },
            { "name": "wrong", "passed": false, "expected": { "effect": "permit" }, "got": { "error": "trap" } },
        ]);
        let report = json!({ "policy": "p", "passed": 1, "failed": 1, "cases": cases });
        let run = Run { place: "sandbox", report, text: String::new() };
        assert_eq!(
            document(&[run], &["p: wrong: natively 1".to_owned()]),
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="p (sandbox)" tests="2" failures="1" errors="0">
    <testcase classname="p (sandbox)" name="a &lt;b&gt; &amp; &quot;c&quot;\u{1}"/>
    <testcase classname="p (sandbox)" name="wrong"><failure message="expected {&quot;effect&quot;:&quot;permit&quot;}, got {&quot;error&quot;:&quot;trap&quot;}"/></testcase>
  </testsuite>
  <testsuite name="parity" tests="1" failures="1" errors="0">
    <testcase classname="parity" name="difference 1"><failure message="p: wrong: natively 1"/></testcase>
  </testsuite>
</testsuites>"#
        );
    }
}
