//! Whoever stands at the door: where they come from, what their browser calls itself, and which session they have already.

use std::convert::Infallible;
use std::sync::Arc;

use access_authority::sign_in::Visitor;
use access_model::session::USER_AGENT_LENGTH;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;

use crate::app::App;
use crate::asker::Asker;

/// Whoever stands at the door.
#[derive(Debug)]
pub(crate) struct Visiting(pub(crate) Visitor);

impl FromRequestParts<Arc<App>> for Visiting {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let Asker { secret, client } = Asker::from_request_parts(parts, app).await?;
        Ok(Self(Visitor { ip: client, user_agent: user_agent(&parts.headers), session: secret }))
    }
}

/// What the browser calls itself, as much of it as is kept. What is not visible ASCII is no browser's name.
pub(crate) fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(USER_AGENT_LENGTH).collect())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_long_name_is_cut() {
        let named =
            |name: &str| user_agent(&HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_str(name).unwrap())]));
        assert_eq!(named("curl/8").as_deref(), Some("curl/8"));
        assert_eq!(named(&"x".repeat(USER_AGENT_LENGTH + 1)), Some("x".repeat(USER_AGENT_LENGTH)));
        assert_eq!(user_agent(&HeaderMap::new()), None);
    }
}
