//! Who asks and who answers: wrk over `question.lua`, the product and the yardstick, each on processors of its own where there
//! are two, and what was asked of whom at what cost.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use harness::process::{Process, workspace_root};
use harness::{Client, Node, Question};

/// Connections over which each who answers is asked at once.
const CONNECTIONS: &str = "32";

/// Processors: those of whoever answers, and those of whoever asks. None where they can't be told apart.
#[derive(Debug)]
pub(crate) struct Processors {
    pub(crate) answering: Vec<String>,
    asking: Vec<String>,
}

impl Processors {
    /// From lists such as `0,1`.
    pub(crate) fn new(answering: &str, asking: &str) -> Self {
        let [answering, asking] =
            [answering, asking].map(|list| list.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect());
        Self { answering, asking }
    }

    /// What starts the process of this number of those that answer.
    pub(crate) fn that_answer(&self, number: usize) -> Vec<String> {
        pinned(&self.answering, number)
    }

    fn that_ask(&self, number: usize) -> Vec<String> {
        pinned(&self.asking, number)
    }
}

fn pinned(processors: &[String], number: usize) -> Vec<String> {
    let processor = processors.iter().cycle().nth(number);
    processor.map(|processor| ["taskset", "-c", processor.as_str()].map(str::to_owned).to_vec()).unwrap_or_default()
}

/// A program, started by a command that becomes it, if any.
fn started_by(by: &[String], program: impl AsRef<OsStr>) -> Command {
    let Some((first, rest)) = by.split_first() else { return Command::new(program) };
    let mut command = Command::new(first);
    command.args(rest).arg(program);
    command
}

/// The yardstick. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Echo {
    process: Process,
    address: SocketAddr,
}

impl Echo {
    /// Starts the one that was built beside this program.
    pub(crate) fn start(processors: &Processors) -> Self {
        let program = env::current_exe().unwrap().with_file_name("echo");
        let process = Process::start(&mut started_by(&processors.that_answer(0), program));
        assert!(process.stdout.wait_for("\n", 0), "the yardstick ended: {}", process.stderr.text());
        let address = process.stdout.text().trim().trim_start_matches("http://").parse().unwrap();
        Self { process, address }
    }

    pub(crate) fn answering(&self) -> Answering {
        Answering { address: self.address, pid: self.process.pid(), metrics: None }
    }
}

/// Who answers.
#[derive(Debug)]
pub(crate) struct Answering {
    address: SocketAddr,
    pid: u32,
    metrics: Option<SocketAddr>,
}

impl Answering {
    pub(crate) fn of(node: &Node) -> Self {
        Self { address: node.address(), pid: node.pid(), metrics: Some(node.metrics()) }
    }

    /// Decisions so far that were denials.
    fn denied(&self) -> u64 {
        let Some(metrics) = self.metrics else { return 0 };
        let text = Client::new(metrics, None).get("/metrics").body;
        let denials =
            text.lines().filter(|line| line.starts_with("access_decisions_total{") && line.contains("\"deny\""));
        denials.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    }
}

/// Processor time that all of them have taken so far, user and system, in ticks of the system's clock.
pub(crate) fn ticks(all: &[Answering]) -> u64 {
    let ticks = |answering: &Answering| {
        let stat = fs::read_to_string(format!("/proc/{}/stat", answering.pid)).unwrap();
        // What follows the name, which may have spaces in it, begins with the third field.
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    all.iter().map(ticks).sum()
}

/// What is asked: one question over and over, or those of a file, one after the other.
#[derive(Debug)]
pub(crate) struct Questions {
    first: String,
    file: Option<PathBuf>,
}

impl Questions {
    /// About one secret.
    pub(crate) fn about(secret: &str) -> Self {
        Self { first: body(secret), file: None }
    }

    /// About each of these secrets, from a file that is written here.
    pub(crate) fn about_each(secrets: impl Iterator<Item = String>, file: &Path) -> Self {
        let bodies: Vec<_> = secrets.map(|secret| body(&secret)).collect();
        fs::write(file, bodies.join("\n")).unwrap();
        Self { first: bodies[0].clone(), file: Some(file.to_owned()) }
    }
}

/// What is asked about a secret.
pub(crate) fn question(secret: &str) -> Question {
    Question::of(secret).to("GET /v1/jobs").within("production").from("203.0.113.7")
}

fn body(secret: &str) -> String {
    question(secret).body().to_string()
}

/// Asks about a secret once, so that what is needed to answer is there.
pub(crate) fn ask_once(gateway: &Client, secret: &str) {
    let answer = gateway.try_send(&question(secret).request()).expect("no connection breaks").check_json(200);
    assert_eq!(answer["decision"], "allow", "{answer}");
}

/// Who asks, and for how long.
#[derive(Debug)]
pub(crate) struct Asker {
    pub(crate) processors: Processors,
    pub(crate) seconds: u64,
    /// Ticks of the system's clock in a second.
    pub(crate) hertz: f64,
}

/// What came of asking for so many seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slice {
    pub(crate) answers: f64,
    /// Processor time of all who answered ÷ answers, in microseconds.
    pub(crate) cpu: f64,
    /// Answers a second, of all together.
    pub(crate) a_second: f64,
    /// Microseconds that 99 of 100 answers took at most, where that was worst.
    pub(crate) p99: f64,
}

impl Asker {
    /// Asks all of them at once, each over connections of its own.
    pub(crate) fn ask(&self, all: &[Answering], gateway_token: &str, questions: &Questions) -> Slice {
        let denied = || all.iter().map(Answering::denied).sum::<u64>();
        let (denied_before, ticks_before) = (denied(), ticks(all));
        let asking = all.iter().enumerate().map(|(number, it)| self.start(number, it, gateway_token, questions));
        let asking: Vec<Child> = asking.collect();
        let measured: Vec<[f64; 5]> = asking.into_iter().map(measured).collect();
        let ticks = ticks(all) - ticks_before;
        assert_eq!(denied(), denied_before, "something was denied");
        let mut slice = Slice { answers: 0.0, cpu: 0.0, a_second: 0.0, p99: 0.0 };
        for [answers, micros, bad, broken, p99] in measured {
            assert!(bad == 0.0 && broken == 0.0, "{bad} answers beyond 3xx, {broken} broken connections");
            slice.answers += answers;
            slice.a_second += answers / (micros / 1e6);
            slice.p99 = slice.p99.max(p99);
        }
        slice.cpu = self.micros(ticks) / slice.answers;
        slice
    }

    /// Ticks in microseconds.
    pub(crate) fn micros(&self, ticks: u64) -> f64 {
        ticks as f64 / self.hertz * 1e6
    }

    fn start(&self, number: usize, answering: &Answering, gateway_token: &str, questions: &Questions) -> Child {
        let mut wrk = started_by(&self.processors.that_ask(number), "wrk");
        wrk.args(["-t1", "-c", CONNECTIONS, "-d", &format!("{}s", self.seconds), "-s"]);
        wrk.arg(workspace_root().join("tests/bench/question.lua"));
        wrk.arg(format!("http://{}/v1/authorize", answering.address));
        // No secret on a command line.
        wrk.env("BENCH_AUTHORIZATION", format!("Bearer {gateway_token}")).env("BENCH_BODY", &questions.first);
        wrk.env_remove("BENCH_TYPE").env_remove("BENCH_BODIES");
        if let Some(file) = &questions.file {
            wrk.env("BENCH_BODIES", file);
        }
        wrk.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("wrk is installed")
    }
}

/// The line that `question.lua` writes at the end: answers, microseconds, answers beyond 3xx, broken connections, p99.
fn measured(wrk: Child) -> [f64; 5] {
    let ended = wrk.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&ended.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("measured "));
    let line = line.unwrap_or_else(|| panic!("wrk failed: {text}"));
    let numbers: Vec<f64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}
