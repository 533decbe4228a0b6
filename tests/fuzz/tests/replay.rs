//! The corpus, replayed: what the fuzzers started from, and what they found.

use std::fs;
use std::path::Path;

#[test]
fn the_corpus_holds_what_the_fuzzers_hold() {
    for (name, target) in fuzz::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut inputs = 0;
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            target(&fs::read(&path).unwrap());
            inputs += 1;
        }
        assert!(inputs > 4, "{} has {inputs} inputs", folder.display());
    }
}

/// Each target has its folder and its fuzzer, and there is no other.
#[test]
fn every_target_is_fuzzed() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = |folder: &str| {
        let entries = fs::read_dir(here.join(folder)).unwrap();
        let name = |path: std::path::PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries.map(|entry| name(entry.unwrap().path())).collect();
        names.sort();
        names
    };
    let mut known: Vec<String> = fuzz::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    known.sort();
    assert_eq!(names("corpus"), known);
    assert_eq!(names("fuzzers/targets"), known);
}
