//! The slow lane: decisions that take long are made on threads of their own, below everybody else in priority, so that those
//! that don't never wait behind them.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use rustix::process::nice;

use crate::authority::lock;

/// Decisions that wait for a thread at most, of all workspaces together.
const WAITING: usize = 256;
/// How much lower than the host's the threads' priority is.
const NICE: i32 = 10;

type Work = Box<dyn FnOnce() + Send>;

/// Threads for decisions that take long, half as many as there are processors. They start when they are first needed.
#[derive(Default)]
pub(crate) struct Lane {
    // None: they could not be started.
    work: OnceLock<Option<SyncSender<Work>>>,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").finish_non_exhaustive()
    }
}

/// So many decisions wait already that this one would come too late.
#[derive(Debug)]
pub(crate) struct Full;

impl Lane {
    /// Has work done when a thread is free. Never blocks.
    pub(crate) fn send(&self, work: impl FnOnce() + Send + 'static) -> Result<(), Full> {
        let queue = self.work.get_or_init(start).as_ref().ok_or(Full)?;
        queue.try_send(Box::new(work)).map_err(|_| Full)
    }
}

fn start() -> Option<SyncSender<Work>> {
    let (queue, work) = sync_channel(WAITING);
    let work = Arc::new(Mutex::new(work));
    let threads = thread::available_parallelism().map_or(1, NonZero::get).div_ceil(2);
    for _ in 0..threads {
        let work = Arc::clone(&work);
        let started = thread::Builder::new().name("slow lane".to_owned()).spawn(move || serve(&work));
        if let Err(error) = started {
            tracing::error!(%error, "the slow lane can't be opened; decisions that take long are denied");
            return None;
        }
    }
    Some(queue)
}

fn serve(work: &Mutex<Receiver<Work>>) {
    // Of this thread alone. Where it is not permitted, the lane is a lane still.
    let _ = nice(NICE);
    loop {
        let next = lock(work).recv();
        let Ok(next) = next else { return };
        if catch_unwind(AssertUnwindSafe(next)).is_err() {
            tracing::error!("a decision panicked in the slow lane");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_whatever_became_of_the_work_before() {
        let lane = Lane::default();
        let (told, hears) = std::sync::mpsc::channel();
        lane.send(|| panic!("as a defect would")).expect("there is room");
        lane.send(move || told.send(7).expect("somebody hears")).expect("there is room");
        assert_eq!(hears.recv(), Ok(7));
    }

    #[test]
    fn what_would_wait_too_long_is_refused_at_once() {
        let lane = Lane::default();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let refused = (0..10_000).find(|_| {
            let wait = Arc::clone(&wait);
            lane.send(move || {
                let _ = lock(&wait).recv();
            })
            .is_err()
        });
        assert!(refused.is_some_and(|sent| sent >= WAITING), "{refused:?}");
        drop(go);
    }
}
