//! A process of the product: started, listened to, signalled, and never left behind.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, WaitOptions, kill_process, prlimit, waitpid};

use crate::asking::wait_until;

/// How long anything is waited for before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Names the binary to test, when it was built already.
const BINARY: &str = "CRONFLOW_ACCESS_BIN";

/// The binary under test: what `CRONFLOW_ACCESS_BIN` names, or a fresh build of the workspace.
pub fn binary() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| named_or_built(BINARY, "cronflow-access"))
}

/// The example `jobs-api`: what `CRONFLOW_JOBS_API_BIN` names, or a fresh build.
pub fn jobs_api() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| named_or_built("CRONFLOW_JOBS_API_BIN", "jobs-api"))
}

#[expect(clippy::disallowed_methods, reason = "which binary to test is asked of the tester's environment, here alone")]
fn named_or_built(name: &str, package: &str) -> PathBuf {
    std::env::var_os(name).map_or_else(|| build(package), PathBuf::from)
}

fn build(package: &str) -> PathBuf {
    let cargo = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", package, "--message-format", "json-render-diagnostics"])
        .current_dir(workspace_root())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(cargo.status.success(), "`{package}` does not build");
    let messages = String::from_utf8_lossy(&cargo.stdout);
    let mut executables = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    });
    executables.next_back().expect("cargo says where the binary is")
}

/// The folder of the workspace.
pub fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the workspace")
}

/// A command that runs the product, without what belongs to the tests alone.
pub fn product() -> Command {
    product_at(binary())
}

/// The same of another build.
pub(crate) fn product_at(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    // The product refuses variables that begin like its own and mean nothing to it.
    command.env_remove(BINARY).stdin(Stdio::null());
    command
}

/// What a process writes, as it comes.
#[derive(Debug, Clone)]
pub struct Output(Arc<(Mutex<Captured>, Condvar)>);

#[derive(Debug, Default)]
struct Captured {
    bytes: Vec<u8>,
    ended: bool,
}

impl Output {
    fn of(mut source: impl Read + Send + 'static) -> Self {
        let output = Self(Arc::default());
        let Self(shared) = output.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            loop {
                let count = source.read(&mut buffer).unwrap_or(0);
                let mut captured = shared.0.lock().unwrap();
                captured.bytes.extend(&buffer[..count]);
                captured.ended = count == 0;
                shared.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        output
    }

    /// Everything so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.0.lock().unwrap().bytes).into_owned()
    }

    /// How much was written so far, for [`Self::wait_for`].
    pub fn len(&self) -> usize {
        self.0.0.lock().unwrap().bytes.len()
    }

    /// Whether nothing was written so far.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing more will come: the process has ended.
    pub fn has_ended(&self) -> bool {
        self.0.0.lock().unwrap().ended
    }

    /// Waits until `what` is written after the first `from` bytes. False when the output ends without it.
    #[track_caller]
    pub fn wait_for(&self, what: &str, from: usize) -> bool {
        self.wait_until(|captured| contains(&captured.bytes[from..], what), PATIENCE, what);
        contains(&self.0.0.lock().unwrap().bytes[from..], what)
    }

    #[track_caller]
    fn wait_until(&self, is_there: impl Fn(&Captured) -> bool, patience: Duration, what: &str) {
        let Self(shared) = self;
        let waiting = |captured: &mut Captured| !captured.ended && !is_there(captured);
        let (captured, waited) = shared.1.wait_timeout_while(shared.0.lock().unwrap(), patience, waiting).unwrap();
        drop(captured);
        assert!(!waited.timed_out(), "waited for `{what}` in vain; so far:\n{}", self.text());
    }
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

/// A running process. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Standard output.
    pub stdout: Output,
    /// Standard error.
    pub stderr: Output,
}

impl Process {
    /// Starts `command`.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let stdout = Output::of(child.stdout.take().expect("piped"));
        let stderr = Output::of(child.stderr.take().expect("piped"));
        Self { child, stdout, stderr }
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the process is there to be signalled");
    }

    /// Stops it in the middle of whatever it does, and waits until it has stopped. SIGCONT lets it go on.
    #[track_caller]
    pub fn pause(&self) {
        self.signal(Signal::STOP);
        let waited = waitpid(Some(Pid::from_child(&self.child)), WaitOptions::UNTRACED);
        let (_, status) = waited.expect("a child can be waited for").expect("it has stopped");
        assert!(status.stopped(), "{status:?}");
    }

    /// Lets it write no file beyond so many bytes, until it is let again; none: as many as it likes.
    #[track_caller]
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Fsize, limit).expect("a child's limits can be set");
    }

    /// Waits until somebody can connect there. False: it has ended instead.
    #[track_caller]
    pub(crate) fn is_reached_at(&self, address: SocketAddr) -> bool {
        let is_reached = || TcpStream::connect(address).is_ok();
        wait_until("it serves, or has ended", || is_reached() || self.stderr.has_ended());
        !self.stderr.has_ended()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        self.wait_within(PATIENCE, "the end")
    }

    /// The same that long for the end that is called so.
    #[track_caller]
    pub(crate) fn wait_within(&mut self, patience: Duration, end: &str) -> ExitStatus {
        // The pipes end with the process, and unlike it they can be waited for with a deadline.
        for output in [&self.stdout, &self.stderr] {
            output.wait_until(|_| false, patience, end);
        }
        self.child.wait().expect("a child can be waited for")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() && !self.stderr.is_empty() {
            explain(&self.stderr.text());
        }
    }
}

/// Shows the end of what a host said, beside the failure of its test.
#[expect(clippy::print_stderr, reason = "it belongs to the failure's report")]
fn explain(text: &str) {
    let lines: Vec<_> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(40)..].join("\n");
    eprintln!("--- standard error of the host, last lines ---\n{last}\n---");
}
