//! Compiling, in a process of its own: cleared environment, no descriptors but its pipes, bounded memory and CPU, low
//! priority. A compiler is a large program that reads what strangers wrote.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, nice, setrlimit};
use wasmtime::Engine;

use super::config;
use super::limits::Limits;

/// CPU seconds that a child may take.
const CPU_SECONDS: u64 = 20;
/// How long a child may take by the clock, on however busy a machine: others wait for it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes that a child may have for its data.
const DATA_BYTES: u64 = 1 << 30;
/// Bytes of what it may say of a failure.
const TOLD_BYTES: u64 = 4 << 10;
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
    /// Compiles a component or a core module to code of `most` bytes. Blocks. What went wrong comes back as a sentence for the
    /// author.
    pub(super) fn compile(&self, engine: &Engine, wasm: &[u8], most: usize) -> Result<Vec<u8>, String> {
        let code = match self {
            Self::InProcess => precompile(engine, wasm)?,
            Self::Child(program) => in_child(program, wasm, most, PATIENCE)?,
        };
        if code.len() > most {
            return Err(format!("its compiled code exceeds {most} bytes; make it smaller"));
        }
        Ok(code)
    }
}

fn precompile(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>, String> {
    let code = if wasmparser::Parser::is_component(wasm) {
        engine.precompile_component(wasm)
    } else {
        engine.precompile_module(wasm)
    };
    code.map_err(|error| format!("{error:#}"))
}

/// Reads one byte more than `most` and nothing further.
fn in_child(program: &PathBuf, wasm: &[u8], most: usize, patience: Duration) -> Result<Vec<u8>, String> {
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
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (done, is_done) = channel::<()>();
    let waited = thread::spawn(move || wait(child, &is_done, patience));
    // The child reads all before it writes anything, so this ends; one that died early is told of by its status.
    let fed = input.map(|mut input| input.write_all(wasm));
    let (mut code, mut told) = (Vec::new(), Vec::new());
    let read = output.map_or(Ok(0), |output| output.take(most as u64 + 1).read_to_end(&mut code));
    let read = read.and(errors.map_or(Ok(0), |errors| errors.take(TOLD_BYTES).read_to_end(&mut told)));
    drop(done);
    let ended =
        waited.join().map_err(|_| failed(std::io::Error::other("it could not be waited for")))?.map_err(failed)?;
    let Some(status) = ended else {
        return Err(format!("compiling it takes more than {} s", patience.as_secs()));
    };
    read.map_err(failed)?;
    if code.len() > most {
        return Ok(code);
    }
    if !status.success() || !matches!(fed, Some(Ok(()))) {
        let told = String::from_utf8_lossy(&told).trim().chars().take(400).collect::<String>();
        let limits = format!("compiling it takes more than {CPU_SECONDS} s or {} MiB", DATA_BYTES >> 20);
        return Err(if told.is_empty() { limits } else { told });
    }
    Ok(code)
}

/// Waits until the child is done, and for its end. `None`: it was killed, since it took too long.
fn wait(mut child: Child, done: &Receiver<()>, patience: Duration) -> std::io::Result<Option<ExitStatus>> {
    let is_late = done.recv_timeout(patience) == Err(RecvTimeoutError::Timeout);
    if is_late {
        child.kill()?;
    }
    let status = child.wait()?;
    Ok((!is_late).then_some(status))
}

/// The child's whole work: limits itself, reads a component or a core module from standard input, writes compiled code to standard output.
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
    let mut wasm = Vec::new();
    std::io::stdin().read_to_end(&mut wasm).map_err(|error| error.to_string())?;
    let engine = config::engine(&Limits::SERVING, 1).map_err(|error| format!("{error:#}"))?;
    let code = precompile(&engine, &wasm)?;
    std::io::stdout().write_all(&code).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// What a program that runs `script` in place of the compiler comes to.
    fn compiled_by(script: &str, patience: Duration) -> Result<Vec<u8>, String> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("compiler");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        in_child(&program, &[0; 256 << 10], 1_000, patience)
    }

    #[test]
    fn a_child_that_does_not_end_is_ended() {
        for endless in ["exec tail -f /dev/null", "cat > /dev/null; exec tail -f /dev/null"] {
            let told = compiled_by(endless, Duration::from_millis(1)).unwrap_err();
            assert_eq!(told, "compiling it takes more than 0 s");
        }
    }

    #[test]
    fn what_a_child_says_is_taken() {
        assert_eq!(compiled_by("cat > /dev/null; printf code", PATIENCE), Ok(b"code".to_vec()));
        let more = compiled_by("cat > /dev/null; exec cat /dev/zero", PATIENCE).map(|code| code.len());
        assert_eq!(more, Ok(1_001), "and one byte tells that there is more");
        let told = compiled_by("cat > /dev/null; echo no such type >&2; exit 1", PATIENCE);
        assert_eq!(told, Err("no such type".to_owned()));
    }
}
