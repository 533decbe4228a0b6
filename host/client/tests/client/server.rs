//! A host of no judgement: it answers what it was told to, byte for byte, and remembers what it was sent.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use cronflow_access_client::{Builder, Client, Question, Secret};
use serde_json::{Value, json};

/// What it does when it is asked.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Answers with a status and a body.
    Say(u16, String),
    /// Writes these bytes and closes.
    Write(Vec<u8>),
    /// Answers nothing, and keeps the connection.
    Wait,
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Value,
    pub(crate) connection: usize,
}

#[derive(Debug, Default)]
struct Shared {
    acts: Mutex<VecDeque<Act>>,
    received: Mutex<Vec<Received>>,
}

/// It listens until the test ends.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Does each of these once, and the last one ever after.
    pub(crate) fn that(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { acts: Mutex::new(acts.into_iter().collect()), ..Shared::default() });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || shared.serve(stream, number));
            }
        });
        Self { address, shared }
    }

    /// Allows everything.
    pub(crate) fn that_allows() -> Self {
        Self::that([say(&allow(100))])
    }

    pub(crate) fn builder(&self) -> Builder {
        Client::builder(format!("http://{}", self.address), Secret::new("cf_gw_sentinel"))
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    /// What it was sent so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// From now on.
    pub(crate) fn now(&self, act: Act) {
        *self.shared.acts.lock().unwrap() = VecDeque::from([act]);
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream, connection: usize) {
        let mut stream = BufReader::new(stream);
        while let Some((head, body)) = read(&mut stream) {
            self.received.lock().unwrap().push(Received { head, body, connection });
            let act = {
                let mut acts = self.acts.lock().unwrap();
                if acts.len() > 1 { acts.pop_front().unwrap() } else { acts[0].clone() }
            };
            match act {
                Act::Say(status, body) => {
                    let answer = format!(
                        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    stream.get_mut().write_all(answer.as_bytes()).unwrap();
                }
                Act::Write(bytes) => return drop(stream.get_mut().write_all(&bytes)),
                // Until the client has enough.
                Act::Wait => return drop(stream.read(&mut [0])),
            }
        }
    }
}

fn read(stream: &mut BufReader<TcpStream>) -> Option<(String, Value)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    head.make_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((head, serde_json::from_slice(&body).unwrap_or_default()))
}

pub(crate) fn say(answer: &Value) -> Act {
    Act::Say(200, answer.to_string())
}

pub(crate) fn allow(remaining: u64) -> Value {
    json!({
        "decision": "allow", "status": 200, "decision_id": "dec_1", "policy_revision": 7, "set_digest": "d1", "reasons": [],
        "principal": {
            "kind": "api_key", "id": "key_1", "key_kind": "production", "organization": "org_1", "workspace": "ws_1",
            "environment": "production", "scopes": ["jobs:read"],
        },
        "quota": { "limit": 100, "remaining": remaining, "reset_seconds": 42 },
    })
}

pub(crate) fn deny(status: u16, code: &str) -> Value {
    json!({
        "decision": "deny", "status": status, "decision_id": "dec_2", "policy_revision": 7, "set_digest": "d1",
        "reasons": [{ "code": code, "policy": "scopes", "message": "because" }, { "code": "second", "message": "and" }],
    })
}

/// The simplest question.
pub(crate) fn question() -> Question {
    Question::request(Secret::new("cf_prod_sentinel"), "GET", "/v1/jobs")
}
