//! The tools of other tests do what those rely on: a redis-server that is killed and paused, a proxy that loses things.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use harness::{Proxy, Redis, Reply, is_left_to_tests_run, stopwatch, wait_until};

/// How long nothing must come. Too short shows less, and fails nothing.
const A_MOMENT: Duration = Duration::from_millis(100);

fn text(text: &str) -> Reply {
    Reply::Text(text.to_owned())
}

/// A client that speaks in lines, as redis-server lets people do.
struct Lines(BufReader<TcpStream>);

impl Lines {
    fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self(BufReader::new(stream))
    }

    fn say(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }

    #[track_caller]
    fn check_hears(&mut self, expected: &str) {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), expected);
    }

    #[track_caller]
    fn check_hears_message(&mut self, message: &str) {
        for line in ["*3", "$7", "message", "$4", "news", &format!("${}", message.len()), message] {
            self.check_hears(line);
        }
    }

    #[track_caller]
    fn check_hears_nothing(&mut self) {
        self.0.get_ref().set_read_timeout(Some(A_MOMENT)).unwrap();
        let heard = self.0.read(&mut [0; 64]).map_err(|error| error.kind());
        assert!(matches!(heard, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "{heard:?}");
        self.0.get_ref().set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    }

    /// However a connection ends: what was sent may still lie unread.
    #[track_caller]
    fn check_is_closed(&mut self) {
        let heard = self.0.read(&mut [0; 64]).map_err(|error| error.kind());
        assert!(matches!(heard, Ok(0) | Err(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)), "{heard:?}");
    }
}

#[test]
fn a_redis_keeps_what_it_acknowledged() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let redis = Redis::start_somewhere();
    for round in 0..3 {
        assert_eq!(redis.command(&["HSET", "a", &round.to_string(), "x"]), Reply::Number(1));
        redis.kill_9();
        assert!(redis.commands(&[&["PING"]]).is_err() && TcpStream::connect(redis.address()).is_err());
        redis.restart();
        assert_eq!(redis.command(&["HLEN", "a"]).number(), Some(round + 1));
    }
    redis.kill_9();
    redis.restart_empty();
    assert_eq!(redis.command(&["HGET", "a", "0"]), Reply::Nil);
    let replies = redis.commands(&[&["SET", "b", "two words\r\n"], &["GET", "b"], &["KEYS", "*"], &["NOPE"]]).unwrap();
    let [set, got, keys, refused] = replies.as_slice() else { panic!("{replies:?}") };
    assert_eq!((set, got, keys), (&text("OK"), &text("two words\r\n"), &Reply::List(vec![text("b")])));
    assert!(matches!(refused, Reply::Error(error) if error.starts_with("ERR unknown command")), "{refused:?}");
}

#[test]
fn a_paused_redis_answers_when_it_goes_on() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let redis = Redis::start_somewhere();
    let mut client = Lines::to(redis.address());
    client.say("PING");
    client.check_hears("+PONG");
    redis.pause();
    client.say("PING");
    client.check_hears_nothing();
    redis.resume();
    client.check_hears("+PONG");
    // And a paused one is not left behind.
    redis.pause();
}

#[test]
fn many_redis_servers_run_side_by_side() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let all = harness::in_parallel(10, |_| Redis::start_somewhere());
    for (number, redis) in all.iter().enumerate() {
        redis.command(&["SET", "number", &number.to_string()]);
    }
    for (number, redis) in (0..).zip(&all) {
        assert_eq!(redis.command(&["GET", "number"]).number(), Some(number));
    }
}

#[test]
fn a_proxy_keeps_back_announcements_alone() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let redis = Redis::start_somewhere();
    let proxy = Proxy::before(redis.address());
    let (mut subscriber, mut client) = (Lines::to(proxy.address()), Lines::to(proxy.address()));
    // The word in two pieces.
    subscriber.0.get_mut().write_all(b"subSCR").unwrap();
    client.say("PING");
    client.check_hears("+PONG");
    subscriber.say("ibe news");
    for line in ["*3", "$9", "subscribe", "$4", "news", ":1"] {
        subscriber.check_hears(line);
    }
    let mut publish = |message: &str| {
        client.say(&format!("PUBLISH news {message}"));
        client.check_hears(":1");
    };
    publish("one");
    subscriber.check_hears_message("one");

    proxy.hold_announcements();
    publish("two");
    wait_until("it is dropped", || proxy.dropped() > 0);
    proxy.open();
    publish("three");
    subscriber.check_hears_message("three");
}

#[test]
fn a_proxy_cuts_open_connections_and_refuses_new_ones() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let redis = Redis::start_somewhere();
    let proxy = Proxy::before(redis.address());
    let mut before = Lines::to(proxy.address());
    before.say("PING");
    before.check_hears("+PONG");
    proxy.cut();
    before.check_is_closed();
    Lines::to(proxy.address()).check_is_closed();
    proxy.open();
    let mut after = Lines::to(proxy.address());
    after.say("PING");
    after.check_hears("+PONG");
    drop(proxy);
    after.check_is_closed();
}

#[test]
fn a_proxy_takes_its_time_and_loses_nothing() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let redis = Redis::start_somewhere();
    let proxy = Proxy::before(redis.address());
    let mut client = Lines::to(proxy.address());
    let mut takes = |says: &str| {
        let watch = stopwatch();
        client.say(says);
        client.check_hears("+OK");
        watch()
    };
    takes("SET a 1");
    proxy.slow_down(A_MOMENT);
    assert!(takes("SET a 2") >= 2 * A_MOMENT, "each way");
    proxy.narrow(1_000);
    assert!(takes(&format!("SET a {}", "2".repeat(500))) >= Duration::from_millis(500));
    // A switch lets go what is on its way.
    proxy.slow_down(Duration::from_secs(3_600));
    client.say("SET a 3");
    client.check_hears_nothing();
    proxy.open();
    client.check_hears("+OK");
    assert_eq!(redis.command(&["GET", "a"]), text("3"));
}

#[test]
fn what_a_half_open_proxy_is_told_is_done_and_its_answers_arrive_late() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let redis = Redis::start_somewhere();
    let proxy = Proxy::before(redis.address());
    let mut client = Lines::to(proxy.address());
    client.say("PING");
    client.check_hears("+PONG");
    proxy.hold_answers();
    client.say("SET a 1");
    wait_until("it is done", || redis.command(&["GET", "a"]) == text("1"));
    client.check_hears_nothing();
    let mut another = Lines::to(proxy.address());
    another.say("SET a 2");
    wait_until("it is done", || redis.command(&["GET", "a"]) == text("2"));
    another.check_hears_nothing();
    proxy.open();
    client.check_hears("+OK");
    another.check_hears("+OK");
}

#[test]
fn what_falls_into_a_black_hole_arrives_late() {
    if is_left_to_tests_run("redis-server") {
        return;
    }
    let redis = Redis::start_somewhere();
    let proxy = Proxy::before(redis.address());
    let mut open = Lines::to(proxy.address());
    open.say("PING");
    open.check_hears("+PONG");
    proxy.black_hole();
    let mut opened_within = Lines::to(proxy.address());
    for client in [&mut open, &mut opened_within] {
        client.say("INCR a");
        client.check_hears_nothing();
    }
    assert_eq!(redis.command(&["GET", "a"]), Reply::Nil);
    proxy.open();
    let mut heard: Vec<_> = [open, opened_within]
        .iter_mut()
        .map(|client| {
            let mut line = String::new();
            client.0.read_line(&mut line).unwrap();
            line
        })
        .collect();
    heard.sort();
    assert_eq!(heard, [":1\r\n", ":2\r\n"]);
}
