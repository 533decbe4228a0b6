//! Who is not signed in: what their forms are bound to, and what signing in is told of them.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use access_authority::sign_in;
use access_model::PlainSecret;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;

use super::answer::with_cookie;
use super::flash::Flash;
use super::form::Form;
use super::frame::Door;
use super::trouble::Trouble;
use super::visitor::{COOKIE_NAME, GUEST_COOKIE, cookie, token_of};
use crate::app::App;
use crate::asker::Asker;
use crate::visiting::user_agent;

/// Somebody at the door.
#[derive(Debug)]
pub(crate) struct Guest {
    /// Where they are.
    pub(crate) client: Option<IpAddr>,
    /// What was asked for in the address.
    pub(crate) query: Form,
    user_agent: Option<String>,
    session: Option<PlainSecret>,
    bound_to: Option<PlainSecret>,
}

impl FromRequestParts<Arc<App>> for Guest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let Asker { client, .. } = Asker::from_request_parts(parts, app).await?;
        let named = |name| cookie(&parts.headers, name).map(PlainSecret::new);
        Ok(Self {
            client,
            query: Form::parse(parts.uri.query().unwrap_or_default().as_bytes()),
            user_agent: user_agent(&parts.headers),
            session: named(COOKIE_NAME),
            bound_to: named(GUEST_COOKIE),
        })
    }
}

impl Guest {
    /// What their forms carry; nothing, where the browser has no cookie of ours.
    pub(crate) fn token(&self) -> Option<String> {
        self.bound_to.as_ref().map(token_of)
    }

    /// What signing in is told of them.
    pub(crate) fn told(&self) -> sign_in::Visitor {
        sign_in::Visitor { ip: self.client, user_agent: self.user_agent.clone(), session: self.session.clone() }
    }

    /// A page for them. Its form is bound to a cookie, which is set where there is none.
    pub(crate) fn answer(&self, app: &App, page: impl FnOnce(Door) -> Response) -> Result<Response, Trouble> {
        let flash = Flash::of(self.query.text("done"));
        if let Some(csrf) = self.token() {
            return Ok(page(Door { csrf, flash }));
        }
        let bound_to = app.authority.unguessable()?;
        let set = format!("{GUEST_COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Lax", bound_to.expose());
        Ok(with_cookie(page(Door { csrf: token_of(&bound_to), flash }), &set))
    }
}
