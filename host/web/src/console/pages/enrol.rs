//! `/console/profile/authenticator`: setting up the second factor; then its recovery codes, shown this once.

use std::sync::Arc;

use access_authority::Target;
use access_authority::sign_in::{EnrolView, actions};
use access_model::PlainSecret;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::recovery_codes::{Code, RecoveryCodesPage};
use crate::app::App;
use crate::console::answer::{local, page, shown, with_cookie};
use crate::console::flash::after;
use crate::console::form::Unread;
use crate::console::frame::Door;
use crate::console::parts::Field;
use crate::console::trouble::Trouble;
use crate::console::visitor::{Visitor, door_of, session_cookie};

/// The form, with the secret as a picture and as text.
#[derive(Template)]
#[template(path = "console/enrol.html")]
pub(crate) struct EnrolPage {
    door: Door,
    next: String,
    is_required: bool,
    /// An SVG that was made here.
    qr: String,
    secret: String,
    problem: Option<String>,
    field: Field,
}

impl EnrolPage {
    fn new(door: Door, next: String, is_required: bool, view: &EnrolView, problem: Option<String>) -> Self {
        let field = Field::digits("code", "Code").hint("The six digits that it shows now.");
        let characters: Vec<_> = view.secret.expose().chars().collect();
        let groups: Vec<String> = characters.chunks(4).map(|group| group.iter().collect()).collect();
        let (qr, secret) = (view.qr_svg.expose().to_owned(), groups.join(" "));
        Self { door, next, is_required, qr, secret, problem, field }
    }
}

pub(crate) async fn ask(State(app): State<Arc<App>>, visitor: Visitor) -> Result<Response, Trouble> {
    let next = local(visitor.query.text("next")).to_owned();
    let permit = visitor.permit(&app, actions::FACTORS, Ok(Target::platform())).await?;
    let view = app.authority.begun_factor(&permit).await?;
    let is_required = visitor.query.is_on("required");
    Ok(shown(&EnrolPage::new(visitor.door(), next, is_required, &view, None)))
}

pub(crate) async fn confirm(State(app): State<Arc<App>>, visitor: Visitor, body: Unread) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::FACTORS, Ok(Target::platform())).await?;
    let sent = body.read_for(&permit, &visitor.token).await?;
    let next = local(sent.text("next")).to_owned();
    let code = PlainSecret::new(sent.text("code").trim().to_owned());
    match app.authority.confirm_factor(&permit, &code, &visitor.told()).await.map_err(Trouble::from) {
        Ok(enrolled) => {
            let codes = enrolled.recovery_codes.into_iter().map(Code).collect();
            let next = after(&next, "authenticator-confirmed");
            let shown = shown(&RecoveryCodesPage { door: door_of(&enrolled.session.secret), next, codes });
            Ok(with_cookie(shown, &session_cookie(&enrolled.session.secret)))
        }
        Err(trouble) if matches!(trouble.problem().code(), "factor_refused" | "too_many_attempts") => {
            let view = app.authority.begun_factor(&permit).await?;
            let status = StatusCode::from_u16(trouble.problem().status()).unwrap_or(StatusCode::FORBIDDEN);
            let is_required = sent.is_on("required");
            Ok(page(status, &EnrolPage::new(visitor.door(), next, is_required, &view, Some(trouble.text()))))
        }
        Err(trouble) => Err(trouble),
    }
}

#[cfg(test)]
impl EnrolPage {
    /// What an admin sees at their first sign-in.
    pub(crate) fn sample() -> Self {
        let modules: String = (0..21 * 21)
            .filter(|at| (at * 7 + at / 21 * 3) % 5 < 2)
            .map(|at| format!("<rect x=\"{}\" y=\"{}\" width=\"1\" height=\"1\"/>", at % 21, at / 21))
            .collect();
        let qr = format!("<svg viewBox=\"0 0 21 21\" shape-rendering=\"crispEdges\">{modules}</svg>");
        let view = EnrolView {
            secret: PlainSecret::new("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP".to_owned()),
            otpauth_uri: PlainSecret::new(String::new()),
            qr_svg: PlainSecret::new(qr),
        };
        Self::new(Door::sample(), "/console".to_owned(), true, &view, None)
    }
}
