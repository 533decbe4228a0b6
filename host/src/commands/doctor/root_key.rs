//! The root key: there, private, and the one that the store was begun with.

use access_authority::lifecycle::root_key::RootKey;
use access_authority::lifecycle::{Installation, LifecycleError};

use super::scene::{Scene, not_looked_at};
use crate::commands::config::checks;
use crate::report::{Finding, Level};

const NAME: &str = "root_key";

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let mut findings = checks::root_key(&scene.settings);
    let Ok(root) = RootKey::read(&scene.settings.root_key(false)) else { return findings };
    findings.retain(|finding| finding.level != Level::Ok);
    let (Ok(store), Ok(begun)) = (scene.store_for(NAME), scene.installation()) else {
        findings.push(not_looked_at(NAME));
        return findings;
    };
    let Some(installation) = begun else {
        let todo = "run `cronflow-access init` again: the first run was cut short";
        findings.push(Finding::fail(NAME, "nothing was begun in the store", todo));
        return findings;
    };
    match scene.wait(Installation::open(store, &root, installation.dev)) {
        Ok(_) if findings.is_empty() => {
            findings.push(Finding::ok(NAME, "private, and opens what is sealed in the store"));
        }
        Ok(_) => {}
        Err(LifecycleError::Sealed) => {
            let what = format!("`{}` is not the key of this store", scene.settings.root_key(false).display());
            let todo = "put the right one in place; without it the store identifies nobody";
            findings.push(Finding::fail(NAME, what, todo));
        }
        Err(_) => findings.push(not_looked_at(NAME)),
    }
    findings
}
