//! HTTP/2, frame by frame (RFC 9113): as much of it as a peer needs that behaves badly, or waits for the end.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::process::PATIENCE;

/// Kinds of frames.
pub const DATA: u8 = 0;
/// A request, or what is told before an answer's body.
pub const HEADERS: u8 = 1;
/// A request is taken back.
pub const RST_STREAM: u8 = 3;
/// What an end can take.
pub const SETTINGS: u8 = 4;
/// Whether the other end is there.
pub const PING: u8 = 6;
/// No request after this is taken.
pub const GOAWAY: u8 = 7;
/// The rest of a request that did not fit into one frame.
pub const CONTINUATION: u8 = 9;

/// Nothing follows in this stream.
pub const END_STREAM: u8 = 1;
/// Nothing follows of these headers.
pub const END_HEADERS: u8 = 4;
/// An answer to the same.
const ACK: u8 = 1;
/// `SETTINGS_MAX_CONCURRENT_STREAMS`.
pub const MOST_STREAMS: u16 = 3;
/// `ENHANCE_YOUR_CALM`: the host has had enough.
pub const CALM: u32 = 11;

/// What a connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Its kind.
    pub kind: u8,
    /// What is to be known of it.
    pub flags: u8,
    /// Its stream; 0 is the connection.
    pub stream: u32,
    /// What it holds.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// As it goes over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).expect("a length").to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([self.kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// The code of a frame that says why: GOAWAY, RST_STREAM.
    pub fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().expect("four bytes"))
    }

    /// The value of a setting.
    pub fn setting(&self, number: u16) -> Option<u32> {
        let mut all = self.payload.chunks_exact(6).filter(|one| one[..2] == number.to_be_bytes());
        all.next().map(|one| u32::from_be_bytes(one[2..].try_into().expect("four bytes")))
    }
}

/// Fields of a request, as a block of headers: none is remembered, none is packed (RFC 7541 §6.2.2).
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.extend(length(text.len()));
            block.extend(text.as_bytes());
        }
    }
    block
}

/// A number of seven bits, and what is beyond them (RFC 7541 §5.1).
fn length(number: usize) -> Vec<u8> {
    let Some(mut rest) = number.checked_sub(127) else { return vec![number as u8] };
    let mut bytes = vec![127];
    while rest >= 128 {
        bytes.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    bytes.push(rest as u8);
    bytes
}

/// A connection.
#[derive(Debug)]
pub struct Http2(TcpStream);

impl Http2 {
    /// Connects, and says what it speaks.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut this = Self(stream);
        this.0.write_all(PREFACE)?;
        this.write(&Frame::new(SETTINGS, 0, 0, []))?;
        Ok(this)
    }

    /// Writes a frame.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn write(&mut self, frame: &Frame) -> io::Result<()> {
        self.write_all(&frame.bytes())
    }

    /// Writes frames that lie one after the other.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Reads a frame, and does what a living peer does: it answers pings and settings.
    ///
    /// # Errors
    /// When the connection ends.
    pub fn read(&mut self) -> io::Result<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head)?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload)?;
        let frame = Frame { kind, flags, stream: u32::from_be_bytes(stream), payload };
        if matches!(kind, SETTINGS | PING) && flags & ACK == 0 {
            let said = if kind == PING { frame.payload.clone() } else { Vec::new() };
            // The host may have hung up by now; what it has said is still there to be read.
            let _ = self.write(&Frame::new(kind, ACK, 0, said));
        }
        Ok(frame)
    }

    /// Reads up to a frame of this kind.
    ///
    /// # Errors
    /// When the connection ends before.
    pub fn read_until(&mut self, kind: u8) -> io::Result<Frame> {
        loop {
            let frame = self.read()?;
            if frame.kind == kind {
                return Ok(frame);
            }
        }
    }

    /// Reads the answer in a stream: whether it is 200, and its body.
    ///
    /// # Errors
    /// When the connection ends before.
    pub fn read_answer(&mut self, stream: u32) -> io::Result<(bool, String)> {
        let (mut is_fine, mut body) = (false, Vec::new());
        loop {
            let frame = self.read()?;
            if frame.stream != stream {
                continue;
            }
            match frame.kind {
                // The eighth of the names and values that both ends know is `:status: 200` (RFC 7541, appendix A).
                HEADERS => is_fine = frame.payload.first() == Some(&0x88),
                DATA => body.extend(&frame.payload),
                RST_STREAM => return Err(io::Error::other(format!("{frame:?}"))),
                _ => continue,
            }
            if frame.flags & END_STREAM != 0 {
                return Ok((is_fine, String::from_utf8(body).map_err(io::Error::other)?));
            }
        }
    }
}
