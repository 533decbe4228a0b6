//! A primary with replicas, and sentinels that watch over them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::asking::{wait_for, wait_until};
use crate::process::Process;
use crate::redis::{Redis, Reply, free_port, temporary};

/// How each server is set: as operators are told to.
const SETTINGS: [&str; 6] =
    ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "3", "--repl-diskless-sync-delay", "0"];
/// What the sentinels call the primary.
const NAME: &str = "main";
/// So many of the sentinels must agree.
const QUORUM: &str = "2";
/// How long a fail-over may take. Sentinels on a busy machine pause for half a minute, or give one up and wait before the next.
const FAIL_OVER: Duration = Duration::from_secs(300);

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
        let sentinel = |number| {
            let file = folder.path().join(format!("sentinel-{number}.conf"));
            // A port that was free a moment ago may be gone; the next one then.
            let started = (0..20).find_map(|_| watch_over(&port, free_port(), &file));
            started.expect("a sentinel starts")
        };
        let (ports, processes) = (0..3).map(sentinel).unzip();
        let this = Self { servers, ports, processes, _folder: folder };
        this.wait_until_whole();
        this
    }

    /// Waits until all servers that live follow one primary, and all sentinels know it, each other, and nothing that is under way.
    #[track_caller]
    pub fn wait_until_whole(&self) {
        wait_until("the servers and sentinels are whole", || {
            let Some(primary) = self.primary_if_known() else { return false };
            let port = primary.address().port().to_string();
            let known = [("port", &*port), ("flags", "master"), ("num-slaves", "2"), ("num-other-sentinels", "2")];
            let living: Vec<_> = self.servers.iter().filter(|server| server.commands(&[&["PING"]]).is_ok()).collect();
            let good = format!("min_slaves_good_slaves:{}", living.len().saturating_sub(1));
            let says = |server: &Redis, what: &str| server.says(&["INFO", "replication"], what);
            let is_known = |sentinel: &u16| {
                let told = master(*sentinel);
                known.iter().all(|(name, value)| told.get(*name).is_some_and(|told| told == value))
            };
            living.iter().all(|server| says(server, "role:slave") || server.address() == primary.address())
                && says(primary, &good)
                && self.ports.iter().all(is_known)
        });
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
        self.primary_if_known().expect("it is one of them")
    }

    /// The same. None: the sentinel does not say.
    fn primary_if_known(&self) -> Option<&Redis> {
        let found = ask(self.ports[0], &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
        let port = found.last()?;
        self.servers.iter().find(|server| server.address().port().to_string() == *port)
    }

    /// Has the sentinels put another in the primary's place, while the primary is well.
    #[track_caller]
    pub fn fail_over(&self) {
        let old = self.primary().address();
        self.wait_for_another(old, || {
            let known = master(self.ports[0]);
            // One that was given up is asked for again.
            if known.get("port") == Some(&old.port().to_string()) && !known["flags"].contains("failover_in_progress") {
                ask(self.ports[0], &["SENTINEL", "FAILOVER", NAME]);
            }
        });
    }

    /// Waits until the sentinels have put another in this one's place.
    #[track_caller]
    pub fn wait_for_another_than(&self, old: SocketAddr) {
        self.wait_for_another(old, || {});
    }

    #[track_caller]
    fn wait_for_another(&self, old: SocketAddr, meanwhile: impl Fn()) {
        wait_for(FAIL_OVER, "another is primary", || {
            meanwhile();
            let primary = self.primary_if_known()?;
            (primary.address() != old && primary.says(&["INFO", "replication"], "role:master")).then_some(())
        });
    }

    /// Sentinels that still run.
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }
}

/// Has a sentinel watch over the primary at a port, and the other sentinels. None: it ended, for its own port is taken.
fn watch_over(primary: &str, port: u16, file: &Path) -> Option<(u16, Process)> {
    let text = format!(
        "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {NAME} 127.0.0.1 {primary} {QUORUM}\n\
         sentinel down-after-milliseconds {NAME} 4000\nsentinel failover-timeout {NAME} 20000\n",
        file.parent().expect("it lies in a folder").display()
    );
    std::fs::write(file, text).expect("there is room for a file");
    let process = Process::start(Command::new("redis-server").arg(file).arg("--sentinel"));
    process.stdout.wait_for("+monitor", 0).then_some((port, process))
}

/// What a sentinel knows of the primary, by name; nothing while it does not say.
fn master(sentinel: u16) -> BTreeMap<String, String> {
    let words = ask(sentinel, &["SENTINEL", "MASTER", NAME]);
    words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

/// Runs one command; the words of its answer.
#[track_caller]
fn ask(port: u16, words: &[&str]) -> Vec<String> {
    let text = |reply: Reply| match reply {
        Reply::Text(text) => text,
        other => format!("{other:?}"),
    };
    match crate::redis::ask(SocketAddr::from(([127, 0, 0, 1], port)), words) {
        Ok(Reply::List(words)) => words.into_iter().map(text).collect(),
        Ok(word) => vec![text(word)],
        Err(error) => vec![error.to_string()],
    }
}
