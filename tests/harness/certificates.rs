//! Certificates, made by openssl, and somebody who speaks through its TLS.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::cli::Ran;

/// What keys are made by.
const NEW_KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/// Somebody who signs certificates, and the folder in which they lie.
#[derive(Debug)]
pub struct Issuer {
    folder: PathBuf,
    name: String,
}

impl Issuer {
    /// A new one. Whatever it signs lies in `folder`.
    #[track_caller]
    pub fn new(folder: &Path, name: &str) -> Self {
        let this = Self { folder: folder.to_owned(), name: name.to_owned() };
        let mut command = this.openssl("req");
        command.arg("-x509").args(NEW_KEY).args(["-days", "2", "-subj"]).arg(format!("/CN={name}"));
        Ran::of(command.arg("-keyout").arg(this.file("key")).arg("-out").arg(this.certificate())).check(0, &[]);
        this
    }

    /// Its own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.file("pem")
    }

    /// Signs a certificate of this machine's: its file, and that of its key.
    #[track_caller]
    pub fn sign(&self, name: &str) -> [PathBuf; 2] {
        let named = |kind: &str| self.folder.join(format!("{}-{name}.{kind}", self.name));
        let (certificate, key, request, extensions) = (named("pem"), named("key"), named("csr"), named("ext"));
        std::fs::write(&extensions, "subjectAltName=DNS:localhost,IP:127.0.0.1\n").expect("there is room");
        let mut ask = self.openssl("req");
        ask.args(NEW_KEY).arg("-subj").arg(format!("/CN={name}"));
        Ran::of(ask.arg("-keyout").arg(&key).arg("-out").arg(&request)).check(0, &[]);
        let mut sign = self.openssl("x509");
        sign.arg("-req")
            .arg("-in")
            .arg(&request)
            .arg("-CA")
            .arg(self.certificate())
            .arg("-CAkey")
            .arg(self.file("key"));
        sign.args(["-CAcreateserial", "-days", "2"]).arg("-extfile").arg(&extensions);
        Ran::of(sign.arg("-out").arg(&certificate)).check(0, &[]);
        [certificate, key]
    }

    /// Speaks over TLS to whoever listens at `address` with a certificate of this one, in HTTP/1.1.
    #[track_caller]
    pub fn speak_to(&self, address: &str) -> Spoken {
        let mut command = self.openssl("s_client");
        command.args(["-quiet", "-verify_return_error", "-alpn", "http/1.1", "-connect", address, "-CAfile"]);
        command.arg(self.certificate()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("openssl runs");
        let (stdin, stdout) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Spoken { child, stdin, stdout }
    }

    fn openssl(&self, command: &str) -> Command {
        let mut openssl = Command::new("openssl");
        openssl.arg(command).stdin(Stdio::null());
        openssl
    }

    fn file(&self, kind: &str) -> PathBuf {
        self.folder.join(format!("{}.{kind}", self.name))
    }
}

/// A conversation over TLS. Dropped, it is over.
#[derive(Debug)]
pub struct Spoken {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

impl Read for Spoken {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stdout.read(bytes)
    }
}

impl Write for Spoken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stdin.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdin.flush()
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
