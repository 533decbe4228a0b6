//! Following a trail as server-sent events.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use harness::{Host, Request};
use serde_json::Value;

/// Longer than anything takes: what never comes fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stream whose head was read.
struct Stream(BufReader<TcpStream>);

impl Stream {
    #[track_caller]
    fn open(host: &Host, path: &str, last_event_id: Option<&str>) -> Self {
        let mut connection = TcpStream::connect(host.address()).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let token = &host.identity().operator_token;
        let last = last_event_id.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n{last}\r\n"
        );
        connection.write_all(head.as_bytes()).unwrap();
        let mut stream = Self(BufReader::new(connection));
        assert_eq!(stream.line(), "HTTP/1.1 200 OK");
        let mut headers = Vec::new();
        loop {
            let line = stream.line().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            headers.push(line);
        }
        assert!(headers.contains(&"content-type: text/event-stream".to_owned()), "{headers:?}");
        assert!(headers.contains(&"cache-control: no-store".to_owned()), "{headers:?}");
        stream
    }

    #[track_caller]
    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).expect("something comes in time") > 0, "the stream ended");
        line.trim_end().to_owned()
    }

    /// What follows this beginning of a line; other lines are passed over.
    #[track_caller]
    fn next(&mut self, beginning: &str) -> String {
        loop {
            if let Some(rest) = self.line().strip_prefix(beginning) {
                return rest.to_owned();
            }
        }
    }

    /// The next record: its action and target.
    #[track_caller]
    fn record(&mut self) -> (String, String) {
        let record: Value = serde_json::from_str(&self.next("data: ")).unwrap();
        (record["action"].as_str().unwrap().to_owned(), record["target"].as_str().unwrap().to_owned())
    }
}

#[test]
fn what_comes_from_now_on_is_told_and_a_lost_stream_is_taken_up_again() {
    let host = Host::dev();
    let before = host.issue("production", &["jobs:read"]);
    let path = host.workspace("/audit");
    let mut stream = Stream::open(&host, &path, None);
    assert_eq!(stream.next("retry: "), "1000");
    let place = stream.next("id: ");
    let key = host.issue("production", &["jobs:read"]);
    let issued = ("keys.issue".to_owned(), key.id);
    assert_eq!(stream.record(), issued);

    // Whoever comes back with the place is told what came since, and what is filtered is not told.
    assert_eq!(Stream::open(&host, &path, Some(&place)).record(), issued);
    let mut revocations = Stream::open(&host, &format!("{path}?action=keys.revoke&after={place}"), None);
    host.change(&before, "revoke");
    assert_eq!(revocations.record(), ("keys.revoke".to_owned(), before.id));
    assert_eq!(stream.record().0, "keys.revoke");

    let request = |path: &str| Request::new("GET", path).header("accept", "text/event-stream");
    let refused = host.operator().send(&request(&format!("{path}?after=nonsense")));
    refused.check_problem(400, "invalid_request");
    let refused = host.operator().send(&request(&format!("{path}?cursor={place}")));
    refused.check_problem(400, "invalid_request");
    host.client(None).send(&request(&path)).check_problem(401, "unauthenticated");
}

/// A page a second would be too few: a stream lasts a minute.
#[test]
fn who_is_behind_does_not_wait_between_pages() {
    let host = Host::dev();
    let path = host.workspace("/audit");
    let place = Stream::open(&host, &path, None).next("id: ");
    let keys = host.issue_many(70);
    let mut stream = Stream::open(&host, &format!("{path}?limit=1&after={place}"), None);
    for key in keys {
        assert_eq!(stream.record(), ("keys.issue".to_owned(), key.id));
    }
}

#[test]
fn a_host_that_stops_ends_its_streams() {
    let host = Host::dev();
    let mut stream = Stream::open(&host, "/v1/audit", None);
    stream.next("id: ");
    host.terminate();
    let mut rest = String::new();
    stream.0.read_to_string(&mut rest).expect("it ends in time");
    assert!(rest.ends_with("0\r\n\r\n"), "it is whole: {rest:?}");
}

#[test]
fn a_trail_has_so_many_followers_and_places_are_given_back() {
    let host = Host::dev();
    let path = host.workspace("/audit");
    let ninth = Request::new("GET", &path).header("accept", "text/event-stream");
    let all: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = Stream::open(&host, &path, None);
            stream.next("id: ");
            stream
        })
        .collect();
    let client = host.client(Some(&host.identity().operator_token));
    client.send(&ninth).check_problem(429, "busy");
    client.get(&path).check_json(200);
    drop(all);
    harness::wait_until("there are places again", || {
        let mut connection = TcpStream::connect(host.address()).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let token = &host.identity().operator_token;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(connection).read_line(&mut line).unwrap();
        line.starts_with("HTTP/1.1 200")
    });
}
