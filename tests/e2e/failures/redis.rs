//! Redis is there, and the way to it is not what it was.

use std::time::Duration;

use harness::{Setup, is_left_to_tests_run};

use crate::outage::load::{check_books, check_goes_on, check_outage, check_served, note, under_load, under_load_of};

/// What a slow network takes for each way, well within what a host waits for Redis.
const BEARABLE: Duration = Duration::from_millis(15);
/// Longer than anybody waits.
const UNBEARABLE: Duration = Duration::from_secs(5);
/// Less than heartbeats need, and not nothing.
const BYTES_PER_SECOND: u32 = 30_000;

#[test]
fn a_redis_that_is_slow_is_waited_for() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis_all_through_proxy().start();
    let proxy = host.setup().proxy();
    let told = under_load_of(&host, &[], || proxy.slow_down(BEARABLE), || proxy.open());
    check_served(&told);
    check_goes_on(&told);
    note("Redis slow: 15 ms more each way", &told, check_books(&host, &told));
}

#[test]
fn a_redis_that_is_too_slow_is_a_redis_that_is_away() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis_all_through_proxy().start();
    let proxy = host.setup().proxy();
    let told = under_load(&host, || proxy.slow_down(UNBEARABLE), || proxy.open());
    check_outage(&told);
    note("Redis slow: 5 s more each way", &told, check_books(&host, &told));
}

/// What it was told is done, and nobody hears that it was. Afterwards the books agree with whatever was acknowledged.
#[test]
fn a_redis_whose_answers_do_not_come_back_is_a_redis_that_is_away() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis_all_through_proxy().start();
    let proxy = host.setup().proxy();
    let told = under_load(&host, || proxy.hold_answers(), || proxy.open());
    check_outage(&told);
    note("Redis half-open: answers lost", &told, check_books(&host, &told));
}

#[test]
fn connections_that_are_dropped_and_refused_are_made_again() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis_all_through_proxy().start();
    let proxy = host.setup().proxy();
    let told = under_load(&host, || proxy.cut(), || proxy.open());
    check_outage(&told);
    note("Redis unreachable: connections dropped", &told, check_books(&host, &told));
}

/// Whether a heartbeat comes through is a matter of luck then; a wrong answer is not.
#[test]
fn a_narrow_way_to_redis_serves_some_and_fools_nobody() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis_all_through_proxy().start();
    let proxy = host.setup().proxy();
    let told = under_load(&host, || proxy.narrow(BYTES_PER_SECOND), || proxy.open());
    check_served(&told);
    note("Redis throttled: 30 kB a second", &told, check_books(&host, &told));
}

#[test]
fn of_two_hosts_the_one_that_is_cut_off_denies_and_the_other_goes_on() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let host = Setup::dev().on_redis_through_proxy().start();
    let proxy = host.setup().proxy();
    let told = under_load_of(&host, &[1], || proxy.black_hole(), || proxy.open());
    check_outage(&told);
    note("One host of two cut off from Redis", &told, check_books(&host, &told));
}
