//! `/console/factor`: the second factor, at sign-in and before what is sensitive. Who has none yet sets one up.

use std::sync::Arc;

use access_authority::Target;
use access_authority::sign_in::{FactorRequest, actions};
use access_model::PlainSecret;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::console::answer::{local, page, see_other, shown, with_cookie};
use crate::console::flash::after;
use crate::console::form::Unread;
use crate::console::frame::Door;
use crate::console::parts::Field;
use crate::console::trouble::Trouble;
use crate::console::visitor::{Visitor, session_cookie};

/// The form.
#[derive(Template)]
#[template(path = "console/factor.html")]
pub(crate) struct FactorPage {
    door: Door,
    next: String,
    heading: &'static str,
    lede: &'static str,
    problem: Option<String>,
    field: Field,
    button: &'static str,
    by_recovery_code: bool,
    /// What the authenticator of the demo's owner shows.
    demo: Option<String>,
}

impl FactorPage {
    /// The same, on a host for trying out.
    fn on(self, app: &App) -> Self {
        let code = app.demo_owner().map(|owner| owner.code(app.authority.now()).expose().to_owned());
        Self { demo: code.filter(|_| !self.by_recovery_code), ..self }
    }

    fn new(door: Door, next: String, is_step_up: bool, by_recovery_code: bool, problem: Option<String>) -> Self {
        let field = if by_recovery_code {
            Field::text("recovery_code", "Recovery code").hint("One of the ten that you kept. It works once.")
        } else {
            Field::digits("code", "Code").hint("The six digits that your authenticator shows now.")
        };
        let (heading, lede, button) = if is_step_up {
            ("Confirm that it is you", "What you are about to do asks for a fresh code.", "Confirm")
        } else {
            ("Second step", "Your password is right. Now the code of your authenticator.", "Sign in")
        };
        Self { door, next, heading, lede, problem, field, button, by_recovery_code, demo: None }
    }
}

pub(crate) async fn ask(State(app): State<Arc<App>>, visitor: Visitor) -> Result<Response, Trouble> {
    let next = local(visitor.query.text("next")).to_owned();
    let permit = visitor.permit(&app, actions::PROFILE, Ok(Target::platform())).await?;
    if app.authority.get_profile(&permit).await?.factor.is_none() {
        let query = form_urlencoded::Serializer::new(String::new());
        let query = { query }.append_pair("next", &next).append_pair("required", "yes").finish();
        return Ok(see_other(&format!("/console/profile/authenticator?{query}")));
    }
    let by_recovery_code = visitor.query.is_on("recovery");
    let asked = FactorPage::new(visitor.door(), next, visitor.has_factor(), by_recovery_code, None);
    Ok(shown(&asked.on(&app)))
}

pub(crate) async fn give(State(app): State<Arc<App>>, visitor: Visitor, body: Unread) -> Result<Response, Trouble> {
    let sent = body.read(&visitor.token).await?;
    let next = local(sent.text("next")).to_owned();
    let permit = visitor.permit(&app, actions::STEP_UP, Ok(Target::platform())).await?;
    let stated = |name: &str| sent.stated(name).map(PlainSecret::new);
    let request = FactorRequest { code: stated("code"), recovery_code: stated("recovery_code") };
    let (is_step_up, by_recovery_code) = (visitor.has_factor(), request.recovery_code.is_some());
    match app.authority.step_up(&permit, &request, &visitor.told()).await.map_err(Trouble::from) {
        Ok(opened) => {
            let on = if is_step_up { after(&next, "confirmed") } else { next };
            Ok(with_cookie(see_other(&on), &session_cookie(&opened.secret)))
        }
        Err(trouble) if matches!(trouble.problem().status(), 400..=429) => {
            let status = StatusCode::from_u16(trouble.problem().status()).unwrap_or(StatusCode::FORBIDDEN);
            let told = Some(trouble.text());
            let asked = FactorPage::new(visitor.door(), next, is_step_up, by_recovery_code, told);
            Ok(page(status, &asked.on(&app)))
        }
        Err(trouble) => Err(trouble),
    }
}

#[cfg(test)]
impl FactorPage {
    /// Before something sensitive.
    pub(crate) fn sample() -> Self {
        Self::new(Door::sample(), "/console".to_owned(), true, false, None)
    }

    /// A recovery code that was used before.
    pub(crate) fn recovery() -> Self {
        let problem = Some("That is not one of your codes, or it was used before.".to_owned());
        Self::new(Door::sample(), "/console".to_owned(), false, true, problem)
    }
}
