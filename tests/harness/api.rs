//! An API of no use, for gateways to protect: it remembers what it was sent.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// An API that answers everything alike.
#[derive(Debug)]
pub struct Api {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    received: Mutex<Vec<Received>>,
    status: AtomicU16,
    is_over: AtomicBool,
}

/// A request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Method.
    pub method: String,
    /// Path and query, as they came.
    pub target: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Received {
    /// The value of a header that is there once.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter().filter(|(given, _)| given == name);
        let first = all.next();
        assert!(all.next().is_none(), "`{name}` came more than once: {self:?}");
        first.map(|(_, value)| value.as_str())
    }
}

impl Api {
    /// Starts one.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let status = AtomicU16::new(200);
        let shared = Arc::new(Shared { received: Mutex::default(), status, is_over: AtomicBool::new(false) });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if serving.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&serving);
                // It ends with its connection.
                std::thread::spawn(move || shared.serve(client));
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers so from now on.
    pub fn answer_with(&self, status: u16) {
        self.shared.status.store(status, Ordering::Relaxed);
    }

    /// What arrived since this was last asked.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.shared.received.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes up who waits for clients.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, client: TcpStream) {
        let mut client = BufReader::new(client);
        // Until the client has enough.
        while let Ok(received) = read(&mut client) {
            let body = if received.method == "HEAD" { "" } else { "the API" };
            self.received.lock().unwrap_or_else(PoisonError::into_inner).push(received);
            let status = self.status.load(Ordering::Relaxed);
            // What it says of quotas is not what the decision says.
            let length = if status == 204 { "" } else { "content-length: 7\r\n" };
            let limits = "ratelimit: \"api\";r=0\r\nratelimit-policy: \"api\";q=1\r\n";
            let answer = format!("HTTP/1.1 {status} Said\r\n{limits}{length}\r\n{body}");
            if client.get_mut().write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// The next request of a connection.
pub(crate) fn read(client: &mut BufReader<TcpStream>) -> io::Result<Received> {
    let mut line = || -> io::Result<String> {
        let mut line = String::new();
        if client.read_line(&mut line)? == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(line) }
    };
    let first = line()?;
    let mut words = first.split_whitespace().map(str::to_owned);
    let (method, target) = words.next().zip(words.next()).ok_or(io::ErrorKind::InvalidData)?;
    let mut headers = Vec::new();
    while let Some((name, value)) = line()?.trim_end().split_once(':') {
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap_or(0))];
    client.read_exact(&mut body)?;
    Ok(Received { method, target, headers, body })
}
