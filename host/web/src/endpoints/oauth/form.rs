//! Parameters as OAuth2 sends them: a form in the body, each at most once (RFC 6749 §3.2), and nothing in the query.

use std::collections::BTreeMap;
use std::sync::Arc;

use access_model::PlainSecret;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;

use super::error::OAuthError;
use crate::app::App;
use crate::body::Body;

/// Bytes of a form at most.
const LENGTH: usize = 16_384;

/// The parameters of a request. Values may be secrets: they are not shown.
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    /// Takes a parameter out. An empty one was not sent (RFC 6749 §3.2).
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).filter(|value| !value.is_empty())
    }

    /// Takes a secret out.
    pub(super) fn take_secret(&mut self, name: &str) -> Option<PlainSecret> {
        self.take(name).map(PlainSecret::new)
    }

    /// Reads a form.
    fn parse(bytes: &[u8]) -> Result<Self, OAuthError> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            if parameters.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(OAuthError::invalid_request("a parameter was sent more than once"));
            }
        }
        Ok(Self(parameters))
    }
}

impl FromRequest<Arc<App>> for Form {
    type Rejection = OAuthError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, OAuthError> {
        let mut types = request.headers().get_all(CONTENT_TYPE).iter();
        let (first, second) = (types.next().and_then(|value| value.to_str().ok()), types.next());
        let essence = first.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if second.is_some() || !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(OAuthError::invalid_request("send a form: Content-Type: application/x-www-form-urlencoded"));
        }
        if request.uri().query().is_some() {
            return Err(OAuthError::invalid_request("parameters belong in the body, not in the query"));
        }
        let Ok(body) = Body::from_request(request, app).await;
        let bytes = body.up_to(LENGTH).collect().await;
        Self::parse(&bytes.map_err(|problem| OAuthError::invalid_request(problem.detail()))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_is_there_once_and_an_empty_one_is_not() {
        let mut form = Form::parse(b"grant_type=client_credentials&scope=a+b%20c&state=").ok().unwrap();
        assert_eq!(form.take("grant_type").as_deref(), Some("client_credentials"));
        assert_eq!(form.take("scope").as_deref(), Some("a b c"));
        assert_eq!(form.take("state"), None);
        assert!(Form::parse(b"a=1&b=2&a=1").is_err());
        assert!(Form::parse(b"resource=1&resource=2").is_err());
    }
}
