//! What holds for any facts and any sets: no panic, no widening, the same answer twice.

#![expect(clippy::unwrap_used, reason = "what tests share fails like tests")]

#[path = "wasm/wat.rs"]
mod wat;

use std::sync::{Arc, LazyLock};

use access_engine::{Binding, Compiler, Engine, Limits, Mode, PolicyPackage, PolicySet, Sandbox, Upload, baseline};
use cronflow_policy_cases::{
    Action, Attributes, CaseFile, Decision, Facts, Gateway, Organization, Principal, Reason, Request, Resource, Value,
    Workspace,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::{option, sample};

static BASELINE: LazyLock<Vec<Arc<PolicyPackage>>> =
    LazyLock::new(|| baseline().unwrap().into_iter().map(Arc::new).collect());

/// Modules that a tenant might bind, on both engines: every verdict, errors, and budgets that run out.
static TENANT: LazyLock<Vec<Arc<PolicyPackage>>> = LazyLock::new(|| {
    let modules = [
        "permit()",
        "no_match()",
        "forbid('no', 'never')",
        "gateway.id == '' ? permit() : permit()",
        "has(request.environment) && request.environment == 'production' ? forbid('no', request.environment) : permit()",
        "principal.scopes.exists(s, s in action.scopes) ? permit() : forbid('no', principal.scopes.join(','))",
        "has(context.age) && context.age > 3 ? forbid('no', 'old') : no_match()",
    ];
    let cel = modules.iter().enumerate().map(|(n, module)| Arc::new(tenant(&format!("t{n}"), module)));
    cel.chain(guests()).collect()
});

/// One that permits, forbids, has nothing to say, traps, answers nonsense, never ends, and needs more than is served inline.
fn guests() -> impl Iterator<Item = Arc<PolicyPackage>> {
    static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| {
        let limits = Limits {
            fuel: 100_000,
            decision_fuel: 150_000,
            inline_fuel: 20_000,
            deadline_ms: 600_000,
            ..Limits::SERVING
        };
        Sandbox::new(limits, Compiler::InProcess, None).unwrap()
    });
    let count = "(local $i i32) (loop (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5000))))";
    let judges = [
        wat::verdict(0),
        wat::verdict(1),
        wat::verdict(2),
        "unreachable".to_owned(),
        "(i32.const 65532)".to_owned(),
        "(loop (br 0)) unreachable".to_owned(),
        format!("{count} {}", wat::verdict(0)),
        wat::where_said(*b"prod", &format!("(return {})", wat::verdict(1))),
    ];
    judges.into_iter().enumerate().map(|(n, evaluate)| {
        let upload = Upload {
            name: format!("w{n}"),
            engine: Engine::Wasm,
            module: wat::bytes(&wat::module(&evaluate, "")),
            settings: Attributes::new(),
            attributes: Default::default(),
            cases: CaseFile { cases: Vec::new() },
        };
        Arc::new(PolicyPackage::from_upload(&upload, &SANDBOX).unwrap())
    })
}

fn tenant(name: &str, module: &str) -> PolicyPackage {
    let reasons = if module.contains("forbid") { "\"no\"" } else { "" };
    let manifest = format!(
        "name = \"{name}\"\nversion = \"1\"\nengine = \"cel\"\ndescription = \"d\"\nsees = [\"customer\", \
         \"issuance\"]\nreasons = [{reasons}]\n[attributes.context]\nage = \"int\"\n"
    );
    let files = [("manifest.toml", manifest), ("policy.cel", module.to_owned())];
    let files = files.into_iter().map(|(n, text)| (n.to_owned(), text.into_bytes())).collect();
    PolicyPackage::from_files(name, &files, None).unwrap()
}

/// Text that means something to some policy, and text that does not.
fn text() -> impl Strategy<Value = String> {
    let telling = [
        "*",
        "",
        "production",
        "staging",
        "GET",
        "POST",
        "jobs:read",
        "jobs:write",
        "org_1",
        "ws_1",
        "api_key",
        "gateway",
        "operator",
        "read_only",
        "203.0.113.7",
        "203.0.113.0/24",
        "::ffff:203.0.113.7",
        "::/0",
        "2001:db8::1",
        "0.0.0.0/0",
        "customer",
        "management",
        "decision",
        "\u{202E}\r\n",
        "\0",
        "日本",
    ];
    prop_oneof![8 => sample::select(telling.to_vec()).prop_map(str::to_owned), 1 => ".*", 1 => "a{0,3000}"]
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..4)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_map(Value::Double),
        text().prop_map(Value::Text),
        texts().prop_map(Value::Texts),
    ]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    btree_map(prop_oneof![Just("age".to_owned()), text()], value(), 0..3)
}

fn principal() -> impl Strategy<Value = Principal> {
    let lists = (texts(), texts(), texts(), texts(), texts());
    let texts = option::of(texts());
    let optional = (option::of(text()), option::of(text()), option::of(text()), texts);
    let times = (any::<i64>(), option::of(any::<i64>()), option::of(any::<i64>()));
    (text(), text(), text(), lists, optional, times).prop_map(|(kind, id, key_kind, lists, stated, times)| {
        let (scopes, roles, environments, environments_except, methods) = lists;
        let (organization, workspace, client, ip_allow) = stated;
        let (created_at, expires_at, factor_at) = times;
        Principal {
            kind,
            id,
            key_kind,
            organization,
            workspace,
            scopes,
            roles,
            client,
            factor_at,
            environments,
            environments_except,
            methods,
            ip_allow,
            created_at,
            expires_at,
        }
    })
}

fn facts() -> impl Strategy<Value = Facts> {
    let organization = option::of((text(), text()).prop_map(|(id, name)| Organization { id, name }));
    let workspace = option::of(
        (text(), text(), option::of(texts()), option::of(texts()))
            .prop_map(|(id, name, ip_allow, egress_allow)| Workspace { id, name, ip_allow, egress_allow }),
    );
    let gateway = option::of((text(), texts(), texts()).prop_map(|(id, organizations, environments)| Gateway {
        id,
        organizations,
        environments,
    }));
    let category = sample::select(vec!["customer", "customer", "management", "issuance", "decision", "else"]);
    let action = (text(), category, texts(), texts()).prop_map(|(name, category, scopes, kinds)| Action {
        name,
        category: category.to_owned(),
        scopes,
        kinds,
    });
    let some = || option::of(text());
    let request = (some(), some(), some(), some()).prop_map(|(method, path, ip, environment)| Request {
        method,
        path,
        ip,
        environment,
    });
    let resource = (some(), some(), some(), attributes()).prop_map(|(kind, id, workspace, attributes)| Resource {
        kind,
        id,
        workspace,
        attributes,
    });
    (any::<i64>(), principal(), organization, workspace, gateway, (action, request, resource, attributes())).prop_map(
        |(now, principal, organization, workspace, gateway, (action, request, resource, context))| Facts {
            now,
            principal,
            organization,
            workspace,
            gateway,
            action,
            request,
            resource,
            context,
        },
    )
}

/// Facts that the baseline allows unless something narrows them: what random facts hardly ever are.
fn allowed_facts() -> impl Strategy<Value = Facts> {
    (attributes(), option::of(texts()), any::<bool>()).prop_map(|(context, egress_allow, listed)| {
        let mut facts = Facts { context, ..Facts::sample() };
        if let Some(workspace) = &mut facts.workspace {
            workspace.egress_allow = egress_allow;
            workspace.ip_allow = listed.then(|| vec!["203.0.113.0/24".to_owned()]);
        }
        facts
    })
}

/// Some of a tenant's bindings, and all of them.
fn tenant_bindings() -> impl Strategy<Value = (Vec<Binding>, Vec<Binding>)> {
    let mode = sample::select(vec![None, None, Some(Mode::Enforce), Some(Mode::Monitor)]);
    vec((mode, any::<bool>()), TENANT.len()).prop_map(|chosen| {
        let bound = |with_late: bool| {
            let chosen = TENANT.iter().zip(&chosen).filter(move |(_, (_, is_late))| with_late || !is_late);
            let bound = |(package, (mode, _)): (&Arc<PolicyPackage>, &(Option<Mode>, bool))| {
                Some(Binding { mode: (*mode)?, ..Binding::tenant(Arc::clone(package)) })
            };
            chosen.filter_map(bound).collect()
        };
        (bound(false), bound(true))
    })
}

fn platform() -> impl Iterator<Item = Binding> {
    BASELINE.iter().cloned().map(Binding::platform)
}

fn is_well_formed(decision: &Decision) -> bool {
    let printable = |text: &str| !text.contains(|c: char| c.is_control());
    let reason = |reason: &Reason| {
        !reason.code.is_empty()
            && !reason.message.is_empty()
            && reason.message.chars().count() <= 513
            && printable(&reason.message)
    };
    match decision {
        Decision::Allow => true,
        Decision::Deny(reasons) => !reasons.is_empty() && reasons.iter().all(reason),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn the_baseline_decides_any_facts(facts in facts()) {
        static SET: LazyLock<PolicySet> = LazyLock::new(|| PolicySet::new(platform()).unwrap());
        let decision = SET.decide(facts.as_ref());
        prop_assert!(is_well_formed(&decision), "{decision:?}");
        prop_assert_eq!(&decision, &SET.decide(facts.as_ref()));
        // what can't be evaluated is one thing only: a list of networks that holds what is no network
        if let Decision::Deny(reasons) = &decision {
            for reason in reasons.iter().filter(|reason| reason.code == "policy_error") {
                prop_assert_eq!(reason.policy.as_deref(), Some("ip-allow-list"));
            }
        }
        for observation in SET.explain(facts.as_ref()) {
            prop_assert_ne!(observation.verdict, Err(access_engine::Fault::Panic));
        }
    }

    /// By the very calls that a host makes: its own set and the tenant's beside each other.
    #[test]
    fn tenants_narrow_and_never_widen(
        facts in prop_oneof![facts(), allowed_facts()],
        (some, all) in tenant_bindings(),
    ) {
        static PLATFORM: LazyLock<PolicySet> = LazyLock::new(|| PolicySet::new(platform()).unwrap());
        let mut before = PLATFORM.decide(facts.as_ref());
        for bindings in [some, all] {
            let is_enforced = bindings.iter().any(|binding| binding.mode == Mode::Enforce);
            let tenant = PolicySet::new(bindings).unwrap();
            let mut heard = Vec::new();
            let decision = PLATFORM.decide_heard(Some(&tenant), facts.as_ref(), &mut heard);
            prop_assert!(is_well_formed(&decision));
            if before != Decision::Allow {
                prop_assert_ne!(&decision, &Decision::Allow);
            }
            if decision == Decision::Allow || !is_enforced {
                prop_assert_eq!(&decision, &before);
            }
            let mut heard_inline = Vec::new();
            match PLATFORM.decide_inline_heard(Some(&tenant), facts.as_ref(), &mut heard_inline) {
                Some(inline) => prop_assert_eq!((inline, heard_inline), (decision.clone(), heard)),
                None => prop_assert!(is_enforced && heard_inline.is_empty()),
            }
            before = decision;
        }
    }
}

#[test]
fn the_sample_is_allowed_so_that_narrowing_has_something_to_narrow() {
    let set = PolicySet::new(platform()).unwrap();
    assert_eq!(set.decide(Facts::sample().as_ref()), Decision::Allow);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    /// Whatever the gate is given, it answers; and what it accepts comes to a verdict or a fixed code on any facts.
    #[test]
    fn the_gate_survives_any_source(source in source(), facts in facts()) {
        let manifest = "name = \"x\"\nversion = \"1\"\nengine = \"cel\"\ndescription = \"d\"\nsees = [\"customer\"]\n";
        let files = [("manifest.toml", manifest.as_bytes().to_vec()), ("policy.cel", source.into_bytes())];
        let files = files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
        match PolicyPackage::from_files("x", &files, None) {
            Err(errors) => prop_assert!(!errors.is_empty()),
            Ok(package) => {
                let set = PolicySet::platform([package]).unwrap();
                let decision = set.decide(facts.as_ref());
                prop_assert!(is_well_formed(&decision));
            }
        }
    }
}

/// Anything, and pieces of policies put together at random.
fn source() -> impl Strategy<Value = String> {
    let pieces = [
        "principal",
        ".",
        "scopes",
        "kind",
        "request.ip",
        "has(",
        "facts.gateway",
        ")",
        "(",
        "[",
        "]",
        "{",
        "}",
        "?",
        ":",
        " ? permit() : ",
        "no_match()",
        "permit()",
        "&&",
        "||",
        "!",
        "-",
        "==",
        "!=",
        " in ",
        "<",
        "+",
        "*",
        "/",
        "%",
        "1",
        "0",
        "9223372036854775807",
        "1.5e3",
        "'a'",
        "\"b\"",
        "'",
        ",",
        ".exists(x, ",
        "x",
        ".map(y, ",
        "y",
        ".all(z, ",
        "size(",
        "int(",
        "string(",
        "ip(",
        "cidr(",
        ".containsIP(",
        ".containsCIDR(",
        ".join(",
        "sets.intersects(",
        "true",
        "false",
        "now",
        "// c\n",
        "\n",
        "日",
        "`",
        "'a': 1",
        "[0]",
        "null",
        "principal.scopes",
        "action.scopes",
        "request.environment",
    ];
    let words = vec(sample::select(pieces.to_vec()), 0..40).prop_map(|words| words.concat());
    let wrapped = vec(sample::select(pieces.to_vec()), 0..12)
        .prop_map(|words| format!("{} ? permit() : no_match()", words.concat()));
    prop_oneof![1 => ".{0,200}", 4 => words, 8 => expression().prop_map(|e| format!("{e} ? permit() : no_match()")), 2 => wrapped]
}

/// Expressions that parse, of every type and so often of the wrong one.
fn expression() -> impl Strategy<Value = String> {
    let leaves = [
        "true",
        "false",
        "0",
        "1",
        "-1",
        "9223372036854775807",
        "1.5",
        "'a'",
        "''",
        "'203.0.113.0/24'",
        "'1.2.3.4'",
        "now",
        "principal.kind",
        "principal.scopes",
        "principal.expires_at",
        "action.scopes",
        "action.kinds",
        "request.ip",
        "workspace.ip_allow",
        "gateway.organizations",
        "has(request.ip)",
        "has(facts.gateway)",
        "[]",
        "['a', 'b']",
        "[1, 2.0]",
        "{'a': 1}",
        "{'a': [1]}",
    ];
    let leaf = sample::select(leaves.to_vec()).prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator =
            sample::select(vec!["&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", " in "]);
        let function = sample::select(vec!["size", "string", "int", "double", "ip", "cidr", "isIP", "isCIDR"]);
        let member = sample::select(vec!["contains", "startsWith", "endsWith", "containsIP", "containsCIDR", "join"]);
        let set = sample::select(vec!["contains", "equivalent", "intersects"]);
        let list = sample::select(vec![
            "principal.scopes",
            "action.scopes",
            "['a', 'b']",
            "[1, 2, 'x']",
            "principal.ip_allow",
        ]);
        let comprehension = sample::select(vec!["all", "exists", "exists_one", "filter", "map"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, o, b)| format!("({a} {o} {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            inner.clone().prop_map(|a| format!("-({a})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (function, inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            (inner.clone(), member, inner.clone()).prop_map(|(a, f, b)| format!("({a}).{f}({b})")),
            (set, inner.clone(), inner.clone()).prop_map(|(f, a, b)| format!("sets.{f}({a}, {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[{b}]")),
            (list, comprehension, inner).prop_map(|(l, c, body)| format!("{l}.{c}(x, {body} == x)")),
        ]
    })
}
