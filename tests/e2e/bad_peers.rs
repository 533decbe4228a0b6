//! Peers that say little, too much, or nothing that makes sense: each costs them more than us, and decisions go on.

use std::net::TcpStream;

use harness::http::Connection;
use harness::http2::{
    CALM, CONTINUATION, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, Http2, MOST_STREAMS, PING, RST_STREAM,
    SETTINGS, block,
};
use harness::{Host, Question, Request, Setup, flood};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Idle connections, where this machine lets the test have as many.
const IDLE: u64 = 10_000;
/// Descriptors that the test needs besides.
const BESIDES: u64 = 500;

fn start() -> Host {
    Setup::dev().on_embedded().start()
}

/// Checks that decisions go on, and none is late.
#[track_caller]
fn check_decides(host: &Host) {
    let key = host.issue("production", &["jobs:read"]);
    let tally = flood(host, 4, 200, |_| Question::reads_jobs(&key.secret));
    assert_eq!((tally.allowed, tally.lost), (200, 0), "{:?}", tally.denied);
    assert!(tally.took.as_secs() < 20, "{:?}", tally.took);
}

/// Fields of a request that is open to all.
fn alive() -> Vec<u8> {
    block(&[(":method", "GET"), (":scheme", "http"), (":path", "/health/alive"), (":authority", "access")])
}

#[test]
fn slow_heads_are_not_waited_for() {
    let host = start();
    let half = |number: usize| {
        let mut connection = Connection::open(host.address()).unwrap();
        // Some say a byte, some begin HTTP/2, most stop within a head.
        let said = match number % 10 {
            0 => b"P".as_slice(),
            1 => b"PRI * HTTP/2.0\r\n\r\n",
            _ => b"POST /v1/authorize HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ",
        };
        connection.write(said).unwrap();
        connection
    };
    let slow: Vec<_> = (0..400).map(half).collect();
    check_decides(&host);
    for mut connection in slow {
        assert!(connection.is_ended(), "the host waits in vain for half a minute, and not longer");
    }
    check_decides(&host);
}

#[test]
fn slow_bodies_are_not_waited_for() {
    let host = start();
    let question = Question::reads_jobs(&host.demo_key("production").secret).request();
    let slow: Vec<_> = (0..100)
        .map(|_| {
            let mut connection = Connection::open(host.address()).unwrap();
            connection.begin(&question, &host.identity().gateway_token).unwrap();
            connection.write(b"{").unwrap();
            connection
        })
        .collect();
    check_decides(&host);
    for mut connection in slow {
        connection.read_response("POST").unwrap().check_problem(408, "request_timeout");
    }
}

#[test]
fn ten_thousand_that_say_nothing_are_in_nobodys_way() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum.or(current), maximum }).unwrap();
    let host = start();
    // The host has as many descriptors as we, and keeps some to itself.
    let most = getrlimit(Resource::Nofile).current.map_or(IDLE, |most| most.saturating_sub(BESIDES).min(IDLE));
    let idle: Vec<_> = (0..most).map(|_| TcpStream::connect(host.address()).unwrap()).collect();
    harness::wait_until("all are let in", || host.metric("access_connections") >= most);
    check_decides(&host);
    drop(idle);
    harness::wait_until("all are gone", || host.metric("access_connections") < most / 2);
    check_decides(&host);
}

#[test]
fn heads_that_are_too_large_or_none_are_refused() {
    let host = start();
    let large = Request::new("GET", "/health/alive").header("x-large", "x".repeat(100_000));
    let many = (0..200).fold(Request::new("GET", "/health/alive"), |request, n| request.header(&format!("x-{n}"), "y"));
    let long = Request::new("GET", &format!("/{}", "x".repeat(100_000)));
    for (what, request) in [("large", large), ("many", many), ("long", long)] {
        let mut connection = Connection::open(host.address()).unwrap();
        // The host may hang up before it has read everything, and its answer is lost then.
        if let Ok(refused) = connection.exchange(&request, None) {
            assert!(matches!(refused.status, 414 | 431), "{what}: {refused:?}");
        }
    }
    for none in [
        b"GET /health/alive HTTP/1.1\nhost: x\n\0\n\n".as_slice(),
        b"GET /health/alive\r\n\r\n",
        b"GET  /health/alive HTTP/1.1\r\n\r\n",
        b"GET /health/alive HTTP/3.0\r\n\r\n",
        b"GET /health/alive HTTP/1.1\r\nhost : x\r\n\r\n",
        b"GET /health/alive HTTP/1.1\r\n folded: x\r\n\r\n",
        b"POST /v1/authorize HTTP/1.1\r\nhost: x\r\ncontent-length: 5, 6\r\n\r\n",
        b"POST /v1/authorize HTTP/1.1\r\nhost: x\r\ncontent-length: +5\r\n\r\nhello",
        b"POST /v1/authorize HTTP/1.1\r\nhost: x\r\ntransfer-encoding: identity\r\n\r\n",
    ] {
        let mut connection = Connection::open(host.address()).unwrap();
        connection.write(none).unwrap();
        let told = String::from_utf8_lossy(none).into_owned();
        let refused = connection.read_response("GET");
        assert!(refused.as_ref().map_or(true, |refused| refused.status == 400), "{told:?}: {refused:?}");
        assert!(connection.is_ended(), "{told:?}: what follows is not read");
    }
    check_decides(&host);
    assert!(!host.log().text().contains("panic"), "{}", host.log().text());
}

/// Sends pieces until the host has had enough, or there are no more; the code that it hung up with, if it said one.
fn pour(host: &Host, pieces: impl Iterator<Item = Vec<u8>>) -> Option<u32> {
    let mut connection = Http2::open(host.address()).unwrap();
    for piece in pieces {
        if connection.write_all(&piece).is_err() {
            break;
        }
    }
    // What it said may be lost where it had not read all that we sent.
    connection.read_until(GOAWAY).ok().map(|frame| frame.code())
}

#[test]
fn requests_that_are_taken_back_at_once_are_too_much_after_a_few() {
    let host = start();
    let cancel = 8_u32.to_be_bytes();
    let piece = |from: u32| {
        let request = |stream| {
            let asked = Frame::new(HEADERS, END_HEADERS | END_STREAM, stream, alive()).bytes();
            [asked, Frame::new(RST_STREAM, 0, stream, cancel).bytes()].concat()
        };
        (from..from + 500).map(|number| request(2 * number + 1)).collect::<Vec<_>>().concat()
    };
    for _ in 0..4 {
        let code = pour(&host, (0..40).map(|number| piece(number * 500)));
        assert!(code.is_none_or(|code| code == CALM), "{code:?}");
    }
    check_decides(&host);
}

#[test]
fn heads_without_an_end_are_hung_up_on() {
    let host = start();
    let begin = Frame::new(HEADERS, END_STREAM, 1, alive()).bytes();
    let more = Frame::new(CONTINUATION, 0, 1, block(&[("x-more", &"y".repeat(1_000))]).repeat(10)).bytes();
    let empty = Frame::new(CONTINUATION, 0, 1, []).bytes().repeat(1_000);
    for endless in [more, empty] {
        let pieces = std::iter::once(begin.clone()).chain(std::iter::repeat_n(endless, 5_000));
        let code = pour(&host, pieces);
        assert!(code.is_none_or(|code| code != 0), "{code:?}");
    }
    // One that has an end, and is too large, is refused, or its connection is.
    let mut connection = Http2::open(host.address()).unwrap();
    let large = block(&[("x-large", &"y".repeat(15_000))]);
    connection.write(&Frame::new(HEADERS, END_STREAM, 1, alive())).unwrap();
    for last in [0, 0, 0, 0, 0, END_HEADERS] {
        connection.write(&Frame::new(CONTINUATION, last, 1, large.clone())).unwrap();
    }
    assert!(connection.read_answer(1).map_or(true, |(is_fine, _)| !is_fine));
    check_decides(&host);
}

#[test]
fn what_must_be_answered_does_not_pile_up() {
    let host = start();
    let ping = Frame::new(PING, 0, 0, *b"12345678").bytes().repeat(1_000);
    let settings = Frame::new(SETTINGS, 0, 0, []).bytes().repeat(1_000);
    let empty = Frame::new(0x42, 0, 0, []).bytes().repeat(1_000);
    for endless in [ping, settings, empty] {
        // Nothing that the host answers is read here: it stops reading, or hangs up.
        let mut connection = Http2::open(host.address()).unwrap();
        for _ in 0..20 {
            if connection.write_all(&endless).is_err() {
                break;
            }
        }
        check_decides(&host);
    }
}

#[test]
fn a_connection_has_so_many_requests_at_a_time() {
    let host = start();
    let mut connection = Http2::open(host.address()).unwrap();
    let settings = connection.read_until(SETTINGS).unwrap();
    let most = settings.setting(MOST_STREAMS).unwrap();
    assert!((100..=256).contains(&most), "{most}");
    // Whose bodies don't come.
    let bearer = format!("Bearer {}", host.identity().gateway_token);
    let fields = block(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/v1/authorize"),
        (":authority", "access"),
        ("authorization", &bearer),
    ]);
    for number in 0..=most {
        connection.write(&Frame::new(HEADERS, END_HEADERS, 2 * number + 1, fields.clone())).unwrap();
    }
    let refused = connection.read_until(RST_STREAM).unwrap();
    assert_eq!((refused.stream, refused.code()), (2 * most + 1, 7), "REFUSED_STREAM: it may be sent again");
    check_decides(&host);
}
