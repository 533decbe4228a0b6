use std::collections::BTreeMap;

use cronflow_policy_cases::{Facts, Value};

use super::*;

fn package(name: &str, manifest: &str, module: &str) -> PolicyPackage {
    let manifest = format!("name = \"{name}\"\nversion = \"1\"\nengine = \"cel\"\ndescription = \"d\"\n{manifest}");
    let files = [("manifest.toml", manifest.as_str()), ("policy.cel", module)];
    let files: BTreeMap<_, _> = files.into_iter().map(|(n, text)| (n.to_owned(), text.as_bytes().to_vec())).collect();
    PolicyPackage::from_files(name, &files, None).unwrap()
}

fn granting(name: &str, module: &str) -> PolicyPackage {
    package(name, "sees = [\"customer\"]\ngrants = true\n", module)
}

fn forbidding(name: &str) -> PolicyPackage {
    package(name, "sees = [\"customer\"]\nreasons = [\"no\"]\n", "forbid('no', 'never')")
}

fn errs(name: &str) -> PolicyPackage {
    package(name, "sees = [\"customer\"]\n", "gateway.id == '' ? permit() : permit()")
}

fn code(decision: &Decision) -> &str {
    match decision {
        Decision::Allow => "allow",
        Decision::Deny(reasons) => &reasons[0].code,
    }
}

fn decide(bindings: impl IntoIterator<Item = Binding>) -> Decision {
    PolicySet::new(bindings).unwrap().decide(Facts::sample().as_ref())
}

#[test]
fn only_the_platforms_granting_policies_grant() {
    let permits = || granting("a", "permit()");
    assert_eq!(decide([Binding::platform(permits())]), Decision::Allow);
    let quiet = package("b", "sees = [\"customer\"]\n", "permit()");
    assert_eq!(code(&decide([Binding::platform(quiet)])), "not_permitted");
    let tenant = package("b", "sees = [\"customer\"]\n", "permit()");
    assert_eq!(code(&decide([Binding::tenant(tenant)])), "not_permitted");
    assert_eq!(code(&decide([Binding::platform(permits()), Binding::tenant(forbidding("b"))])), "no");
    assert_eq!(code(&decide([Binding::platform(permits()), Binding::tenant(errs("b"))])), "policy_error");
}

#[test]
fn tenants_may_not_ask_for_more() {
    let refused = |package| PolicySet::new([Binding::tenant(package)]).map(|_| ()).unwrap_err()[0].to_string();
    assert_eq!(
        refused(granting("a", "permit()")),
        "a: a tenant's policy can't grant; take `grants = true` out of its manifest"
    );
    for category in ["management", "decision"] {
        let message = refused(package("a", &format!("sees = [\"customer\", \"{category}\"]\n"), "no_match()"));
        assert_eq!(message, "a: a tenant's policy sees `customer` and `issuance` only; shorten `sees`");
    }
}

#[test]
fn a_tenants_policy_has_no_say_in_management() {
    let mut facts = Facts::sample();
    facts.action.category = "management".into();
    let platform = package("m", "sees = [\"management\"]\ngrants = true\n", "permit()");
    let set = PolicySet::new([Binding::platform(platform), Binding::tenant(forbidding("t"))]).unwrap();
    assert_eq!(set.decide(facts.as_ref()), Decision::Allow);
}

#[test]
fn an_unknown_category_is_not_permitted() {
    let mut facts = Facts::sample();
    let set = PolicySet::platform([granting("a", "permit()")]).unwrap();
    for category in ["", "Customer", "management", "issuance", "decision", "other"] {
        facts.action.category = category.into();
        assert_eq!(code(&set.decide(facts.as_ref())), "not_permitted", "{category}");
    }
}

#[test]
fn what_a_tenants_policies_say_is_heard() {
    let platform = PolicySet::new([Binding::platform(granting("a", "permit()"))]).unwrap();
    let tenant = |package| Binding::tenant(package);
    let own = PolicySet::new([
        Binding { mode: Mode::Monitor, ..tenant(forbidding("m")) },
        tenant(package("n", "sees = [\"customer\"]\n", "no_match()")),
        tenant(forbidding("f")),
    ])
    .unwrap();
    let facts = Facts::sample();
    let mut heard = Vec::new();
    platform.decide_heard(Some(&own), facts.as_ref(), &mut heard);
    assert!(platform.decide_inline_heard(Some(&own), facts.as_ref(), &mut heard).is_some());
    let heard: Vec<_> = heard.into_iter().map(|heard| (heard.place, heard.effect)).collect();
    assert_eq!(heard, [(1, Ok(Effect::NoMatch)), (2, Ok(Effect::Forbid))].repeat(2), "the tenant's, enforced ones");
}

#[test]
fn monitored_policies_are_watched_and_count_in_no_row() {
    let monitor = |package| Binding { mode: Mode::Monitor, ..Binding::platform(package) };
    let facts = Facts::sample();
    let set = PolicySet::new([
        monitor(forbidding("f")),
        monitor(errs("e")),
        monitor(granting("g", "permit()")),
        Binding::platform(granting("a", "permit()")),
    ])
    .unwrap();
    assert_eq!(set.decide(facts.as_ref()), Decision::Allow);
    let watched: Vec<_> = set.monitor(facts.as_ref()).into_iter().map(|heard| (heard.place, heard.effect)).collect();
    assert_eq!(watched, [(0, Ok(Effect::Forbid)), (1, Err(Fault::Evaluation)), (2, Ok(Effect::Permit))]);
    assert_eq!(set.explain(facts.as_ref())[0].policy, "a");
    assert_eq!(code(&decide([monitor(granting("g", "permit()"))])), "not_permitted");
}

#[test]
fn every_forbid_is_told_in_the_order_of_the_set() {
    let bindings = ["z", "a", "m"].map(|name| Binding::platform(forbidding(name)));
    let Decision::Deny(reasons) = decide(bindings) else { panic!() };
    let policies: Vec<_> = reasons.iter().map(|r| r.policy.as_deref().unwrap()).collect();
    assert_eq!(policies, ["z", "a", "m"]);
}

fn with_settings() -> PolicyPackage {
    let manifest = "sees = [\"customer\"]\ngrants = true\n[settings]\nlimit = { type = \"int\", default = 3 }\nnames \
                    = { type = \"strings\" }\n";
    package("s", manifest, "settings.limit == 3 && !has(settings.names) ? permit() : no_match()")
}

#[test]
fn settings_are_checked_and_defaults_fill_in() {
    let bound = |settings: &[(&str, Value)]| {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        PolicySet::new([Binding { settings, ..Binding::platform(with_settings()) }])
    };
    let decide = |set: &PolicySet| set.decide(Facts::sample().as_ref());
    assert_eq!(decide(&bound(&[]).unwrap()), Decision::Allow);
    assert_eq!(code(&decide(&bound(&[("limit", Value::Integer(4))]).unwrap())), "not_permitted");
    assert_eq!(code(&decide(&bound(&[("names", Value::Texts(vec![]))]).unwrap())), "not_permitted");
    let refused = |settings: &[(&str, Value)]| bound(settings).map(|_| ()).unwrap_err()[0].to_string();
    assert_eq!(refused(&[("limit", Value::Text("4".into()))]), "s: setting `limit` is not of type int");
    assert_eq!(refused(&[("lim", Value::Integer(4))]), "s: unknown setting `lim`; this policy knows [limit, names]");
}

#[test]
fn the_digest_changes_with_whatever_decides() {
    let digest = |bindings: Vec<Binding>| PolicySet::new(bindings).unwrap().digest().to_owned();
    let a = || Binding::platform(granting("a", "permit()"));
    let b = || Binding::platform(forbidding("b"));
    let s = |limit: Option<i64>| {
        let settings = limit.map(|n| ("limit".to_owned(), Value::Integer(n))).into_iter().collect();
        Binding { settings, ..Binding::platform(with_settings()) }
    };
    let base = digest(vec![a(), b()]);
    assert_eq!(base.len(), 64);
    assert_eq!(base, digest(vec![a(), b()]));
    // a default and the same value given are the same set
    assert_eq!(digest(vec![s(None)]), digest(vec![s(Some(3))]));
    let others = [
        vec![b(), a()],
        vec![a()],
        vec![],
        vec![Binding::platform(granting("a", "permit() ")), b()],
        vec![Binding::platform(package("a", "sees = [\"customer\"]\n", "permit()")), b()],
        vec![a(), Binding { mode: Mode::Monitor, ..b() }],
        vec![a(), Binding { origin: Origin::Tenant, ..b() }],
        vec![s(None)],
        vec![s(Some(4))],
    ];
    let mut digests: Vec<String> = others.into_iter().map(digest).collect();
    digests.push(base);
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count);
}

#[test]
fn sets_that_can_not_be_told_apart_are_refused() {
    let twice = [Binding::platform(forbidding("a")), Binding::platform(forbidding("a"))];
    let message = PolicySet::new(twice).map(|_| ()).unwrap_err()[0].to_string();
    assert_eq!(message, "a: the set holds two policies of this name; names are unique within a set");
    let many = (0..=BINDINGS_LIMIT).map(|n| Binding::platform(forbidding(&format!("p{n}"))));
    let message = PolicySet::new(many).map(|_| ()).unwrap_err()[0].to_string();
    assert_eq!(message, "set: the set binds 65 policies and may bind 64");
}

#[test]
fn a_tenants_cel_policies_have_a_budget_together() {
    let costly = |n: usize| {
        let module = "request.path.matches('^(/[a-z]{1,8}){1,2}$') ? permit() : no_match()";
        Binding::tenant(package(&format!("p{n}"), "sees = [\"customer\"]\n", module))
    };
    let cost = costly(0).package.cost().unwrap();
    let fit = usize::try_from(limits::SET_STEPS / cost).unwrap();
    assert!((2..30).contains(&fit), "{cost}");
    assert!(PolicySet::new((0..fit).map(costly)).is_ok());
    let message = PolicySet::new((0..=fit).map(costly)).map(|_| ()).unwrap_err()[0].to_string();
    let steps = cost * (fit as u64 + 1);
    let expected = format!("may cost {steps} steps in one decision and may cost {}, {cost} of them", limits::SET_STEPS);
    assert!(message.contains(&expected), "{message}");
    // what is only watched is counted apart, and the platform answers for its own
    let watched = |n| Binding { mode: Mode::Monitor, ..costly(n) };
    assert!(PolicySet::new((0..fit).map(costly).chain((fit..2 * fit).map(watched))).is_ok());
    assert!(PolicySet::new((0..=fit).map(|n| Binding { origin: Origin::Platform, ..costly(n) })).is_ok());
}
