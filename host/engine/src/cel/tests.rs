//! The profile by data: sources that the gate refuses, with what it says, and expressions with what they come to.

mod chains;
mod conformance;

use std::collections::BTreeMap;

use cronflow_policy_cases::{Attributes, Facts, Gateway, Value, Verdict};
use proptest::prelude::*;
use serde_json::Value as Json;

use super::schema::{Kind, ROWS};
use super::*;
use crate::module::Fault;

pub(super) fn manifest() -> Manifest {
    Manifest::parse(
        r#"
        name = "test"
        version = "1"
        engine = "cel"
        description = "d"
        sees = ["customer"]
        [attributes.context]
        mfa_age = "int"
        ratio = "double"
        "with-hyphen" = "bool"
        [attributes.resource]
        owner = "string"
        tags = "strings"
        [settings]
        limit = { type = "int", default = 3 }
        names = { type = "strings" }
        "#,
    )
    .unwrap()
}

pub(super) fn compiled(source: &str) -> Result<Program, String> {
    compile(source, &manifest()).map_err(|findings| {
        let show = |(at, kind): (Option<Position>, GateErrorKind)| match at {
            Some(Position { line, column }) => format!("{line}:{column}: {kind}"),
            None => kind.to_string(),
        };
        findings.into_iter().map(show).collect::<Vec<_>>().join("\n")
    })
}

/// What the gate says to a condition.
#[track_caller]
pub(super) fn refused(condition: &str, expected: &str) {
    let source = format!("{condition}\n? permit() : no_match()");
    match compiled(&source) {
        Ok(_) => panic!("`{}` passed the gate", source.chars().take(200).collect::<String>()),
        Err(message) => assert!(message.contains(expected), "{message}\nshould say: {expected}"),
    }
}

fn evaluate(source: &str, facts: &Facts, settings: &Attributes) -> Result<Verdict, Fault> {
    let program = compiled(source).unwrap_or_else(|message| panic!("{source}\n{message}"));
    program.evaluate(&Values::new(facts.as_ref()), settings)
}

/// What the evaluator makes of a condition without the shortcuts of `condition.rs`.
fn evaluator_alone(condition: &str, facts: &Facts, settings: &Attributes) -> Result<Verdict, Fault> {
    let mut lowering = lower::Lowering::new(&manifest());
    let condition = lowering.expression(parse::parse(condition).unwrap());
    let (declared, patterns) = lowering.finish().unwrap();
    let program = Program { rule: program::Rule::plain(condition), declared, patterns, steps: 0 };
    program.evaluate(&Values::new(facts.as_ref()), settings)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    /// Optimised paths equal the slow one.
    #[test]
    fn shortcuts_come_to_what_the_evaluator_does(
        condition in joined(),
        gateway in any::<bool>(),
        stated in any::<bool>(),
    ) {
        let mut facts = Facts::sample();
        facts.gateway = gateway.then(|| Gateway { id: "gw".into(), organizations: vec!["*".into()], environments: vec![] });
        if stated {
            facts.principal.ip_allow = Some(vec!["jobs:read".into()]);
            facts.context.insert("with-hyphen".into(), Value::Boolean(true));
        } else {
            facts.request.environment = None;
        }
        facts.workspace = facts.workspace.filter(|_| stated == gateway);
        let settings = Attributes::new();
        let verdict = evaluate(&format!("{condition} ? permit() : no_match()"), &facts, &settings);
        prop_assert_eq!(evaluator_alone(&condition, &facts, &settings), verdict, "{}", condition);
    }
}

/// Conditions of every shape that has a shortcut, erring ones among them, joined at random.
fn joined() -> impl Strategy<Value = String> {
    let atoms = [
        "true",
        "false",
        "has(facts.gateway)",
        "has(workspace.egress_allow)",
        "has(request.environment)",
        "has(principal.ip_allow)",
        "has(context.mfa_age)",
        "context['with-hyphen']",
        "principal.kind == 'api_key'",
        "'api_key' != principal.kind",
        "request.environment == 'production'",
        "gateway.id == 'gw'",
        "now == now",
        "principal.scopes == action.scopes",
        "principal.scopes == principal.methods",
        "'jobs:read' in principal.scopes",
        "request.environment in gateway.environments",
        "'*' in gateway.organizations",
        "'x' in principal.ip_allow",
        "sets.intersects(principal.scopes, action.scopes)",
        "sets.intersects(principal.ip_allow, action.scopes)",
        "sets.intersects(gateway.organizations, principal.methods)",
        "size(principal.scopes) == 1",
        "1 / 0 == 1",
    ];
    let atom = proptest::sample::select(atoms.to_vec()).prop_map(str::to_owned);
    atom.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
        ]
    })
}

/// What a condition comes to on the sample: true, false or an error.
#[track_caller]
pub(super) fn comes_to(facts: &Facts, condition: &str, expected: Option<bool>) {
    let settings = Attributes::from([("limit".to_owned(), Value::Integer(3))]);
    let verdict = evaluate(&format!("{condition}\n? permit() : no_match()"), facts, &settings);
    assert_eq!(evaluator_alone(condition, facts, &settings), verdict, "{condition}");
    let truth = match verdict {
        Ok(verdict) if verdict == Verdict::permit() => Some(true),
        Ok(verdict) if verdict == Verdict::no_match() => Some(false),
        Err(Fault::Evaluation) => None,
        other => panic!("{condition}: {other:?}"),
    };
    assert_eq!(truth, expected, "{condition}");
}

#[test]
fn expressions_come_to_what_cel_says() {
    let mut facts = Facts::sample();
    facts.principal.scopes = vec!["jobs:read".into(), "workers:manage".into()];
    facts.principal.ip_allow = Some(vec!["203.0.113.0/24".into(), "2001:db8::/32".into()]);
    facts.context = BTreeMap::from([
        ("mfa_age".to_owned(), Value::Integer(60)),
        ("ratio".to_owned(), Value::Integer(2)),
        ("with-hyphen".to_owned(), Value::Boolean(true)),
        ("undeclared".to_owned(), Value::Boolean(true)),
    ]);
    facts.resource.attributes.insert("tags".into(), Value::Texts(vec!["a".into(), "b".into()]));
    facts.resource.attributes.insert("owner".into(), Value::Integer(7));
    let facts = &facts;
    let table = [
        ("true", Some(true)),
        ("!false && !(1 > 2)", Some(true)),
        ("principal.kind == 'api_key' && facts.principal.kind == \"api_key\"", Some(true)),
        ("'jobs:read' in principal.scopes", Some(true)),
        ("'jobs' in principal.scopes", Some(false)),
        ("principal.scopes[1] == 'workers:manage'", Some(true)),
        ("principal.scopes[2] == 'x'", None),
        ("principal.scopes[-1] == 'x'", None),
        ("size(principal.scopes) == 2 && principal.scopes.size() == 2", Some(true)),
        ("principal.scopes == ['jobs:read', 'workers:manage']", Some(true)),
        ("['jobs:read', 'workers:manage'] == principal.scopes", Some(true)),
        ("[principal.scopes] == [['jobs:read', 'workers:manage']]", Some(true)),
        ("principal.scopes + ['x'] == ['jobs:read', 'workers:manage', 'x']", Some(true)),
        ("['x'] + principal.scopes == ['x', 'jobs:read', 'workers:manage']", Some(true)),
        ("principal.scopes != principal.methods", Some(true)),
        ("(true ? principal.scopes : []) == principal.scopes", Some(true)),
        ("principal.scopes.exists(s, s.startsWith('workers:'))", Some(true)),
        ("principal.scopes.all(s, s.endsWith(':read'))", Some(false)),
        ("principal.scopes.exists_one(s, s.contains('jobs'))", Some(true)),
        ("principal.scopes.filter(s, s != 'jobs:read') == ['workers:manage']", Some(true)),
        ("principal.scopes.map(s, s + '!') == ['jobs:read!', 'workers:manage!']", Some(true)),
        ("principal.scopes.filter(s, true).exists(s, s == 'jobs:read')", Some(true)),
        ("principal.scopes.exists(s, action.scopes.exists(a, a == s))", Some(true)),
        ("principal.scopes.join('-') == 'jobs:read-workers:manage'", Some(true)),
        ("sets.intersects(action.scopes, principal.scopes)", Some(true)),
        ("sets.intersects(['x'], principal.scopes) || sets.intersects([], [])", Some(false)),
        ("sets.contains(principal.scopes, action.scopes)", Some(true)),
        ("sets.equivalent(principal.scopes, ['workers:manage', 'jobs:read', 'jobs:read'])", Some(true)),
        // absent is absent
        ("has(request.environment) && !has(principal.expires_at)", Some(true)),
        ("principal.expires_at > 0", None),
        ("has(facts.gateway)", Some(false)),
        ("has(facts.workspace) && !has(workspace.ip_allow)", Some(true)),
        ("gateway.id == ''", None),
        ("'*' in gateway.organizations", None),
        // CEL's rule: what decides absorbs an error beside it
        ("principal.expires_at > 0 || true", Some(true)),
        ("true || principal.expires_at > 0", Some(true)),
        ("principal.expires_at > 0 && false", Some(false)),
        ("principal.expires_at > 0 || false", None),
        ("principal.expires_at > 0 && true", None),
        ("!(principal.expires_at > 0)", None),
        ("(principal.expires_at > 0 ? true : true)", None),
        ("now > principal.created_at", Some(true)),
        ("now == 1767225600000", Some(true)),
        ("now + 9223372036854775807 > 0", None),
        ("-(-9223372036854775807 - 1) > 0", None),
        ("1 / 0 > 0", None),
        ("1 % 0 > 0", None),
        ("0.0 / 0.0 == 0.0 / 0.0", Some(false)),
        ("int('x') > 0", None),
        ("int('9') == 9 && string(9) == '9' && double('0.5') == 0.5", Some(true)),
        ("int(1e300) > 0", None),
        ("size('日本') == 2", Some(true)),
        ("{'a': 1, 'b': 2}['b'] == 2 && 'a' in {'a': 1}", Some(true)),
        ("{'a': 1}[principal.kind] == 1", None),
        // declared attributes
        ("context.mfa_age < 300", Some(true)),
        ("context['mfa_age'] < 300 && facts.context['mfa_age'] == 60", Some(true)),
        ("context.ratio > 1.5", Some(true)),
        ("context['with-hyphen']", Some(true)),
        ("has(context.mfa_age) && 'mfa_age' in context", Some(true)),
        ("!('owner' in resource.attributes)", Some(false)),
        ("has(resource.attributes.owner)", Some(true)),
        ("resource.attributes.owner == 'me'", None),
        ("resource.attributes.tags.exists(t, t == 'b')", Some(true)),
        ("settings.limit == 3 && !has(settings.names)", Some(true)),
        ("settings.names.exists(n, n == 'x')", None),
        // addresses
        ("ip('x' + request.ip) == ip(request.ip)", None),
        ("cidr(principal.kind).containsIP(request.ip)", None),
        ("ip(request.ip) == ip('::ffff:203.0.113.7')", Some(true)),
        ("cidr('203.0.113.0/24').containsIP(request.ip)", Some(true)),
        ("cidr('203.0.113.0/24').containsIP(ip(request.ip))", Some(true)),
        ("cidr('::ffff:203.0.113.0/120').containsIP(request.ip)", Some(true)),
        ("cidr('::/0').containsIP(request.ip)", Some(false)),
        ("principal.ip_allow.containsIP(request.ip)", Some(true)),
        ("principal.ip_allow.exists(c, cidr(c).containsIP(request.ip))", Some(true)),
        ("['x', '203.0.113.7/32'].containsIP(request.ip)", Some(true)),
        ("['x', '203.0.113.8/32'].containsIP(request.ip)", None),
        ("[].containsIP(request.ip)", Some(false)),
        ("cidr('203.0.113.0/24').containsCIDR('203.0.113.128/25')", Some(true)),
        ("cidr('203.0.113.0/24').containsCIDR(cidr('203.0.113.0/24'))", Some(true)),
        ("cidr('203.0.113.128/25').containsCIDR('203.0.113.0/24')", Some(false)),
        ("cidr('203.0.113.0/24').containsCIDR('::ffff:203.0.113.7/128')", Some(true)),
        ("cidr('::/0').containsCIDR('203.0.113.0/24')", Some(false)),
        ("cidr('0.0.0.0/0').containsCIDR('2001:db8::/32')", Some(false)),
        ("principal.ip_allow.containsCIDR('2001:db8:7::/48')", Some(true)),
        ("principal.ip_allow.containsCIDR(cidr('2001:db0::/28'))", Some(false)),
        ("['203.0.113.0/25', '203.0.113.128/25'].containsCIDR('203.0.113.0/24')", Some(false)),
        ("['x', '203.0.113.0/24'].containsCIDR('203.0.113.7/32')", Some(true)),
        ("['x', '203.0.113.8/32'].containsCIDR('203.0.113.7/32')", None),
        ("[].containsCIDR('203.0.113.7/32')", Some(false)),
        ("['203.0.113.0/24'].all(net, principal.ip_allow.containsCIDR(net))", Some(true)),
        ("isIP(request.ip) && !isIP('x') && isCIDR('::/0') && !isCIDR('1.2.3.4')", Some(true)),
    ];
    for (condition, expected) in table {
        comes_to(facts, condition, expected);
    }
}

#[test]
fn a_reason_says_what_the_module_made_of_the_facts_and_stays_printable() {
    let mut manifest = manifest();
    manifest.reasons = Some(vec!["no".into()]);
    let mut facts = Facts::sample();
    facts.request.method = Some("GET\r\nSet-Cookie: x\u{202E}".into());
    let says = |message: &str| {
        let program = compile(&format!("forbid('no', {message})"), &manifest).unwrap();
        match program.evaluate(&Values::new(facts.as_ref()), &Attributes::new()) {
            Ok(Verdict { reasons, .. }) if !reasons.is_empty() => {
                Ok(reasons.into_iter().map(|r| r.message).collect::<String>())
            }
            other => Err(other),
        }
    };
    assert_eq!(says("'plain\\n'").unwrap(), "plain ");
    assert_eq!(says("'method ' + request.method").unwrap(), "method GET  Set-Cookie: x ");
    assert_eq!(says("principal.scopes.join(', ')").unwrap(), "jobs:read");
    // a forbid whose message errs does not let the request through
    assert_eq!(says("gateway.id"), Err(Err(Fault::Evaluation)));
}

#[test]
fn names_that_do_not_exist_are_refused_with_their_place_and_a_suggestion() {
    let table = [
        ("principal.scope == []", "1:10: unknown field `principal.scope`; did you mean `principal.scopes`?"),
        (
            "true ||\n  has(request.enviroment)",
            "2:3: unknown field `request.enviroment`; did you mean `request.environment`?",
        ),
        ("principle.kind == ''", "1:10: unknown variable `principle`; did you mean `principal`?"),
        ("zebra == 1", "1:1: unknown variable `zebra`"),
        ("facts.principal.scope == []", "unknown field `facts.principal.scope`; did you mean `principal.scopes`?"),
        ("principal.kind.length == 1", "unknown field `principal.kind.length`"),
        ("context.mfa_aeg == 1", "unknown field `context.mfa_aeg`; did you mean `mfa_age`?"),
        ("context.elsewhere == 1", "`context.elsewhere` is not declared; declare its type in manifest.toml"),
        ("context['elsewhere'] == 1", "`elsewhere` is not declared"),
        ("resource.attributes.mfa_age == 1", "is not declared"),
        ("'elsewhere' in context", "is not declared"),
        ("context[principal.kind] == 1", "the name of an attribute is a string literal"),
        ("principal.kind in context", "the name of an attribute is a string literal"),
        ("siez(principal.scopes) == 1", "1:1: unknown function `siez`; did you mean `size`?"),
        ("principal.kind.startswith('a')", "unknown function `startswith`; did you mean `startsWith`?"),
        ("sets.intersect([], [])", "unknown function `sets.intersect`; did you mean `sets.intersects`?"),
        ("type(now) == int", "unknown function `type`"),
        ("dyn(now) == 1", "unknown function `dyn`"),
        ("optional.of(1).hasValue()", "unknown function `hasValue`"),
        ("int == int", "unknown variable `int`"),
        (".principal.kind == ''", "unknown variable"),
        ("principal.scopes.exists(s, s.kind == '')", "`s` is an item of a list and has no fields"),
        ("principal.scopes.exists(s, true) && s == ''", "unknown variable `s`"),
    ];
    for (condition, expected) in table {
        refused(condition, expected);
    }
}

#[test]
fn positions_are_those_of_the_source() {
    let source = "// a comment: ü\nprincipal.kind == 'ä'\n  && principal.scope == []\n  ? permit()\n  : no_match()";
    let message = compiled(source).unwrap_err();
    assert!(message.starts_with("3:15: unknown field `principal.scope`"), "{message}");
    let message = compiled("true\n ? permit()\n : principal.kind").unwrap_err();
    assert!(message.starts_with("3:13: this comes to no verdict"), "{message}");
    let message = compiled("true ? permit() :").unwrap_err();
    assert!(message.starts_with("1:18: the expression does not parse"), "{message}");
}

#[test]
fn every_finding_is_told_at_once() {
    let message = compiled("a.b ? permit() : c.d ? permit() : e").unwrap_err();
    assert_eq!(message.lines().count(), 3, "{message}");
    let message = compiled(&format!("{}permit()", "a ? permit() : ".repeat(50))).unwrap_err();
    assert_eq!(message.lines().count(), limits::FINDINGS, "{message}");
}

#[test]
fn a_module_comes_to_a_verdict_on_every_branch() {
    let table = [
        ("true", "this comes to no verdict"),
        ("true ? permit() : false", "this comes to no verdict"),
        ("permit() || true", "this comes to no verdict"),
        ("!permit()", "this comes to no verdict"),
        ("[permit()][0]", "this comes to no verdict"),
        ("permit() == permit() ? permit() : no_match()", "`permit` is a verdict; it stands alone"),
        ("permit(1)", "`permit` takes no arguments"),
        ("principal.permit()", "this comes to no verdict"),
        ("forbid('no')", "`forbid` takes a code and a message"),
        ("forbid(principal.kind, 'x')", "a string literal"),
        ("forbid('No', 'x')", "lower case"),
        ("forbid('no\\n', 'x')", "lower case"),
        ("forbid('no', 1)", "message is a string"),
        ("forbid('no', 'x')", "1:8: the reason `no` is not among the manifest's `reasons`"),
        ("", "does not parse"),
        ("// nothing", "does not parse"),
    ];
    for (source, expected) in table {
        let message = compiled(source).map(|_| ()).unwrap_err();
        assert!(message.contains(expected), "{source}\n{message}");
    }
    let mut manifest = manifest();
    manifest.reasons = Some(vec!["unused".into()]);
    let findings = compile("permit()", &manifest).map(|_| ()).unwrap_err();
    assert!(matches!(&findings[..], [(None, GateErrorKind::Reasons(m))] if m.contains("never gives")), "{findings:?}");
}

#[test]
fn what_the_profile_leaves_out_is_refused() {
    let table = [
        ("principal == principal", "`principal` is no value itself"),
        ("context == {}", "`context` is no value itself"),
        ("size(facts) == 1", "`facts` is no value itself"),
        ("settings.exists(s, true)", "`settings` is no value itself"),
        ("has(principal.scopes)", "always stated"),
        ("has(facts.principal)", "always stated"),
        ("has(gateway.id)", "`gateway.id` is stated where its record is; ask `has(facts.gateway)`"),
        ("has(facts)", "invalid argument to has"),
        ("has(has(request.ip))", "1:5: `has(…)` is no fact"),
        ("has(((has (request.ip))))", "1:7: `has(…)` is no fact"),
        ("b'x' == b'x'", "bytes are not supported"),
        ("1u == 1u", "unsigned numbers"),
        ("principal.kind == null", "there is no null"),
        ("{principal.kind: 1} == {}", "keys of a map are string literals"),
        ("{'a': 1, 'a': 2} == {}", "given once each"),
        ("{'a': 1}.a == 1", "only facts have fields"),
        ("Principal{kind: 'a'} == 1", "no messages"),
        ("principal.?kind == 1", "unsupported syntax"),
        ("[?principal.kind] == []", "unsupported syntax"),
        ("context.`with-hyphen`", "unsupported syntax"),
        ("size() == 1", "`size` takes 1 argument"),
        ("principal.kind.contains() ", "`contains` takes 1 argument"),
        ("principal.scopes.exists(s)", "`exists` takes 2 arguments"),
        ("principal.scopes.exists(principal.kind, true)", "does not parse"),
        ("principal.scopes.exists(now, true)", "hides another"),
        ("principal.scopes.exists(s, action.scopes.exists(s, true))", "hides another"),
        ("[1].exists(sets, true)", "hides another"),
        ("principal.kind.exists(c, true)", "comprehensions range over lists"),
        ("{'a': 1}.exists(k, true)", "comprehensions range over lists"),
        ("resource.attributes.owner.exists(k, true)", "comprehensions range over lists"),
        ("@result", "unexpected character"),
        ("a & b", "unexpected single '&'"),
        ("'abc", "unterminated"),
        ("if", "reserved identifier"),
        ("прinсipal.kind == ''", "1:1: the character U+043F stands outside of literals and comments"),
        ("principal.sсopes == []", "1:12: the character U+0441 stands outside"),
        ("'jobs:reаd' in principal.scopes", "1:9: the letter U+0430 stands in one word with Latin letters"),
        ("request.path.startsWith('/ΑPI')", "1:27: the letter U+0391 stands in one word"),
        ("principal.kind == 'ａpi'", "the letter U+FF41"),
    ];
    for (condition, expected) in table {
        refused(condition, expected);
    }
}

#[test]
fn source_that_reads_differently_from_what_it_says_is_refused() {
    for c in ['\u{202E}', '\u{2066}', '\u{200B}', '\u{FEFF}', '\u{00AD}', '\u{E0041}', '\0', '\u{1B}', '\u{85}'] {
        for source in [format!("// {c}\ntrue"), format!("principal.kind == 'a{c}'"), format!("tr{c}ue")] {
            refused(&source, "can disguise what the source says");
        }
    }
    let message = compiled("true ? permit() // \u{202E}\n : no_match()").unwrap_err();
    assert!(message.starts_with("1:20: the character U+202E"), "{message}");
}

/// Every limit has an input that breaks it, in bounded time, and none aborts.
#[test]
fn limits_hold() {
    let repeat = |unit: &str, times: usize| unit.repeat(times);
    refused(&format!("{}1 == 1", repeat("1+", 100_000)), "bytes and may have");
    refused(&format!("{}1 == 1", repeat("1+", 5_000)), "tokens exceed the limit");
    refused(&format!("{}1 == 1", repeat("1+", 1_200)), "levels of one expression (chains count) exceed the limit");
    refused(&format!("{}1{} == 1", repeat("(", 10_000), repeat(")", 10_000)), "bytes and may have");
    for (open, close) in [("(", ")"), ("[", "]"), ("{'a':", "}"), ("size(", ")"), ("[(", ")]")] {
        let source = format!("{}1{} == 1", repeat(open, 1_000), repeat(close, 1_000));
        refused(&source, "brackets within each other exceed the limit");
        refused(&repeat(open, 1_000), "brackets within each other exceed the limit");
    }
    refused(&format!("principal.kind{} == ''", repeat(".trim()", 500)), "levels of one expression");
    refused(&format!("principal.kind{} == ''", repeat(".size()", 50)), "levels of one expression");
    refused(&format!("principal.scopes{} == ''", repeat("[0]", 600)), "levels of one expression");
    refused(&format!("principal{} == ''", repeat(".a", 1_000)), "levels of one expression");
    refused(&format!("{}true", repeat("!-", 1_000)), "levels of one expression");
    refused(&format!("{}true : false", repeat("true ? true : ", 1_000)), "conditionals exceed the limit");
    refused(&repeat("true ? ", 1_000), "conditionals exceed the limit");
    let maps = "principal.scopes.map(a, principal.scopes.map(b, principal.scopes.map(c, principal.scopes.map(d, \
                principal.scopes.map(e, principal.scopes.map(f, principal.scopes.map(g, a + b + c + d + e + f + g))))\
                ))) == []";
    refused(maps, "comprehensions within each other exceed the limit of 2");
    refused(&format!("{}true", repeat("[1].exists_one(x, true) && ", 240)), "nodes of the expression exceed the limit");
    let message = compiled(&" ".repeat(limits::SOURCE_BYTES + 1)).map(|_| ()).unwrap_err();
    assert!(message.contains("bytes and may have"), "{message}");
    refused(&format!("{}'' == ''", "\n".repeat(70_000)), "bytes and may have");
}

#[test]
fn what_is_just_within_the_limits_passes_and_is_evaluated() {
    let facts = Facts::sample();
    comes_to(&facts, &format!("{}1 > 0", "1+".repeat(limits::EXPRESSION_DEPTH - 3)), Some(true));
    comes_to(&facts, &format!("{}true{}", "(".repeat(20), ")".repeat(20)), Some(true));
    comes_to(&facts, &format!("{0}1{1} == {0}2{1}", "[".repeat(20), "]".repeat(20)), Some(false));
    comes_to(&facts, &format!("{}true", "true && ".repeat(700)), Some(true));
    let chain = "principal.kind == 'x' ? no_match() : ".repeat(limits::CONDITIONALS);
    assert_eq!(evaluate(&format!("{chain}permit()"), &facts, &Attributes::new()), Ok(Verdict::permit()));
}

#[test]
fn evaluation_needs_little_stack() {
    let source = format!("{}1 > 0 ? permit() : no_match()", "1+".repeat(limits::EXPRESSION_DEPTH - 3));
    let program = compiled(&source).unwrap();
    let evaluate = || program.evaluate(&Values::new(Facts::sample().as_ref()), &Attributes::new());
    std::thread::scope(|scope| {
        let small = std::thread::Builder::new().stack_size(512 << 10).spawn_scoped(scope, evaluate).unwrap();
        assert_eq!(small.join().unwrap(), Ok(Verdict::permit()));
    });
}

/// The table of paths is the generated schema's, type by type.
#[test]
fn paths_are_those_of_the_facts_schema() {
    let schema: Json = serde_json::from_str(cronflow_policy_cases::FACTS_SCHEMA).unwrap();
    let mut in_schema = Vec::new();
    collect(&schema, &schema, "", &mut in_schema);
    in_schema.sort();
    let mut in_table: Vec<(String, Kind, bool)> =
        ROWS.iter().map(|row| (row.path.to_owned(), row.kind, row.optional)).collect();
    in_table.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(in_table.iter().map(|r| (r.0.clone(), format!("{:?}", r.1), r.2)).collect::<Vec<_>>(), in_schema);
}

fn collect(schema: &Json, node: &Json, at: &str, rows: &mut Vec<(String, String, bool)>) {
    let required: Vec<&str> = node["required"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    for (name, field) in node["properties"].as_object().unwrap() {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        let optional = !required.contains(&name.as_str());
        let target = field["$ref"].as_str();
        let kind = match (target, field["type"].as_str()) {
            (Some("#/$defs/attributes"), _) => "Attributes",
            (Some(_), _) => "Record",
            (None, Some("string")) => "Text",
            (None, Some("integer")) => "Int",
            (None, Some("array")) => "Texts",
            other => panic!("{path}: {other:?}"),
        };
        rows.push((path.clone(), kind.to_owned(), optional));
        if kind == "Record" {
            let inner = schema.pointer(target.unwrap().trim_start_matches('#')).unwrap();
            collect(schema, inner, &path, rows);
        }
    }
}

/// Every path hands out its own value, and says rightly whether it is stated.
#[test]
fn every_path_hands_out_its_own_value() {
    let mut facts = Facts::sample();
    facts.principal.ip_allow = Some(vec!["principal.ip_allow".into()]);
    facts.principal.expires_at = Some(9);
    facts.principal.factor_at = Some(9);
    facts.principal.client = Some(String::new());
    facts.gateway = Some(Gateway { id: String::new(), organizations: vec![], environments: vec![] });
    let mut json = serde_json::to_value(&facts).unwrap();
    let fill = [("workspace", "ip_allow"), ("workspace", "egress_allow"), ("resource", "type"), ("resource", "id")];
    for (record, field) in fill.into_iter().chain([("resource", "workspace")]) {
        json[record][field] = if record == "workspace" { serde_json::json!([]) } else { serde_json::json!("") };
    }
    for (place, row) in ROWS.iter().enumerate() {
        let pointer = format!("/{}", row.path.replace('.', "/"));
        let value = json.pointer_mut(&pointer).unwrap_or_else(|| panic!("{}", row.path));
        match row.kind {
            Kind::Int => *value = serde_json::json!(place),
            Kind::Text => *value = serde_json::json!(row.path),
            Kind::Texts => *value = serde_json::json!([row.path]),
            Kind::Record | Kind::Attributes => {}
        }
    }
    let full: Facts = serde_json::from_value(json).unwrap();
    for (place, row) in ROWS.iter().enumerate() {
        let path = row.path;
        let name = if path.contains('.') { path.to_owned() } else { format!("facts.{path}") };
        match row.kind {
            Kind::Int => comes_to(&full, &format!("{name} == {place}"), Some(true)),
            Kind::Text => comes_to(&full, &format!("{name} == '{path}'"), Some(true)),
            Kind::Texts => comes_to(&full, &format!("{name} == ['{path}'] && '{path}' in {name}"), Some(true)),
            Kind::Record | Kind::Attributes => {}
        }
        if row.optional {
            comes_to(&full, &format!("has({name})"), Some(true));
        }
    }
    let mut bare = Facts::sample();
    bare.organization = None;
    bare.workspace = None;
    bare.request = Default::default();
    bare.principal.organization = None;
    bare.principal.workspace = None;
    for row in ROWS.iter().filter(|row| row.optional) {
        let path = row.path;
        let name = if path.contains('.') { path.to_owned() } else { format!("facts.{path}") };
        // in a record that is absent itself, asking is an error
        let expected = if path.starts_with("workspace.") { None } else { Some(false) };
        comes_to(&bare, &format!("has({name})"), expected);
        if row.kind != Kind::Record {
            comes_to(&bare, &format!("{name} == {name}"), None);
        }
    }
}

/// The author's page knows every function and every limit.
#[test]
fn the_page_for_authors_is_complete() {
    use super::types::overloads::{Form, names};
    let page = include_str!("../../../../policies/CEL.md");
    for name in names(Form::Function).chain(names(Form::Method)) {
        assert!(page.contains(&format!("`{name}`")), "policies/CEL.md says nothing of `{name}`");
    }
    let limits = [
        limits::SOURCE_BYTES,
        limits::TOKENS,
        limits::NODES,
        limits::BRACKET_DEPTH,
        limits::CONDITIONALS,
        limits::EXPRESSION_DEPTH,
        limits::COMPREHENSION_DEPTH,
        limits::PATTERNS,
        limits::PATTERN_BYTES,
        usize::try_from(limits::STEPS).unwrap(),
        usize::try_from(limits::SET_STEPS).unwrap(),
        limits::FACTS_BYTES,
        limits::PATH_BYTES,
        limits::NAME_BYTES,
        limits::NETWORKS,
        limits::GRANTED,
        limits::NAMES,
        limits::ATTRIBUTE_BYTES,
        limits::ATTRIBUTE_ITEMS,
    ];
    let numbers: Vec<&str> = page.split(|c: char| !c.is_ascii_digit()).collect();
    for limit in limits {
        assert!(numbers.contains(&limit.to_string().as_str()), "policies/CEL.md says nothing of {limit}");
    }
    for example in page.split("```cel\n").skip(2).flat_map(|rest| rest.split("```").next().unwrap().lines()) {
        compiled(&format!("{example}\n? permit() : no_match()")).unwrap();
    }
}

/// Every row of the table of types is one that the evaluator knows, and gives what it says.
#[test]
fn every_overload_can_be_evaluated() {
    use super::types::overloads::{Form, OVERLOADS, Of};
    let sample = |of: &Of| match of {
        Of::Bool => "true",
        Of::Int => "3",
        Of::Double => "2.5",
        Of::Text => "'7'",
        Of::Ip => "ip('10.0.0.1')",
        Of::Cidr => "cidr('10.0.0.0/8')",
        Of::Time => "timestamp('2026-12-24T12:30:05Z')",
        Of::Duration => "duration('90m')",
        Of::Pattern => "'^[0-9]+$'",
        Of::Texts => "['10.0.0.0/8']",
        Of::A => "3",
        Of::ListOfA => "[3, 4, 5, 6]",
        Of::MapOfA => "{'7': 3}",
    };
    for overload in OVERLOADS.iter().filter(|overload| overload.form != Form::Operator) {
        let mut args: Vec<&str> = overload.takes.iter().map(sample).collect();
        match (overload.name, args.last_mut()) {
            ("timestamp", Some(text)) if *text == "'7'" => *text = "'2026-12-24T00:00:00Z'",
            ("duration", Some(text)) => *text = "'1h'",
            ("ip" | "containsIP", Some(text)) if *text == "'7'" => *text = "'10.0.0.1'",
            ("cidr" | "containsCIDR", Some(text)) if *text == "'7'" => *text = "'10.1.0.0/16'",
            ("bool", Some(text)) if *text == "'7'" => *text = "'true'",
            ("substring", Some(last)) => *last = "1",
            (name, Some(text)) if name.starts_with("get") && *text == "'7'" => *text = "'+02:00'",
            _ => {}
        }
        if overload.name == "substring" {
            args[1] = "0";
        }
        let call = match overload.form {
            Form::Method => format!("{}.{}({})", args[0], overload.name, args[1..].join(", ")),
            _ => format!("{}({})", overload.name, args.join(", ")),
        };
        let value = sample(&overload.gives);
        let value = if value == "['10.0.0.0/8']" { "['']" } else { value };
        comes_to(&Facts::sample(), &format!("({call} == {value}) || true"), Some(true));
        comes_to(&Facts::sample(), &format!("{call} == {call}"), Some(true));
    }
}
