//! Jobs and their executions.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::time::Moment;
use super::work::Work;

/// Lines that an execution's log may have.
const LOG_LINES: usize = 100;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It waits for its time: a delay, or the pause before another attempt.
    Scheduled,
    /// It waits for a worker.
    Queued,
    /// A worker is at it.
    Running,
    /// Done.
    Succeeded,
    /// Every attempt failed.
    Failed,
    /// Somebody wanted it no more.
    Cancelled,
}

impl State {
    /// Whether nothing more will happen by itself.
    pub(crate) const fn has_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// Something to be done.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Job {
    #[serde(serialize_with = "job_id")]
    pub(crate) id: u64,
    pub(crate) queue: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) payload: Value,
    #[serde(skip)]
    pub(crate) work: Work,
    pub(crate) state: State,
    pub(crate) attempts: u32,
    pub(crate) max_attempts: u32,
    pub(crate) result: Option<Value>,
    pub(crate) error: Option<String>,
    pub(crate) created_at: Moment,
    pub(crate) ended_at: Option<Moment>,
    /// Which of its waits is going on: one that was overtaken ends nothing.
    #[serde(skip)]
    pub(crate) wait: u64,
}

/// One attempt at a job.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Execution {
    #[serde(serialize_with = "execution_id")]
    pub(crate) id: u64,
    #[serde(serialize_with = "job_id")]
    pub(crate) job: u64,
    #[serde(serialize_with = "worker_id")]
    pub(crate) worker: u64,
    pub(crate) attempt: u32,
    pub(crate) state: State,
    pub(crate) began_at: Moment,
    pub(crate) ended_at: Option<Moment>,
    #[serde(skip)]
    pub(crate) log: Vec<Line>,
}

/// A line of a log.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    at: Moment,
    message: String,
}

impl Execution {
    /// Adds a line, while there is room.
    pub(crate) fn say(&mut self, message: impl Into<String>) {
        if self.log.len() < LOG_LINES {
            self.log.push(Line { at: Moment::now(), message: message.into() });
        }
    }
}

fn job_id<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("job_{number}"))
}

fn execution_id<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("exe_{number}"))
}

fn worker_id<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("wrk_{number}"))
}
