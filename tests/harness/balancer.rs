//! nginx before three hosts, started from the very file in `packaging/nginx`: only its addresses are replaced. A host is taken out
//! as that file says.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::flood::stopwatch;
use crate::http::Client;
use crate::process::{PATIENCE, Process, workspace_root};
use crate::redis::free_port;
use crate::setup::temporary;

/// The hosts of the file, in its order.
const HOSTS: [&str; 3] = ["10.0.0.1:7800", "10.0.0.2:7800", "10.0.0.3:7800"];
/// What nginx says once the worker of before a reload has ended all that it had begun.
const GONE: &str = "exited with code 0";

/// nginx that shares requests among three hosts. Dropped, it is stopped.
#[derive(Debug)]
pub struct Balancer {
    address: SocketAddr,
    hosts: [SocketAddr; HOSTS.len()],
    process: Process,
    // The last to go: the process works in it.
    folder: TempDir,
}

impl Balancer {
    /// Starts one before these hosts, and waits until it serves.
    #[track_caller]
    pub fn start(hosts: [SocketAddr; HOSTS.len()]) -> Self {
        // A port that was free a moment ago may be gone; the next one then.
        (0..20).find_map(|_| Self::try_start(hosts)).expect("nginx starts")
    }

    #[track_caller]
    fn try_start(hosts: [SocketAddr; HOSTS.len()]) -> Option<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let folder = temporary();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary = temporary.map(|of| format!("{of}_temp_path {of};")).join(" ");
        // A client's connection serves one request: the end of a worker closes those that are idle, and clients that send
        // something at that very moment are told nothing.
        let http = format!("access_log off; keepalive_timeout 0; {temporary} include site.conf;");
        let main = "daemon off; pid nginx.pid; error_log stderr notice; events {}";
        std::fs::write(folder.path().join("nginx.conf"), format!("{main} http {{ {http} }}\n"))
            .expect("there is room for a file");
        write_site(&folder, address, &hosts, None);
        let mut command = Command::new("nginx");
        command.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(folder.path()).current_dir(folder.path());
        let process = Process::start(&mut command);
        process.is_reached_at(address).then_some(Self { address, hosts, process, folder })
    }

    /// Somebody who speaks to a host through it, whichever that is.
    pub fn client(&self, bearer: Option<&str>) -> Client {
        Client::new(self.address, bearer)
    }

    /// Takes the host of this place out. When this returns, everything that it was sent is answered.
    #[track_caller]
    pub fn take_out(&self, place: usize) {
        self.reload(Some(place));
    }

    /// Shares requests among all of them again.
    #[track_caller]
    pub fn put_back(&self) {
        self.reload(None);
    }

    #[track_caller]
    fn reload(&self, out: Option<usize>) {
        write_site(&self.folder, self.address, &self.hosts, out);
        let from = self.process.stderr.len();
        self.process.signal(Signal::HUP);
        assert!(self.process.stderr.wait_for(GONE, from), "nginx has ended: {}", self.process.stderr.text());
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // Not killed, as processes are: its workers would outlive it.
        self.process.signal(Signal::TERM);
        let watch = stopwatch();
        while !self.process.stderr.has_ended() && watch() < PATIENCE {
            std::thread::yield_now();
        }
    }
}

/// Writes the shipped file with these addresses, and `down` behind that of the host that is taken out. A placeholder that is not
/// there once is a test that would test something else.
#[track_caller]
fn write_site(folder: &TempDir, address: SocketAddr, hosts: &[SocketAddr], out: Option<usize>) {
    let source = workspace_root().join("packaging/nginx/cronflow-access.conf");
    let mut text = std::fs::read_to_string(source).expect("the file is there");
    let mut replace = |from: &str, to: String| {
        assert_eq!(text.matches(from).count(), 1, "`{from}`");
        text = text.replace(from, &to);
    };
    replace("listen 8080;", format!("listen {address};"));
    // Hosts on a busy machine may take that long, and all of them be taken for dead.
    replace("proxy_read_timeout 5s;", "proxy_read_timeout 60s;".to_owned());
    for (place, (from, host)) in HOSTS.iter().zip(hosts).enumerate() {
        replace(from, if out == Some(place) { format!("{host} down") } else { host.to_string() });
    }
    std::fs::write(folder.path().join("site.conf"), text).expect("there is room for a file");
}
