//! The lock file of a new policy: the versions of others' crates that this binary was built and tested with.

use std::collections::BTreeSet;

use anyhow::Context;
use toml::{Table, Value};

use super::vendor;

const LOCK: &str = include_str!("../../../../../Cargo.lock");

/// What a policy in Rust needs of the workspace's lock file. Cargo puts the policy itself in, and out what is too much.
pub(super) fn trimmed() -> anyhow::Result<String> {
    let mut lock: Table = LOCK.parse()?;
    let packages = lock.get("package").and_then(Value::as_array).context("the packages of the lock file")?.clone();
    let mut wanted: Vec<String> = Vec::new();
    let mut ours = Vec::new();
    for mut manifest in vendor::manifests()? {
        ours.extend(manifest.get("package").and_then(|package| package.get("name")?.as_str()).map(str::to_owned));
        for table in vendor::tables_of_dependencies(&mut manifest) {
            wanted.extend(table.iter().filter(|(_, value)| !is_optional(value)).map(|(name, _)| name.clone()));
        }
    }
    let mut kept = BTreeSet::new();
    while let Some(name) = wanted.pop() {
        let found = packages.iter().enumerate().filter(|(_, package)| is_named(package, &name));
        for (place, package) in found.filter(|(_, package)| !ours.iter().any(|ours| is_named(package, ours))) {
            if kept.insert(place) {
                let needs = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
                wanted.extend(needs.filter_map(Value::as_str).map(str::to_owned));
            }
        }
    }
    let kept = packages.into_iter().enumerate().filter(|(place, _)| kept.contains(place)).map(|(_, package)| package);
    lock.insert("package".to_owned(), Value::Array(kept.collect()));
    Ok(toml::to_string(&lock)?)
}

fn is_optional(value: &Value) -> bool {
    value.get("optional").and_then(Value::as_bool) == Some(true)
}

/// `name`, or `name version` where there are several versions.
fn is_named(package: &Value, wanted: &str) -> bool {
    let field = |name: &str| package.get(name).and_then(Value::as_str).unwrap_or_default();
    match wanted.split_once(' ') {
        None => field("name") == wanted,
        Some((name, version)) => {
            field("name") == name && field("version") == version.split(' ').next().unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_what_a_policy_needs_and_little_else() {
        let lock: Table = trimmed().unwrap().parse().unwrap();
        let names: BTreeSet<&str> =
            lock["package"].as_array().unwrap().iter().map(|package| package["name"].as_str().unwrap()).collect();
        for needed in ["serde", "serde_derive", "ipnet", "toml", "syn"] {
            assert!(names.contains(needed), "{needed}");
        }
        assert!(!names.contains("wasmtime") && !names.contains("wit-bindgen-rust") && names.len() < 40, "{names:?}");
    }
}
