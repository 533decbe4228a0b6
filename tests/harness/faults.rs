//! What came of faults: each test that breaks something notes what its clients saw, how long it took until all was well, and
//! that nothing was lost. `tests/run` shows the notes as one table.

use std::path::PathBuf;
use std::time::Duration;

use crate::process::workspace_root;

/// What came of a fault. There is no place in it for what was lost: nobody notes anything before having checked that everything
/// that was acknowledged is there.
#[derive(Debug)]
pub struct Fault<'a> {
    /// What was done, and to whom.
    pub what: &'a str,
    /// What clients were told meanwhile.
    pub saw: &'a str,
    /// From when it was over until everybody was served.
    pub recovered: Duration,
    /// How many acknowledged changes were looked for afterwards, and found.
    pub found: usize,
}

impl Fault<'_> {
    /// Notes it: a row of the table, in a file of its own, so that tests that run beside each other write none together.
    #[track_caller]
    pub fn note(&self) {
        let Self { what, saw, recovered, found } = self;
        let folder = folder();
        std::fs::create_dir_all(&folder).expect("there is room for a folder");
        let name: String = what.chars().map(|of| if of.is_ascii_alphanumeric() { of } else { '-' }).collect();
        let row = format!("| {what} | {saw} | {} ms | nothing of {found} |\n", recovered.as_millis());
        std::fs::write(folder.join(format!("{name}.row")), row).expect("it can be noted");
    }
}

/// Where `tests/run` looks.
fn folder() -> PathBuf {
    workspace_root().join("target/failures")
}
