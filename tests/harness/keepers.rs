//! Those who keep secrets: a real OpenBao, which is the open continuation of HashiCorp Vault and speaks its API; and moto, which
//! answers as AWS Secrets Manager does.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use serde_json::{Value, json};

use crate::asking::{is_left_to_tests_run, tools, wait_until};
use crate::http::{Client, Request, Response};
use crate::process::Process;
use crate::redis::free_port;

/// May do everything in a [`Vault`] of the tests.
pub const ROOT_TOKEN: &str = "root-token-of-the-tests-vault";

/// A Vault server in memory, unsealed, with a key-value store of version 2 at `secret`. Dropped, it is killed.
#[derive(Debug)]
pub struct Vault {
    address: SocketAddr,
    _process: Process,
}

/// An AWS Secrets Manager of the tests' own. Dropped, it is killed.
#[derive(Debug)]
pub struct Aws {
    address: SocketAddr,
    /// Id of the one access key.
    pub key_id: String,
    /// The key.
    pub secret: String,
    _process: Process,
}

impl Vault {
    /// Starts one, and waits until it serves. None: its program is left to `tests/run`.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let program = tools().join("python/bin/bao");
        if is_left_to_tests_run(&program.to_string_lossy()) {
            return None;
        }
        let (address, process) = serve("Development mode should NOT be used", |port| {
            let mut command = Command::new(&program);
            command.args(["server", "-dev", "-dev-no-store-token", "-dev-root-token-id", ROOT_TOKEN]);
            command.arg(format!("-dev-listen-address=127.0.0.1:{port}"));
            command
        });
        Some(Self { address, _process: process })
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks it, as whoever may do everything.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Response {
        self.ask_in("", method, path, body)
    }

    /// The same, in a namespace.
    #[track_caller]
    pub fn ask_in(&self, namespace: &str, method: &str, path: &str, body: &Value) -> Response {
        let request = Request::new(method, &format!("/v1/{path}")).json(body).header("X-Vault-Token", ROOT_TOKEN);
        let request = if namespace.is_empty() { request } else { request.header("X-Vault-Namespace", namespace) };
        let answer = Client::new(self.address, None).send(&request);
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        answer
    }

    /// Puts a secret's fields.
    #[track_caller]
    pub fn put(&self, path: &str, fields: &Value) {
        self.ask("POST", &format!("secret/data/{path}"), &json!({ "data": fields }));
    }

    /// A token that may do what the policy says, in Vault's own language.
    #[track_caller]
    pub fn token_for(&self, policy: &str) -> String {
        self.ask("PUT", "sys/policies/acl/e2e", &json!({ "policy": policy }));
        let made = self.ask("POST", "auth/token/create", &json!({ "policies": ["e2e"] })).check_json(200);
        made["auth"]["client_token"].as_str().unwrap().to_owned()
    }
}

impl Aws {
    /// Starts one that keeps these secrets, and waits until it serves. From then on it checks every signature, and what the one
    /// access key may do, which is to read them. None: its program is left to `tests/run`.
    #[track_caller]
    pub fn start(secrets: &[(&str, &str)]) -> Option<Self> {
        let python = tools().join("python/bin/python");
        let program = tools().join("python/bin/moto_server");
        if is_left_to_tests_run(&program.to_string_lossy()) {
            return None;
        }
        let (address, process) = serve("Running on", |port| {
            let mut command = Command::new(&python);
            command.arg(&program).args(["-H", "127.0.0.1", "-p", &port.to_string()]);
            // What is asked before that is anybody's.
            command.env("INITIAL_NO_AUTH_ACTION_COUNT", (OF_IAM.len() + secrets.len()).to_string());
            command
        });
        let mut told = String::new();
        for form in OF_IAM {
            told = asked(address, "iam", Request::new("POST", "/").body("application/x-www-form-urlencoded", form));
        }
        let text = |name: &str| {
            let (_, rest) = told.split_once(&format!("<{name}>")).expect("an access key");
            rest.split_once('<').expect("an end").0.to_owned()
        };
        for (name, text) in secrets {
            let body = json!({ "Name": name, "SecretString": text, "ClientRequestToken": "0".repeat(32) });
            let request = Request::new("POST", "/").body("application/x-amz-json-1.1", body.to_string());
            asked(address, "secretsmanager", request.header("X-Amz-Target", "secretsmanager.CreateSecret"));
        }
        Some(Self { address, key_id: text("AccessKeyId"), secret: text("SecretAccessKey"), _process: process })
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A user, what it may do, and its access key.
const OF_IAM: [&str; 3] = [
    "Version=2010-05-08&Action=CreateUser&UserName=e2e",
    "Version=2010-05-08&Action=PutUserPolicy&UserName=e2e&PolicyName=e2e&PolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C\
     %22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22secretsmanager%3AGetSecretValue%22%2C\
     %22Resource%22%3A%22%2A%22%7D%5D%7D",
    "Version=2010-05-08&Action=CreateAccessKey&UserName=e2e",
];

#[track_caller]
fn asked(address: SocketAddr, service: &str, request: Request) -> String {
    let scope = format!("e2e/20260101/eu-west-1/{service}/aws4_request");
    let proof = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
    let answer = Client::new(address, None).send(&request.header("Authorization", proof));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// A port that was free a moment ago may be gone; the next one then.
#[track_caller]
fn serve(ready: &str, command: impl Fn(u16) -> Command) -> (SocketAddr, Process) {
    let started = (0..20).find_map(|_| {
        let port = free_port();
        let process = Process::start(&mut command(port));
        // Whichever of both it writes to.
        let is_ready = || (process.stdout.text() + &process.stderr.text()).contains(ready);
        wait_until("it serves, or has ended", || is_ready() || process.stdout.has_ended());
        is_ready().then(|| (SocketAddr::from((Ipv4Addr::LOCALHOST, port)), process))
    });
    started.expect("it starts; tests/run --install installs it")
}
