//! The policies that ship: complete, verified, and right on every one of their cases.

#![expect(clippy::panic, reason = "what tests share fails like tests")]

use std::path::Path;

use access_engine::{Compiler, Limits, PolicySet, Sandbox, baseline, baseline_files, load_dir, run_cases};

fn shipped() -> Vec<access_engine::PolicyPackage> {
    baseline().unwrap_or_else(|errors| panic!("{}", lines(&errors)))
}

fn lines(errors: &[access_engine::GateError]) -> String {
    errors.iter().map(|error| format!("{error}\n")).collect()
}

fn sandbox() -> Sandbox {
    Sandbox::new(Limits::SERVING, Compiler::InProcess, None).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_case_of_every_shipped_policy_passes() {
    let mut failed = String::new();
    for package in shipped() {
        let report = run_cases(&package);
        if !report.is_success() {
            failed.push_str(&report.to_string());
        }
    }
    assert!(failed.is_empty(), "\n{failed}");
}

#[test]
fn the_baseline_is_complete_and_in_order() {
    let packages = shipped();
    let names: Vec<&str> = packages.iter().map(|package| package.name()).collect();
    assert_eq!(
        names,
        [
            "environment",
            "gateway",
            "grants",
            "ip-allow-list",
            "key-kind",
            "management",
            "mfa",
            "rbac",
            "scopes",
            "tokens",
            "workspace"
        ]
    );
    for package in &packages {
        let readme = package.readme().unwrap_or_default();
        let manifest = package.manifest();
        assert!(readme.starts_with(&format!("# {}\n", package.name())), "{}", package.name());
        for reason in manifest.reasons.iter().flatten() {
            assert!(readme.contains(&format!("`{reason}`")), "README of {} says nothing of {reason}", package.name());
        }
        let cases = package.cases().map(|file| file.cases.len()).unwrap_or_default();
        assert!(cases >= 6, "{} has {cases} cases", package.name());
    }
}

#[test]
fn every_reason_of_a_shipped_policy_is_expected_by_a_case() {
    use cronflow_policy_cases::Expectation;
    for package in shipped() {
        let cases = package.cases().map(|file| file.cases.as_slice()).unwrap_or_default();
        for reason in package.manifest().reasons.iter().flatten() {
            let expected = cases
                .iter()
                .any(|case| matches!(&case.expect, Expectation::Verdict { codes, .. } if codes.contains(reason)));
            assert!(expected, "no case of {} expects {reason}", package.name());
        }
    }
}

#[test]
fn embedded_and_read_from_the_folder_are_the_same_set() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let read = load_dir(&folder, &sandbox()).unwrap_or_else(|errors| panic!("{}", lines(&errors)));
    let read = PolicySet::platform(read).unwrap();
    let embedded = PolicySet::platform(shipped()).unwrap();
    assert_eq!(read.digest(), embedded.digest());
}

#[test]
fn an_export_can_be_loaded_again() {
    let dir = tempfile::tempdir().unwrap();
    for (path, contents) in baseline_files() {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }
    let exported = PolicySet::platform(load_dir(dir.path(), &sandbox()).unwrap()).unwrap();
    assert_eq!(exported.digest(), PolicySet::platform(shipped()).unwrap().digest());
}

#[test]
fn every_shipped_policy_costs_at_most_half_of_what_it_may() {
    for package in shipped() {
        let cost = package.cost().unwrap();
        assert!(cost <= access_engine::limits::STEPS / 2, "{} may cost {cost} steps", package.name());
    }
}

/// What the cost bound assumes of facts is at least what the shipped catalog allows.
#[test]
fn the_shipped_catalog_stays_within_what_costs_are_bounded_from() {
    use access_engine::limits;
    let catalog = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/catalog.toml"));
    let catalog: toml::Table = catalog.unwrap().parse().unwrap();
    let allowed = |name: &str| usize::try_from(catalog["limits"][name].as_integer().unwrap()).unwrap();
    let table = [
        ("facts_bytes", limits::FACTS_BYTES),
        ("attributes", limits::ATTRIBUTE_ITEMS),
        ("attribute_bytes", limits::ATTRIBUTE_BYTES),
        ("allow_list", limits::NETWORKS),
        ("gateway_organizations", limits::NETWORKS),
        ("gateway_environments", limits::NAMES),
    ];
    for (name, assumed) in table {
        assert!(
            allowed(name) <= assumed,
            "the catalog's {name} may be {}, costs are bounded for {assumed}",
            allowed(name)
        );
    }
    assert!(catalog["scopes"].as_table().unwrap().len() <= limits::GRANTED);
}
