//! HTTP/1.1, byte for byte: tests also send what a well-behaved client library would refuse to.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::process::PATIENCE;
use crate::together::Together;

/// Somebody who speaks to a host over one connection that is kept open, and presents one bearer secret, or none.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    bearer: Option<String>,
    connection: Mutex<Option<Connection>>,
    together: Option<Arc<Together>>,
}

impl Client {
    /// Connects when first used.
    pub fn new(address: SocketAddr, bearer: Option<&str>) -> Self {
        Self { address, bearer: bearer.map(str::to_owned), connection: Mutex::default(), together: None }
    }

    /// The same, that after each change waits until all of these hosts know of it.
    #[must_use]
    pub(crate) fn that_keeps(self, together: Option<Arc<Together>>) -> Self {
        Self { together, ..self }
    }

    /// GET.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.send(&Request::new("GET", path))
    }

    /// POST of JSON.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.send(&Request::new("POST", path).json(body))
    }

    /// PUT of JSON.
    #[track_caller]
    pub fn put(&self, path: &str, body: &Value) -> Response {
        self.send(&Request::new("PUT", path).json(body))
    }

    /// Sends a request. A connection that the host has closed meanwhile is opened anew.
    #[track_caller]
    pub fn send(&self, request: &Request) -> Response {
        let was_open = self.connection.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let response = match self.try_send(request) {
            Err(_) if was_open => self.try_send(request).expect("the host answers"),
            sent => sent.expect("the host answers"),
        };
        if let Some(together) = self.together.as_ref().filter(|_| request.changes() && response.status < 300) {
            together.wait();
        }
        response
    }

    /// Sends a request once, whatever comes of it, and waits for nobody else.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn try_send(&self, request: &Request) -> io::Result<Response> {
        let mut kept = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => Connection::open(self.address)?,
        };
        let response = connection.exchange(request, self.bearer.as_deref())?;
        if response.header("connection") != Some("close") {
            *kept = Some(connection);
        }
        Ok(response)
    }
}

/// A request, not yet sent.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

impl Request {
    /// A request without a body.
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: None }
    }

    /// Adds a header, as it is; the same one twice if asked to.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// With a body of JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// With a body of any kind.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header("content-type", content_type)
    }

    /// Whether an answer of success means that something was changed.
    fn changes(&self) -> bool {
        let asks =
            ["/v1/authorize", "/v1/forward-auth", "/access/v1/"].iter().any(|path| self.target.starts_with(path));
        !asks && !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }

    /// What goes over the wire before the body.
    fn head(&self, bearer: Option<&str>) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: localhost\r\n", self.method, self.target).into_bytes();
        if let Some(bearer) = bearer {
            head.extend(format!("authorization: Bearer {bearer}\r\n").into_bytes());
        }
        for (name, value) in &self.headers {
            head.extend(name.as_bytes());
            head.extend(b": ");
            head.extend(value);
            head.extend(b"\r\n");
        }
        if let Some(body) = &self.body {
            head.extend(format!("content-length: {}\r\n", body.len()).into_bytes());
        }
        head.extend(b"\r\n");
        head
    }
}

/// An open connection, by TCP unless it says otherwise.
#[derive(Debug)]
pub struct Connection<S: Read + Write = TcpStream>(BufReader<S>);

impl Connection {
    /// Opens one.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::over(stream))
    }
}

impl<S: Read + Write> Connection<S> {
    /// One over whatever leads to the host.
    pub fn over(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// Writes `request` up to its body, and asks the host to say when it wants that.
    ///
    /// # Errors
    /// When the host does not say so.
    pub fn begin(&mut self, request: &Request, bearer: &str) -> io::Result<()> {
        self.write(&request.clone().header("expect", "100-continue").head(Some(bearer)))?;
        let said = self.read_response("POST")?;
        if said.status == 100 { Ok(()) } else { Err(io::Error::other(format!("{said:?}"))) }
    }

    /// Writes the body of a request that was begun, and reads the answer.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn finish(&mut self, request: &Request) -> io::Result<Response> {
        self.write(request.body.as_deref().unwrap_or_default())?;
        self.read_response(&request.method)
    }

    /// Writes a request and reads the answer.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn exchange(&mut self, request: &Request, bearer: Option<&str>) -> io::Result<Response> {
        let mut bytes = request.head(bearer);
        bytes.extend(request.body.as_deref().unwrap_or_default());
        let written = self.write(&bytes);
        // A host may answer, and close, before it has read everything.
        self.read_response(&request.method).or_else(|error| written.and(Err(error)))
    }

    /// Reads on until the host ends the connection: whether it does.
    pub fn is_ended(&mut self) -> bool {
        // What was sent and not read makes a reset of the end.
        self.0
            .read_to_end(&mut Vec::new())
            .map_or_else(|error| error.kind() == io::ErrorKind::ConnectionReset, |_| true)
    }

    /// Reads an answer, which states its length or comes in chunks (RFC 9112 §7.1).
    ///
    /// # Errors
    /// When the connection ends, or what comes is not HTTP.
    pub fn read_response(&mut self, method: &str) -> io::Result<Response> {
        let status_line = self.read_line()?;
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status: u16 = status.ok_or_else(|| io::Error::other(format!("not HTTP: `{status_line}`")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.read_line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut response = Response { status, headers, body: String::new() };
        let length = response.header("content-length").map_or(0, |length| length.parse().unwrap_or(0));
        if method != "HEAD" {
            let body = match response.header("transfer-encoding") {
                Some("chunked") => self.read_chunks()?,
                _ => self.read_bytes(length)?,
            };
            response.body = String::from_utf8(body).map_err(io::Error::other)?;
        }
        Ok(response)
    }

    fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(&self.read_line()?, 16).map_err(io::Error::other)?;
            body.extend(self.read_bytes(size)?);
            self.read_line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn read_bytes(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn read_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Response {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON, having checked the status and the content type.
    #[track_caller]
    pub fn check_json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    /// The body as a problem document (RFC 9457) of this status and code, having checked all that goes with one.
    #[track_caller]
    pub fn check_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        let problem: Value = serde_json::from_str(&self.body).expect("the body is JSON");
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["type"], format!("urn:cronflow-access:problem:{code}"), "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        if status == 401 {
            assert!(self.header("www-authenticate").is_some_and(|said| said.starts_with("Bearer ")), "{self:?}");
        }
        problem
    }

    /// The body as JSON, of somebody else's answer.
    #[track_caller]
    pub fn check_body(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    /// Checks that somebody else's answer is a problem of this status and code.
    #[track_caller]
    pub fn check_says(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem: Value = serde_json::from_str(&self.body).expect("the body is JSON");
        assert_eq!((&problem["code"], &problem["status"]), (&code.into(), &status.into()), "{problem}");
    }

    /// Like [`Self::check_problem`], for a problem whose detail says `what`.
    #[track_caller]
    pub fn check_problem_says(&self, status: u16, code: &str, what: &str) {
        let problem = self.check_problem(status, code);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(what)), "no `{what}` in {problem}");
    }
}
