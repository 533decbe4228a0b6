//! A host that stops answers what was begun, whichever way it came in, and takes nothing more.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use harness::http::Connection;
use harness::http2::{DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, Http2, SETTINGS, block};
use harness::process::PATIENCE;
use harness::{Answer, Host, Request, is_left_to_tests_run};
use rustix::process::Signal;

use super::{asks, at_socket, with_tls};

/// Begins a question, has the host told to stop, and ends the question.
fn check_drains<S: Read + Write>(host: Host, mut connection: Connection<S>, request: &Request) {
    connection.begin(request, &host.identity().gateway_token).unwrap();
    host.signal(Signal::TERM);
    assert!(host.log().wait_for(r#""message":"stopping"#, 0));
    let answered = connection.finish(request).unwrap();
    Answer::of(answered.check_json(200)).check_allow();
    assert!(connection.is_ended(), "nothing more is taken");
    let stopped = host.wait();
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.stderr);
    assert!(!stopped.stderr.contains("are cut off"), "{}", stopped.stderr);
}

#[test]
fn by_a_socket() {
    let (setup, socket) = at_socket();
    let host = setup.start();
    let question = asks(&host);
    let stream = UnixStream::connect(&socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    check_drains(host, Connection::over(stream), &question.request());
    assert!(UnixStream::connect(&socket).is_err(), "nobody listens any more");
}

#[test]
fn over_tls() {
    if is_left_to_tests_run("openssl") {
        return;
    }
    let (setup, issuer, _) = with_tls();
    let host = setup.start();
    let question = asks(&host);
    let connection = Connection::over(issuer.speak_to(host.decider().listens("https://")));
    check_drains(host, connection, &question.request());
}

#[test]
fn in_http2() {
    let (setup, _) = at_socket();
    let host = setup.start();
    let question = asks(&host);
    let bearer = format!("Bearer {}", host.identity().gateway_token);
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/v1/authorize"),
        (":authority", "access"),
        ("authorization", &bearer),
        ("content-type", "application/json"),
    ];
    let mut idle = Http2::open(host.address()).unwrap();
    let mut connection = Http2::open(host.address()).unwrap();
    connection.write(&Frame::new(HEADERS, END_HEADERS, 1, block(&fields))).unwrap();
    let body = question.body().to_string();
    let (first, rest) = body.split_at(body.len() / 2);
    connection.write(&Frame::new(DATA, 0, 1, first)).unwrap();
    // What the host says first shows that it has let them in.
    for connection in [&mut idle, &mut connection] {
        connection.read_until(SETTINGS).unwrap();
    }
    host.signal(Signal::TERM);
    assert!(connection.read_until(GOAWAY).is_ok(), "it is told to go elsewhere with what it asks next");
    connection.write(&Frame::new(DATA, END_STREAM, 1, rest)).unwrap();
    let (is_fine, answer) = connection.read_answer(1).unwrap();
    assert!(is_fine, "{answer}");
    Answer::of(serde_json::from_str(&answer).unwrap()).check_allow();
    assert!(idle.read_until(GOAWAY).is_ok());
    while idle.read().is_ok() {}
    while connection.read().is_ok() {}
    let stopped = host.wait();
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.stderr);
    assert!(!stopped.stderr.contains("are cut off"), "{}", stopped.stderr);
}
