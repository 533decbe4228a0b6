//! One upload at a time is examined on a host, and few wait: what a gate costs must not be had for the asking.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use access_model::Id;
use tokio::sync::Semaphore;

use crate::authority::lock;
use crate::error::Error;

/// Uploads of one workspace that wait or are examined.
const OF_A_WORKSPACE: usize = 4;
/// Uploads of all that wait or are examined.
const OF_ALL: usize = 32;

/// Whose uploads wait for the gate.
#[derive(Debug)]
pub(crate) struct GateQueue {
    turn: Arc<Semaphore>,
    waiting: Arc<Mutex<HashMap<Id, usize>>>,
}

/// A place in the queue. Dropped, it is free.
struct Place {
    waiting: Arc<Mutex<HashMap<Id, usize>>>,
    workspace: Id,
}

impl Default for GateQueue {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), waiting: Arc::default() }
    }
}

impl GateQueue {
    /// Does `work` off the runtime when it is its turn. What is begun is done, whether or not anybody waits for it still.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub(crate) async fn pass<T: Send + 'static>(
        &self,
        workspace: Id,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let place = self.wait(workspace)?;
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(Error::internal)?;
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, turn);
            work()
        });
        done.await.map_err(Error::internal)
    }

    fn wait(&self, workspace: Id) -> Result<Place, Error> {
        let mut waiting = lock(&self.waiting);
        let all: usize = waiting.values().sum();
        if all >= OF_ALL || waiting.get(&workspace).is_some_and(|of_it| *of_it >= OF_A_WORKSPACE) {
            return Err(Error::Busy);
        }
        *waiting.entry(workspace).or_default() += 1;
        Ok(Place { waiting: Arc::clone(&self.waiting), workspace })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = lock(&self.waiting);
        if let Some(of_it) = waiting.get_mut(&self.workspace) {
            *of_it -= 1;
            if *of_it == 0 {
                waiting.remove(&self.workspace);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use access_model::entropy::SystemEntropy;
    use access_model::{IdKind, Shard};
    use std::sync::mpsc::channel;

    #[tokio::test(flavor = "multi_thread")]
    async fn few_wait_and_the_rest_is_told_so() {
        let queue = Arc::new(GateQueue::default());
        let draw = || Id::draw(IdKind::Workspace, Shard::PLATFORM, &SystemEntropy).unwrap();
        let (eager, other) = (draw(), draw());
        let (release, held) = channel::<()>();
        let mut passing = tokio::task::JoinSet::new();
        let at = Arc::clone(&queue);
        passing.spawn(async move { at.pass(eager, move || held.recv().unwrap()).await });
        for _ in 1..OF_A_WORKSPACE {
            let at = Arc::clone(&queue);
            passing.spawn(async move { at.pass(eager, || ()).await });
        }
        while lock(&queue.waiting).get(&eager) != Some(&OF_A_WORKSPACE) {
            tokio::task::yield_now().await;
        }
        assert!(matches!(queue.pass(eager, || ()).await, Err(Error::Busy)));
        let at = Arc::clone(&queue);
        passing.spawn(async move { at.pass(other, || ()).await });
        release.send(()).unwrap();
        assert!(passing.join_all().await.into_iter().all(|passed| passed.is_ok()));
        assert!(lock(&queue.waiting).is_empty());
        queue.pass(eager, || ()).await.unwrap();
    }
}
