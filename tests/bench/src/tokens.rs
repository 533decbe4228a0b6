//! Many living tokens: what they take, and that nothing of them is left when they have ended. `tests/bench/tokens` starts it.
//!
//! `tokens CATALOG TOKENS STORE`: a catalog whose quotas never run out, how many tokens, and `embedded` or `redis`. The binary
//! that is measured is the one that `CRONFLOW_ACCESS_BIN` names.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that can't be made ends"
)]
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock, paces itself and prints"
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use harness::{Client, Host, Reply, Request, Setup, in_parallel};

/// Who obtain tokens, each over a connection of their own.
const CLIENTS: usize = 8;
const FORM: &str = "application/x-www-form-urlencoded";

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let [catalog, count, store] = args.as_slice() else { panic!("tokens CATALOG TOKENS STORE") };
    let each = count.parse::<usize>().unwrap().div_ceil(CLIENTS);
    let setup = Setup::dev().args(["--catalog".to_owned(), catalog.clone()]);
    let host = if store == "redis" { setup.on_redis() } else { setup.on_embedded() }.start();
    warm(&host);
    let count = CLIENTS * each;
    say(&host, "before");

    let began = Instant::now();
    let tokens = in_parallel(CLIENTS, |_| obtain(&host, each)).concat();
    let took = began.elapsed().as_secs_f64();
    println!("{count} tokens obtained in {took:.0} s, over {CLIENTS} connections at once");
    say(&host, &format!("{count} living tokens"));
    assert!(tokens.iter().all(|token| is_active(&host, token)), "a living token is not active");

    if host.nodes().len() > 1 {
        // Redis forgets by itself, by its own clock.
        let Reply::Text(info) = host.setup().redis().command(&["INFO", "keyspace"]) else { panic!("no keys are told") };
        let told = |name: &str| {
            let after = info.split(name).nth(1).unwrap();
            after.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<u64>().unwrap()
        };
        let (expiring, ttl) = (told(",expires="), told(",avg_ttl="));
        assert!(expiring >= count as u64, "{info}");
        println!("redis-server forgets {expiring} keys by itself, in {} s on the average", ttl / 1_000);
        return;
    }
    // Every host of the store sweeps; what one has forgotten, the other need not.
    let forgotten = || host.nodes().iter().map(|node| forgotten(node.metrics())).sum::<u64>();
    let before = forgotten();
    host.advance(3_601);
    assert!(!tokens.iter().any(|token| is_active(&host, token)), "an ended token is active");
    let began = Instant::now();
    while forgotten() - before < count as u64 {
        assert!(began.elapsed() < Duration::from_secs(1_800), "ended tokens are not forgotten");
        thread::sleep(Duration::from_millis(200));
    }
    println!("all of them ended and forgotten after {:.0} s", began.elapsed().as_secs_f64());
    say(&host, "after");
}

/// A few tokens of each client, so that what is there once is there.
fn warm(host: &Host) {
    drop(in_parallel(CLIENTS, |_| obtain(host, 100)));
}

/// Obtains tokens, one after the other; some of them.
fn obtain(host: &Host, count: usize) -> Vec<String> {
    let of_host = &host.identity().client;
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=jobs:read",
        of_host.client_id, of_host.client_secret
    );
    let request = Request::new("POST", "/oauth/token").body(FORM, form);
    let client = host.client(None);
    let mut some = Vec::new();
    for number in 0..count {
        let answer = client.try_send(&request).expect("no connection breaks");
        assert_eq!(answer.status, 200, "{answer:?}");
        if number % 10_000 == 0 {
            some.push(answer.check_json(200)["access_token"].as_str().unwrap().to_owned());
        }
    }
    some
}

fn is_active(host: &Host, token: &str) -> bool {
    let request = Request::new("POST", "/oauth/introspect").body(FORM, format!("token={token}"));
    host.gateway().send(&request).check_json(200)["active"] == true
}

fn forgotten(metrics: SocketAddr) -> u64 {
    let text = Client::new(metrics, None).get("/metrics").body;
    let line = text.lines().find_map(|line| line.strip_prefix("access_records_forgotten_total "));
    line.map_or(0, |number| number.parse().unwrap())
}

/// What the host has resident, and what the store takes.
fn say(host: &Host, when: &str) {
    let status = fs::read_to_string(format!("/proc/{}/status", host.manager().pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident = line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_024.0;
    let store = if host.nodes().len() > 1 {
        let Reply::Text(info) = host.setup().redis().command(&["INFO", "memory"]) else { panic!("no memory is told") };
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
        format!("redis-server used_memory {:.0} MiB", used.trim().parse::<f64>().unwrap() / 1_048_576.0)
    } else {
        let file = host.setup().data_dir().join("access.db");
        format!("file of the store {:.0} MiB", fs::metadata(file).unwrap().len() as f64 / 1_048_576.0)
    };
    println!("{when}: host resident {resident:.0} MiB; {store}");
}
