//! The bound holds: what an evaluation makes is no larger, and what it does is no more, on facts as large as they may be.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use cel::Value as CelValue;
use cel::common::types::{CelBool, CelInt, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cronflow_policy_cases::{Attributes, Facts, Value};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::cel::lower::Lowering;
use crate::cel::parse;
use crate::cel::tests::{comes_to, compiled, manifest, refused};
use crate::cel::values::{Scope, Values};
use crate::cel::{Program, functions};
use crate::module::Fault;

/// Facts within the schema: as they are commonly, with text that is not ASCII, and at their cap, the text of lists
/// spread evenly or all in one item.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Common,
    Foreign,
    Even,
    Lopsided,
}

const SHAPES: [Shape; 4] = [Shape::Common, Shape::Foreign, Shape::Even, Shape::Lopsided];

impl Shape {
    fn facts(self) -> Facts {
        let mut facts = Facts::sample();
        let list = |items: usize, bytes: usize| -> Vec<String> {
            match self {
                Self::Common => ["jobs:read", "", "ab", "203.0.113.0/24"].map(str::to_owned).to_vec(),
                Self::Foreign => ["日本", "", "\u{301}", "é-é", "\0", "🦀/ab"].map(str::to_owned).to_vec(),
                Self::Even => {
                    let each = bytes / items;
                    (0..items).map(|place| format!("{place:0each$}").chars().take(each).collect()).collect()
                }
                Self::Lopsided => {
                    let mut list = vec![String::new(); items];
                    list[0] = "x".repeat(bytes);
                    list
                }
            }
        };
        let text = |bytes: usize| match self {
            Self::Common => "/v1/jobs".to_owned(),
            Self::Foreign => "/é/日\u{301}\0🦀".to_owned(),
            Self::Even => "/a".repeat(bytes / 2),
            Self::Lopsided => "a".repeat(bytes),
        };
        facts.principal.scopes = list(limits::GRANTED, limits::FACTS_BYTES);
        facts.action.scopes = list(limits::NAMES, limits::FACTS_BYTES);
        facts.principal.ip_allow = Some(list(limits::NETWORKS, limits::FACTS_BYTES));
        facts.request.path = Some(text(limits::PATH_BYTES));
        facts.principal.id = text(limits::NAME_BYTES);
        let tags = match self {
            Self::Lopsided => vec![text(limits::ATTRIBUTE_BYTES); limits::ATTRIBUTE_ITEMS],
            _ => list(limits::ATTRIBUTE_ITEMS, limits::ATTRIBUTE_BYTES),
        };
        facts.resource.attributes.insert("tags".into(), Value::Texts(tags));
        facts.resource.attributes.insert("owner".into(), Value::Text(text(limits::ATTRIBUTE_BYTES)));
        facts.context.insert("mfa_age".into(), Value::Integer(i64::MAX));
        facts
    }
}

/// Counts what is looked up: no more than the nodes that are evaluated.
struct Counting<'s, 'a>(Scope<'s, 'a>, AtomicU64);

impl VariableResolver for Counting<'_, '_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.resolve(name)
    }
}

/// Bytes and values of what an evaluation made.
fn measure(value: &dyn Val) -> (u64, u64) {
    if let Some(text) = value.downcast_ref::<CelString>() {
        return (length(text.inner()), 1);
    }
    let Some(list) = value.as_iterable() else { return (0, 1) };
    let mut items = list.iter();
    let (mut bytes, mut values) = (0, 1);
    while let Some(item) = items.next() {
        let (more, others) = measure(item);
        (bytes, values) = (bytes + more, values + others);
    }
    (bytes, values)
}

/// What an expression comes to, as whoever put it together knows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Bool,
    Int,
    Text,
    Texts,
}

impl Kind {
    fn is(self, value: &dyn Val) -> bool {
        match self {
            Self::Bool => value.downcast_ref::<CelBool>().is_some(),
            Self::Int => value.downcast_ref::<CelInt>().is_some(),
            Self::Text => value.downcast_ref::<CelString>().is_some(),
            Self::Texts => value.as_iterable().is_some_and(|list| {
                let mut items = list.iter();
                std::iter::from_fn(|| items.next().map(|item| Self::Text.is(item))).all(|text| text)
            }),
        }
    }
}

/// What became of an expression.
#[derive(Debug, PartialEq)]
enum Fate {
    Evaluated,
    /// The gate refuses it for what it may cost, so nothing need hold.
    TooCostly,
}

/// Evaluates an expression on facts of every shape and holds what it does and what it comes to to its bound and type.
#[track_caller]
fn holds(source: &str, kind: Option<Kind>) -> Fate {
    let mut lowering = Lowering::new(&manifest());
    let expr = lowering.expression(parse::parse(source).unwrap_or_else(|found| panic!("{source}: {found:?}")));
    let (declared, patterns) = lowering.finish().unwrap_or_else(|found| panic!("{source}: {found:?}"));
    let bound = Bounds::new(&declared, &patterns).of(&expr);
    if bound.steps() > limits::STEPS {
        return Fate::TooCostly;
    }
    for shape in SHAPES {
        let facts = shape.facts();
        let values = Values::new(facts.as_ref());
        let settings = Attributes::new();
        let scope = Scope { values: &values, settings: &settings, declared: &declared, patterns: &patterns };
        let counting = Counting(scope, AtomicU64::new(0));
        let mut context = functions::root().new_inner_scope();
        context.set_variable_resolver(&counting);
        let made = CelValue::resolve_val(&expr, &context);
        let looked_up = counting.1.load(Ordering::Relaxed);
        let steps = bound.steps();
        assert!(looked_up <= steps, "{shape:?} {source}: {looked_up} lookups, bounded by {steps} steps");
        if let Ok(made) = made {
            assert!(kind.is_none_or(|kind| kind.is(&*made)), "{shape:?} {source}: not a {kind:?}");
            let (bytes, values) = measure(&*made);
            let size = &bound.size;
            let within = bytes <= size.bytes && values <= size.values;
            assert!(within, "{shape:?} {source}: {bytes} bytes, {values} values, {size:?}");
        }
    }
    Fate::Evaluated
}

#[test]
fn bounds_hold_on_the_largest_facts() {
    for source in [
        "principal.scopes",
        "principal.scopes.map(s, s + s)",
        "principal.scopes.map(s, s + '!')",
        "principal.scopes.map(s, size(s) > 3 ? s : 'short')",
        "principal.scopes.filter(s, s != '')",
        "principal.scopes.filter(s, s != '').map(t, t.trim())",
        "principal.scopes.join(', ')",
        "principal.scopes.map(s, s.replace('', '--')).join(', ')",
        "resource.attributes.tags.map(t, t.split(''))",
        "resource.attributes.tags.map(t, [t, t])",
        "resource.attributes.tags.map(t, ['', principal.kind].map(a, a + t))",
        "resource.attributes.tags.map(t, action.scopes)",
        "request.path.split('/')",
        "request.path.replace('/', '//').replace('/', '//')",
        "request.path.substring(1, 20) + principal.id",
        "principal.scopes.exists(s, action.scopes.exists(a, a == s))",
        "principal.ip_allow.all(net, resource.attributes.tags.exists(t, net.startsWith(t)))",
        "[principal.scopes, action.scopes]",
        "principal.scopes + action.scopes",
        "string(now) + string(1.5) + string(timestamp(now / 1000)) + string(true)",
        "{'a': principal.id, 'b': request.path}['b']",
        "principal.scopes[0] + principal.scopes[1]",
    ] {
        assert_eq!(holds(source, None), Fate::Evaluated, "{source}");
    }
}

/// The gate accepts, and then: no panic, no more than the bound, the type that was checked. Most of what is put together
/// must really come that far: about 92 % do, of 400 drawn anew each time, so that three quarters is out of chance's reach.
#[test]
fn whatever_the_gate_accepts_keeps_to_its_bound_and_type() {
    const CASES: u32 = 400;
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) };
    let (evaluated, refused) = (Cell::new(0u32), Cell::new(0u32));
    let put_together = (proptest::sample::select(vec![Kind::Bool, Kind::Int, Kind::Text, Kind::Texts]), choices());
    let outcome = TestRunner::new(config).run(&put_together, |(kind, choices)| {
        let source = Draw::new(&choices).expression(kind, 4);
        let fate = holds(&source, Some(kind));
        let count = if fate == Fate::Evaluated { &evaluated } else { &refused };
        count.set(count.get() + 1);
        // and as a module, through the whole gate, with the shortcuts
        let condition = match kind {
            Kind::Bool => source,
            Kind::Int => format!("{source} > 0"),
            Kind::Text => format!("{source} != ''"),
            Kind::Texts => format!("size({source}) > 0"),
        };
        match compiled(&format!("{condition} ? permit() : no_match()")) {
            Ok(program) => judges(&program, &condition),
            Err(message) => assert!(message.contains("an evaluation may cost"), "{condition}\n{message}"),
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    let (evaluated, refused) = (evaluated.get(), refused.get());
    assert!(evaluated >= CASES * 3 / 4, "{evaluated} evaluated, {refused} refused for their cost");
}

#[track_caller]
fn judges(program: &Program, condition: &str) {
    for shape in SHAPES {
        let verdict = program.evaluate(&Values::new(shape.facts().as_ref()), &Attributes::new());
        assert!(matches!(verdict, Ok(_) | Err(Fault::Evaluation)), "{shape:?} {condition}: {verdict:?}");
    }
}

fn choices() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 12..48)
}

/// Draws from bytes; when they run out, always the first, which is the smallest.
struct Draw<'b> {
    bytes: std::slice::Iter<'b, u8>,
    /// Variables of comprehensions so far, since none may hide another, and those in scope.
    variables: usize,
    scope: Vec<String>,
}

impl<'b> Draw<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self { bytes: bytes.iter(), variables: 0, scope: Vec::new() }
    }

    fn below(&mut self, count: usize) -> usize {
        self.bytes.next().map_or(0, |byte| usize::from(*byte) % count)
    }

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len())]
    }

    /// An expression of a kind, `depth` operators deep at most.
    fn expression(&mut self, kind: Kind, depth: usize) -> String {
        if depth == 0 || self.below(8) == 0 {
            return self.atom(kind);
        }
        let depth = depth - 1;
        match kind {
            Kind::Bool => self.condition(depth),
            Kind::Int => self.number(depth),
            Kind::Text => self.text(depth),
            Kind::Texts => self.texts(depth),
        }
    }

    fn atom(&mut self, kind: Kind) -> String {
        match kind {
            Kind::Bool => {
                self.one(&["true", "false", "has(request.ip)", "has(facts.gateway)", "(1 / 0 == 1)"]).to_owned()
            }
            Kind::Int => self
                .one(&["0", "1", "-7", "9223372036854775807", "now", "context.mfa_age", "settings.limit"])
                .to_owned(),
            Kind::Text => {
                if !self.scope.is_empty() && self.below(2) == 0 {
                    let place = self.below(self.scope.len());
                    return self.scope[place].clone();
                }
                let texts = [
                    "''",
                    "'ab'",
                    "'日本'",
                    "principal.kind",
                    "request.method",
                    "resource.attributes.owner",
                    "principal.id",
                    "request.path",
                    "gateway.id",
                ];
                self.one(&texts).to_owned()
            }
            Kind::Texts => {
                let lists = [
                    "[]",
                    "['x', principal.kind]",
                    "resource.attributes.tags",
                    "principal.scopes",
                    "action.scopes",
                    "principal.ip_allow",
                    "settings.names",
                ];
                self.one(&lists).to_owned()
            }
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        let joins = ["&&", "||"];
        let orders = ["==", "!=", "<", "<=", ">", ">="];
        match self.below(12) {
            0 | 1 => {
                let (a, sign) = (self.expression(Kind::Bool, depth), self.one(&joins));
                format!("({a} {sign} {})", self.expression(Kind::Bool, depth))
            }
            2 => format!("!{}", self.expression(Kind::Bool, depth)),
            3 => {
                let (a, sign) = (self.expression(Kind::Int, depth), self.one(&orders));
                format!("({a} {sign} {})", self.expression(Kind::Int, depth))
            }
            4 => {
                let (a, sign) = (self.expression(Kind::Text, depth), self.one(&orders));
                format!("({a} {sign} {})", self.expression(Kind::Text, depth))
            }
            5 => {
                let (a, b) = (self.expression(Kind::Texts, depth), self.expression(Kind::Texts, depth));
                let name = self.one(&["sets.contains", "sets.intersects", "sets.equivalent"]);
                format!("{name}({a}, {b})")
            }
            6 => format!("({} in {})", self.expression(Kind::Text, depth), self.expression(Kind::Texts, depth)),
            7 => {
                let (a, name) = (self.expression(Kind::Text, depth), self.one(&["contains", "startsWith", "endsWith"]));
                format!("{a}.{name}({})", self.expression(Kind::Text, depth))
            }
            8 => format!("{}.matches('^[a-z:]+$')", self.expression(Kind::Text, 0)),
            9 => {
                let function = self.one(&["isIP", "isCIDR"]);
                format!("{function}({})", self.expression(Kind::Text, depth))
            }
            10 => format!("{}.containsIP(request.ip)", self.expression(Kind::Texts, depth)),
            _ => {
                let name = self.one(&["exists", "all", "exists_one"]);
                self.comprehension(name, Kind::Bool, depth)
            }
        }
    }

    fn number(&mut self, depth: usize) -> String {
        match self.below(7) {
            0 | 1 => {
                let (a, sign) = (self.expression(Kind::Int, depth), self.one(&["+", "-", "*", "/", "%"]));
                format!("({a} {sign} {})", self.expression(Kind::Int, depth))
            }
            2 => format!("-({})", self.expression(Kind::Int, depth)),
            3 => format!("size({})", self.expression(Kind::Text, depth)),
            4 => format!("size({})", self.expression(Kind::Texts, depth)),
            5 => format!("{}.indexOf({})", self.expression(Kind::Text, depth), self.expression(Kind::Text, depth)),
            _ => format!("int({})", self.expression(Kind::Text, depth)),
        }
    }

    fn text(&mut self, depth: usize) -> String {
        match self.below(11) {
            0 | 1 => format!("({} + {})", self.expression(Kind::Text, depth), self.expression(Kind::Text, depth)),
            2 => {
                let condition = self.expression(Kind::Bool, depth);
                let then = self.expression(Kind::Text, depth);
                format!("({condition} ? {then} : {})", self.expression(Kind::Text, depth))
            }
            3 => format!("string({})", self.expression(Kind::Int, depth)),
            4 => {
                let name = self.one(&["trim", "lowerAscii", "upperAscii"]);
                format!("{}.{name}()", self.expression(Kind::Text, depth))
            }
            5 => format!("{}.substring({})", self.expression(Kind::Text, depth), self.expression(Kind::Int, 0)),
            6 => format!("{}[{}]", self.expression(Kind::Texts, depth), self.expression(Kind::Int, 0)),
            7 => format!("{}.join({})", self.expression(Kind::Texts, depth), self.expression(Kind::Text, 0)),
            8 => format!("{{'a': {}}}['a']", self.expression(Kind::Text, depth)),
            // what grows fastest, of what is small
            9 => {
                let (a, b) = (self.expression(Kind::Text, 0), self.expression(Kind::Text, 0));
                format!("{a}.replace({b}, {})", self.one(&["''", "'--'", "principal.kind.trim()"]))
            }
            _ => format!("string({})", self.expression(Kind::Bool, depth)),
        }
    }

    fn texts(&mut self, depth: usize) -> String {
        match self.below(6) {
            0 => format!("({} + {})", self.expression(Kind::Texts, depth), self.expression(Kind::Texts, depth)),
            1 => format!("[{}, {}]", self.expression(Kind::Text, depth), self.expression(Kind::Text, depth)),
            2 => format!("{}.split({})", self.expression(Kind::Text, depth), self.one(&["'/'", "''", "'日'"])),
            3 => {
                let condition = self.expression(Kind::Bool, depth);
                let then = self.expression(Kind::Texts, depth);
                format!("({condition} ? {then} : {})", self.expression(Kind::Texts, depth))
            }
            4 => self.comprehension("filter", Kind::Bool, depth),
            _ => self.comprehension("map", Kind::Text, depth),
        }
    }

    /// A comprehension, its body a few operators deep only; none within another's body but of the list's own atoms.
    fn comprehension(&mut self, name: &str, body: Kind, depth: usize) -> String {
        if self.scope.len() == limits::COMPREHENSION_DEPTH {
            return self.atom(if name == "map" || name == "filter" { Kind::Texts } else { Kind::Bool });
        }
        let list = self.expression(Kind::Texts, depth.min(1));
        let variable = format!("v{}", self.variables);
        self.variables += 1;
        self.scope.push(variable.clone());
        let body = self.expression(body, depth.min(1));
        self.scope.pop();
        format!("{list}.{name}({variable}, {body})")
    }
}

#[test]
fn a_program_over_the_budget_is_refused_with_its_place_and_the_numbers() {
    let square = "true &&\n principal.ip_allow.exists(a, workspace.ip_allow.exists(b, a + b == 'x'))";
    let source = format!("{square} ? permit() : no_match()");
    let message = compiled(&source).map(|_| ()).unwrap_err();
    assert!(message.contains("steps and may cost 250000"), "{message}");
    assert!(message.starts_with("1:6: an evaluation may cost "), "{message}");
    refused("request.path.replace('', request.path).replace('', request.path) == ''", "an evaluation may cost");
    refused(
        "principal.scopes.map(s, s + request.path).map(s, s + request.path).join() == ''",
        "an evaluation may cost",
    );
    refused("principal.scopes.all(s, s.matches('([a-z]+:){1,40}[a-z]+'))", "an evaluation may cost");
}

#[test]
fn what_policies_ask_costs_little() {
    let table = [
        ("principal.kind == 'api_key'", 40),
        ("'jobs:read' in principal.scopes", 400),
        ("request.path.startsWith('/v1/')", 40),
        ("principal.ip_allow.containsIP(request.ip)", 800),
        ("timestamp(now / 1000).getHours('+02:00') < 9", 40),
        ("request.path.matches('^/v1/jobs/[0-9]+$')", 100_000),
    ];
    for (condition, most) in table {
        let cost = compiled(&format!("{condition} ? permit() : no_match()")).unwrap().cost();
        assert!(cost <= most, "{condition} may cost {cost} steps");
    }
}

#[test]
fn facts_larger_than_the_bound_assumes_are_an_error() {
    let mut facts = Facts::sample();
    facts.principal.scopes = vec!["s".into(); limits::GRANTED + 1];
    facts.request.path = Some("/".repeat(limits::PATH_BYTES + 1));
    facts.resource.attributes.insert("tags".into(), Value::Texts(vec![String::new(); limits::ATTRIBUTE_ITEMS + 1]));
    facts.resource.attributes.insert("owner".into(), Value::Text("o".repeat(limits::ATTRIBUTE_BYTES + 1)));
    facts.action.scopes = vec!["x".repeat(limits::FACTS_BYTES / 2 + 1); 2];
    for condition in [
        "size(principal.scopes) > 0",
        "request.path.startsWith('/')",
        "size(resource.attributes.tags) > 0",
        "resource.attributes.owner.startsWith('o')",
        "size(action.scopes) > 0",
    ] {
        comes_to(&facts, condition, None);
    }
}
