//! Compiling, in a process of its own: cleared environment, no descriptors but its pipes, bounded memory and CPU, low
//! priority. A compiler is a large program that reads what strangers wrote.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{Resource, Rlimit, nice, setrlimit};
use wasmtime::Engine;

use super::config;
use super::limits::Limits;

/// CPU seconds that a child may take.
const CPU_SECONDS: u64 = 20;
/// Bytes that a child may have for its data.
const DATA_BYTES: u64 = 1 << 30;
/// Bytes of compiled code: more is refused.
const CODE_BYTES: u64 = 64 << 20;
/// How much lower than the host's its priority is.
const NICE: i32 = 10;
/// What the child is asked for on its command line.
const COMMAND: &str = "policy-compiler";

/// How modules are compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// By `program policy-compiler`, which calls [`compile_as_child`]: what a host uses.
    Child(PathBuf),
    /// Here: for tests, whose program is none of ours.
    InProcess,
}

impl Compiler {
    /// Compiles a component. Blocks. What went wrong comes back as a sentence for the author.
    pub(super) fn compile(&self, engine: &Engine, component: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::InProcess => engine.precompile_component(component).map_err(|error| format!("{error:#}")),
            Self::Child(program) => in_child(program, component),
        }
    }
}

fn in_child(program: &PathBuf, component: &[u8]) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("the compiler could not be run: {error}");
    let mut child = Command::new(program)
        .arg(COMMAND)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    // The child reads all before it writes anything, so this ends; one that died early is told of by its status.
    let fed = child.stdin.take().map(|mut input| input.write_all(component));
    let mut code = Vec::new();
    if let Some(output) = child.stdout.take() {
        output.take(CODE_BYTES + 1).read_to_end(&mut code).map_err(failed)?;
    }
    let ended = child.wait_with_output().map_err(failed)?;
    if !ended.status.success() || !matches!(fed, Some(Ok(()))) {
        let told = String::from_utf8_lossy(&ended.stderr).trim().chars().take(400).collect::<String>();
        let limits = format!("compiling it takes more than {CPU_SECONDS} s or {} MiB", DATA_BYTES >> 20);
        return Err(if told.is_empty() { limits } else { told });
    }
    if code.len() as u64 > CODE_BYTES {
        return Err(format!("its compiled code exceeds {} MiB", CODE_BYTES >> 20));
    }
    Ok(code)
}

/// The child's whole work: limits itself, reads a component from standard input, writes compiled code to standard output.
///
/// # Errors
/// A sentence for the module's author.
pub fn compile_as_child() -> Result<(), String> {
    let limit = |resource, most| {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).map_err(|error| error.to_string())
    };
    limit(Resource::Cpu, CPU_SECONDS)?;
    limit(Resource::Data, DATA_BYTES)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, 16)?;
    nice(NICE).map_err(|error| error.to_string())?;
    let mut component = Vec::new();
    std::io::stdin().read_to_end(&mut component).map_err(|error| error.to_string())?;
    let engine = config::engine(&Limits::SERVING, 1).map_err(|error| format!("{error:#}"))?;
    let code = engine.precompile_component(&component).map_err(|error| format!("{error:#}"))?;
    std::io::stdout().write_all(&code).map_err(|error| error.to_string())
}
