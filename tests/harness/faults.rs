//! What came of faults: each test that breaks something notes what its clients saw, how long it took until all was well, and
//! that nothing was lost; each that revokes much notes how late that was seen. `tests/run` shows the notes as two tables.

use std::collections::BTreeSet;
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
    /// Until everybody was served: from when it was over, or from when it was done, if it was for good.
    pub recovered: Duration,
    /// How many acknowledged changes were looked for afterwards, and found.
    pub found: usize,
}

/// How late revocations were seen: of each, how long after its acknowledgement the last question was sent that was still allowed.
#[derive(Debug)]
pub struct Lag<'a> {
    what: &'a str,
    /// The shortest first.
    lags: Vec<Duration>,
}

impl Fault<'_> {
    /// Notes it.
    #[track_caller]
    pub fn note(&self) {
        let Self { what, saw, recovered, found } = self;
        write(what, "row", &format!("| {what} | {saw} | {} ms | nothing of {found} |\n", recovered.as_millis()));
    }
}

impl<'a> Lag<'a> {
    /// Of these lags, measured while this was done.
    pub fn of(what: &'a str, mut lags: Vec<Duration>) -> Self {
        lags.sort();
        Self { what, lags }
    }

    /// The lag that so many of a hundred do not exceed.
    #[track_caller]
    pub fn of_hundred(&self, many: usize) -> Duration {
        self.lags[(self.lags.len() - 1) * many / 100]
    }

    /// Notes it.
    #[track_caller]
    pub fn note(&self) {
        let Self { what, lags } = self;
        let [median, p99, most] = [50, 99, 100].map(|many| 1_000.0 * self.of_hundred(many).as_secs_f64());
        let row = format!("| {what} | {} | {median:.1} ms | {p99:.1} ms | {most:.1} ms |\n", lags.len());
        write(what, "lag", &row);
    }
}

/// What clients were told, each once.
pub fn seen(told: impl IntoIterator<Item = String>) -> String {
    let each: BTreeSet<_> = told.into_iter().collect();
    each.into_iter().collect::<Vec<_>>().join(", ")
}

/// A row of a table, in a file of its own, so that tests that run beside each other write none together.
#[track_caller]
fn write(what: &str, table: &str, row: &str) {
    let folder = folder();
    std::fs::create_dir_all(&folder).expect("there is room for a folder");
    let name: String = what.chars().map(|of| if of.is_ascii_alphanumeric() { of } else { '-' }).collect();
    std::fs::write(folder.join(format!("{name}.{table}")), row).expect("it can be noted");
}

/// Where `tests/run` looks.
fn folder() -> PathBuf {
    workspace_root().join("target/failures")
}
