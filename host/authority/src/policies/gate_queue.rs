//! One upload at a time is examined on a host, and few wait: what a gate costs must not be had for the asking. Workspaces take
//! turns, however many uploads each has waiting.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use access_model::Id;
use tokio::sync::oneshot;

use crate::authority::lock;
use crate::error::Error;

/// Uploads of one workspace that wait or are examined.
const OF_A_WORKSPACE: usize = 4;
/// Uploads of all that wait or are examined.
const OF_ALL: usize = 32;

/// Whose uploads wait for the gate.
#[derive(Debug, Default)]
pub(crate) struct GateQueue {
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    // Uploads that wait or are examined; those that gave up count until their turn.
    of: HashMap<Id, usize>,
    // Each workspace once, but for the one that has the turn.
    order: VecDeque<(Id, VecDeque<oneshot::Sender<Turn>>)>,
    // Of the one that has the turn.
    behind: VecDeque<oneshot::Sender<Turn>>,
    has_turn: Option<Id>,
}

/// The turn to be examined. Dropped, another's upload has it next.
#[derive(Debug)]
struct Turn {
    waiting: Arc<Mutex<Waiting>>,
    workspace: Id,
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
        let turn = self.wait(workspace)?.await.map_err(Error::internal)?;
        let done = tokio::task::spawn_blocking(move || {
            let _held = turn;
            work()
        });
        done.await.map_err(Error::internal)
    }

    fn wait(&self, workspace: Id) -> Result<oneshot::Receiver<Turn>, Error> {
        let mut waiting = lock(&self.waiting);
        let all: usize = waiting.of.values().sum();
        if all >= OF_ALL || waiting.of.get(&workspace).is_some_and(|of_it| *of_it >= OF_A_WORKSPACE) {
            return Err(Error::Busy);
        }
        *waiting.of.entry(workspace).or_default() += 1;
        let (give, turn) = oneshot::channel();
        if waiting.has_turn == Some(workspace) {
            waiting.behind.push_back(give);
        } else if let Some((_, of_it)) = waiting.order.iter_mut().find(|(other, _)| *other == workspace) {
            of_it.push_back(give);
        } else {
            waiting.order.push_back((workspace, VecDeque::from([give])));
        }
        if waiting.has_turn.is_none() {
            let next = waiting.next();
            drop(waiting);
            give_turn(&self.waiting, next);
        }
        Ok(turn)
    }
}

impl Waiting {
    /// Whose turn is next: somebody else's than the last one's, if there is anybody else.
    fn next(&mut self) -> Option<(Id, oneshot::Sender<Turn>)> {
        let behind = std::mem::take(&mut self.behind);
        if let (Some(last), false) = (self.has_turn.take(), behind.is_empty()) {
            self.order.push_back((last, behind));
        }
        let (workspace, mut of_it) = self.order.pop_front()?;
        let next = of_it.pop_front()?;
        (self.has_turn, self.behind) = (Some(workspace), of_it);
        Some((workspace, next))
    }
}

/// Never with the lock held: a turn that nobody takes passes itself on.
fn give_turn(waiting: &Arc<Mutex<Waiting>>, next: Option<(Id, oneshot::Sender<Turn>)>) {
    if let Some((workspace, next)) = next {
        drop(next.send(Turn { waiting: Arc::clone(waiting), workspace }));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut waiting = lock(&self.waiting);
        if let Some(of_it) = waiting.of.get_mut(&self.workspace) {
            *of_it -= 1;
            if *of_it == 0 {
                waiting.of.remove(&self.workspace);
            }
        }
        let next = waiting.next();
        drop(waiting);
        give_turn(&self.waiting, next);
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
        while lock(&queue.waiting).of.get(&eager) != Some(&OF_A_WORKSPACE) {
            tokio::task::yield_now().await;
        }
        assert!(matches!(queue.pass(eager, || ()).await, Err(Error::Busy)));
        let at = Arc::clone(&queue);
        passing.spawn(async move { at.pass(other, || ()).await });
        release.send(()).unwrap();
        assert!(passing.join_all().await.into_iter().all(|passed| passed.is_ok()));
        assert!(lock(&queue.waiting).of.is_empty());
        queue.pass(eager, || ()).await.unwrap();
    }

    #[tokio::test]
    async fn workspaces_take_turns() {
        let queue = GateQueue::default();
        let draw = || Id::draw(IdKind::Workspace, Shard::PLATFORM, &SystemEntropy).unwrap();
        let (eager, other, third) = (draw(), draw(), draw());
        let mut waiting: Vec<_> = [eager, eager, eager, eager, other, third, other]
            .into_iter()
            .map(|workspace| (workspace, queue.wait(workspace).unwrap()))
            .collect();
        let mut order = Vec::new();
        while !waiting.is_empty() {
            let place = waiting.iter_mut().position(|(_, turn)| turn.try_recv().map(drop).is_ok()).unwrap();
            order.push(waiting.remove(place).0);
        }
        assert_eq!(order, [eager, other, third, eager, other, eager, eager]);
        assert!(lock(&queue.waiting).of.is_empty());
    }

    #[tokio::test]
    async fn who_gives_up_holds_up_nobody() {
        let queue = GateQueue::default();
        let draw = || Id::draw(IdKind::Workspace, Shard::PLATFORM, &SystemEntropy).unwrap();
        let (held, workspace) = (queue.wait(draw()).unwrap(), draw());
        drop((queue.wait(workspace), queue.wait(draw()), queue.wait(workspace)));
        let mut last = queue.wait(workspace).unwrap();
        assert!(last.try_recv().is_err());
        drop(held);
        assert!(last.try_recv().is_ok());
        assert!(lock(&queue.waiting).of.is_empty());
    }
}
