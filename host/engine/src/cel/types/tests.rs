//! What the type check says, by data.

use crate::cel::tests::{compiled, refused};

#[test]
fn a_mismatch_is_refused_with_its_place_and_what_was_expected() {
    let table = [
        ("principal.scopes == 1", "1:18: `==` compares two of one type, not list(string) with int"),
        ("1 + 'a' == 2", "1:3: `+` takes int and int, or double and double, or string and string, or list and list"),
        ("1 + 'a' == 2", "it got int and string"),
        ("1 + 1.0 > 0.0", "it got int and double"),
        ("size(now) == 1", "1:1: `size` takes string, or list, or map; it got int"),
        (
            "'a' in 'b'",
            "1:5: `in` looks for an item of its type in a list, or for a key in a map, not for string in string",
        ),
        ("1 in principal.scopes", "not for int in list(string)"),
        ("principal.kind", "1:10: a condition is a bool; this is a string"),
        ("principal.kind && true", "1:10: `&&` joins bools; this is a string"),
        ("true || now", "1:9: `||` joins bools; this is a int"),
        ("!principal.kind", "`!` takes a bool; this is a string"),
        ("(true ? 1 : 'a') == 1", "both branches of `? :` come to one type; these come to int and string"),
        ("(now ? true : false)", "a condition is a bool; this is a int"),
        ("principal.kind > 1", "`>` takes int and int"),
        ("[1, 'a'] == []", "1:5: items of a list are of one type; string stands beside int"),
        ("{'a': 1, 'b': true}['a'] == 1", "values of a map are of one type"),
        (
            "principal.scopes['a'] == ''",
            "`[…]` takes a list and an int, or a map and a string, not list(string) and string",
        ),
        ("principal.kind[0] == ''", "not string and int"),
        ("{'a': 1}[0] == 1", "not map(string, int) and int"),
        ("-principal.kind == ''", "`-` takes int, or double; it got string"),
        ("1.5 % 1.0 == 0.5", "`%` takes int and int; it got double and double"),
        ("principal.kind.startsWith(1)", "`startsWith` takes string and string; it got string and int"),
        ("now.startsWith('1')", "it got int and string"),
        ("[1].containsIP(request.ip)", "it got list(int) and string"),
        ("ip('1.2.3.4') == '1.2.3.4'", "not ip with string"),
        ("principal.scopes.exists(s, s)", "`||` joins bools; this is a string"),
        ("principal.scopes.exists(s, s == 1)", "not string with int"),
        ("principal.scopes.filter(s, 1) == []", "a condition is a bool"),
        ("principal.kind.exists(s, true)", "comprehensions range over lists; this is a string"),
        ("sets.contains(principal.scopes, [1])", "`sets.contains` takes list and list"),
        ("context.mfa_age == 'x'", "not int with string"),
        ("resource.attributes.tags == 'x'", "not list(string) with string"),
        ("settings.limit + settings.names == 3", "it got int and list(string)"),
        ("timestamp('2026-12-24T00:00:00Z') < now", "it got timestamp and int"),
        ("timestamp(now) > timestamp('2026-12-24T00:00:00Z')", "write `timestamp(now / 1000)`"),
        ("duration('1h') + now == duration('1h')", "it got duration and int"),
    ];
    for (condition, expected) in table {
        refused(condition, expected);
    }
}

#[test]
fn literals_that_could_only_err_are_refused() {
    let table = [
        ("ip('10.0.0.256') == ip(request.ip)", "1:4: `10.0.0.256` is not an address"),
        ("cidr('10.0.0.0/33').containsIP(request.ip)", "`10.0.0.0/33` is not a network"),
        ("principal.ip_allow.containsIP('x')", "`x` is not an address"),
        ("principal.ip_allow.containsCIDR('203.0.113.7')", "is not a network"),
        ("timestamp('2026-12-24') == timestamp(0)", "`2026-12-24` is not a time, such as 2026-12-24T00:00:00Z"),
        ("duration('1d') == duration('24h')", "`1d` is not a duration, such as 1h30m"),
        ("timestamp(0).getHours('Europe/Berlin') == 1", "is not a fixed offset from UTC"),
        ("principal.kind.matches('a(')", "1:24: the pattern can't be used: unclosed group"),
        ("matches(principal.kind, '(?=a)')", "the pattern can't be used: look-around"),
        ("principal.kind.matches('(a{99}){99}{9}')", "the pattern compiles to more than 32768 bytes"),
        ("principal.kind.matches(principal.id)", "the pattern of `matches` is a string literal"),
        ("principal.scopes.all(s, s.matches(s))", "the pattern of `matches` is a string literal"),
    ];
    for (condition, expected) in table {
        refused(condition, expected);
    }
}

/// The line of the issue.
#[test]
fn a_typo_is_refused_with_a_suggestion_even_where_an_error_would_be_absorbed() {
    let expected = "unknown field `principal.scope`; did you mean `principal.scopes`?";
    refused("true || 'jobs:read' in principal.scope", expected);
    refused("principal.scopes.exists(s, true) || principal.scope == []", expected);
}

#[test]
fn messages_are_strings() {
    for (message, expected) in [
        ("1", "message is a string"),
        ("now", "1:14: a reason's message is a string; this is a int; write `string(…)` around it"),
        ("principal.scopes", "this is a list(string)"),
        ("'a' + 1", "`+` takes"),
    ] {
        let message = compiled(&format!("forbid('no', {message})")).map(|_| ()).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn unknown_functions_are_refused_with_a_suggestion() {
    let table = [
        ("principal.kind.lowerASCII() == ''", "unknown function `lowerASCII`; did you mean `lowerAscii`?"),
        ("principal.scopes.exist(s, true)", "unknown function `exist`; did you mean `exists`?"),
        ("has_(request.ip)", "did you mean `has`?"),
        ("timestmap('x') == now", "did you mean `timestamp`?"),
        ("principal.kind.substring() == ''", "`substring` takes 1 or 2 arguments"),
        ("principal.kind.replace('a') == ''", "`replace` takes 2 arguments"),
        ("duration('1h').getMilliseconds() == 1", "unknown function `getMilliseconds`"),
        ("step_up(1) == 1", "`step_up` is a verdict"),
    ];
    for (condition, expected) in table {
        refused(condition, expected);
    }
}
