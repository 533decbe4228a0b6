//! What runs. Each workspace has a plant of its own, and no way leads from one to another: there is no list of all jobs to
//! filter, so nothing can be forgotten in a filter.
//!
//! Reading order: [`job`] (what is submitted), [`work`] (what it does), [`queue`], [`worker`], [`webhook`], [`schedule`] (who
//! does what, when), [`time`].

pub(crate) mod job;
pub(crate) mod queue;
mod schedule;
pub(crate) mod time;
pub(crate) mod webhook;
pub(crate) mod work;
pub(crate) mod worker;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

use self::job::{Execution, Job};
use self::queue::Queue;
use self::webhook::Webhook;
use self::worker::Worker;
use crate::door::Workspace;
use crate::problem::Problem;

/// Workspaces that this process has room for.
const WORKSPACES: usize = 1_000;
/// Jobs of a workspace, ended ones included. The oldest that has ended makes room.
pub(crate) const JOBS: usize = 1_000;
/// Executions that a workspace remembers.
pub(crate) const EXECUTIONS: usize = 2_000;
/// Queues of a workspace.
pub(crate) const QUEUES: usize = 50;
/// Webhooks of a workspace.
pub(crate) const WEBHOOKS: usize = 20;

/// The plants of all workspaces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plants(Arc<Mutex<BTreeMap<String, Plant>>>);

/// The plant of one workspace.
#[derive(Debug, Clone)]
pub(crate) struct Plant(Arc<Mutex<Floor>>);

/// What stands in a plant.
#[derive(Debug)]
pub(crate) struct Floor {
    pub(crate) queues: BTreeMap<String, Queue>,
    pub(crate) jobs: BTreeMap<u64, Job>,
    pub(crate) executions: BTreeMap<u64, Execution>,
    pub(crate) workers: BTreeMap<u64, Worker>,
    pub(crate) webhooks: BTreeMap<u64, Webhook>,
    /// What can be stopped, by job.
    tasks: BTreeMap<u64, AbortHandle>,
    numbers: u64,
}

impl Plants {
    /// The plant of a workspace; made when it is first asked for.
    pub(crate) fn of(&self, Workspace(id): &Workspace) -> Result<Plant, Problem> {
        let mut plants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plant) = plants.get(id) {
            return Ok(plant.clone());
        }
        if plants.len() >= WORKSPACES {
            return Err(Problem::new(507, "no_room", "this example has no room for another workspace"));
        }
        Ok(plants.entry(id.clone()).or_insert_with(Plant::new).clone())
    }
}

impl Plant {
    fn new() -> Self {
        let floor = Floor {
            queues: BTreeMap::from([(queue::DEFAULT.to_owned(), Queue::new(queue::DEFAULT.to_owned()))]),
            jobs: BTreeMap::new(),
            executions: BTreeMap::new(),
            workers: BTreeMap::from([(1, Worker::new(1))]),
            webhooks: BTreeMap::new(),
            tasks: BTreeMap::new(),
            numbers: 0,
        };
        Self(Arc::new(Mutex::new(floor)))
    }

    /// Looks at it, or changes it; then whatever can begin begins.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Floor) -> T) -> T {
        let mut floor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let came = act(&mut floor);
        floor.begin_what_can(self);
        came
    }
}

impl Floor {
    /// The next number. Jobs, executions and webhooks share them.
    pub(crate) const fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

/// The number in an id such as `job_7`.
pub(crate) fn number(id: &str, prefix: &str) -> Option<u64> {
    let digits = id.strip_prefix(prefix)?.strip_prefix('_')?;
    // One id, one spelling.
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
}
