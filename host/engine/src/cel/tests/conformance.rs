//! The core of cel-spec, expression by expression: what type-checks comes to what the specification says. What the profile
//! leaves out is refused (`what_the_profile_leaves_out_is_refused`), never evaluated otherwise.

use cronflow_policy_cases::{Attributes, Decision, Facts, Value};

use super::*;

/// True, false, or an error of the evaluation.
type Row = (&'static str, Option<bool>);

const TRUE: Option<bool> = Some(true);
const FALSE: Option<bool> = Some(false);
const ERROR: Option<bool> = None;

#[track_caller]
fn check(table: &[Row]) {
    let facts = Facts::sample();
    let mut wrong = Vec::new();
    for (condition, expected) in table {
        let source = format!("{condition}\n? permit() : no_match()");
        let got =
            compiled(&source).map(|program| match program.evaluate(&Values::new(facts.as_ref()), &Attributes::new()) {
                Ok(verdict) => Ok(Some(verdict == Verdict::permit())),
                Err(Fault::Evaluation) => Ok(None),
                Err(fault) => Err(fault),
            });
        if got != Ok(Ok(*expected)) {
            wrong.push(format!("{condition}: {expected:?}, not {got:?}"));
        } else {
            comes_to(&facts, condition, *expected);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn integers() {
    check(&[
        ("1 + 2 == 3 && 5 - 7 == -2 && 3 * 4 == 12", TRUE),
        ("7 / 2 == 3 && -7 / 2 == -3 && 7 / -2 == -3 && -7 / -2 == 3", TRUE),
        ("7 % 3 == 1 && -7 % 3 == -1 && 7 % -3 == 1", TRUE),
        ("1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 2 * 3 % 4 == 2 && 1 - 2 - 3 == -4 && 12 / 2 / 3 == 2", TRUE),
        ("-(-1) == 1 && --1 == 1 && 2 - -1 == 3", TRUE),
        ("0x1F == 31 && -0xff == -255 && 0xA + 1 == 11", TRUE),
        ("-9223372036854775808 < 9223372036854775807", TRUE),
        ("9223372036854775807 + 1 > 0", ERROR),
        ("-9223372036854775808 - 1 < 0", ERROR),
        ("9223372036854775807 * 2 > 0", ERROR),
        ("-9223372036854775808 * -1 > 0", ERROR),
        ("-9223372036854775808 / -1 > 0", ERROR),
        ("-9223372036854775808 % -1 == 0", ERROR),
        ("-(-9223372036854775808) > 0", ERROR),
        ("1 / 0 > 0", ERROR),
        ("1 % 0 > 0", ERROR),
        ("0 / 0 == 0", ERROR),
    ]);
}

#[test]
fn doubles() {
    check(&[
        ("1.5 + 1.5 == 3.0 && 1.0 - 0.5 == .5 && 1.5 * 2.0 == 3.0 && 1.0 / 4.0 == 0.25", TRUE),
        ("1e3 == 1000.0 && 1.5e-3 == 0.0015 && 1E+2 == 100.0", TRUE),
        ("0.1 + 0.2 == 0.3", FALSE),
        ("1.0 / 0.0 > 1.7976931348623157e308 && -1.0 / 0.0 < -1e308", TRUE),
        ("1e308 * 10.0 == 1.0 / 0.0", TRUE),
        ("0.0 == -0.0", TRUE),
        ("0.0 / 0.0 == 0.0 / 0.0", FALSE),
        ("0.0 / 0.0 != 0.0 / 0.0", TRUE),
        // there is no order of what is no number
        ("0.0 / 0.0 < 1.0", ERROR),
        ("0.0 / 0.0 >= 1.0", ERROR),
        ("1 > 0.0 / 0.0", ERROR),
        ("-(1.5) == -1.5", TRUE),
    ]);
}

/// On one number line, whatever the types.
#[test]
fn numbers_compare_across_their_types() {
    check(&[
        ("1 == 1.0 && 1.0 == 1 && 1 != 1.5", TRUE),
        ("1 < 1.5 && 2 > 1.5 && 1.5 >= 1 && 1.5 <= 2 && 2 >= 2.0 && 2.0 <= 2", TRUE),
        ("-9223372036854775808 == -9223372036854775808.0", TRUE),
        ("9223372036854775807 < 1.0 / 0.0 && -9223372036854775808 > -1.0 / 0.0", TRUE),
        ("1 == 0.0 / 0.0", FALSE),
        ("1 != 0.0 / 0.0", TRUE),
    ]);
}

#[test]
fn comparisons() {
    check(&[
        ("1 < 2 && 2 <= 2 && 3 > 2 && 2 >= 2 && 1 != 2", TRUE),
        ("'a' < 'b' && 'A' < 'a' && '' < 'a' && 'a' < 'aa' && 'b' > 'aa'", TRUE),
        // by code point
        ("'z' < 'é' && '\\uFFFD' < '\\U0001F431'", TRUE),
        ("false < true && true >= true && !(true < false)", TRUE),
        ("'a' == 'a' && 'a' != 'A'", TRUE),
    ]);
}

#[test]
fn logic_absorbs_errors_on_either_side() {
    check(&[
        ("true && true && !false && (false || true)", TRUE),
        ("true || false && false", TRUE),
        ("!!true && !!!false", TRUE),
        ("1 / 0 == 0 || true", TRUE),
        ("true || 1 / 0 == 0", TRUE),
        ("1 / 0 == 0 || false", ERROR),
        ("false || 1 / 0 == 0", ERROR),
        ("1 / 0 == 0 && false", FALSE),
        ("false && 1 / 0 == 0", FALSE),
        ("1 / 0 == 0 && true", ERROR),
        ("true && 1 / 0 == 0", ERROR),
        ("1 / 0 == 0 || 1 % 0 == 0", ERROR),
        ("1 / 0 == 0 || 1 % 0 == 0 || true", TRUE),
        ("(1 / 0 == 0 || true) && true", TRUE),
        ("!(1 / 0 == 0)", ERROR),
        ("!(1 / 0 == 0) || true", TRUE),
        ("(1 / 0 == 0) == true", ERROR),
    ]);
}

#[test]
fn conditionals_evaluate_one_branch() {
    check(&[
        ("(true ? 1 : 1 / 0) == 1", TRUE),
        ("(false ? 1 / 0 : 2) == 2", TRUE),
        ("(true ? 1 / 0 : 1) == 1", ERROR),
        ("(1 / 0 == 0 ? true : true)", ERROR),
        ("(false ? 1 : true ? 2 : 3) == 2", TRUE),
        ("(true ? (false ? 1 : 2) : 3) == 2", TRUE),
        ("(1 > 0 ? 'a' : 'b') + 'c' == 'ac'", TRUE),
    ]);
}

#[test]
fn strings() {
    check(&[
        ("'a' + 'b' == 'ab' && '' + '' == ''", TRUE),
        ("\"double\" == 'double' && '''triple''' == \"\"\"triple\"\"\" && '''a'b''' == \"a'b\"", TRUE),
        (r"'\x41' == 'A' && '\101' == 'A' && '\u00e9' == 'é' && '\U0001F431' == '🐱'", TRUE),
        (r"'\a\b\f\n\r\t\v' == '\x07\x08\x0c\x0a\x0d\x09\x0b'", TRUE),
        (r#"'\\' == r'\' && '\'' == "'" && "\"" == '"' && '\?' == '?' && '\`' == '`'"#, TRUE),
        (r"r'\n' == '\\n' && R'\d' == '\\d'", TRUE),
        // in code points
        ("size('') == 0 && size('hello') == 5 && 'hello'.size() == 5", TRUE),
        ("size('é') == 1 && size('日本') == 2 && size('🐱') == 1 && size('e\\u0301') == 2", TRUE),
        // nothing is normalized
        ("'\\u00e9' == 'e\\u0301'", FALSE),
        ("'hello'.contains('ell') && 'hello'.contains('') && !'hello'.contains('L')", TRUE),
        ("'hello'.startsWith('he') && 'hello'.startsWith('') && !'hello'.startsWith('lo')", TRUE),
        ("'hello'.endsWith('lo') && 'hello'.endsWith('') && !'hello'.endsWith('he')", TRUE),
        ("'🐱😀'.startsWith('🐱') && '🐱😀'.endsWith('😀') && 'straße'.contains('ß')", TRUE),
        ("'hubba'.matches('ubb') && !'hubba'.matches('^ubb') && 'hubba'.matches('^hubba$')", TRUE),
        ("'abcd'.matches('') && matches('abc', 'b') && 'mañana'.matches('a+ñ+a+')", TRUE),
        ("'🐱😀😀'.matches('(a|😀){2}') && 'AbC'.matches('(?i)abc') && !'a\\nb'.matches('a.b')", TRUE),
    ]);
}

#[test]
fn lists() {
    check(&[
        ("[1, 2] == [1, 2] && [1, 2] != [2, 1] && [] == [] && [[1], []] == [[1], []]", TRUE),
        ("[1] == [1, 1] || ['a'] == ['A']", FALSE),
        ("[0.0 / 0.0] == [0.0 / 0.0]", FALSE),
        ("[1, 2, 3,] == [1, 2, 3]", TRUE),
        ("[1] + [2, 3] == [1, 2, 3] && [] + [1] == [1] && [1] + [] == [1]", TRUE),
        ("size([]) == 0 && size([1, 2]) == 2 && [1, 2].size() == 2", TRUE),
        ("[7, 8][0] == 7 && [7, 8][1] == 8 && [[1, 2], [3]][0][1] == 2", TRUE),
        ("[7, 8][2] == 0", ERROR),
        ("[7, 8][-1] == 0", ERROR),
        ("[1 / 0, 2][1] == 2", ERROR),
        ("1 in [1, 2] && !(3 in [1, 2]) && !('x' in []) && [1] in [[1]]", TRUE),
        ("'elf' in ['elf', 'dwarf'] && 'el' in ['elf']", FALSE),
        ("0.0 / 0.0 in [0.0 / 0.0]", FALSE),
    ]);
}

#[test]
fn maps() {
    check(&[
        ("{'a': 1, 'b': 2} == {'b': 2, 'a': 1} && {} == {} && {'a': 1} != {'a': 2} && {'a': 1} != {'b': 1}", TRUE),
        ("{'a': 1} == {'a': 1, 'b': 2}", FALSE),
        ("size({}) == 0 && size({'a': 1, 'b': 2}) == 2 && {'a': 1}.size() == 1", TRUE),
        ("{'a': 1, 'b': 2}['b'] == 2 && {'a': {'b': [1, 2]}}['a']['b'][1] == 2", TRUE),
        ("{'a': 1}['b'] == 1", ERROR),
        ("{'a': 1 / 0}['a'] == 1", ERROR),
        ("'a' in {'a': 1} && !('b' in {'a': 1}) && !('' in {})", TRUE),
    ]);
}

#[test]
fn macros() {
    check(&[
        ("[1, 2].all(x, x > 0) && ![1, 2].all(x, x > 1) && [].all(x, x > 0)", TRUE),
        ("[1, 2].exists(x, x == 2) && ![1, 2].exists(x, x == 3) && ![].exists(x, true)", TRUE),
        ("[1, 2, 2].exists_one(x, x == 1) && ![1, 2, 2].exists_one(x, x == 2) && ![].exists_one(x, true)", TRUE),
        ("[1, 2, 3].filter(x, x > 1) == [2, 3] && [].filter(x, true) == [] && [1].filter(x, false) == []", TRUE),
        ("[1, 2].map(x, x * x) == [1, 4] && [1].map(x, string(x)) == ['1'] && [].map(x, x) == []", TRUE),
        ("[1, 2, 3].map(x, x > 1, x * x) == [4, 9]", TRUE),
        ("[[1, 2], [3]].map(x, x.map(y, y + 1)) == [[2, 3], [4]]", TRUE),
        ("[1, 2].exists(x, [2, 3].exists(y, x == y)) && [1, 2].all(x, [1, 2, 3].exists(y, x < y))", TRUE),
        // `all` and `exists` join with `&&` and `||`, so what decides absorbs an error; the others don't
        ("[0, 1].all(x, 1 / x > 5)", FALSE),
        ("[1, 0].all(x, 1 / x > 5)", FALSE),
        ("[0, 1].all(x, 1 / x > 0)", ERROR),
        ("[0, 1].exists(x, 1 / x == 1)", TRUE),
        ("[1, 0].exists(x, 1 / x == 1)", TRUE),
        ("[0, 1].exists(x, 1 / x == 2)", ERROR),
        ("[0, 1].exists_one(x, 1 / x == 1)", ERROR),
        ("[0, 1].filter(x, 1 / x == 1) == [1]", ERROR),
        ("[0, 1].map(x, 1 / x) == [1]", ERROR),
        ("[1 / 0].exists(x, true)", ERROR),
        ("has(request.ip) && !has(principal.expires_at) && !has(context.mfa_age)", TRUE),
    ]);
}

#[test]
fn conversions() {
    check(&[
        ("int(3.9) == 3 && int(-3.9) == -3 && int('-42') == -42 && int(7) == 7", TRUE),
        ("int(1e19) > 0", ERROR),
        ("int(-1e19) < 0", ERROR),
        ("int(9223372036854775807.0) > 0", ERROR),
        ("int(0.0 / 0.0) == 0", ERROR),
        ("int(1.0 / 0.0) == 0", ERROR),
        ("int('9223372036854775808') > 0", ERROR),
        ("int('') == 0", ERROR),
        ("int(' 1') == 1", ERROR),
        ("int('0x1F') == 31", ERROR),
        ("int('1.5') == 1", ERROR),
        ("double(3) == 3.0 && double('1e3') == 1000.0 && double('-.5') == -0.5 && double(1.5) == 1.5", TRUE),
        ("double('x') == 0.0", ERROR),
        ("double('') == 0.0", ERROR),
        ("string(1) == '1' && string(-7) == '-7' && string('a') == 'a' && string(true) == 'true'", TRUE),
        ("string(1.5) == '1.5' && string(-0.5) == '-0.5' && string(false) == 'false'", TRUE),
        ("bool('true') && !bool('false') && bool(true)", TRUE),
        ("bool('1')", TRUE),
        ("bool('t')", TRUE),
        ("!bool('0')", TRUE),
        ("!bool('f')", TRUE),
        ("bool('TRUE') && bool('True') && !bool('FALSE') && !bool('False')", TRUE),
        ("bool('tRuE')", ERROR),
        ("bool('yes')", ERROR),
    ]);
}

#[test]
fn times_and_durations() {
    check(&[
        ("timestamp('2009-02-13T23:31:30Z') == timestamp(1234567890)", TRUE),
        ("int(timestamp('2009-02-13T23:31:30Z')) == 1234567890", TRUE),
        ("string(timestamp('2009-02-13T23:31:30Z')) == '2009-02-13T23:31:30Z'", TRUE),
        ("timestamp('2009-02-14T01:31:30+02:00') == timestamp(1234567890)", TRUE),
        ("timestamp(1234567890).getFullYear() == 2009 && timestamp(1234567890).getMonth() == 1", TRUE),
        ("timestamp(1234567890).getDate() == 13 && timestamp(1234567890).getDayOfMonth() == 12", TRUE),
        ("timestamp(1234567890).getDayOfWeek() == 5 && timestamp(1234567890).getDayOfYear() == 43", TRUE),
        ("timestamp(1234567890).getHours() == 23 && timestamp(1234567890).getMinutes() == 31", TRUE),
        ("timestamp(1234567890).getSeconds() == 30", TRUE),
        ("timestamp(1234567890).getDate('+02:00') == 14 && timestamp(1234567890).getHours('-08:30') == 15", TRUE),
        ("timestamp(1234567890).getHours('02:00') == 1 && timestamp(1234567890).getHours('UTC') == 23", TRUE),
        ("timestamp(0) < timestamp(1) && timestamp(1) - timestamp(0) == duration('1s')", TRUE),
        ("timestamp(0) + duration('1m') == timestamp(60) && duration('1m') + timestamp(0) == timestamp(60)", TRUE),
        ("timestamp(60) - duration('60s') == timestamp(0)", TRUE),
        ("timestamp('9999-12-30T22:00:00Z') + duration('1s') > timestamp(0)", ERROR),
        ("timestamp('0001-01-01T00:00:00Z') - duration('1s') < timestamp(0)", ERROR),
        ("timestamp(253402300800) > timestamp(0)", ERROR),
        ("timestamp(9223372036854775807) > timestamp(0)", ERROR),
        ("timestamp('x' + request.ip) == timestamp(0)", ERROR),
        ("duration('1h30m') == duration('90m') && duration('1.5s') == duration('1500ms')", TRUE),
        ("duration('-1.5h') == duration('-5400s') && duration('0') == duration('0s')", TRUE),
        (
            "duration('1h') + duration('1m') == duration('61m') && duration('1h') - duration('1m') == duration('59m')",
            TRUE,
        ),
        ("duration('3930s').getHours() == 1 && duration('3930s').getMinutes() == 65", TRUE),
        ("duration('3930s').getSeconds() == 3930 && duration('-90s').getMinutes() == -1", TRUE),
        ("string(duration('1h1s')) == '3601s' && string(duration('1500ms')) == '1.5s'", TRUE),
        ("duration('1s') < duration('2s') && duration('-1s') < duration('0s')", TRUE),
        ("duration('x' + request.ip) == duration('0s')", ERROR),
        ("duration('315576000000s') + duration('1s') > duration('0s')", ERROR),
    ]);
}

/// What an error absorbed would hide, a forbid's among them: a forbid that errs denies, whoever permits beside it.
#[test]
fn an_erring_forbid_forbids() {
    use crate::package::PolicyPackage;
    use crate::set::{Binding, PolicySet};
    let package = |name: &str, grants: bool, source: &str| {
        let manifest = format!(
            "name = \"{name}\"\nversion = \"1\"\nengine = \"cel\"\ndescription = \"d\"\nsees = [\"customer\"]\n\
             grants = {grants}\nreasons = [{}]\n[attributes.context]\nage = \"int\"\n",
            if source.contains("forbid") { "\"no\"" } else { "" },
        );
        let files = [("manifest.toml", manifest.as_str()), ("policy.cel", source)];
        let files = files.into_iter().map(|(file, text)| (file.to_owned(), text.as_bytes().to_vec())).collect();
        PolicyPackage::from_files(name, &files, None).unwrap()
    };
    for condition in [
        "gateway.id == 'gw'",
        "context.age > 3",
        "principal.expires_at < now",
        "gateway.id == 'gw' || 1 / 0 == 1",
        "principal.scopes[7] == 'jobs:write'",
        "int(request.path) == 7",
        "now + 9223372036854775807 > 0",
    ] {
        let forbidding = package("forbidding", false, &format!("{condition} ? forbid('no', 'never') : no_match()"));
        let permitting = package("permitting", true, "permit()");
        let set = PolicySet::new([Binding::platform(permitting), Binding::tenant(forbidding)]).unwrap();
        let mut facts = Facts::sample();
        facts.context.insert("other".into(), Value::Boolean(true));
        let decision = set.decide(facts.as_ref());
        let Decision::Deny(reasons) = decision else { panic!("{condition} allows") };
        assert_eq!(reasons[0].code, "policy_error", "{condition}");
    }
}
