//! The shipped policies that are there in Rust too: their CEL, the function natively and its module in the sandbox say the same,
//! whatever the facts.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what tests share fails like tests")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::Path;

use access_engine::{
    Binding, Compiler, Engine, Limits, PolicyPackage, PolicySet, Sandbox, Upload, inspect, limits, run_cases,
};
use cronflow_policy::Policy;
use cronflow_policy::facts::Attribute;
use cronflow_policy_cases::{Attributes, CaseFile, Effect, Facts, Gateway, Value, Verdict};
use harness::guest::shipped_in_rust;
use harness::{WASM_TARGET, is_left_to_tests_run};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use proptest::{option, sample};

fn address() -> impl Strategy<Value = String> {
    let telling = [
        "203.0.113.7",
        "203.0.113.0",
        "203.0.113.255",
        "203.0.114.0",
        "10.0.0.1",
        "::ffff:203.0.113.7",
        "::ffff:cb00:7107",
        "2001:db8:1::7",
        "2001:DB8:1:0:0:0:0:7",
        "::",
        "0.0.0.0",
        "255.255.255.255",
        "",
        "203.0.113.7:443",
        "[::1]",
        "fe80::1%eth0",
        "0203.0.113.7",
        " 10.0.0.1",
        "10.1",
        "localhost",
    ];
    let v4 = any::<[u8; 4]>().prop_map(|octets| std::net::Ipv4Addr::from(octets).to_string());
    let v6 = any::<[u16; 8]>().prop_map(|groups| std::net::Ipv6Addr::from(groups).to_string());
    prop_oneof![6 => sample::select(telling.to_vec()).prop_map(str::to_owned), 1 => v4, 1 => v6, 1 => ".{0,12}"]
}

fn network() -> impl Strategy<Value = String> {
    let telling =
        ["0.0.0.0/0", "::/0", "::ffff:0:0/96", "::ffff:203.0.113.0/120", "10.0.0.0/08", "010.0.0.0/8", "/8", "all"];
    let length = prop_oneof![4 => 0..=32_u8, 2 => 0..=128_u8, 1 => any::<u8>()];
    let made = (address(), length).prop_map(|(address, length)| format!("{address}/{length}"));
    prop_oneof![3 => made, 2 => sample::select(telling.to_vec()).prop_map(str::to_owned), 1 => address()]
}

/// As many as an action may list for CEL to judge it: over that, CEL errs, which denies.
fn scopes() -> impl Strategy<Value = Vec<String>> {
    let scope = sample::select(vec!["jobs:read", "jobs:write", "workers:manage", "JOBS:READ", "*", ""]);
    let many = (20..=limits::NAMES).prop_map(|many| (0..many).map(|n| format!("scope:{n}")).collect());
    prop_oneof![8 => vec(scope.prop_map(str::to_owned), 0..4), 1 => many]
}

fn facts() -> impl Strategy<Value = Facts> {
    let list = || option::of(vec(network(), 0..4));
    let category = sample::select(vec!["customer", "customer", "management", "decision", "else"]);
    let workspace = prop_oneof![4 => list().prop_map(Some), 1 => Just(None)];
    (option::of(address()), list(), workspace, category, scopes(), scopes(), ".{0,9}").prop_map(
        |(ip, own, workspace, category, wanted, held, name)| {
            let mut facts = Facts::sample();
            facts.request.ip = ip;
            facts.principal.ip_allow = own;
            facts.principal.scopes = held;
            match (workspace, &mut facts.workspace) {
                (Some(listed), Some(workspace)) => workspace.ip_allow = listed,
                _ => facts.workspace = None,
            }
            category.clone_into(&mut facts.action.category);
            facts.action.scopes = wanted;
            facts.action.name = name;
            facts
        },
    )
}

/// What a policy said: its effect, its reasons' codes and their texts. `None`: it erred.
type Spoken = Option<(Effect, Vec<(String, String)>)>;

fn spoken(verdict: Verdict) -> (Effect, Vec<(String, String)>) {
    (verdict.effect, verdict.reasons.into_iter().map(|reason| (reason.code, reason.message)).collect())
}

fn codes((effect, reasons): &(Effect, Vec<(String, String)>)) -> (Effect, Vec<&str>) {
    (*effect, reasons.iter().map(|(code, _)| code.as_str()).collect())
}

/// The shipped folder, or the same with the module that its Rust builds.
fn package(name: &str, module: Option<Vec<u8>>, sandbox: &Sandbox) -> PolicyPackage {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies").join(name);
    let read = |file: &str| (file.to_owned(), std::fs::read(folder.join(file)).unwrap());
    let mut files = BTreeMap::from(["manifest.toml", "policy.cel", "cases.toml"].map(read));
    if let Some(module) = module {
        let manifest = String::from_utf8(files["manifest.toml"].clone()).unwrap();
        let of_wasm = manifest.replace("engine = \"cel\"", "engine = \"wasm\"");
        assert_ne!(of_wasm, manifest);
        files.insert("manifest.toml".to_owned(), of_wasm.into_bytes());
        files.insert("policy.wasm".to_owned(), module);
    }
    PolicyPackage::from_files(name, &files, Some(sandbox)).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// What the engine hears. An action that the policy does not see is no question to it.
fn of_the_engine(set: &PolicySet, facts: &Facts) -> Option<Spoken> {
    let [heard] = <[_; 1]>::try_from(set.explain(facts.as_ref())).ok()?;
    Some(heard.verdict.ok().map(spoken))
}

/// What the function says, natively. A panic is what would be a trap in a guest.
fn of_the_function(policy: &'static Policy, facts: &Facts) -> Spoken {
    let facts = facts.clone().into();
    catch_unwind(|| policy.evaluate(&facts, &[])).ok().map(|verdict| spoken(verdict.into()))
}

/// All of its cases pass as a module, and the three agree on generated facts, of which many come to each of these effects, and
/// some to an error if it `errs`.
fn check(policy: &'static Policy, effects: &[Effect], errs: bool) {
    if is_left_to_tests_run(WASM_TARGET) {
        return;
    }
    let name = policy.name();
    let sandbox = Sandbox::new(Limits { instances: 2, ..Limits::SERVING }, Compiler::InProcess, None).unwrap();
    let module = package(name, Some(shipped_in_rust(name)), &sandbox);
    let report = run_cases(&module);
    assert!(report.is_success(), "\n{report}");
    let module = PolicySet::platform([module]).unwrap();
    let cel = PolicySet::platform([package(name, None, &sandbox)]).unwrap();

    // How often each kind of answer came, so that none is agreed on by being asked for never.
    let came = Cell::new([0; 4]);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) };
    let agreed = TestRunner::new(config).run(&facts(), |facts| {
        let (of_cel, of_module) = (of_the_engine(&cel, &facts), of_the_engine(&module, &facts));
        prop_assert_eq!(&of_cel, &of_module, "CEL and module");
        let Some(of_cel) = of_cel else { return Ok(()) };
        // The engine cleans and shortens texts, which a function alone does not.
        let of_function = of_the_function(policy, &facts);
        prop_assert_eq!(of_cel.as_ref().map(codes), of_function.as_ref().map(codes), "CEL and function");
        let mut counts = came.get();
        counts[of_cel.map_or(3, |(effect, _)| effect as usize)] += 1;
        came.set(counts);
        Ok(())
    });
    agreed.unwrap_or_else(|error| panic!("{error}"));
    let [permitted, forbidden, silent, erred] = came.get();
    for (count, effect) in [(permitted, Effect::Permit), (forbidden, Effect::Forbid), (silent, Effect::NoMatch)] {
        assert_eq!(count > 100, effects.contains(&effect), "{effect:?}: {count}");
    }
    assert_eq!(erred > 20, errs, "erred: {erred}");
}

#[test]
fn ip_allow_list_says_the_same_in_cel_and_rust() {
    check(&ip_allow_list::POLICY, &[Effect::Forbid, Effect::NoMatch], true);
}

#[test]
fn scopes_says_the_same_in_cel_and_rust() {
    check(&scopes::POLICY, &[Effect::Permit, Effect::Forbid], false);
}

/// Something of every sort, drawn from one number.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn text(&mut self) -> String {
        let letters = ["", "a", "é", "漢", "\u{1F511}", "\0", "jobs:read", "0123456789abcdef"];
        (0..self.below(4)).map(|_| letters[self.below(8) as usize]).collect()
    }

    fn texts(&mut self) -> Vec<String> {
        (0..self.below(4)).map(|_| self.text()).collect()
    }

    fn maybe<T>(&mut self, draw: impl Fn(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| draw(self))
    }

    fn number(&mut self) -> i64 {
        [0, 1, -1, i64::MIN, i64::MAX, 1_700_000_000_000][self.below(6) as usize]
    }

    fn share(&mut self) -> f64 {
        [0.0, -0.0, 0.5, f64::MAX, f64::MIN_POSITIVE][self.below(5) as usize]
    }

    fn attributes(&mut self) -> Attributes {
        let value = |draw: &mut Self| match draw.below(5) {
            0 => Value::Boolean(draw.below(2) == 0),
            1 => Value::Integer(draw.number()),
            2 => Value::Double(draw.share()),
            3 => Value::Text(draw.text()),
            _ => Value::Texts(draw.texts()),
        };
        (0..self.below(5)).map(|_| (self.text(), value(self))).collect()
    }

    fn facts(&mut self) -> Facts {
        let mut facts = Facts::sample();
        let category = std::mem::take(&mut facts.action.category);
        facts.now = self.number();
        let principal = &mut facts.principal;
        for text in [&mut principal.kind, &mut principal.id, &mut principal.key_kind, &mut facts.action.name] {
            *text = self.text();
        }
        for text in [&mut principal.organization, &mut principal.workspace, &mut principal.client] {
            *text = self.maybe(Self::text);
        }
        let lists = [&mut principal.scopes, &mut principal.roles, &mut principal.environments];
        for list in lists.into_iter().chain([&mut principal.environments_except, &mut principal.methods]) {
            *list = self.texts();
        }
        principal.factor_at = self.maybe(Self::number);
        principal.ip_allow = self.maybe(Self::texts);
        principal.created_at = self.number();
        principal.expires_at = self.maybe(Self::number);
        (facts.action.scopes, facts.action.kinds) = (self.texts(), self.texts());
        facts.action.category = category;
        facts.organization = facts.organization.filter(|_| self.below(2) == 0);
        facts.workspace = facts.workspace.filter(|_| self.below(4) > 0);
        if let Some(workspace) = &mut facts.workspace {
            (workspace.id, workspace.name) = (self.text(), self.text());
            (workspace.ip_allow, workspace.egress_allow) = (self.maybe(Self::texts), self.maybe(Self::texts));
        }
        let gateway =
            |draw: &mut Self| Gateway { id: draw.text(), organizations: draw.texts(), environments: draw.texts() };
        facts.gateway = self.maybe(gateway);
        let request = &mut facts.request;
        for text in [&mut request.method, &mut request.path, &mut request.ip, &mut request.environment] {
            *text = self.maybe(Self::text);
        }
        let resource = &mut facts.resource;
        for text in [&mut resource.kind, &mut resource.id, &mut resource.workspace] {
            *text = self.maybe(Self::text);
        }
        (resource.attributes, facts.context) = (self.attributes(), self.attributes());
        facts
    }
}

/// Natively, by a component's adapters and without them, a module is told the same, byte for byte.
#[test]
fn a_module_is_told_all_the_facts_and_settings_whichever_way_it_is_called() {
    if is_left_to_tests_run(WASM_TARGET) {
        return;
    }
    let sandbox = Sandbox::new(Limits { instances: 2, ..Limits::SERVING }, Compiler::InProcess, None).unwrap();
    let directly = shipped_in_rust("mirror");
    let adapted = inspect(&directly).unwrap();
    let mut draw = Draw(7);
    for _ in 0..20 {
        let settings = Attributes::from([
            ("truth".to_owned(), Value::Boolean(draw.below(2) == 0)),
            ("number".to_owned(), Value::Integer(draw.number())),
            ("share".to_owned(), Value::Double(draw.share())),
            ("text".to_owned(), Value::Text(draw.text())),
            ("texts".to_owned(), Value::Texts(draw.texts())),
        ]);
        let [directly, adapted] = [&directly, &adapted].map(|module| {
            let upload = Upload {
                name: "mirror".to_owned(),
                engine: Engine::Wasm,
                module: module.clone(),
                settings: settings.clone(),
                attributes: Default::default(),
                cases: CaseFile { cases: Vec::new() },
            };
            let package = PolicyPackage::from_upload(&upload, &sandbox).unwrap_or_else(|errors| panic!("{errors:?}"));
            PolicySet::new([Binding::tenant(package)]).unwrap()
        });
        let native = settings.into_iter().map(|(name, value)| Attribute { name, value: value.into() });
        let native: Vec<_> = native.collect();
        for _ in 0..50 {
            let facts = draw.facts();
            let told = of_the_engine(&directly, &facts).flatten();
            assert!(matches!(&told, Some((Effect::Forbid, reasons)) if reasons.len() == 1), "{told:?}");
            assert_eq!(told, of_the_engine(&adapted, &facts).flatten(), "{facts:?}");
            let function = mirror::POLICY.evaluate(&facts.clone().into(), &native);
            assert_eq!(told, Some(spoken(function.into())), "{facts:?}");
        }
    }
}
