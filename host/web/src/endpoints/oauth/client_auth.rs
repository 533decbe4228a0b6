//! How a client presents its secret: `client_secret_basic` or `client_secret_post` (RFC 6749 §2.3.1), and never both.

use std::convert::Infallible;

use access_authority::{Caller, Error};
use access_model::PlainSecret;
use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::OAuthError;
use super::form::Form;
use crate::app::App;
use crate::asker::Asker;

/// A request's `Authorization` headers.
pub(crate) struct Authorization {
    first: Option<HeaderValue>,
    has_more: bool,
}

impl<S: Sync> FromRequestParts<S> for Authorization {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut all = parts.headers.get_all(AUTHORIZATION).iter();
        Ok(Self { first: all.next().cloned(), has_more: all.next().is_some() })
    }
}

/// The client that a request authenticates.
pub(super) async fn client(
    app: &App,
    asker: &Asker,
    authorization: &Authorization,
    form: &mut Form,
) -> Result<Caller, OAuthError> {
    let (id, secret) = presented(authorization, form)?;
    Ok(app.authority.authenticate_client(&id, &secret, asker.client).await?)
}

/// The client that a request authenticates, or whoever's bearer secret it presents: a gateway's, an operator's.
pub(super) async fn client_or_bearer(
    app: &App,
    asker: &Asker,
    authorization: &Authorization,
    form: &mut Form,
) -> Result<Caller, OAuthError> {
    match &asker.secret {
        Some(_) if form.take("client_secret").is_some() => Err(twice()),
        Some(secret) => app.authority.caller(secret, asker.client).await.map_err(OAuthError::of_bearer),
        None => client(app, asker, authorization, form).await,
    }
}

/// An error, told in the way in which its asker authenticated.
pub(super) fn told(asker: &Asker) -> fn(Error) -> OAuthError {
    if asker.secret.is_some() { OAuthError::of_bearer } else { OAuthError::from }
}

fn presented(authorization: &Authorization, form: &mut Form) -> Result<(String, PlainSecret), OAuthError> {
    let (in_form, secret_in_form) = (form.take("client_id"), form.take_secret("client_secret"));
    match (&authorization.first, authorization.has_more) {
        (None, _) => match (in_form, secret_in_form) {
            (Some(id), Some(secret)) => Ok((id, secret)),
            _ => Err(OAuthError::invalid_client()),
        },
        (Some(_), false) if secret_in_form.is_some() => Err(twice()),
        (Some(header), false) => {
            let (id, secret) = header.to_str().ok().and_then(basic).ok_or_else(OAuthError::invalid_client)?;
            match in_form {
                Some(other) if other != id => Err(OAuthError::invalid_request("client_id is not whose secret it is")),
                _ => Ok((id, secret)),
            }
        }
        (Some(_), true) => Err(OAuthError::invalid_request("there is more than one Authorization header")),
    }
}

fn twice() -> OAuthError {
    OAuthError::invalid_request("authenticate in one way: by the Authorization header or in the body")
}

/// RFC 7617, with both halves encoded as in forms (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, PlainSecret)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((decoded(id)?, PlainSecret::new(decoded(secret)?)))
}

fn decoded(text: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !text.is_empty() && text.bytes().all(is_plain) {
        return Some(text.to_owned());
    }
    // One value: what would begin another was not encoded.
    let mut values = form_urlencoded::parse(text.as_bytes());
    let (value, more) = (values.next()?, values.next());
    (more.is_none() && value.1.is_empty() && !text.contains('=')).then(|| value.0.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &str)>) {
        let read = basic(&format!("Basic {}", STANDARD.encode(text)));
        let read = read.as_ref().map(|(id, secret)| (id.as_str(), secret.expose()));
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn both_halves_are_read_encoded_or_not() {
        check("cl_1:cf_cs_2", Some(("cl_1", "cf_cs_2")));
        check("cl%5F1:cf%5Fcs%5f2", Some(("cl_1", "cf_cs_2")));
        check("cl_1", None);
        check("cl_1:", None);
        check(":cf_cs_2", None);
        check("cl_1:a&b", None);
        check("cl_1:a=b", None);
        for header in ["Basic", "Basic ", "Basic !!!", "Bearer Y2xfMTpjZl9jc18y", "Basic /////w=="] {
            assert!(basic(header).is_none(), "{header}");
        }
    }
}
