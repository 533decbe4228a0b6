//! The root key: there, private, and the one that the store was begun with.

use access_authority::lifecycle::{Installation, LifecycleError};

use super::scene::{Scene, not_looked_at};
use crate::commands::config::checks;
use crate::report::{Finding, Level};
use crate::secrets;

const NAME: &str = "root_key";

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let mut findings = checks::root_key(&scene.settings);
    let Ok(source) = scene.settings.root_key(false) else { return findings };
    let root = match scene.wait(secrets::root_key(&scene.settings, &source)) {
        Ok(root) => root,
        // Told already.
        Err(_) if findings.iter().any(|finding| finding.level != Level::Ok) => return findings,
        Err(error) => {
            let todo = "a host can't be started until this is mended; one that runs goes on";
            return vec![Finding::fail(NAME, format!("{error:#}"), todo)];
        }
    };
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
        Ok(_) => {
            // What the store can't answer here, other lines tell.
            if let Ok(Some(since)) = scene.wait(Installation::rekey_since(store)) {
                let what =
                    format!("the root key is being replaced since {since}, and the old one opens the store still");
                let todo = "start all hosts with the new one, then run `cronflow-access secrets rekey --finish`; if the new one \
                            is lost, run `cronflow-access secrets rekey --to` another";
                findings.push(Finding::warn(NAME, what, todo));
            }
            if findings.is_empty() {
                let what = format!("`{source}` is private, and opens what is sealed in the store");
                findings.push(Finding::ok(NAME, what));
            }
        }
        Err(LifecycleError::Sealed) => {
            let what = format!("`{source}` is not the key of this store");
            let todo = "put the right one in place (`secrets rekey` may have replaced it); without it the store identifies nobody";
            findings.push(Finding::fail(NAME, what, todo));
        }
        Err(_) => findings.push(not_looked_at(NAME)),
    }
    findings
}
