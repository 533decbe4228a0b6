//! `/console/join`: what an invitation leads to, the first owner's included.

use std::sync::Arc;

use access_authority::sign_in::{InvitationAcceptance, InvitationGlance};
use access_model::{PlainSecret, Timestamp};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::sign_in::signed_in;
use super::{error_of, problem_of};
use crate::app::App;
use crate::console::answer::page;
use crate::console::flash::after;
use crate::console::form::Unread;
use crate::console::frame::Door;
use crate::console::guest::Guest;
use crate::console::parts::{Field, When};
use crate::console::trouble::Trouble;

/// The form.
#[derive(Template)]
#[template(path = "console/join.html")]
pub(crate) struct JoinPage {
    door: Door,
    organization: String,
    email: String,
    roles: String,
    invited_by: Option<String>,
    is_setup: bool,
    expires: When,
    /// What the link said; whoever has the page has it.
    invitation: String,
    problem: Option<String>,
    fields: Vec<Field>,
}

/// The fields, as they were filled in.
fn fields(name: &str, detail: Option<&str>) -> Vec<Field> {
    let error = |field| detail.and_then(|detail| error_of(detail, field));
    vec![
        Field::text("name", "Your name")
            .value(name)
            .hint("As others see it.")
            .autocomplete("name")
            .error(error("name")),
        Field::password("password", "Password")
            .hint("12 characters or more; a few words that only you put together are good.")
            .autocomplete("new-password")
            .error(error("password")),
    ]
}

impl JoinPage {
    fn new(
        door: Door,
        glance: &InvitationGlance,
        secret: &PlainSecret,
        name: &str,
        detail: Option<&str>,
        now: Timestamp,
    ) -> Self {
        Self {
            door,
            organization: glance.organization.clone(),
            email: glance.email.clone(),
            roles: if glance.roles.is_empty() { "a member".to_owned() } else { glance.roles.join(", ") },
            invited_by: glance.invited_by.clone(),
            is_setup: glance.invited_by.is_none(),
            expires: When::new(glance.expires_at, now),
            invitation: secret.expose().to_owned(),
            problem: problem_of(detail, &["name", "password"]),
            fields: fields(name, detail),
        }
    }
}

pub(crate) async fn ask(State(app): State<Arc<App>>, guest: Guest) -> Result<Response, Trouble> {
    let secret = PlainSecret::new(guest.query.text("invitation").to_owned());
    let glance = app.authority.glance_at_invitation(&secret, &guest.told()).await?;
    let now = app.authority.now();
    guest.answer(&app, |door| page(StatusCode::OK, &JoinPage::new(door, &glance, &secret, "", None, now)))
}

pub(crate) async fn join(State(app): State<Arc<App>>, guest: Guest, body: Unread) -> Result<Response, Trouble> {
    let sent = body.read(&guest.token().unwrap_or_default()).await?;
    let secret = |name| PlainSecret::new(sent.text(name).to_owned());
    let request = InvitationAcceptance {
        invitation: secret("invitation"),
        name: sent.text("name").trim().to_owned(),
        password: secret("password"),
    };
    match app.authority.accept_invitation(&request, &guest.told()).await.map_err(Trouble::from) {
        // Whose role needs a second factor is asked for it there.
        Ok(opened) => Ok(signed_in(&opened, &after("/console", "joined"))),
        Err(trouble) if trouble.problem().status() == 400 => {
            let invitation = secret("invitation");
            let glance = app.authority.glance_at_invitation(&invitation, &guest.told()).await?;
            let (now, detail) = (app.authority.now(), Some(trouble.problem().detail()));
            let status = StatusCode::BAD_REQUEST;
            guest.answer(&app, |door| {
                page(status, &JoinPage::new(door, &glance, &invitation, &request.name, detail, now))
            })
        }
        Err(trouble) => Err(trouble),
    }
}

#[cfg(test)]
impl JoinPage {
    /// A developer's.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        Self {
            door: Door::sample(),
            organization: "acme".to_owned(),
            email: "dev@acme.example".to_owned(),
            roles: "developer".to_owned(),
            invited_by: Some("Ada Owner".to_owned()),
            is_setup: false,
            expires: When::new(at(6 * 86_400), NOW),
            invitation: "cf_inv_sample".to_owned(),
            problem: None,
            fields: fields("", None),
        }
    }

    /// The first owner's.
    pub(crate) fn setup() -> Self {
        Self { is_setup: true, ..Self::sample() }
    }
}
