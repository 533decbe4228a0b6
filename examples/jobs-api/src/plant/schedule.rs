//! Who does what, when.

use std::time::Duration;

use serde_json::Value;

use super::job::{Execution, Job, State};
use super::time::Moment;
use super::{EXECUTIONS, Floor, JOBS, Plant};
use crate::problem::Problem;

/// The pause before a second attempt; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

impl Floor {
    /// Takes in a job, to begin after a delay.
    pub(crate) fn submit(&mut self, plant: &Plant, mut job: Job, delay: Duration) -> Result<Job, Problem> {
        if self.jobs.len() >= JOBS {
            let ended = self.jobs.iter().find(|(_, job)| job.state.has_ended()).map(|(number, _)| *number);
            let oldest = ended.ok_or_else(|| Problem::full("unfinished jobs"))?;
            self.jobs.remove(&oldest);
        }
        job.id = self.next_number();
        let id = job.id;
        self.jobs.insert(id, job);
        self.wait(plant, id, delay);
        self.jobs.get(&id).cloned().ok_or_else(|| Problem::not_found("job"))
    }

    /// Lets a job wait for its time.
    fn wait(&mut self, plant: &Plant, id: u64, delay: Duration) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.wait += 1;
        job.state = if delay.is_zero() { State::Queued } else { State::Scheduled };
        if job.state == State::Scheduled {
            let (plant, wait) = (plant.clone(), job.wait);
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                plant.with(|floor| floor.is_due(id, wait));
            });
        }
    }

    fn is_due(&mut self, id: u64, wait: u64) {
        let job = self.jobs.get_mut(&id).filter(|job| job.state == State::Scheduled && job.wait == wait);
        if let Some(job) = job {
            job.state = State::Queued;
        }
    }

    /// Gives waiting jobs to workers that have a hand free, oldest first.
    pub(super) fn begin_what_can(&mut self, plant: &Plant) {
        while let Some(worker) = self.workers.values().find(|worker| !worker.paused && worker.busy < worker.concurrency)
        {
            let worker = worker.id;
            let can = |job: &&Job| {
                job.state == State::Queued && self.queues.get(&job.queue).is_some_and(|queue| !queue.paused)
            };
            let Some(job) = self.jobs.values().find(can).map(|job| job.id) else { return };
            self.begin(plant, job, worker);
        }
    }

    fn begin(&mut self, plant: &Plant, id: u64, worker: u64) {
        let number = self.next_number();
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.state = State::Running;
        job.attempts += 1;
        let (attempt, work) = (job.attempts, job.work.clone());
        let mut execution = Execution {
            id: number,
            job: id,
            worker,
            attempt,
            state: State::Running,
            began_at: Moment::now(),
            ended_at: None,
            log: Vec::new(),
        };
        execution.say(format!("attempt {attempt} of `{}` begins", job.kind));
        // One that runs is not forgotten, or its worker would never get its hand back.
        let ended = self.executions.iter().find(|(_, execution)| execution.state != State::Running);
        if let Some(oldest) = ended.map(|(number, _)| *number).filter(|_| self.executions.len() >= EXECUTIONS) {
            self.executions.remove(&oldest);
        }
        self.executions.insert(number, execution);
        if let Some(worker) = self.workers.get_mut(&worker) {
            worker.busy += 1;
        }
        let plant = plant.clone();
        let task = tokio::spawn(async move {
            let came = work.run(attempt).await;
            plant.with(|floor| floor.ended(&plant, number, came));
        });
        self.tasks.insert(id, task.abort_handle());
    }

    /// An execution has come to its end.
    fn ended(&mut self, plant: &Plant, number: u64, came: Result<Value, String>) {
        // One that was cancelled in the meantime is over already.
        let Some(job) = self.close(number, if came.is_ok() { State::Succeeded } else { State::Failed }) else { return };
        let execution = self.executions.get_mut(&number);
        let Some(job) = self.jobs.get_mut(&job) else { return };
        match came {
            Ok(result) => {
                if let Some(execution) = execution {
                    execution.say("succeeded");
                }
                (job.state, job.result, job.error, job.ended_at) =
                    (State::Succeeded, Some(result), None, Some(Moment::now()));
            }
            Err(error) => {
                if let Some(execution) = execution {
                    execution.say(&error);
                }
                job.error = Some(error);
                if job.attempts < job.max_attempts {
                    let (id, pause) = (job.id, pause_after(job.attempts));
                    self.wait(plant, id, pause);
                } else {
                    (job.state, job.ended_at) = (State::Failed, Some(Moment::now()));
                }
            }
        }
    }

    /// Gives the worker its hand back. `None`: that was done before.
    fn close(&mut self, number: u64, state: State) -> Option<u64> {
        let execution = self.executions.get_mut(&number).filter(|execution| execution.state == State::Running)?;
        (execution.state, execution.ended_at) = (state, Some(Moment::now()));
        let (job, worker) = (execution.job, execution.worker);
        self.tasks.remove(&job);
        if let Some(worker) = self.workers.get_mut(&worker) {
            worker.busy = worker.busy.saturating_sub(1);
            match state {
                State::Succeeded => worker.succeeded += 1,
                State::Failed => worker.failed += 1,
                _ => {}
            }
        }
        Some(job)
    }

    /// Stops a job, whatever it is at.
    pub(crate) fn cancel(&mut self, id: u64) -> Result<Job, Problem> {
        let job = self.jobs.get_mut(&id).ok_or_else(|| Problem::not_found("job"))?;
        if job.state.has_ended() {
            return Err(Problem::conflict("the job has ended"));
        }
        (job.state, job.ended_at) = (State::Cancelled, Some(Moment::now()));
        let job = job.clone();
        if let Some(task) = self.tasks.get(&id) {
            task.abort();
        }
        let running = self.executions.values_mut().rev();
        let running = running.filter(|execution| execution.job == id && execution.state == State::Running);
        let numbers: Vec<u64> = running
            .map(|execution| {
                execution.say("cancelled");
                execution.id
            })
            .collect();
        for number in numbers {
            self.close(number, State::Cancelled);
        }
        Ok(job)
    }

    /// Begins a job that failed or was cancelled anew, with all its attempts.
    pub(crate) fn retry(&mut self, plant: &Plant, id: u64) -> Result<Job, Problem> {
        let job = self.jobs.get_mut(&id).ok_or_else(|| Problem::not_found("job"))?;
        if !matches!(job.state, State::Failed | State::Cancelled) {
            return Err(Problem::conflict("only a job that failed or was cancelled can be retried"));
        }
        (job.attempts, job.error, job.ended_at) = (0, None, None);
        self.wait(plant, id, Duration::ZERO);
        self.jobs.get(&id).cloned().ok_or_else(|| Problem::not_found("job"))
    }
}

fn pause_after(attempts: u32) -> Duration {
    PAUSE.saturating_mul(2u32.saturating_pow(attempts.saturating_sub(1))).min(LONGEST_PAUSE)
}
