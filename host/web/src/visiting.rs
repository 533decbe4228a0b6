//! Whoever stands at the door: where they come from, what their browser calls itself, and which session they have already.

use std::convert::Infallible;
use std::sync::Arc;

use access_authority::sign_in::Visitor;
use access_model::session::USER_AGENT_LENGTH;
use axum::extract::FromRequestParts;
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
        // What is not visible ASCII is no browser's name.
        let user_agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        let user_agent = user_agent.map(|text| text.chars().take(USER_AGENT_LENGTH).collect());
        Ok(Self(Visitor { ip: client, user_agent, session: secret }))
    }
}
