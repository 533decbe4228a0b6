//! The SDK's source, embedded, with manifests that stand by themselves.

use std::path::PathBuf;

use anyhow::Context;
use include_dir::{Dir, include_dir};
use toml::{Table, Value};

use super::WORKSPACE;

static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../sdk-guest");

/// Where the SDK lies in the workspace.
const PLACE: &str = "sdk-guest/";

/// Every file that a build of the SDK needs, by its path below it.
pub(super) fn files() -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = Vec::new();
    let mut dirs = vec![&SDK];
    while let Some(dir) = dirs.pop() {
        // Its own tests are run where it is made.
        dirs.extend(dir.dirs().filter(|dir| !dir.path().ends_with("tests")));
        for file in dir.files() {
            let contents = match file.path().file_name() {
                Some(name) if name == "Cargo.toml" => {
                    let text = file.contents_utf8().context("a manifest of the SDK is not text")?;
                    toml::to_string(&standing_alone(text)?)?.into_bytes()
                }
                _ => file.contents().to_vec(),
            };
            files.push((file.path().to_owned(), contents));
        }
    }
    Ok(files)
}

/// The manifests of the SDK's crates.
pub(super) fn manifests() -> anyhow::Result<Vec<Table>> {
    let mut manifests = Vec::new();
    for (path, contents) in files()? {
        if path.ends_with("Cargo.toml") {
            manifests.push(std::str::from_utf8(&contents)?.parse()?);
        }
    }
    Ok(manifests)
}

/// A manifest without what it inherits from the workspace, and without what only its own tests need.
fn standing_alone(manifest: &str) -> anyhow::Result<Table> {
    let mut manifest: Table = manifest.parse()?;
    let root: Table = WORKSPACE.parse()?;
    let workspace = root.get("workspace").and_then(Value::as_table).context("the workspace")?;
    let section = |name| workspace.get(name).and_then(Value::as_table).context("a section of the workspace");
    let (package, dependencies) = (section("package")?, section("dependencies")?);
    for part in ["dev-dependencies", "lints"] {
        manifest.remove(part);
    }
    for (name, value) in manifest.get_mut("package").and_then(Value::as_table_mut).into_iter().flatten() {
        if is_inherited(value) {
            *value = package.get(name.as_str()).with_context(|| format!("`{name}` of the workspace"))?.clone();
        }
    }
    for table in tables_of_dependencies(&mut manifest) {
        for (name, value) in table.iter_mut() {
            if is_inherited(value) {
                let of = dependencies.get(name.as_str()).with_context(|| format!("`{name}` of the workspace"))?;
                *value = Value::Table(joined(of, value));
            }
        }
    }
    Ok(manifest)
}

/// The tables `dependencies`, of every target.
pub(super) fn tables_of_dependencies(manifest: &mut Table) -> Vec<&mut Table> {
    let mut tables = Vec::new();
    for (section, value) in manifest.iter_mut() {
        let Some(section_table) = value.as_table_mut() else { continue };
        match section.as_str() {
            "dependencies" => tables.push(section_table),
            "target" => {
                let targets = section_table.iter_mut().filter_map(|(_, target)| target.as_table_mut());
                tables.extend(targets.filter_map(|target| target.get_mut("dependencies")?.as_table_mut()));
            }
            _ => {}
        }
    }
    tables
}

fn is_inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

/// What the workspace says of a dependency, and what the crate adds to it.
fn joined(of: &Value, own: &Value) -> Table {
    let mut joined = match of {
        Value::Table(table) => table.clone(),
        version => Table::from_iter([("version".to_owned(), version.clone())]),
    };
    // The SDK's crates lie within it.
    if let Some(Value::String(path)) = joined.get_mut("path") {
        *path = path.strip_prefix(PLACE).unwrap_or(path).to_owned();
    }
    for (name, value) in own.as_table().into_iter().flatten() {
        match (name.as_str(), joined.get_mut(name), value) {
            ("workspace", ..) => {}
            ("features", Some(Value::Array(features)), Value::Array(more)) => features.extend(more.iter().cloned()),
            _ => drop(joined.insert(name.clone(), value.clone())),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_manifest_inherits_and_every_path_is_there() {
        let manifests = manifests().unwrap();
        let name = |manifest: &Table| manifest["package"]["name"].as_str().unwrap().to_owned();
        let mut names: Vec<_> = manifests.iter().map(name).collect();
        names.sort();
        assert_eq!(names, ["cronflow-policy", "cronflow-policy-cases", "cronflow-policy-macros"]);
        for manifest in manifests {
            let text = manifest.to_string();
            assert!(!text.contains("workspace") && !text.contains("dev-dependencies"), "{text}");
        }
        let files = files().unwrap();
        let has = |path: &str| files.iter().any(|(file, _)| file.to_str() == Some(path));
        for path in ["src/lib.rs", "macros/Cargo.toml", "cases/Cargo.toml", "cases/schema/facts.schema.json"] {
            assert!(has(path), "{path}");
        }
        assert!(!has("tests/bindings.rs"));
    }
}
