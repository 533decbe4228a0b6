use std::sync::LazyLock;

use access_engine::{PolicySet, baseline};
use access_model::Catalog;
use cronflow_policy_cases::{
    Action, Attributes, Decision, Facts, Gateway, Organization, Request, Resource, Value, Workspace,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::{option, sample};

use super::*;

const ORGANIZATION: &str = "org_1";
const WORKSPACE: &str = "ws_1";

static BASELINE: LazyLock<PolicySet> = LazyLock::new(|| PolicySet::platform(baseline().unwrap()).unwrap());

/// Every action of the shipped catalog.
fn action() -> impl Strategy<Value = Action> {
    let text = include_str!("../../../../../policies/catalog.toml");
    let catalog = Catalog::parse(text).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let all: Vec<Action> = names.filter_map(|name| Some(catalog.action(name)?.as_ref().clone())).collect();
    assert!(all.len() > 30);
    sample::select(all)
}

/// What a policy may look for, and what none does.
fn text() -> impl Strategy<Value = String> {
    let telling = [
        "*",
        "",
        "api_key",
        "operator",
        "gateway",
        "production",
        "staging",
        "admin",
        "jobs:read",
        ORGANIZATION,
        WORKSPACE,
        "grant",
    ];
    prop_oneof![3 => sample::select(telling.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,12}"]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let value = prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        text().prop_map(Value::Text),
        vec(text(), 0..3).prop_map(Value::Texts),
    ];
    let names = ["kind", "scopes", "role", "expires_at", "issuer_quota_limit", "environments", "methods"];
    btree_map(sample::select(names.to_vec()).prop_map(str::to_owned), value, 0..5)
}

fn list() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..3)
}

fn facts() -> impl Strategy<Value = Facts> {
    let places = (any::<bool>(), any::<bool>(), option::of((list(), list())), option::of(text()));
    let asked =
        (action(), option::of(sample::select(vec!["GET", "POST", "HEAD"])), option::of(text()), option::of(text()));
    // Whom the host identifies itself is refused before any policy is asked.
    let kind = text().prop_filter("the host's own", |kind| !is_hosts_own(kind));
    let stated = (kind, text(), option::of(text()), option::of(text()));
    (places, asked, stated, attributes(), attributes(), attributes()).prop_map(
        |(
            (owned, placed, gateway, ip),
            (action, method, path, environment),
            (kind, id, of, on),
            resource,
            context,
            said,
        )| {
            let organization = owned.then(|| ORGANIZATION.to_owned());
            let workspace = (owned && placed).then(|| WORKSPACE.to_owned());
            let properties = crate::decide::Properties { subject: said.clone(), action: said };
            Facts {
                now: 1_767_225_600_000,
                principal: principal(&Stated { kind, id }, organization.clone(), workspace.clone()),
                organization: organization.map(|id| Organization { id, name: "acme".into() }),
                workspace: workspace.clone().map(|id| Workspace {
                    id,
                    name: "main".into(),
                    ip_allow: None,
                    egress_allow: None,
                }),
                gateway: gateway.map(|(organizations, environments)| Gateway {
                    id: "gw_1".into(),
                    organizations,
                    environments,
                }),
                action,
                request: Request { method: method.map(str::to_owned), path, ip, environment },
                resource: Resource { kind: of, id: on, workspace, attributes: resource },
                context: properties.into_context(context),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_shipped_set_allows_a_stated_subject_nothing(facts in facts()) {
        let decision = BASELINE.decide(facts.as_ref());
        prop_assert!(matches!(decision, Decision::Deny(_)), "{facts:?}");
    }
}

#[test]
fn nobody_is_what_the_host_identifies_itself_because_somebody_says_so() {
    for kind in [
        "api_key",
        "API_KEY",
        "api-key",
        "apiKey",
        "ApiKey ",
        "access_token",
        "client",
        "gateway",
        "Operator",
        "member",
        "credential",
        "stated",
        "",
        " ",
        "_",
    ] {
        assert!(is_hosts_own(kind), "{kind}");
    }
    for kind in ["user", "service", "api", "keyboard", "members", "użytkownik"] {
        assert!(!is_hosts_own(kind), "{kind}");
    }
}

#[test]
fn logs_show_what_a_stated_subject_is_and_no_secret_whole() {
    let stated = |kind: &str, id: &str| principal(&Stated { kind: kind.into(), id: id.into() }, None, None);
    assert_eq!(in_logs(&stated("user", "alice")), "user:alice");
    assert_eq!(in_logs(&stated("user", "key_07abc")), "user:key_07abc");
    assert_eq!(in_logs(&stated("user", "a\nb")), "user:a\\nb");
    let secret = format!("cf_prod_{}", "a".repeat(56));
    assert!(!in_logs(&stated("user", &secret)).contains(&secret[8..]));
    assert_eq!(in_logs(&Facts::sample().principal), Facts::sample().principal.id);
}
