//! Our own secrets where they don't belong: found wherever they were planted, and nothing else is.

mod history;
mod others;
mod plant;
mod tree;

use std::path::Path;
use std::process::Command;

use harness::Ran;
use harness::process::product;
use serde_json::Value;

use self::plant::Plant;

/// `scan` in a folder.
fn scan(folder: &Path, arguments: &[&str]) -> Ran {
    Ran::of(command(folder, arguments).arg("--output=json"))
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = product();
    command.current_dir(folder).arg("scan").args(arguments);
    command
}

/// What was found: path, line, and the public part of the secret.
fn found(ran: &Ran) -> Vec<(String, u64, String)> {
    let told: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let one = |found: &Value| {
        let text = |name: &str| found[name].as_str().expect("a text").to_owned();
        (text("path"), found["line"].as_u64().expect("a number"), text("secret"))
    };
    let mut all: Vec<_> = told["found"].as_array().expect("a list").iter().map(one).collect();
    all.sort();
    all
}

/// Nothing of what is secret about a secret is printed, whatever the format.
fn check_says_nothing(ran: &Ran, plants: &[Plant]) {
    for plant in plants {
        let needle = plant.random();
        assert!(!ran.stdout.contains(needle) && !ran.stderr.contains(needle), "{} is told: {ran:?}", plant.kind);
    }
}
