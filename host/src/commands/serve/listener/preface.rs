//! Who speaks HTTP/2 unasked, in plain text: looked for in the first bytes, which stay where they are, so that HTTP/1 goes the way
//! that it always goes.

use std::io;
use std::time::Duration;

use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::sleep;

/// How HTTP/2 begins (RFC 9113 §3.4), as far as no request of HTTP/1 does.
const BEGINNING: [u8; 4] = *b"PRI ";
/// Looks at somebody who has sent less than that, and could go on in either way. After these it is HTTP/1.
const LOOKS: usize = 20;
/// Between two of them.
const BETWEEN: Duration = Duration::from_millis(5);

/// What somebody has connected by.
#[derive(Debug)]
pub(super) enum Stream {
    /// From an address.
    Tcp(TcpStream),
    /// By a socket's path.
    Unix(UnixStream),
}

impl Stream {
    /// Waits for the first bytes, and tells whether they are HTTP/2's.
    pub(super) async fn speaks_http2(&self) -> io::Result<bool> {
        for _ in 0..LOOKS {
            let mut first = BEGINNING.map(|_| 0);
            let count = self.peek(&mut first).await?;
            let said = first.get(..count).unwrap_or_default();
            if said.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if said == BEGINNING || !BEGINNING.starts_with(said) {
                return Ok(said == BEGINNING);
            }
            sleep(BETWEEN).await;
        }
        Ok(false)
    }

    async fn peek(&self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.peek(bytes).await,
            Self::Unix(stream) => {
                let look = || Ok(recv(stream, &mut *bytes, RecvFlags::PEEK)?.0);
                stream.async_io(Interest::READABLE, look).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn the_first_bytes_tell_and_stay() {
        for (said, is_http2) in [
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), true),
            (b"PRI ", true),
            (b"POST / HTTP/1.1", false),
            (b"P", false),
            (b"\x16\x03\x01", false),
        ] {
            let (mut peer, ours) = UnixStream::pair().unwrap();
            peer.write_all(said).await.unwrap();
            let stream = Stream::Unix(ours);
            assert_eq!(stream.speaks_http2().await.unwrap(), is_http2, "{said:?}");
            drop(peer);
            let Stream::Unix(mut ours) = stream else { panic!("it was one") };
            let mut read = Vec::new();
            ours.read_to_end(&mut read).await.unwrap();
            assert_eq!(read, said);
        }
    }

    #[tokio::test]
    async fn a_slow_beginning_is_waited_for_and_an_end_is_one() {
        let (mut peer, ours) = UnixStream::pair().unwrap();
        let stream = Stream::Unix(ours);
        peer.write_all(b"PR").await.unwrap();
        let (told, _) = tokio::join!(stream.speaks_http2(), async {
            sleep(BETWEEN * 2).await;
            peer.write_all(b"I *").await
        });
        assert!(told.unwrap());
        let (peer, ours) = UnixStream::pair().unwrap();
        drop(peer);
        assert!(Stream::Unix(ours).speaks_http2().await.is_err());
    }
}
