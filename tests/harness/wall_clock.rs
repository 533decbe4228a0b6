//! A host's wall clock that a test sets, while the host runs: a library that is loaded before it answers for the machine's clock.
//! Its monotonic time stays the machine's, as when somebody sets a clock.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::cli::Ran;
use crate::process::workspace_root;
use crate::setup::{Setup, temporary};

/// What the library is made of.
const SOURCE: &str = "tests/data/wall_clock.c";

/// A wall clock. It is right until it is set.
#[derive(Debug)]
pub struct WallClock {
    library: PathBuf,
    ahead: PathBuf,
    // What both lie in.
    _folder: TempDir,
}

impl WallClock {
    /// Makes one, with the C compiler that this is built with.
    #[track_caller]
    pub fn made() -> Self {
        let folder = temporary();
        let (library, ahead) = (folder.path().join("wall_clock.so"), folder.path().join("ahead"));
        std::fs::write(&ahead, 0_i64.to_ne_bytes()).expect("there is room for a file");
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(workspace_root().join(SOURCE)).arg("-ldl");
        Ran::of(&mut command).check(0, &[]);
        Self { library, ahead, _folder: folder }
    }

    /// The same setup, whose processes go by this clock.
    #[must_use]
    pub fn of(&self, setup: Setup) -> Setup {
        let path = |path: &PathBuf| path.to_str().expect("a path is text").to_owned();
        setup.env("LD_PRELOAD", &path(&self.library)).env("E2E_WALL_CLOCK", &path(&self.ahead))
    }

    /// Sets it so many seconds ahead of the machine's, or behind it.
    #[track_caller]
    pub fn set(&self, ahead_seconds: i64) {
        let file = File::options().write(true).open(&self.ahead).expect("the file is there");
        file.write_all_at(&ahead_seconds.to_ne_bytes(), 0).expect("it can be written to");
    }
}
