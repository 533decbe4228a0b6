use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const LIMITS: Limits = Limits { connect: Duration::from_secs(10), total: Duration::from_secs(20), body: 1_024 };

/// Answers every connection with `answer`, and counts them. `None`: it hangs.
async fn receiver(answer: Option<String>) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            if let Some(answer) = &answer {
                let _ = stream.read(&mut [0; 4_096]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            } else {
                held.push(stream);
            }
        }
    });
    (address, connections)
}

fn open(networks: &[&str], hosts: &[(&str, &[&str])]) -> Egress {
    let addresses = |list: &[&str]| list.iter().map(|address| address.parse().unwrap()).collect();
    Egress::new(Rules {
        is_http_open: true,
        private: Private::new(networks.iter().map(|network| network.parse().unwrap()).collect()).unwrap(),
        hosts: hosts.iter().map(|(name, list)| ((*name).to_owned(), addresses(list))).collect(),
        ca_file: None,
    })
}

async fn post(egress: &Egress, url: &str, allowed: Option<&AllowList>, limits: Limits) -> Result<Answer, EgressError> {
    let destination = egress.destination(url)?;
    egress.post(&destination, HeaderMap::new(), Bytes::from_static(b"{}"), allowed, limits).await
}

#[tokio::test]
async fn an_answer_comes_back_and_a_redirect_is_one() {
    let (elsewhere, untouched) = receiver(Some("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".into())).await;
    let redirect = format!("HTTP/1.1 307 Go\r\nlocation: http://{elsewhere}/\r\ncontent-length: 2\r\n\r\nno");
    let (address, connections) = receiver(Some(redirect)).await;
    let egress = open(&["127.0.0.0/8"], &[]);
    let answer = post(&egress, &format!("http://{address}/a?b"), None, LIMITS).await.unwrap();
    assert_eq!((answer.status.as_u16(), &*answer.body, answer.is_whole), (307, b"no".as_slice(), true));
    assert_eq!((connections.load(Ordering::SeqCst), untouched.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn no_connection_is_made_to_what_is_closed_however_it_is_named() {
    let (address, connections) = receiver(Some("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".into())).await;
    let port = address.port();
    let closed = open(
        &[],
        &[
            ("here.example", &["127.0.0.1"]),
            ("mapped.example", &["::ffff:127.0.0.1"]),
            ("translated.example", &["64:ff9b::7f00:1"]),
            ("metadata.example", &["169.254.169.254"]),
        ],
    );
    for host in [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "2130706433",
        "localhost",
        "here.example",
        "mapped.example",
        "translated.example",
        "metadata.example",
        "HERE.example.",
    ] {
        let refused = post(&closed, &format!("http://{host}:{port}/"), None, LIMITS).await.unwrap_err();
        assert_eq!(refused.class(), "address_forbidden", "{host}: {refused}");
    }
    let opened =
        open(&["127.0.0.0/8"], &[("here.example", &["127.0.0.1"]), ("both.example", &["10.0.0.1", "127.0.0.1"])]);
    let elsewhere = AllowList::parse(&["127.0.0.2"], 9).unwrap();
    for host in ["127.0.0.1", "here.example"] {
        let refused = post(&opened, &format!("http://{host}:{port}/"), Some(&elsewhere), LIMITS).await.unwrap_err();
        assert_eq!(refused.class(), "outside_egress_allow", "{host}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    for host in ["here.example", "both.example"] {
        assert!(post(&opened, &format!("http://{host}:{port}/"), None, LIMITS).await.is_ok(), "{host}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn no_more_is_read_than_was_told() {
    let egress = open(&["127.0.0.0/8"], &[]);
    let long = format!("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{}", "x".repeat(5_000));
    let (address, _) = receiver(Some(long)).await;
    let answer = post(&egress, &format!("http://{address}/"), None, LIMITS).await.unwrap();
    assert_eq!((answer.body.len(), answer.is_whole), (1_024, false));
    let headers = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(64 * 1024));
    let (address, _) = receiver(Some(headers)).await;
    assert_eq!(post(&egress, &format!("http://{address}/"), None, LIMITS).await.unwrap_err().class(), "no_answer");
}

#[tokio::test]
async fn head_and_body_share_one_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbegun").await;
        // Within a time of its own for the body, but too late for one that began with the request.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let _ = stream.write_all(b" end").await;
    });
    let egress = open(&["127.0.0.0/8"], &[]);
    let limits = Limits { total: Duration::from_secs(6), ..LIMITS };
    let answer = post(&egress, &format!("http://{address}/"), None, limits).await.unwrap();
    assert_eq!((answer.status.as_u16(), &*answer.body, answer.is_whole), (200, b"begun".as_slice(), false));
}

#[tokio::test]
async fn who_hangs_closes_or_is_not_there_has_a_word_each() {
    let egress = open(&["127.0.0.0/8"], &[]);
    let (hanging, _) = receiver(None).await;
    let short = Limits { total: Duration::from_millis(100), ..LIMITS };
    assert_eq!(post(&egress, &format!("http://{hanging}/"), None, short).await.unwrap_err().class(), "timed_out");
    let (closing, _) = receiver(Some(String::new())).await;
    assert_eq!(post(&egress, &format!("http://{closing}/"), None, LIMITS).await.unwrap_err().class(), "no_answer");
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(post(&egress, &format!("http://{gone}/"), None, LIMITS).await.unwrap_err().class(), "unreachable");
    let plain = post(&egress, &format!("https://{closing}/"), None, LIMITS).await.unwrap_err();
    assert_eq!(plain.class(), "tls_failed", "{plain}");
}
