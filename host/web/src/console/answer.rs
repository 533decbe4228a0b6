//! Pages out: HTML under a policy that lets nothing in but what this host serves, and redirects after a change.

use askama::Template;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// No script, style or image but this host's own files; nothing inline, so that no nonce is needed; framed by nobody.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCES: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

/// What every answer of the console says to browsers. Nothing is kept: pages show what only some may see.
fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (OPENER, "same-origin"),
        (RESOURCES, "same-origin"),
        (PERMISSIONS, "camera=(), geolocation=(), microphone=(), clipboard-write=(self)"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// A page.
pub(crate) fn page(status: StatusCode, page: &impl Template) -> Response {
    let mut response = match page.render() {
        Ok(html) => (status, html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    };
    let headers = response.headers_mut();
    protect(headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// A page that all is well with.
pub(crate) fn shown(template: &impl Template) -> Response {
    page(StatusCode::OK, template)
}

/// On to another page, by GET (RFC 9110 §15.4.4).
pub(crate) fn see_other(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    protect(headers);
    headers.insert(LOCATION, HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/console")));
    response
}

/// The same, which sets a cookie.
pub(crate) fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// A path of the console that may be gone on to: nothing that leads elsewhere.
pub(crate) fn local(path: &str) -> &str {
    let is_ours = path == "/console" || path.starts_with("/console/") || path.starts_with("/console?");
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') && !path.contains("//");
    if is_ours && is_plain { path } else { "/console" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for (path, gone) in [
            ("/console/profile?a=b", "/console/profile?a=b"),
            ("https://evil.example", "/console"),
            ("//evil.example", "/console"),
            ("/console//evil.example", "/console"),
            ("/\\evil.example", "/console"),
            ("/consolevil", "/console"),
            ("/console\r\nSet-Cookie: a=b", "/console"),
            ("", "/console"),
        ] {
            assert_eq!(local(path), gone, "{path:?}");
        }
    }
}
