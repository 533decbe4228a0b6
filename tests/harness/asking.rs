//! Asking on and on while something happens, and noting when each question was sent and what came of it.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::http::{Client, Request, Response};
use crate::process::PATIENCE;
use crate::question::Answer;

/// Set by `tests/run`.
const TESTS_RUN: &str = "CRONFLOW_TESTS_RUN";

/// What a host was asked, and what came of it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// When it was sent, by the watch of its asker.
    pub sent: Duration,
    /// How long the answer took.
    pub took: Duration,
    /// What came.
    pub came: Came,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// A decision: allow.
    Allow,
    /// A decision: deny, for these reasons.
    Deny(String),
    /// A change was made.
    Done,
    /// The problem `store_unavailable`, which says when to come back.
    Unavailable,
    /// Whatever else it was. No host should answer so.
    Else(String),
}

impl Came {
    /// Reads an answer.
    #[track_caller]
    pub fn of(answered: io::Result<Response>) -> Self {
        match answered {
            Ok(response) if response.status == 200 && response.body.starts_with(r#"{"decision""#) => {
                let answer = Answer::of(response.check_json(200));
                if answer.is_allow() { Self::Allow } else { Self::Deny(answer.codes().join(", ")) }
            }
            Ok(response) if response.status < 300 => Self::Done,
            Ok(response) if response.status == 503 && response.header("retry-after").is_some() => {
                response.check_problem(503, "store_unavailable");
                Self::Unavailable
            }
            Ok(response) => Self::Else(format!("{response:?}")),
            Err(error) => Self::Else(format!("no answer: {error}")),
        }
    }

    /// Whether it says that the store can't be reached, as a decision or as a problem.
    pub fn is_unavailable(&self) -> bool {
        *self == Self::Unavailable || self.is_deny("store_unavailable")
    }

    /// Whether it is a denial for this reason alone.
    pub fn is_deny(&self, code: &str) -> bool {
        matches!(self, Self::Deny(codes) if codes == code)
    }
}

/// In a word or two.
impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Deny(codes) => write!(f, "deny {codes}"),
            Self::Done => f.write_str("changes made"),
            Self::Unavailable => f.write_str("503 store_unavailable"),
            Self::Else(what) => f.write_str(what),
        }
    }
}

/// Sends a request again and again over one connection, until `enough` says so of an answer; all of them.
#[track_caller]
pub fn ask_on(
    client: &Client,
    request: &Request,
    watch: &impl Fn() -> Duration,
    mut enough: impl FnMut(&Asked) -> bool,
) -> Vec<Asked> {
    let (mut all, began) = (Vec::new(), watch());
    loop {
        let sent = watch();
        let came = Came::of(client.try_send(request));
        let asked = Asked { sent, took: watch() - sent, came };
        let is_enough = enough(&asked);
        all.push(asked);
        if is_enough {
            return all;
        }
        assert!(sent < began + PATIENCE, "asked in vain for {PATIENCE:?}, and was told {:?}", all.last());
    }
}

/// Waits until something is so, without sleeping: by looking again and again.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    wait_for(PATIENCE, what, || is_so().then_some(()));
}

/// The same for what is found once it is so, and that long.
#[track_caller]
pub fn wait_for<T>(patience: Duration, what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let watch = crate::flood::stopwatch();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(watch() < patience, "waited in vain until {what}");
        std::thread::yield_now();
    }
}

/// Says when it is dropped that something is over, however it ended: others go on until then.
#[derive(Debug)]
pub struct AtEnd<'a>(pub &'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Counts what others wait for.
#[derive(Debug, Default)]
pub struct Count(Mutex<usize>, Condvar);

impl Count {
    /// One more.
    pub fn add_one(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.1.notify_all();
    }

    /// How many there are so far.
    pub fn so_far(&self) -> usize {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is this many.
    #[track_caller]
    pub fn wait_for(&self, many: usize, what: &str) {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |counted: &mut usize| *counted < many;
        let (counted, waited) =
            self.1.wait_timeout_while(counted, PATIENCE, waiting).unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "waited in vain until {what}: {} of {many}", *counted);
    }
}

/// Whether a test must be left to `tests/run`, since what it needs, a program or the target that guests are
/// compiled for, is not installed here. It is said where it can't be
/// overlooked: `cargo test` hides what tests print, and this is not hidden.
///
/// # Panics
/// Within `tests/run`, which leaves nothing to anybody.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "whether this is `tests/run` is asked of the tester's environment")]
pub fn is_left_to_tests_run(program: &str) -> bool {
    let is_here = match program {
        WASM_TARGET => has_wasm_target(),
        file if file.contains('/') => Path::new(file).exists(),
        name => is_a_program(name),
    };
    assert!(is_here || std::env::var_os(TESTS_RUN).is_none(), "{program} is missing, and {TESTS_RUN} is set");
    if !is_here {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let told = format!("left to tests/run --install: {test} needs {program}\n");
        io::Write::write_all(&mut io::stderr(), told.as_bytes()).expect("it can be said");
    }
    !is_here
}

/// Where `tests/run --install` puts libraries of other languages.
pub fn tools() -> std::path::PathBuf {
    crate::process::workspace_root().join("target/tools")
}

/// What Rust compiles policies for, as [`is_left_to_tests_run`] is asked for it.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

fn has_wasm_target() -> bool {
    let place = Command::new("rustc").args(["--print", "target-libdir", "--target", WASM_TARGET]).output();
    place.is_ok_and(|place| Path::new(String::from_utf8_lossy(&place.stdout).trim()).is_dir())
}

fn is_a_program(name: &str) -> bool {
    Command::new(name).arg("--version").output().is_ok()
}
