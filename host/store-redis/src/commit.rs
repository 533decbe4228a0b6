//! A commit as its script wants it, and what the script answers.

use access_model::Timestamp;
use access_store::{Change, Check, Commit, CommitError, Committed, Count, Put, StoreError};
use redis::Value;

use crate::line::Answer;
use crate::names::Home;
use crate::scripts::{Call, Script};

/// Redis forgets by its own clock, which may run ahead of the host's.
pub(crate) const GRACE_MILLIS: i64 = 60_000;

/// The call that applies `commit`.
pub(crate) fn call<'a>(home: &'a Home, epoch: &'a str, commit: &'a Commit) -> Call<'a> {
    let mut call = Call::new(Script::Commit, home, epoch);
    call.key(home.log_numbers.as_str()).key(home.channel.as_str());
    call.shown(announced_keys(commit));
    let Commit { checks, log_ends, puts, deletes, index_puts, index_marks, .. } = commit;
    let Commit { index_deletes, appends, log_trims, counters, .. } = commit;
    let counts = [
        checks.len(),
        puts.len(),
        deletes.len(),
        index_puts.len(),
        index_deletes.len(),
        appends.len(),
        log_trims.len(),
        counters.len(),
        log_ends.len(),
        index_marks.len(),
    ];
    for count in counts {
        call.shown(Some(count));
    }
    call.shown(commit.narrows.then_some("terms"));
    for Check { key, version } in checks {
        call.key(home.record(key)).shown(*version);
    }
    for (log, last) in log_ends {
        call.text(log).shown(Some(*last));
    }
    for Put { key, value, forget_after } in puts {
        call.key(home.record(key)).bytes(value).shown(expiry(*forget_after));
    }
    for key in deletes {
        call.key(home.record(key));
    }
    for (index, entry) in index_puts {
        call.key(home.index(index)).shown(Some(entry.score)).text(&entry.member);
    }
    for (index, entry) in index_marks {
        call.key(home.index(index)).shown(Some(entry.score)).text(&entry.member);
    }
    for (index, member) in index_deletes {
        call.key(home.index(index)).text(member);
    }
    for (log, value) in appends {
        call.key(home.log(log)).text(log).bytes(value);
    }
    for (log, last) in log_trims {
        call.key(home.log(log)).text(log).shown(Some(*last));
    }
    for Count { group, name, amount, forget_after } in counters {
        call.key(home.counters(group)).text(name).shown(Some(amount)).shown(expiry(*forget_after));
    }
    call
}

/// What came of `commit`, and the terms of the history that it is in, where it narrows.
pub(crate) fn answer(commit: &Commit, answer: Answer) -> Result<(Committed, Option<String>), CommitError> {
    let Answer { value, is_confirmed } = answer;
    if let Value::Int(place) = value {
        let mut checked =
            commit.checks.iter().map(|check| &check.key).chain(commit.log_ends.iter().map(|(log, _)| log));
        let failed = usize::try_from(place - 1).ok().and_then(|place| checked.nth(place));
        let failed = failed.ok_or_else(|| StoreError::Corrupt(format!("a commit failed its check number {place}")))?;
        return Err(CommitError::Conflict { key: failed.clone() });
    }
    let corrupt = |error: redis::ParsingError| StoreError::Corrupt(error.to_string());
    let mut values: Vec<Value> = redis::from_redis_value(value).map_err(corrupt)?;
    let terms = if commit.narrows { values.pop() } else { None };
    let terms = terms.map(redis::from_redis_value).transpose().map_err(corrupt)?;
    let numbers: Vec<u64> = redis::from_redis_value(Value::Array(values)).map_err(corrupt)?;
    let mut numbers = numbers.into_iter();
    let sequence = numbers.next().ok_or_else(|| StoreError::Corrupt("a commit got no number".to_owned()))?;
    Ok((Committed { sequence, appended: numbers.collect(), confirmed: is_confirmed }, terms))
}

/// The call that applies `commit` once more where it was lost, which had got a number when these were the terms.
pub(crate) fn replay<'a>(home: &'a Home, epoch: &'a str, commit: &'a Commit, number: u64, terms: &'a str) -> Call<'a> {
    let mut call = Call::new(Script::Replay, home, epoch);
    call.key(home.log_numbers.as_str()).key(home.channel.as_str()).key(home.replays.as_str());
    call.shown(announced_keys(commit));
    let Commit { checks, puts, deletes, index_puts, index_marks, index_deletes, appends, .. } = commit;
    for count in [puts.len(), deletes.len(), index_puts.len() + index_marks.len(), index_deletes.len(), appends.len()] {
        call.shown(Some(count));
    }
    call.shown(Some(number)).text(terms);
    for Put { key, value, forget_after } in puts {
        let existed = checks.iter().any(|check| check.key == *key && check.version.is_some());
        call.key(home.record(key)).bytes(value).shown(expiry(*forget_after)).shown(existed.then_some("existed"));
    }
    for key in deletes {
        call.key(home.record(key));
    }
    // A mark that is put once more may move, which puts off what is done then by seconds.
    for (index, entry) in index_puts.iter().chain(index_marks) {
        call.key(home.index(index)).shown(Some(entry.score)).text(&entry.member);
    }
    for (index, member) in index_deletes {
        call.key(home.index(index)).text(member);
    }
    for (log, value) in appends {
        call.key(home.log(log)).text(log).bytes(value);
    }
    call
}

/// In JSON. None: nobody is told.
fn announced_keys(commit: &Commit) -> Option<String> {
    let Change::Touched { keys, .. } = Change::of(commit) else { return None };
    commit.announce.then(|| serde_json::Value::from(keys).to_string())
}

/// When Redis forgets what nobody needs any more.
pub(crate) fn expiry(forget_after: Option<Timestamp>) -> Option<i64> {
    forget_after.map(|time| time.as_millis().saturating_add(GRACE_MILLIS))
}
