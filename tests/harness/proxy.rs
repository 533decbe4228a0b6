//! A TCP proxy between a host and its redis-server, that can be told to lose what passes, or to take its time.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::process::PATIENCE;

/// Clients that want announcements say so with SUBSCRIBE, SSUBSCRIBE or PSUBSCRIBE.
const SUBSCRIBE: &[u8] = b"SUBSCRIBE";

/// A proxy. Dropped, it closes everything.
///
/// Every switch holds for open connections too, and when it returns, nothing passes any more that it keeps back.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What happens to what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Way {
    #[default]
    Open,
    Cut,
    BlackHole,
    NoAnnouncements,
    NoAnswers,
    /// So long for each chunk.
    Slow(Duration),
    /// So many bytes a second.
    Narrow(u32),
    /// The proxy is gone.
    Over,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    /// How servers write addresses, and what clients are told instead.
    names: Vec<(String, String)>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    way: Way,
    /// How many chunks are being passed on at this moment.
    passing: usize,
    /// Bytes of announcements that were dropped.
    dropped: usize,
    open: BTreeMap<u64, Link>,
    opened: u64,
}

/// A connection through the proxy: both of its ends, and whether its client wants announcements.
#[derive(Debug)]
struct Link {
    ends: [TcpStream; 2],
    subscribed: bool,
}

/// What becomes of a chunk.
enum Fate {
    Passed,
    Dropped,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

impl Proxy {
    /// A proxy before `upstream` that lets everything pass.
    pub fn before(upstream: SocketAddr) -> Self {
        let (listener, address) = listen();
        Self::at(listener, address, upstream, Vec::new())
    }

    /// One before each of these servers of a cluster, of which others know the port beside it. Whoever comes through one of the
    /// proxies is told of the proxies wherever servers tell of each other.
    pub fn before_each(servers: &[(SocketAddr, u16)]) -> Vec<Self> {
        let listeners: Vec<_> = servers.iter().map(|_| listen()).collect();
        let ports = servers.iter().map(|(_, known)| *known).zip(listeners.iter().map(|(_, address)| address.port()));
        let names: Vec<_> =
            ports.flat_map(|(known, instead)| written(known).into_iter().zip(written(instead))).collect();
        assert!(names.iter().all(|(known, instead)| known.len() == instead.len()), "ports are equally long: {names:?}");
        let before = |((listener, address), (upstream, _)): ((TcpListener, SocketAddr), &(SocketAddr, u16))| {
            Self::at(listener, address, *upstream, names.clone())
        };
        listeners.into_iter().zip(servers).map(before).collect()
    }

    fn at(listener: TcpListener, address: SocketAddr, upstream: SocketAddr, names: Vec<(String, String)>) -> Self {
        let shared = Arc::new(Shared { upstream, names, state: Mutex::default(), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.state().way == Way::Over {
                    return;
                }
                let shared = Arc::clone(&accepting);
                std::thread::spawn(move || shared.link(client));
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets everything pass again. What a black hole has kept arrives now, late, as after an outage of a network.
    pub fn open(&self) {
        self.shared.switch(Way::Open);
    }

    /// Closes all connections, and each new one at once.
    pub fn cut(&self) {
        self.shared.switch(Way::Cut);
    }

    /// Nothing passes, in either direction; connections stay open.
    pub fn black_hole(&self) {
        self.shared.switch(Way::BlackHole);
    }

    /// Drops what the server sends to whoever has subscribed to announcements; all else passes.
    pub fn hold_announcements(&self) {
        self.shared.switch(Way::NoAnnouncements);
    }

    /// What clients say arrives, and what the server says does not, as on a network that has lost one direction. It arrives late,
    /// when everything may pass again.
    pub fn hold_answers(&self) {
        self.shared.switch(Way::NoAnswers);
    }

    /// Each chunk takes so long, in either direction.
    pub fn slow_down(&self, by: Duration) {
        self.shared.switch(Way::Slow(by));
    }

    /// So many bytes pass in a second, in each direction of each connection.
    pub fn narrow(&self, bytes_per_second: u32) {
        self.shared.switch(Way::Narrow(bytes_per_second));
    }

    /// How many connections were opened so far.
    pub fn opened(&self) -> u64 {
        self.shared.state().opened
    }

    /// How many bytes of announcements were dropped so far.
    pub fn dropped(&self) -> usize {
        self.shared.state().dropped
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.switch(Way::Over);
        // Wakes up who waits for clients.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn switch(&self, way: Way) {
        let mut state = self.state();
        state.way = way;
        if matches!(way, Way::Cut | Way::Over) {
            state.open.values().for_each(Link::close);
        }
        self.changed.notify_all();
        let (state, waited) = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| state.passing > 0)
            .unwrap_or_else(PoisonError::into_inner);
        drop(state);
        // A test that has failed drops its proxies, and a second panic would end all others.
        assert!(!waited.timed_out() || std::thread::panicking(), "what was on its way does not arrive");
    }

    /// Waits while nothing may pass to the server. False: the connection is to be closed.
    fn may_open(&self) -> bool {
        let state = self.state();
        let waiting = |state: &mut State| state.way.keeps_back(Direction::ToServer);
        let state = self.changed.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner);
        !matches!(state.way, Way::Cut | Way::Over)
    }

    /// Connects a client to the server, until one of them ends.
    fn link(self: &Arc<Self>, client: TcpStream) {
        if !self.may_open() {
            return;
        }
        let Ok(server) = TcpStream::connect_timeout(&self.upstream, PATIENCE) else { return };
        for stream in [&client, &server] {
            // Without it small chunks would wait for each other.
            let _ = stream.set_nodelay(true);
        }
        let clone = |stream: &TcpStream| stream.try_clone().expect("a socket can be shared");
        let number = {
            let mut state = self.state();
            let link = Link { ends: [clone(&client), clone(&server)], subscribed: false };
            if matches!(state.way, Way::Cut | Way::Over) {
                return;
            }
            state.opened += 1;
            let number = state.opened;
            state.open.insert(number, link);
            number
        };
        let (to_client, from_server) = (clone(&client), clone(&server));
        let back = Arc::clone(self);
        std::thread::spawn(move || back.pump(number, from_server, to_client, Direction::ToClient));
        self.pump(number, client, server, Direction::ToServer);
    }

    fn pump(&self, number: u64, mut from: TcpStream, mut to: TcpStream, direction: Direction) {
        let (mut buffer, mut said) = (vec![0; 256 * 1024], Vec::new());
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let chunk = &mut buffer[..count];
            if direction == Direction::ToClient {
                rename(chunk, &self.names);
            }
            if direction == Direction::ToServer
                && says_subscribe(&mut said, chunk)
                && let Some(link) = self.state().open.get_mut(&number)
            {
                link.subscribed = true;
            }
            if let Fate::Closed = self.pass(number, &mut to, chunk, direction) {
                break;
            }
        }
        if let Some(link) = self.state().open.remove(&number) {
            link.close();
        }
    }

    /// Waits until a chunk of this length may pass. A switch ends every wait, and what comes then is the new way's.
    fn its_turn(&self, length: usize, direction: Direction) -> MutexGuard<'_, State> {
        let (mut state, mut has_taken_its_time) = (self.state(), false);
        loop {
            let way = state.way;
            let is_so = |state: &mut State| state.way == way;
            if way.keeps_back(direction) {
                state = self.changed.wait_while(state, is_so).unwrap_or_else(PoisonError::into_inner);
            } else if let Some(takes) = way.takes(length).filter(|_| !has_taken_its_time) {
                let waited = self.changed.wait_timeout_while(state, takes, is_so);
                (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
                has_taken_its_time = true;
            } else {
                return state;
            }
        }
    }

    fn pass(&self, number: u64, to: &mut TcpStream, chunk: &[u8], direction: Direction) -> Fate {
        let mut state = self.its_turn(chunk.len(), direction);
        let Some(link) = state.open.get(&number) else { return Fate::Closed };
        let is_announcement = direction == Direction::ToClient && link.subscribed;
        match state.way {
            Way::Cut | Way::Over => return Fate::Closed,
            Way::NoAnnouncements if is_announcement => {
                state.dropped += chunk.len();
                return Fate::Dropped;
            }
            _ => {}
        }
        state.passing += 1;
        drop(state);
        let written = to.write_all(chunk);
        self.state().passing -= 1;
        self.changed.notify_all();
        if written.is_ok() { Fate::Passed } else { Fate::Closed }
    }
}

impl Way {
    /// Whether what goes in this direction has to wait for another way.
    fn keeps_back(self, direction: Direction) -> bool {
        self == Self::BlackHole || (self == Self::NoAnswers && direction == Direction::ToClient)
    }

    /// How long a chunk of this length takes.
    fn takes(self, length: usize) -> Option<Duration> {
        match self {
            Self::Slow(by) => Some(by),
            Self::Narrow(bytes_per_second) => {
                Some(Duration::from_secs_f64(length as f64 / f64::from(bytes_per_second)))
            }
            _ => None,
        }
    }
}

impl Link {
    fn close(&self) {
        for end in &self.ends {
            // It may be closed already.
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    (listener, address)
}

/// How servers of a cluster write where another is: in answer to `CLUSTER SLOTS`, and in `MOVED` and `ASK`.
fn written(port: u16) -> [String; 2] {
    let host = Ipv4Addr::LOCALHOST;
    [format!("{host}\r\n:{port}\r\n"), format!("{host}:{port}\r\n")]
}

/// Writes other addresses in place of those that are named. Servers write such answers at once, so that none is in two chunks.
fn rename(chunk: &mut [u8], names: &[(String, String)]) {
    for (known, instead) in names {
        let mut from = 0;
        while let Some(at) = chunk[from..].windows(known.len()).position(|window| window == known.as_bytes()) {
            let begins = from + at;
            from = begins + known.len();
            chunk[begins..from].copy_from_slice(instead.as_bytes());
        }
    }
}

/// Whether `chunk`, after what was `said` before, ends or holds the word. Keeps in `said` what may be its beginning.
fn says_subscribe(said: &mut Vec<u8>, chunk: &[u8]) -> bool {
    said.extend(chunk.iter().map(u8::to_ascii_uppercase));
    let says = said.windows(SUBSCRIBE.len()).any(|window| window == SUBSCRIBE);
    said.drain(..said.len().saturating_sub(SUBSCRIBE.len() - 1));
    says
}
