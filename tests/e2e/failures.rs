//! What breaks, and what becomes of it: clients see what PROMISES.md says, and nothing that was acknowledged is lost. Each of
//! these notes a row of the table that `tests/run` shows at its end. That Redis is killed and paused is shown by `outage`, that a
//! host can't hear or reach it by `two_hosts::bound`, that it fails over by `cluster` and `sentinel`, that hosts die where it hurts by
//! `policies::dying`, `webhooks` and `mail`.

mod away;
mod clock;
mod drain;
mod full;
mod killed;
mod operations;
mod redis;

use std::collections::BTreeMap;

use harness::{Host, Question};

/// By secret, whether it was acknowledged last that it lives, or that it does not.
type Books = BTreeMap<String, bool>;

/// The store of a host, for the table.
fn store_of(host: &Host) -> &'static str {
    if host.setup().redis_url().is_some() { "on Redis" } else { "on the embedded store" }
}

/// Checks that whatever was acknowledged is so; how many secrets that are.
#[track_caller]
fn check_books(host: &Host, books: &Books) -> usize {
    for (number, (secret, lives)) in books.iter().enumerate() {
        // Each from a network of its own, where nobody has failed yet.
        let from = format!("10.{}.{}.1", number / 256, number % 256);
        let answer = host.decide_patiently(&Question::reads_jobs(secret).from(&from));
        if *lives {
            answer.check_allow()
        } else {
            answer.check_unauthenticated()
        };
    }
    books.len()
}
