//! A receiver of webhooks: it remembers what it was sent, and answers as it is told.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::api::{Received, read};
use crate::process::PATIENCE;

/// How a receiver answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// With this status, and these headers.
    Answers(u16, Vec<(String, String)>),
    /// Never, and keeps the connection.
    Hangs,
    /// By closing the connection.
    Closes,
    /// With a status, and then for ever a byte of its body at a time, as fast as they are taken.
    Drips,
}

/// A receiver.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    received: Mutex<Vec<Received>>,
    arrived: Condvar,
    manner: Mutex<Manner>,
    connections: AtomicUsize,
    is_over: AtomicBool,
}

impl Receiver {
    /// Starts one on loopback, which answers 204.
    pub fn start() -> Self {
        Self::start_on(Ipv4Addr::LOCALHOST.into())
    }

    /// Starts one on this address of the machine.
    pub fn start_on(address: IpAddr) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let shared = Arc::new(Shared {
            received: Mutex::default(),
            arrived: Condvar::new(),
            manner: Mutex::new(Manner::Answers(204, Vec::new())),
            connections: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if serving.is_over.load(Ordering::Relaxed) {
                    return;
                }
                serving.connections.fetch_add(1, Ordering::SeqCst);
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

    /// A URL of it.
    pub fn url(&self) -> String {
        format!("http://{}/hooks?from=cronflow", self.address)
    }

    /// Answers so from now on.
    pub fn becomes(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }

    /// Answers with this status from now on.
    pub fn answers(&self, status: u16) {
        self.becomes(Manner::Answers(status, Vec::new()));
    }

    /// Connections that were made to it so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// What it was sent so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it was sent so many requests; those.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Received> {
        let received = self.shared.received.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.shared.arrived.wait_timeout_while(received, PATIENCE, |received| received.len() < count);
        let (received, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "waited for {count} requests in vain: {:#?}", *received);
        received.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes up who waits for clients.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, client: TcpStream) {
        let mut client = BufReader::new(client);
        while let Ok(received) = read(&mut client) {
            self.received.lock().unwrap_or_else(PoisonError::into_inner).push(received);
            self.arrived.notify_all();
            let manner = self.manner.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let head = match manner {
                Manner::Answers(status, headers) => {
                    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                    let length = if status == 204 { "" } else { "content-length: 4\r\n" };
                    let body = if status == 204 { "" } else { "said" };
                    format!("HTTP/1.1 {status} Said\r\n{lines}{length}\r\n{body}")
                }
                Manner::Closes => return,
                Manner::Hangs => {
                    // Until the other side has enough.
                    let _ = client.read(&mut [0]);
                    return;
                }
                Manner::Drips => "HTTP/1.1 200 Said\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
            };
            let is_long = head.contains("chunked");
            if client.get_mut().write_all(head.as_bytes()).is_err() {
                return;
            }
            while is_long && client.get_mut().write_all(b"1\r\nx\r\n").is_ok() {}
        }
    }
}
