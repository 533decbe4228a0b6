use super::*;

/// What happens, one step after the other.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// A new connection.
    Connected,
    /// A commit of this host got a number.
    Own(u64),
    /// An announcement: its number, and that of the one before.
    Heard(u64, u64),
    /// A heartbeat was sent and answered with a number, before anything else happened.
    Beat(u64),
    /// A heartbeat was sent; it is answered later.
    Sent,
    /// The heartbeat that was sent is answered.
    Answered(u64),
}

use Event::{Answered, Beat as Beats, Connected, Heard, Own, Sent};

const NOTHING: Tell = Tell::Nothing;
const TOUCHED: Tell = Tell::Touched;
const MISSED: Tell = Tell::Missed;

/// Plays `events`, and compares what follows from the last one. Heartbeats prove the shard fresh until a second after they were
/// sent, and one is sent each second, the first at 1.
#[track_caller]
fn check(events: &[Event], tell: Tell, applied: Option<u64>, fresh_until: Option<u64>) {
    let (mut proof, mut second, mut sent) = (Proof::default(), 0, None);
    let mut last = None;
    for event in events {
        last = match *event {
            Connected => {
                proof.forget();
                None
            }
            Own(sequence) => {
                proof.committed(proof.generation(), sequence);
                None
            }
            Heard(sequence, previous) => Some(proof.announced(sequence, previous)),
            Beats(announced) => {
                second += 1;
                let beat = proof.beat();
                Some(proof.answered(beat, announced, Duration::from_secs(second + 1)))
            }
            Sent => {
                second += 1;
                sent = Some((proof.beat(), Duration::from_secs(second + 1)));
                None
            }
            Answered(announced) => {
                let (beat, until) = sent.take().expect("a heartbeat was sent");
                Some(proof.answered(beat, announced, until))
            }
        };
    }
    let expected = Step { tell, applied, fresh_until: fresh_until.map(Duration::from_secs) };
    assert_eq!(last, Some(expected), "{events:?}");
}

#[test]
fn nothing_is_known_before_the_first_heartbeat() {
    check(&[Heard(7, 6)], TOUCHED, None, None);
    check(&[Beats(7)], MISSED, Some(7), Some(2));
    check(&[Heard(7, 6), Beats(7)], MISSED, Some(7), Some(2));
    check(&[Beats(0)], MISSED, Some(0), Some(2));
}

#[test]
fn what_was_heard_is_fresh_from_when_the_heartbeat_was_sent() {
    check(&[Beats(7), Beats(7)], NOTHING, Some(7), Some(3));
    check(&[Beats(7), Heard(8, 7)], TOUCHED, Some(8), None);
    check(&[Beats(7), Heard(8, 7), Beats(8)], NOTHING, Some(8), Some(3));
    // Heard while the answer was on its way: the heartbeat proves what was before.
    check(&[Beats(7), Sent, Heard(8, 7), Answered(7)], NOTHING, Some(8), Some(3));
    check(&[Beats(7), Sent, Heard(8, 7), Heard(11, 8), Answered(8)], NOTHING, Some(11), Some(3));
}

#[test]
fn what_was_not_heard_yet_is_pending() {
    check(&[Beats(7), Beats(8)], NOTHING, Some(7), None);
    check(&[Beats(7), Beats(8), Heard(8, 7)], TOUCHED, Some(8), Some(3));
    check(&[Beats(7), Beats(12), Heard(9, 7)], TOUCHED, Some(9), None);
    check(&[Beats(7), Beats(12), Heard(9, 7), Heard(12, 9)], TOUCHED, Some(12), Some(3));
    // Beyond it is as good.
    check(&[Beats(7), Beats(8), Heard(9, 7)], TOUCHED, Some(9), Some(3));
    // It counts once.
    check(&[Beats(7), Beats(8), Heard(8, 7), Heard(9, 8)], TOUCHED, Some(9), None);
    // A later heartbeat that proves more makes it void.
    check(&[Beats(7), Sent, Heard(9, 7), Answered(8)], NOTHING, Some(9), Some(3));
}

#[test]
fn what_does_not_come_by_the_next_heartbeat_is_missed() {
    check(&[Beats(7), Beats(8), Beats(8)], MISSED, Some(8), Some(4));
    check(&[Beats(7), Beats(8), Beats(9)], MISSED, Some(9), Some(4));
    check(&[Beats(7), Beats(12), Heard(9, 7), Beats(12)], MISSED, Some(12), Some(4));
    // It comes late: watchers hear of it all the same, and the number stays.
    check(&[Beats(7), Beats(8), Beats(9), Heard(8, 7)], TOUCHED, Some(9), None);
    check(&[Beats(7), Beats(8), Beats(9), Heard(8, 7), Heard(9, 8), Heard(10, 9)], TOUCHED, Some(10), None);
    check(&[Beats(7), Beats(8), Beats(8), Beats(8)], NOTHING, Some(8), Some(5));
    // New ones that are under way are no reason.
    check(&[Beats(7), Beats(8), Heard(8, 7), Beats(9)], NOTHING, Some(8), None);
}

#[test]
fn a_gap_is_missed_at_once() {
    check(&[Beats(7), Heard(9, 8)], MISSED, Some(9), None);
    check(&[Beats(7), Beats(9), Heard(9, 8)], MISSED, Some(9), Some(3));
    check(&[Beats(7), Beats(12), Heard(9, 8)], MISSED, Some(9), None);
    check(&[Beats(7), Heard(9, 8), Heard(10, 9)], TOUCHED, Some(10), None);
    // Another history, with the same numbers.
    check(&[Beats(7), Heard(9, 6)], MISSED, Some(9), None);
}

#[test]
fn a_store_that_goes_back_has_lost_commits() {
    check(&[Beats(7), Beats(5)], Tell::Lost { from: 7, to: 5 }, Some(5), Some(3));
    check(&[Beats(7), Heard(9, 7), Beats(8)], Tell::Lost { from: 9, to: 8 }, Some(8), Some(3));
    check(&[Beats(7), Beats(5), Beats(5)], NOTHING, Some(5), Some(4));
    // What it announces from then on counts from there, whatever was heard of the other history.
    check(&[Beats(7), Beats(5), Heard(6, 5)], TOUCHED, Some(6), None);
    check(&[Beats(7), Sent, Heard(9, 7), Answered(5)], Tell::Lost { from: 7, to: 5 }, Some(5), Some(3));
    check(&[Beats(7), Sent, Heard(9, 7), Answered(5), Heard(10, 9)], MISSED, Some(10), None);
}

#[test]
fn own_commits_are_told_of_once() {
    check(&[Beats(7), Own(8), Heard(8, 7)], NOTHING, Some(8), None);
    check(&[Beats(7), Own(8), Beats(8), Heard(8, 7)], NOTHING, Some(8), Some(3));
    check(&[Own(8), Heard(8, 7)], NOTHING, None, None);
    // The announcement came first.
    check(&[Beats(7), Heard(8, 7), Own(8), Heard(9, 8)], TOUCHED, Some(9), None);
    // A gap before it is missed all the same.
    check(&[Beats(7), Own(9), Heard(9, 8)], MISSED, Some(9), None);
    // Another one's commit of that number, after the store has gone back.
    check(&[Beats(7), Own(8), Beats(5), Heard(8, 5)], TOUCHED, Some(8), None);
}

#[test]
fn a_new_connection_assumes_nothing() {
    check(&[Beats(7), Connected, Heard(8, 7)], TOUCHED, None, None);
    check(&[Beats(7), Connected, Beats(7)], MISSED, Some(7), Some(3));
    // It may lead to a Redis that was restored from last week.
    check(&[Beats(7), Connected, Beats(5)], Tell::Lost { from: 7, to: 5 }, Some(5), Some(3));
    check(&[Beats(7), Heard(9, 7), Connected, Connected, Beats(8)], Tell::Lost { from: 9, to: 8 }, Some(8), Some(3));
    check(&[Beats(7), Connected, Beats(5), Connected, Beats(6)], MISSED, Some(6), Some(4));
    check(&[Beats(7), Beats(8), Connected, Beats(8)], MISSED, Some(8), Some(4));
    check(&[Beats(7), Own(8), Connected, Heard(8, 7)], TOUCHED, None, None);
    // What was asked on the old connection proves nothing.
    check(&[Beats(7), Sent, Connected, Answered(7)], NOTHING, None, None);
    check(&[Sent, Connected, Answered(7), Beats(7)], MISSED, Some(7), Some(3));
}

#[test]
fn own_commits_are_forgotten_with_the_heartbeat_that_gives_them_up() {
    let mut proof = Proof::default();
    for own in 1..=9 {
        proof.committed(0, own);
    }
    let beat = proof.beat();
    proof.answered(beat, 8, Duration::ZERO);
    assert_eq!(proof.own, BTreeSet::from([9]));
    proof.committed(0, 5);
    assert_eq!(proof.own, BTreeSet::from([9]));
    proof.forget();
    proof.committed(0, 10);
    assert_eq!(proof.own, BTreeSet::new(), "it was sent before everything was forgotten");
}
