//! The one thread that writes: it drains its queue and commits what it found as one transaction, so that many small
//! commits share the cost of one.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use access_model::{Shard, Timestamp};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::apply::{Applied, apply, put_sequence, sweep};
use super::error::store_error;
use super::file::{Lock, Opened};
use crate::{Change, Commit, CommitError, Committed, StoreError, Survives, Watcher};

/// At most so many commits share a transaction: enough to make its cost vanish, few enough to keep the wait short.
const GROUP: usize = 256;

/// What there is to write, and who waits for it.
#[derive(Debug)]
pub(super) enum Job {
    Commit { commit: Box<Commit>, answer: oneshot::Sender<Result<Committed, CommitError>> },
    Sweep { now: Timestamp, most: usize, answer: oneshot::Sender<Result<usize, StoreError>> },
}

/// Those who are told of each commit.
pub(super) type Watchers = Arc<Mutex<Vec<Watcher>>>;

pub(super) struct Writer {
    connection: Connection,
    /// The sequence number of each shard's last commit. INVARIANT: equal to the file's between two groups.
    sequences: Vec<u64>,
    watchers: Watchers,
    /// What a transaction's end survives as the connection is set now.
    level: Option<Survives>,
    /// Given back after the connection is closed: fields are dropped in the order of their declaration.
    _lock: Lock,
}

impl Writer {
    pub(super) fn new(opened: Opened, watchers: Watchers) -> Self {
        let Opened { connection, lock, sequences, .. } = opened;
        Self { connection, sequences, watchers, level: None, _lock: lock }
    }

    /// Serves until the last sender is gone and the queue is empty, then moves everything into the one file.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Job>) -> Result<(), StoreError> {
        let mut jobs = Vec::with_capacity(GROUP);
        while queue.blocking_recv_many(&mut jobs, GROUP) > 0 {
            // Waking up, this thread is often put before those who are about to send more. On a machine with few processors,
            // letting them makes groups of what would have been transactions of one.
            thread::yield_now();
            while jobs.len() < GROUP
                && let Ok(job) = queue.try_recv()
            {
                jobs.push(job);
            }
            self.serve(&mut jobs);
        }
        // Also syncs what so far survives only the process.
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(|error| store_error(&error))
    }

    /// Commits what is to be committed, then sweeps: what a commit of this group prolongs is not swept.
    fn serve(&mut self, jobs: &mut Vec<Job>) {
        let (mut commits, mut waiting, mut sweeps) = (Vec::with_capacity(jobs.len()), Vec::new(), Vec::new());
        for job in jobs.drain(..) {
            match job {
                Job::Commit { commit, answer } => {
                    commits.push(*commit);
                    waiting.push(answer);
                }
                Job::Sweep { now, most, answer } => sweeps.push((now, most, answer)),
            }
        }
        if !commits.is_empty() {
            self.commit(&commits, waiting);
        }
        for (now, most, waiting) in sweeps {
            // Nobody waits any more when the caller has gone away.
            let _ = waiting.send(self.sweep(now, most).map_err(|error| store_error(&error)));
        }
    }

    /// Commits, tells the watchers, answers.
    fn commit(&mut self, commits: &[Commit], waiting: Vec<oneshot::Sender<Result<Committed, CommitError>>>) {
        let answers = match self.attempt(commits) {
            Ok(answers) => answers,
            Err(error) if commits.len() > 1 => {
                // One commit that can't be written (too large for what is left of the disk, say) must not fail the others.
                tracing::warn!(%error, commits = commits.len(), "a group of commits failed; each is tried alone");
                commits.iter().map(|commit| self.alone(commit)).collect()
            }
            Err(error) => vec![Err(store_error(&error).into())],
        };
        self.tell(commits, &answers);
        for (waiting, answer) in waiting.into_iter().zip(answers) {
            // Nobody waits any more when the caller has gone away; the commit stands all the same.
            let _ = waiting.send(answer);
        }
    }

    /// What power loss brings back is swept again.
    fn sweep(&mut self, now: Timestamp, most: usize) -> rusqlite::Result<usize> {
        self.set_level(Survives::Process)?;
        sweep(&self.connection, now, most)
    }

    fn alone(&mut self, commit: &Commit) -> Result<Committed, CommitError> {
        let answers = self.attempt(std::slice::from_ref(commit)).map_err(|error| store_error(&error))?;
        answers.into_iter().next().unwrap_or_else(|| Err(StoreError::Unavailable("no answer".to_owned()).into()))
    }

    /// One transaction for all of `commits`. On `Err` none of them was applied.
    fn attempt(&mut self, commits: &[Commit]) -> rusqlite::Result<Vec<Result<Committed, CommitError>>> {
        self.set_level(level(commits))?;
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        match self.write(commits) {
            Ok((answers, sequences)) => {
                self.sequences = sequences;
                Ok(answers)
            }
            Err(error) => {
                // SQLite rolls some errors back by itself; a second time would be an error of its own.
                if !self.connection.is_autocommit() {
                    self.connection.execute_batch("ROLLBACK")?;
                }
                Err(error)
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "both halves are taken apart at the one call")]
    fn write(&self, commits: &[Commit]) -> rusqlite::Result<(Vec<Result<Committed, CommitError>>, Vec<u64>)> {
        let mut sequences = self.sequences.clone();
        let mut answers = Vec::with_capacity(commits.len());
        for commit in commits {
            let Some(sequence) = sequences.get_mut(usize::from(commit.shard.number())) else {
                answers.push(Err(unknown_shard(commit.shard).into()));
                continue;
            };
            answers.push(match apply(&self.connection, commit, *sequence + 1)? {
                Applied::Written(appended) => {
                    *sequence += 1;
                    Ok(Committed { sequence: *sequence, appended, confirmed: true })
                }
                Applied::Conflict(key) => Err(CommitError::Conflict { key }),
            });
        }
        for (shard, (new, old)) in sequences.iter().zip(&self.sequences).enumerate() {
            if new != old {
                put_sequence(&self.connection, shard, *new)?;
            }
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok((answers, sequences))
    }

    fn tell(&self, commits: &[Commit], answers: &[Result<Committed, CommitError>]) {
        let watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if watchers.is_empty() {
            return;
        }
        for (commit, answer) in commits.iter().zip(answers) {
            if answer.is_ok() && commit.announce {
                let change = Change::of(commit);
                watchers.iter().for_each(|watcher| watcher(&change));
            }
        }
    }

    /// In this journal mode a transaction is in the operating system's hands when it ends (`NORMAL`), and on the disk when
    /// the log was synced too (`FULL`). Syncing the log makes all earlier transactions in it as durable.
    fn set_level(&mut self, level: Survives) -> rusqlite::Result<()> {
        if self.level != Some(level) {
            let synchronous = match level {
                Survives::Process => "NORMAL",
                Survives::Power => "FULL",
            };
            self.level = None;
            self.connection.pragma_update(None, "synchronous", synchronous)?;
            self.level = Some(level);
        }
        Ok(())
    }
}

/// The strongest promise asked for in a group: it is kept to all.
fn level(commits: &[Commit]) -> Survives {
    commits.iter().map(|commit| commit.survives).max().unwrap_or(Survives::Process)
}

fn unknown_shard(shard: Shard) -> StoreError {
    StoreError::Unavailable(format!("it has no shard `{shard}`; the id is from another installation"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Put;

    #[test]
    fn one_commit_that_must_survive_power_loss_syncs_its_group() {
        let shard = Shard::PLATFORM;
        let weak = Commit { survives: Survives::Process, ..Commit::new(shard) };
        assert_eq!(level(&[weak.clone(), weak.clone()]), Survives::Process);
        assert_eq!(level(&[weak.clone(), Commit::new(shard), weak]), Survives::Power);
    }

    #[test]
    fn the_level_reaches_sqlite_and_a_failed_group_leaves_the_sequence() {
        let directory = tempfile::tempdir().unwrap();
        let opened = super::super::file::open(directory.path(), 1).unwrap();
        let mut writer = Writer::new(opened, Watchers::default());
        let synchronous = |writer: &Writer| {
            writer.connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)).unwrap()
        };
        for (survives, expected) in [(Survives::Process, 1), (Survives::Power, 2), (Survives::Process, 1)] {
            let commit = Commit { survives, ..Commit::new(Shard::PLATFORM) };
            assert!(writer.alone(&commit).is_ok());
            assert_eq!(synchronous(&writer), expected, "{survives:?}");
        }
        writer.connection.execute_batch("DROP TABLE counters").unwrap();
        let mut commit = Commit::new(Shard::PLATFORM);
        commit.puts.push(Put::new("key".to_owned(), "value".into()));
        let (group, name) = ("gone".to_owned(), "gone".to_owned());
        commit.counters.push(crate::Count { group, name, amount: 1, forget_after: None });
        assert!(writer.alone(&commit).is_err());
        assert_eq!(writer.sequences, [3]);
        let records: i64 = writer.connection.query_row("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap();
        assert_eq!(records, 0, "the half that had been written is undone");
    }
}
