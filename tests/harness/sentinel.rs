//! A primary with replicas, and sentinels that watch over them.

use std::process::Command;

use tempfile::TempDir;

use crate::asking::wait_until;
use crate::process::Process;
use crate::redis::{Redis, Reply, free_port, temporary};

/// How each server is set: as operators are told to.
const SETTINGS: [&str; 6] =
    ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "3", "--repl-diskless-sync-delay", "0"];
/// What the sentinels call the primary.
const NAME: &str = "main";
/// So many of the sentinels must agree.
const QUORUM: &str = "2";

/// One primary, two replicas, three sentinels. Dropped, they are killed.
#[derive(Debug)]
pub struct Sentinels {
    servers: Vec<Redis>,
    ports: Vec<u16>,
    processes: Vec<Process>,
    /// Goes with it.
    _folder: TempDir,
}

impl Sentinels {
    /// Starts all of them, and waits until they know each other.
    #[track_caller]
    pub fn start() -> Self {
        let folder = temporary();
        let primary = Redis::start_with(&folder.path().join("0"), &SETTINGS);
        let port = primary.address().port().to_string();
        let replica = |number: usize| {
            let options = [&SETTINGS[..], &["--replicaof", "127.0.0.1", &port]].concat();
            Redis::start_with(&folder.path().join(number.to_string()), &options)
        };
        let servers: Vec<_> = [primary].into_iter().chain((1..=2).map(replica)).collect();
        wait_until("both replicas follow", || servers[0].says(&["INFO", "replication"], "min_slaves_good_slaves:2"));
        let (mut ports, mut processes) = (Vec::new(), Vec::new());
        for number in 0..3 {
            let at = free_port();
            let file = folder.path().join(format!("sentinel-{number}.conf"));
            let text = format!(
                "port {at}\nbind 127.0.0.1\ndir {}\nsentinel monitor {NAME} 127.0.0.1 {port} {QUORUM}\n\
                 sentinel down-after-milliseconds {NAME} 4000\nsentinel failover-timeout {NAME} 5000\n",
                folder.path().display()
            );
            std::fs::write(&file, text).expect("there is room for a file");
            let process = Process::start(Command::new("redis-server").arg(&file).arg("--sentinel"));
            assert!(process.stdout.wait_for("+monitor", 0), "a sentinel starts: {}", process.stdout.text());
            ports.push(at);
            processes.push(process);
        }
        let this = Self { servers, ports, processes, _folder: folder };
        wait_until("the sentinels know each other and the replicas", || {
            this.ports.iter().all(|port| {
                let known = ask(*port, &["SENTINEL", "MASTER", NAME]);
                let of = |name: &str| known.iter().skip_while(|word| *word != name).nth(1).cloned();
                of("num-slaves").as_deref() == Some("2") && of("num-other-sentinels").as_deref() == Some("2")
            })
        });
        this
    }

    /// The URL by which hosts find the primary.
    pub fn url(&self) -> String {
        let sentinels: Vec<_> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis-sentinel://{}/{NAME}", sentinels.join(","))
    }

    /// The servers, whatever they are at this moment.
    pub fn servers(&self) -> &[Redis] {
        &self.servers
    }

    /// The primary, as the first sentinel sees it.
    #[track_caller]
    pub fn primary(&self) -> &Redis {
        let found = ask(self.ports[0], &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
        let port = found.last().expect("it is known");
        self.servers.iter().find(|server| server.address().port().to_string() == *port).expect("it is one of them")
    }

    /// Has the sentinels put another in the primary's place, while the primary is well.
    #[track_caller]
    pub fn fail_over(&self) {
        let old = self.primary().address();
        wait_until("the sentinels fail over", || ask(self.ports[0], &["SENTINEL", "FAILOVER", NAME]) == ["OK"]);
        self.wait_for_another_than(old);
    }

    /// Waits until the sentinels have put another in this one's place.
    #[track_caller]
    pub fn wait_for_another_than(&self, old: std::net::SocketAddr) {
        wait_until("another is primary", || {
            let primary = self.primary();
            primary.address() != old && primary.says(&["INFO", "replication"], "role:master")
        });
    }

    /// Sentinels that still run.
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }
}

/// Runs one command; the words of its answer.
#[track_caller]
fn ask(port: u16, words: &[&str]) -> Vec<String> {
    let text = |reply: Reply| match reply {
        Reply::Text(text) => text,
        other => format!("{other:?}"),
    };
    match crate::redis::ask(std::net::SocketAddr::from(([127, 0, 0, 1], port)), words) {
        Ok(Reply::List(words)) => words.into_iter().map(text).collect(),
        Ok(word) => vec![text(word)],
        Err(error) => vec![error.to_string()],
    }
}
