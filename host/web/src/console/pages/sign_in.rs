//! `/console/sign-in`: e-mail and password. `/console/sign-out`.

use std::sync::Arc;

use access_authority::Target;
use access_authority::lifecycle::demo::DemoOwner;
use access_authority::sign_in::{SessionOpened, SignInRequest, actions};
use access_model::PlainSecret;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::console::answer::{local, page, see_other, with_cookie};
use crate::console::flash::after;
use crate::console::form::Unread;
use crate::console::frame::Door;
use crate::console::guest::Guest;
use crate::console::parts::Field;
use crate::console::trouble::Trouble;
use crate::console::visitor::{COOKIE_NAME, Visitor, no_cookie, session_cookie};

/// The form.
#[derive(Template)]
#[template(path = "console/sign_in.html")]
pub(crate) struct SignInPage {
    door: Door,
    next: String,
    problem: Option<String>,
    fields: Vec<Field>,
    /// Address and password of the demo's owner.
    demo: Option<(String, String)>,
}

impl SignInPage {
    fn new(door: Door, next: String, email: &str, problem: Option<String>, demo: Option<&DemoOwner>) -> Self {
        let demo = demo.map(|owner| (owner.email.clone(), owner.password.expose().to_owned()));
        let fields = vec![
            Field::email("email", "E-mail").value(email).autocomplete("username"),
            Field::password("password", "Password").autocomplete("current-password"),
        ];
        Self { door, next, problem, fields, demo }
    }
}

pub(crate) async fn ask(State(app): State<Arc<App>>, guest: Guest) -> Result<Response, Trouble> {
    let next = local(guest.query.text("next")).to_owned();
    guest.answer(&app, |door| page(StatusCode::OK, &SignInPage::new(door, next, "", None, app.demo_owner())))
}

pub(crate) async fn sign_in(State(app): State<Arc<App>>, guest: Guest, body: Unread) -> Result<Response, Trouble> {
    let sent = body.read(&guest.token().unwrap_or_default()).await?;
    let next = local(sent.text("next")).to_owned();
    let request = SignInRequest {
        email: sent.text("email").trim().to_owned(),
        password: PlainSecret::new(sent.text("password").to_owned()),
        code: None,
    };
    match app.authority.sign_in(&request, &guest.told()).await.map_err(Trouble::from) {
        Ok(opened) => Ok(signed_in(&opened, &next)),
        Err(trouble) if matches!(trouble.problem().status(), 400..=429) => {
            let status = StatusCode::from_u16(trouble.problem().status()).unwrap_or(StatusCode::UNAUTHORIZED);
            let told = Some(trouble.text());
            guest
                .answer(&app, |door| page(status, &SignInPage::new(door, next, &request.email, told, app.demo_owner())))
        }
        Err(trouble) => Err(trouble),
    }
}

/// On to where somebody wanted to go, who has a session now; by way of the second factor where there is one.
pub(super) fn signed_in(opened: &SessionOpened, next: &str) -> Response {
    let on = match opened.factor {
        "needed" => {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
            format!("/console/factor?{query}")
        }
        _ => next.to_owned(),
    };
    with_cookie(see_other(&on), &session_cookie(&opened.secret))
}

/// A session that is over is none to sign out of; the cookie goes either way.
pub(crate) async fn sign_out(State(app): State<Arc<App>>, visitor: Visitor, body: Unread) -> Result<Response, Trouble> {
    body.read(&visitor.token).await?;
    let permit = visitor.permit(&app, actions::END, Ok(Target::platform())).await?;
    app.authority.end_session(&permit).await?;
    Ok(with_cookie(see_other(&after("/console/sign-in", "signed-out")), &no_cookie(COOKIE_NAME)))
}

#[cfg(test)]
impl SignInPage {
    /// After a wrong password.
    pub(crate) fn sample() -> Self {
        let problem = Some("That e-mail and password do not go together.".to_owned());
        Self::new(Door::sample(), "/console".to_owned(), "owner@acme.example", problem, None)
    }
}
