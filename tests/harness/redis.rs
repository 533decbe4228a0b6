//! A redis-server of one's own: on a free port, with a folder that outlives its process, killed and paused at will.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::statvfs;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::{PATIENCE, Process};

/// What is said once everything on disk is read.
const READY: &str = "Ready to accept connections";
/// Where ports are looked for: below those that the kernel gives to outgoing connections, so that nobody takes one over
/// while its server is down, and no client that tries again and again meets itself.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// A file system in memory.
const IN_MEMORY: &str = "/dev/shm";
/// Bytes that must be free there.
const ROOM: u64 = 1 << 30;

/// A redis-server. Dropped, it is killed.
#[derive(Debug)]
pub struct Redis {
    address: SocketAddr,
    folder: PathBuf,
    options: Vec<String>,
    process: Mutex<Process>,
    connection: Mutex<Option<BufReader<TcpStream>>>,
    /// Goes with it.
    temporary: Option<TempDir>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nothing there.
    Nil,
    /// A number.
    Number(i64),
    /// Text: what is stored, or a status.
    Text(String),
    /// Several.
    List(Vec<Reply>),
    /// A refusal.
    Error(String),
}

impl Redis {
    /// Starts one with a folder of its own, and waits until it answers.
    #[track_caller]
    pub fn start_somewhere() -> Self {
        let folder = temporary();
        let mut this = Self::start(folder.path());
        this.temporary = Some(folder);
        this
    }

    /// Starts one that keeps its data in `folder`, and waits until it answers.
    #[track_caller]
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same, with options besides, such as `--appendonly` and `no`.
    #[track_caller]
    pub fn start_with(folder: &Path, options: &[&str]) -> Self {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        std::fs::create_dir_all(folder).expect("there is room for a folder");
        // A port that was free a moment ago may be gone; the next one then.
        let (port, process) = (0..50)
            .find_map(|_| {
                let port = free_port();
                Some((port, serve(folder, port, &options)?))
            })
            .expect("redis-server starts; tests/run --install installs it");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (folder, process) = (folder.to_owned(), Mutex::new(process));
        let this = Self { address, folder, options, process, connection: Mutex::default(), temporary: None };
        assert_eq!(this.command(&["PING"]), Reply::Text("PONG".to_owned()));
        this
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it keeps its data.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs one command.
    #[track_caller]
    pub fn command(&self, words: &[&str]) -> Reply {
        self.commands(&[words]).expect("redis-server answers").remove(0)
    }

    /// Runs commands in one round trip; their answers, in their order.
    ///
    /// # Errors
    /// When it is down.
    pub fn commands(&self, commands: &[&[&str]]) -> io::Result<Vec<Reply>> {
        let mut kept = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        // One that was kept may have ended with an earlier process; a second attempt is over one of its own.
        if let Some(mut connection) = kept.take()
            && let Ok(replies) = exchange(&mut connection, commands)
        {
            *kept = Some(connection);
            return Ok(replies);
        }
        let mut connection = connect(self.address)?;
        let replies = exchange(&mut connection, commands)?;
        *kept = Some(connection);
        Ok(replies)
    }

    /// Runs one command that must be done.
    #[track_caller]
    pub fn done(&self, words: &[&str]) {
        assert_eq!(self.command(words), Reply::Text("OK".to_owned()), "{words:?}");
    }

    /// Whether it answers, and with a text that holds `what`.
    pub fn says(&self, words: &[&str], what: &str) -> bool {
        let answered = self.commands(&[words]);
        answered.is_ok_and(|replies| matches!(replies.first(), Some(Reply::Text(text)) if text.contains(what)))
    }

    /// Kills it where it stands, as `kill -9` does, and waits until it is gone.
    #[track_caller]
    pub fn kill_9(&self) {
        let mut process = self.process();
        process.signal(Signal::KILL);
        process.wait();
    }

    /// Starts it again after [`Self::kill_9`], on the same port and data.
    #[track_caller]
    pub fn restart(&self) {
        *self.process() = serve(&self.folder, self.address.port(), &self.options).expect("redis-server starts again");
        assert_eq!(self.command(&["PING"]), Reply::Text("PONG".to_owned()));
    }

    /// Starts it again after [`Self::kill_9`], on the same port, with nothing in it.
    #[track_caller]
    pub fn restart_empty(&self) {
        std::fs::remove_dir_all(&self.folder).expect("its data can be thrown away");
        std::fs::create_dir(&self.folder).expect("there is room for a folder");
        self.restart();
    }

    /// Stops it in the middle of whatever it does; when this returns, it does nothing more.
    #[track_caller]
    pub fn pause(&self) {
        self.process().pause();
    }

    /// Lets it go on after [`Self::pause`].
    pub fn resume(&self) {
        self.process().signal(Signal::CONT);
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reply {
    /// The number that it is, or that its text is. None when there is nothing.
    #[track_caller]
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Nil => None,
            Self::Number(number) => Some(*number),
            Self::Text(text) => Some(text.parse().unwrap_or_else(|_| panic!("`{text}` is no number"))),
            other => panic!("{other:?} is no number"),
        }
    }
}

/// Asks a server that is none of these, a sentinel for example.
pub(crate) fn ask(address: SocketAddr, words: &[&str]) -> io::Result<Reply> {
    Ok(exchange(&mut connect(address)?, &[words])?.remove(0))
}

fn connect(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(stream))
}

/// In memory where there is room: what a process leaves behind when it is killed is there as well, and the disks of machines
/// that test can be slow.
pub(crate) fn temporary() -> TempDir {
    let in_memory = statvfs(IN_MEMORY).is_ok_and(|it| it.f_bavail * it.f_frsize > ROOM);
    let mut folder = tempfile::Builder::new();
    folder.prefix("cronflow-access-e2e-");
    let made = if in_memory { folder.tempdir_in(IN_MEMORY) } else { folder.tempdir() };
    made.expect("there is room for a folder")
}

/// None: it ended, for the port is taken.
fn serve(folder: &Path, port: u16, options: &[String]) -> Option<Process> {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--daemonize", "no", "--save", ""]);
    command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(folder).args(options);
    let process = Process::start(&mut command);
    process.stdout.wait_for(READY, 0).then_some(process)
}

/// A port that nobody listens on at this moment.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let count = PORTS.end - PORTS.start;
    loop {
        // Each process of tests begins somewhere else.
        let number = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(spread(std::process::id()));
        let port = PORTS.start + number % count;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

fn spread(id: u32) -> u16 {
    (id.wrapping_mul(2_654_435_761) >> 16) as u16
}

fn exchange(connection: &mut BufReader<TcpStream>, commands: &[&[&str]]) -> io::Result<Vec<Reply>> {
    let mut bytes = String::new();
    for words in commands {
        bytes += &format!("*{}\r\n", words.len());
        for word in *words {
            bytes += &format!("${}\r\n{word}\r\n", word.len());
        }
    }
    connection.get_mut().write_all(bytes.as_bytes())?;
    commands.iter().map(|_| read_reply(connection)).collect()
}

/// One answer, in RESP2.
fn read_reply(connection: &mut impl BufRead) -> io::Result<Reply> {
    let mut line = String::new();
    if connection.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1).ok_or(io::ErrorKind::InvalidData)?;
    let number = || rest.parse::<i64>().map_err(io::Error::other);
    Ok(match kind {
        "+" => Reply::Text(rest.to_owned()),
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Number(number()?),
        "$" | "*" if rest == "-1" => Reply::Nil,
        "$" => {
            let mut bytes = vec![0; number()? as usize + 2];
            connection.read_exact(&mut bytes)?;
            bytes.truncate(bytes.len() - 2);
            Reply::Text(String::from_utf8_lossy(&bytes).into_owned())
        }
        "*" => Reply::List((0..number()?).map(|_| read_reply(connection)).collect::<io::Result<_>>()?),
        _ => return Err(io::Error::other(format!("not RESP: `{line}`"))),
    })
}
