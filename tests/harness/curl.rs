//! Somebody who asks with curl: by a socket, over TLS, in HTTP/2, as libraries do.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::cli::Ran;
use crate::question::{Answer, Question};

/// What stands between a body and what is to be known of its answer.
const MARK: &str = "\n--- ";

/// A way to ask, with everything that is always said.
#[derive(Debug, Clone)]
pub struct Curl {
    base: String,
    args: Vec<String>,
}

/// What curl got.
#[derive(Debug)]
pub struct Got {
    /// HTTP status.
    pub status: u16,
    /// The version of HTTP, as `1.1` or `2`.
    pub version: String,
    /// The body.
    pub body: String,
}

impl Curl {
    /// Asks `base`, a URL without a path.
    pub fn at(base: impl Into<String>) -> Self {
        Self { base: base.into(), args: ["-sS", "--max-time", "60"].map(str::to_owned).into() }
    }

    /// By a socket.
    #[must_use]
    pub fn by(self, socket: &Path) -> Self {
        self.with(&["--unix-socket", &socket.to_string_lossy()])
    }

    /// Trusting this certificate alone.
    #[must_use]
    pub fn trusting(self, certificate: &Path) -> Self {
        self.with(&["--cacert", &certificate.to_string_lossy()])
    }

    /// Showing a certificate of its own, from its file and that of its key.
    #[must_use]
    pub fn showing(self, [certificate, key]: &[std::path::PathBuf; 2]) -> Self {
        self.with(&["--cert", &certificate.to_string_lossy(), "--key", &key.to_string_lossy()])
    }

    /// With further arguments.
    #[must_use]
    pub fn with(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// Asks for a decision.
    #[track_caller]
    pub fn decide(&self, gateway_token: &str, question: &Question) -> (Answer, String) {
        let got = self.post("/v1/authorize", gateway_token, question.body());
        assert_eq!(got.status, 200, "{got:?}");
        (Answer::of(serde_json::from_str(&got.body).expect("JSON")), got.version)
    }

    /// POST of JSON.
    #[track_caller]
    pub fn post(&self, path: &str, bearer: &str, body: &Value) -> Got {
        let bearer = format!("authorization: Bearer {bearer}");
        // In a file: what is too large for a host may be too large for a command's arguments.
        let mut file = tempfile::NamedTempFile::new().expect("room for a file");
        file.write_all(body.to_string().as_bytes()).expect("room for a file");
        let data = format!("@{}", file.path().display());
        let ran = self.run(path, &["-H", &bearer, "-H", "content-type: application/json", "--data-binary", &data]);
        ran.check(0, &[]);
        let (body, told) = ran.stdout.rsplit_once(MARK).expect("the mark");
        let (status, version) = told.split_once(' ').expect("status and version");
        Got { status: status.parse().expect("a status"), version: version.to_owned(), body: body.to_owned() }
    }

    /// Runs it, whatever comes of it.
    pub fn run(&self, path: &str, args: &[&str]) -> Ran {
        let written = format!("{MARK}%{{http_code}} %{{http_version}}");
        let mut command = Command::new("curl");
        command.args(&self.args).args(["-w", &written]).args(args);
        Ran::of(command.arg(format!("{}{path}", self.base)))
    }
}
