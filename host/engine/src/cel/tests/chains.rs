//! Chains of 100,000 terms, of every kind: refused with a place, in bounded time and memory. The same again in every length
//! that is within the size of a source, where the other limits must hold, and the stack.

use cronflow_policy_cases::{Attributes, Facts};

use super::*;

/// How a chain of so many terms is written.
type Chain = fn(usize) -> String;

/// One term after the other.
fn terms(count: usize, term: impl Fn(usize) -> String) -> String {
    (0..count).map(term).collect()
}

/// One term within the other.
fn nested(count: usize, open: impl Fn(usize) -> String, inner: &str, close: &str) -> String {
    terms(count, open) + inner + &close.repeat(count)
}

const CHAINS: [(&str, Chain); 46] = [
    ("+", |n| "1+".repeat(n) + "1 > 0"),
    ("-", |n| "1-".repeat(n) + "1 > 0"),
    ("*", |n| "1*".repeat(n) + "1 > 0"),
    ("<", |n| "1<".repeat(n) + "1"),
    ("==", |n| "true==".repeat(n) + "true"),
    ("&&", |n| "true&&".repeat(n) + "true"),
    ("||", |n| "true||".repeat(n) + "true"),
    ("&& and ||", |n| "true&&true||".repeat(n) + "true"),
    ("in", |n| "true".to_owned() + &" in [true]".repeat(n)),
    ("in, to the right", |n| nested(n, |_| "1 in [".into(), "", "]")),
    ("? :", |n| "true?true:".repeat(n) + "true"),
    ("? : between", |n| nested(n, |_| "true?".into(), "true", ":true")),
    ("? : in brackets", |n| nested(n, |_| "(true?".into(), "true", ":true)")),
    ("? : of verdicts", |n| "true?no_match():".repeat(n) + "permit()"),
    ("? : of verdicts, between", |n| nested(n, |_| "true?".into(), "permit()", ":no_match()")),
    ("? : unfinished", |n| "true?".repeat(n)),
    ("!", |n| "!".repeat(n) + "true"),
    ("unary -", |n| "-".repeat(n) + "1 > 0"),
    ("unary - apart", |n| "- ".repeat(n) + "1 > 0"),
    ("! and -", |n| "!-".repeat(n) + "true"),
    ("(", |n| nested(n, |_| "(".into(), "true", ")")),
    ("( unfinished", |n| "(".repeat(n)),
    (")", |n| ")".repeat(n)),
    ("[", |n| nested(n, |_| "[".into(), "", "]") + " == []"),
    ("[ unfinished", |n| "[".repeat(n)),
    ("items", |n| format!("[{}] == []", "1,".repeat(n))),
    ("{", |n| nested(n, |_| "{'a':".into(), "1", "}") + " == {}"),
    ("entries", |n| format!("{{{}}} == {{}}", terms(n, |i| format!("'{i}':1,")))),
    ("brackets of all kinds", |n| nested(n, |_| "([{'a':size(".into(), "'a'", ")}])")),
    ("functions", |n| nested(n, |_| "size(".into(), "'a'", ")") + " > 0"),
    ("methods", |n| format!("principal.kind{} == ''", ".trim()".repeat(n))),
    ("methods of methods", |n| nested(n, |_| "'a'.contains(".into(), "'a'", ")")),
    ("index", |n| format!("principal.scopes{} == ''", "[0]".repeat(n))),
    ("index of index", |n| nested(n, |_| "principal.scopes[".into(), "0", "]") + " == ''"),
    ("members", |n| format!("principal{} == ''", ".kind".repeat(n))),
    ("map in map", |n| nested(n, |i| format!("[1].map(v{i},"), "1", ")") + " == []"),
    ("all of all", |n| nested(n, |i| format!("[1].all(v{i},"), "true", ")")),
    ("map of map", |n| format!("[1]{} == []", terms(n, |i| format!(".map(v{i},v{i})")))),
    ("exists beside exists", |n| terms(n, |i| format!("[1].exists_one(v{i},true)||")) + "true"),
    ("matches", |n| "'a'.matches('a')&&".repeat(n) + "true"),
    ("strings", |n| "'a'+".repeat(n) + "'a' == ''"),
    ("comments", |n| "//\n".repeat(n) + "true"),
    ("white space", |n| " \n".repeat(n) + "true"),
    ("digits", |n| "1".repeat(n) + " > 0"),
    ("letters", |n| "a".repeat(n) + " == 1"),
    ("text", |n| format!("'{}' == ''", "\\u00e9".repeat(n))),
];

#[test]
fn chains_of_100_000_terms_are_refused_with_their_place() {
    for (name, chain) in CHAINS {
        let source = module(&chain(100_000));
        let findings = compile(&source, &manifest()).map(|_| ()).expect_err(name);
        assert!(findings.iter().all(|(at, _)| at.is_some()), "{name}: {findings:?}");
    }
}

/// As long as they come within each of the limits, one over it and one under: what is refused has a place, and what is not
/// can be evaluated on an ordinary stack.
#[test]
fn chains_of_every_length_are_refused_with_their_place_or_evaluated() {
    let facts = Facts::sample();
    let mut passed = Vec::new();
    for (name, chain) in CHAINS {
        let each = (chain(1_000).len() - chain(0).len()) / 1_000;
        let fits = (limits::SOURCE_BYTES - 64) / each;
        // halving, and by and by what is small
        let mut lengths: Vec<usize> = (0..8).map(|times| fits >> times).chain(0..30).collect();
        let most =
            [limits::TOKENS, limits::NODES, limits::CONDITIONALS, limits::EXPRESSION_DEPTH, limits::BRACKET_DEPTH];
        lengths.extend(most.into_iter().flat_map(|most| (1..=6).map(move |tokens| most / tokens)));
        lengths.retain(|length| *length <= fits);
        lengths.sort_unstable();
        lengths.dedup();
        for length in lengths {
            match compile(&module(&chain(length)), &manifest()) {
                Ok(program) => {
                    let verdict = program.evaluate(&Values::new(facts.as_ref()), &Attributes::new());
                    assert!(matches!(verdict, Ok(_) | Err(Fault::Evaluation)), "{length} {name}: {verdict:?}");
                    passed.push(name);
                }
                Err(findings) => {
                    assert!(findings.iter().all(|(at, _)| at.is_some()), "{length} {name}: {findings:?}");
                }
            }
        }
    }
    assert!(passed.len() > 500, "{} are ordinary enough", passed.len());
}

/// A condition as a module; what is one already stays.
fn module(chain: &str) -> String {
    if chain.contains("permit()") { chain.to_owned() } else { format!("{chain} ? permit() : no_match()") }
}
