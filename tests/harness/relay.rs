//! A mail relay: aiosmtpd, which remembers what it was given, and does with the next mail what it is told.

use std::process::Command;

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::asking::{is_left_to_tests_run, tools, wait_until};
use crate::process::{Process, workspace_root};
use crate::setup::{Setup, temporary};

/// A relay that serves. Dropped, it is killed.
#[derive(Debug)]
pub struct Relay {
    process: Process,
    port: u64,
    // The last to go: the process reads in it.
    folder: TempDir,
}

/// A mail that a relay was given.
#[derive(Debug, Clone, Deserialize)]
pub struct Mailed {
    /// What it did with it.
    pub did: String,
    /// To whom it is.
    pub to: Vec<String>,
    /// Whom it is from.
    pub sender: String,
    /// Whether nobody could read along.
    pub tls: bool,
    /// Whether who gave it said a password.
    pub known: bool,
    /// The whole mail.
    pub text: String,
}

impl Mailed {
    /// A field of its head; longer ones go on over lines, which are joined.
    pub fn header(&self, name: &str) -> Option<String> {
        let text = self.text.replace("\r\n", "\n");
        let head = text.split("\n\n").next().unwrap_or_default().replace("\n ", " ");
        let mut fields = head.lines().filter_map(|line| line.split_once(": "));
        fields.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then(|| value.to_owned()))
    }

    /// What it says, as a reader shows it.
    pub fn body(&self) -> String {
        let text = self.text.replace("\r\n", "\n");
        let body = text.split_once("\n\n").map(|(_, body)| body.to_owned()).expect("a head and a body");
        // Quoted-printable: what goes on over lines, and the few signs that are written out.
        if self.header("content-transfer-encoding").as_deref() == Some("quoted-printable") {
            return body.replace("=\n", "").replace("=3D", "=");
        }
        body
    }
}

impl Relay {
    /// Starts one that offers no TLS. None where that is left to `tests/run`.
    #[track_caller]
    pub fn start() -> Option<Self> {
        Self::start_with(|_| Vec::new())
    }

    /// Starts one that speaks over STARTTLS alone, wants a password of `access`, and is called `relay.example`.
    #[track_caller]
    pub fn start_secured(password: &str) -> Option<Self> {
        Self::start_with(|folder| {
            let ca = folder.path().join("ca.pem").display().to_string();
            ["--ca", &ca, "--password", password].map(str::to_owned).into()
        })
    }

    #[track_caller]
    fn start_with(args: impl Fn(&TempDir) -> Vec<String>) -> Option<Self> {
        let python = tools().join("python/bin/python");
        if is_left_to_tests_run(&python.to_string_lossy()) {
            return None;
        }
        let folder = temporary();
        let mut command = Command::new(python);
        command.arg(workspace_root().join("tests/data/mail/relay.py")).arg(folder.path().join("manner"));
        let process = Process::start(command.args(args(&folder)));
        assert!(process.stdout.wait_for("\n", 0), "the relay does not start: {}", process.stderr.text());
        let first: Value = serde_json::from_str(process.stdout.text().lines().next().expect("a line")).expect("JSON");
        Some(Self { port: first["port"].as_u64().expect("a port"), process, folder })
    }

    /// A dev host's setup that mails by it. `url` is what stands before and after the port.
    pub fn used_by(&self, setup: Setup, (before, after): (&str, &str)) -> Setup {
        let ca = self.folder.path().join("ca.pem").display().to_string();
        let url = format!("{before}:{}{after}", self.port);
        let setup = setup.env("CRONFLOW_ACCESS_SMTP_URL", &url);
        setup
            .args(["--smtp-from", "CronFlow Access <access@acme.example>", "--egress-hosts", "relay.example=127.0.0.1"])
            .args(if self.folder.path().join("ca.pem").exists() {
                vec!["--egress-ca-file".to_owned(), ca]
            } else {
                Vec::new()
            })
    }

    /// Does this with mails from now on: `takes`, `later`, `refused`, `hangs`, `closes`.
    pub fn becomes(&self, manner: &str) {
        std::fs::write(self.folder.path().join("manner"), manner).expect("there is room");
    }

    /// What it was given so far.
    pub fn mailed(&self) -> Vec<Mailed> {
        let text = self.process.stdout.text();
        // The last line may not be whole yet.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().skip(1).map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Waits until it was given so many mails that say `what`; those.
    #[track_caller]
    pub fn wait_for(&self, what: &str, count: usize) -> Vec<Mailed> {
        let of_it = || self.mailed().into_iter().filter(|mail| mail.body().contains(what)).collect::<Vec<_>>();
        wait_until(&format!("{count} mails that say `{what}`"), || of_it().len() >= count);
        of_it()
    }
}
