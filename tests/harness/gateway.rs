//! A real gateway before a host, started from the very file in `examples/gateways`: only its addresses are replaced.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::http::Client;
use crate::process::{Output, Process, workspace_root};
use crate::redis::free_port;
use crate::setup::temporary;

/// Which gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// nginx.
    Nginx,
    /// Caddy.
    Caddy,
    /// HAProxy.
    Haproxy,
    /// Envoy.
    Envoy,
}

impl Make {
    /// The name of its program, of its profile, and of its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
        }
    }
}

/// A gateway that serves. Dropped, it is killed.
#[derive(Debug)]
pub struct Gateway {
    make: Make,
    address: SocketAddr,
    process: Process,
    // The last to go: the process works in it.
    _folder: TempDir,
}

impl Gateway {
    /// Starts one that asks `access` with `token` and protects `api`, and waits until it serves.
    #[track_caller]
    pub fn start(make: Make, access: SocketAddr, api: SocketAddr, token: &str) -> Self {
        // A port that was free a moment ago may be gone; the next one then.
        (0..20)
            .find_map(|_| {
                Self::try_start(make, SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())), access, api, token)
            })
            .unwrap_or_else(|| panic!("{} does not start", make.name()))
    }

    #[track_caller]
    fn try_start(make: Make, address: SocketAddr, access: SocketAddr, api: SocketAddr, token: &str) -> Option<Self> {
        let folder = temporary();
        let within = Example { folder: folder.path(), address, access, api, token };
        let mut command = match make {
            Make::Nginx => within.nginx(),
            Make::Caddy => within.caddy(),
            Make::Haproxy => within.haproxy(),
            Make::Envoy => within.envoy(),
        };
        let process = Process::start(command.current_dir(folder.path()).env("CRONFLOW_GATEWAY_TOKEN", token));
        // None of them says that it serves in a way that all can be asked by, so they are knocked at.
        process.is_reached_at(address).then_some(Self { make, address, process, _folder: folder })
    }

    /// Which one it is.
    pub const fn make(&self) -> Make {
        self.make
    }

    /// Somebody who speaks to the API through it.
    pub fn client(&self, bearer: Option<&str>) -> Client {
        Client::new(self.address, bearer)
    }

    /// What it logs.
    pub const fn log(&self) -> &Output {
        &self.process.stderr
    }
}

/// What is put into an example.
struct Example<'a> {
    folder: &'a Path,
    address: SocketAddr,
    access: SocketAddr,
    api: SocketAddr,
    token: &'a str,
}

impl Example<'_> {
    /// Writes the example's file into the folder, with each of `from` replaced by its `to`. A placeholder that is not there
    /// so many times is a test that would test something else.
    #[track_caller]
    fn write(&self, example: &str, name: &str, replaced: &[(&str, usize, String)]) {
        let source = workspace_root().join("examples/gateways").join(example);
        let mut text = std::fs::read_to_string(source).expect("the example is there");
        for (from, times, to) in replaced {
            assert_eq!(text.matches(from).count(), *times, "`{from}` in {example}");
            text = text.replace(from, to);
        }
        self.add(name, &text);
    }

    fn add(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join(name), text).expect("there is room for a file");
    }

    fn access(&self) -> (&'static str, usize, String) {
        ("127.0.0.1:7800", 1, self.access.to_string())
    }

    fn api(&self) -> (&'static str, usize, String) {
        ("127.0.0.1:9000", 1, self.api.to_string())
    }

    /// One process, in the foreground, that keeps everything in the folder.
    fn nginx(&self) -> Command {
        let token_file = self.folder.join("token").display().to_string();
        self.write(
            "nginx/cronflow-access.conf",
            "site.conf",
            &[
                self.access(),
                self.api(),
                ("listen 8080;", 1, format!("listen {};", self.address)),
                ("/etc/nginx/cronflow-access.token", 1, token_file),
            ],
        );
        self.add("token", &format!("proxy_set_header X-CronFlow-Gateway \"{}\";\n", self.token));
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary = temporary.map(|of| format!("{of}_temp_path {of};")).join(" ");
        let main = "daemon off; master_process off; pid nginx.pid; error_log stderr warn; events {}";
        self.add("nginx.conf", &format!("{main} http {{ access_log off; {temporary} include site.conf; }}\n"));
        let mut command = Command::new("nginx");
        command.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(self.folder);
        command
    }

    fn caddy(&self) -> Command {
        let port = self.address.port();
        self.write(
            "caddy/Caddyfile",
            "site",
            &[self.access(), self.api(), ("http://:8080", 1, format!("http://:{port}"))],
        );
        self.add("Caddyfile", "{\n\tadmin off\n\tdefault_bind 127.0.0.1\n}\nimport site\n");
        let mut command = Command::new("caddy");
        command.args(["run", "--config", "Caddyfile", "--adapter", "caddyfile"]);
        for home in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env(home, self.folder);
        }
        command
    }

    fn haproxy(&self) -> Command {
        self.write("haproxy/cronflow-access.lua", "cronflow-access.lua", &[]);
        self.write(
            "haproxy/haproxy.cfg",
            "haproxy.cfg",
            &[
                self.access(),
                self.api(),
                ("bind :8080", 1, format!("bind {}", self.address)),
                ("/etc/haproxy/cronflow-access.lua", 1, "cronflow-access.lua".to_owned()),
                ("abns@cronflow-access", 2, format!("abns@cronflow-access-{}", self.address.port())),
            ],
        );
        let mut command = Command::new("haproxy");
        command.args(["-db", "-f", "haproxy.cfg"]);
        command
    }

    fn envoy(&self) -> Command {
        let (access, api, own) = (self.access.port(), self.api.port(), self.address.port());
        self.write(
            "envoy/envoy.yaml",
            "envoy.yaml",
            &[
                ("address: 0.0.0.0, port_value: 8080", 1, format!("address: 127.0.0.1, port_value: {own}")),
                ("port_value: 7800", 1, format!("port_value: {access}")),
                ("port_value: 9000", 1, format!("port_value: {api}")),
            ],
        );
        let mut command = Command::new("envoy");
        command.args(["-c", "envoy.yaml", "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]);
        command
    }
}
