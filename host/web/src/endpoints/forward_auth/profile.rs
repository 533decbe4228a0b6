//! What each profile of gateways sets by itself. Nothing else is believed, and all of it must be there, once.

use access_model::Profile;
use access_model::network::{Address, last_hop};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::PREFIX;

const ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");
const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// A row of the table.
#[derive(Debug)]
pub(super) struct Headers {
    name: &'static str,
    request: RequestFrom,
    client: ClientFrom,
    /// What an allow is told with.
    pub(super) allow: StatusCode,
    pub(super) passes_on: PassesOn,
}

/// Where the client's method and URI stand.
#[derive(Debug)]
enum RequestFrom {
    /// In these two headers.
    Headers(HeaderName, HeaderName),
    /// The gateway asks with its client's method, and with its path behind [`PREFIX`].
    RequestLine,
}

/// Where the client's address stands.
#[derive(Debug)]
enum ClientFrom {
    /// It is all of this header.
    Whole(HeaderName),
    /// It is the last hop of this header, which the gateway appends.
    LastHop(HeaderName),
}

/// Which denials its client can be told with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PassesOn {
    /// All of them, with the headers and the body.
    Everything,
    /// 401 and 403, without a body; anything else that is not 2xx becomes 500.
    UnauthorizedAndForbidden,
}

/// What a gateway's client asked.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    /// As the gateway will route it, less the query.
    pub(super) path: String,
    /// Without the question mark; empty where there is none.
    pub(super) query: String,
    pub(super) client: Address,
}

impl Headers {
    /// The table.
    pub(super) fn of(profile: Profile) -> Self {
        let name = profile.name();
        let (request, client, passes_on) = match profile {
            Profile::Nginx => (
                RequestFrom::Headers(ORIGINAL_METHOD, ORIGINAL_URI),
                ClientFrom::Whole(REAL_IP),
                PassesOn::UnauthorizedAndForbidden,
            ),
            Profile::Haproxy => {
                (RequestFrom::Headers(ORIGINAL_METHOD, ORIGINAL_URI), ClientFrom::Whole(REAL_IP), PassesOn::Everything)
            }
            Profile::Caddy | Profile::Traefik => (
                RequestFrom::Headers(FORWARDED_METHOD, FORWARDED_URI),
                ClientFrom::LastHop(FORWARDED_FOR),
                PassesOn::Everything,
            ),
            // Not X-Forwarded-For: what Envoy appends there is a load balancer, or for a neighbour its own address.
            Profile::Envoy => (RequestFrom::RequestLine, ClientFrom::Whole(REAL_IP), PassesOn::Everything),
        };
        // Envoy takes 200 alone for an allow. A 204 saves the others from looking for a body.
        let allow = if profile == Profile::Envoy { StatusCode::OK } else { StatusCode::NO_CONTENT };
        Self { name, request, client, allow, passes_on }
    }

    /// Reads what the gateway's client asked.
    ///
    /// # Errors
    /// The sentence that says what the gateway must set, or must remove.
    pub(super) fn read(&self, parts: &Parts) -> Result<Asked, String> {
        let (method, path, query) = match &self.request {
            RequestFrom::Headers(method, uri) => {
                let uri = text(self.only(&parts.headers, uri)?);
                let (path, query) = uri.split_once('?').unwrap_or((&uri, ""));
                (text(self.only(&parts.headers, method)?), path.to_owned(), query.to_owned())
            }
            RequestFrom::RequestLine => {
                let path = parts.uri.path();
                let query = parts.uri.query().unwrap_or_default().to_owned();
                (parts.method.as_str().to_owned(), path.strip_prefix(PREFIX).unwrap_or(path).to_owned(), query)
            }
        };
        Ok(Asked { method, path, query, client: self.client(&parts.headers)? })
    }

    fn client(&self, headers: &HeaderMap) -> Result<Address, String> {
        let (name, address) = match &self.client {
            ClientFrom::Whole(name) => (name, Address::parse(text(self.only(headers, name)?))),
            ClientFrom::LastHop(name) => (name, last_hop(&text(self.only(headers, name)?)).map(Address::from)),
        };
        address.ok_or_else(|| format!("the client's address in `{name}` can't be read: {}", self.advice()))
    }

    /// The one value of a header.
    fn only<'h>(&self, headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h HeaderValue, String> {
        let mut all = headers.get_all(name).iter();
        match (all.next(), all.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(format!("`{name}` is not there: {}", self.advice())),
            (Some(_), Some(_)) => Err(format!("`{name}` is there more than once: {}", self.advice())),
        }
    }

    fn advice(&self) -> String {
        let name = self.name;
        format!(
            "a gateway of the profile `{name}` sets it itself, and takes its client's away; see examples/gateways/{name}"
        )
    }
}

/// What is no text becomes one that no path and no method is.
fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
