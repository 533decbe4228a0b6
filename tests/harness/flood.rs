//! Many at once.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::asking::Count;
use crate::host::Host;
use crate::question::{Answer, Question};

/// What came of a flood.
#[derive(Debug, Default)]
pub struct Tally {
    /// Answers that allowed.
    pub allowed: usize,
    /// Answers that denied.
    pub denied: Vec<Answer>,
    /// Requests that got no answer: the host went away.
    pub lost: usize,
    /// How long it took.
    pub took: Duration,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.denied.extend(other.denied);
        Self {
            allowed: self.allowed + other.allowed,
            denied: self.denied,
            lost: self.lost + other.lost,
            took: self.took + other.took,
        }
    }

    /// Checks that it was over within a window of the quota; otherwise it shows nothing about the limit.
    #[track_caller]
    pub fn check_within_a_minute(&self) -> &Self {
        assert!(self.took < Duration::from_secs(60), "this machine is too slow to show anything: {:?}", self.took);
        self
    }
}

/// Asks `total` questions over `connections` connections at a time. `question` makes each, by its number from 0; a connection
/// whose host goes away asks no more.
pub fn flood(host: &Host, connections: usize, total: usize, question: impl Fn(usize) -> Question + Sync) -> Tally {
    let next = AtomicUsize::new(0);
    let watch = stopwatch();
    let tallies = in_parallel(connections, |_| {
        let client = host.client(Some(&host.identity().gateway_token));
        let mut tally = Tally::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= total {
                return tally;
            }
            let answered: io::Result<_> = client.try_send(&question(number).request());
            match answered.map(|response| Answer::of(response.check_json(200))) {
                Ok(answer) if answer.is_allow() => tally.allowed += 1,
                Ok(answer) => tally.denied.push(answer),
                Err(_) => {
                    tally.lost += 1;
                    return tally;
                }
            }
        }
    });
    let tally = tallies.into_iter().fold(Tally::default(), Tally::and);
    Tally { took: watch(), ..tally }
}

/// Does `work` on so many threads at once; what each came to, in their order. They begin together.
pub fn in_parallel<T: Send>(threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (work, begun) = (&work, &Count::default());
    std::thread::scope(|scope| {
        let begin = |number| {
            scope.spawn(move || {
                begun.add_one();
                begun.wait_for(threads, "all have begun");
                work(number)
            })
        };
        let all: Vec<_> = (0..threads).map(begin).collect();
        all.into_iter().map(|thread| thread.join().expect("no thread fails")).collect()
    })
}

/// Tells how long ago it was made.
#[expect(clippy::disallowed_methods, reason = "a test's own watch, not the product's time")]
pub fn stopwatch() -> impl Fn() -> Duration {
    let began = Instant::now();
    move || began.elapsed()
}
