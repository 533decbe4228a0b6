//! `/console/profile`: the account of whoever is signed in: factors, name, password, sessions.

use std::sync::Arc;

use access_authority::sign_in::{PasswordChange, ProfileUpdate, ProfileView, SessionView, actions};
use access_authority::{PageRequest, Target};
use access_model::{IdKind, PlainSecret, Timestamp};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::confirm::Confirm;
use super::recovery_codes::{Code, RecoveryCodesPage};
use super::{error_of, problem_of};
use crate::app::App;
use crate::console::answer::{see_other, shown, with_cookie};
use crate::console::flash::after;
use crate::console::form::Unread;
use crate::console::frame::{Frame, Section};
use crate::console::parts::{Field, When, counted};
use crate::console::trouble::Trouble;
use crate::console::visitor::{Visitor, session_cookie};
use crate::endpoints::id;
use crate::problem::Problem;
use crate::segments::Segments;

/// Sessions that are shown.
const SESSIONS: usize = 50;

/// The account.
#[derive(Template)]
#[template(path = "console/profile.html")]
pub(crate) struct ProfilePage {
    frame: Frame,
    email: String,
    roles: String,
    has_factor: bool,
    factor_since: Option<When>,
    recovery_left: String,
    problem: Option<String>,
    name_field: Field,
    password_fields: Vec<Field>,
    sessions: Vec<SessionRow>,
}

struct SessionRow {
    id: String,
    agent: String,
    ip: String,
    is_current: bool,
    since: When,
    seen: When,
}

/// The fields of a change of password.
fn password_fields(detail: Option<&str>) -> Vec<Field> {
    let error = |field| detail.and_then(|detail| error_of(detail, field));
    vec![
        Field::password("current", "Current password").autocomplete("current-password").error(error("current")),
        Field::password("new", "New password")
            .hint("12 characters or more.")
            .autocomplete("new-password")
            .error(error("new")),
    ]
}

/// A browser and its system, from what it calls itself.
fn agent(user_agent: Option<&str>) -> String {
    let text = user_agent.unwrap_or_default();
    let first =
        |known: &[(&str, &'static str)]| known.iter().find(|(mark, _)| text.contains(mark)).map(|(_, name)| *name);
    let browser = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chromium/", "Chromium"),
        ("HeadlessChrome/", "Chromium"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "An unknown browser".to_owned(),
    }
}

impl SessionRow {
    fn new(session: &SessionView, now: Timestamp) -> Self {
        Self {
            id: session.id.to_string(),
            agent: agent(session.user_agent.as_deref()),
            ip: session.ip.clone().unwrap_or_else(|| "unknown".to_owned()),
            is_current: session.current,
            since: When::new(session.created_at, now),
            seen: When::new(session.seen_at, now),
        }
    }
}

pub(crate) async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Result<Response, Trouble> {
    page(&app, &visitor, None).await
}

async fn page(app: &App, visitor: &Visitor, detail: Option<&str>) -> Result<Response, Trouble> {
    let permit = visitor.permit(app, actions::PROFILE, Ok(Target::platform())).await?;
    let profile = app.authority.get_profile(&permit).await?;
    let permit = visitor.permit(app, actions::LIST, Ok(Target::platform())).await?;
    let newest = PageRequest { limit: Some(SESSIONS), cursor: None };
    let sessions = app.authority.list_sessions(&permit, &newest).await?.items;
    let frame = visitor.frame(app, Section::Profile, None).await;
    Ok(shown(&ProfilePage::new(frame, &profile, &sessions, detail, app.authority.now())))
}

impl ProfilePage {
    fn new(
        frame: Frame,
        profile: &ProfileView,
        sessions: &[SessionView],
        detail: Option<&str>,
        now: Timestamp,
    ) -> Self {
        let left = profile.factor.as_ref().map_or(0, |factor| factor.recovery_codes);
        let left =
            counted(u64::try_from(left).unwrap_or_default(), "recovery code is left.", "recovery codes are left.");
        Self {
            frame,
            email: profile.email.clone(),
            roles: if profile.roles.is_empty() {
                "no role in the whole organization".to_owned()
            } else {
                profile.roles.join(", ")
            },
            has_factor: profile.factor.is_some(),
            factor_since: profile.factor.as_ref().map(|factor| When::new(factor.confirmed_at, now)),
            recovery_left: left,
            problem: problem_of(detail, &["name", "current", "new"]),
            name_field: Field::text("name", "Your name")
                .value(&profile.name)
                .autocomplete("name")
                .error(detail.and_then(|detail| error_of(detail, "name"))),
            password_fields: password_fields(detail),
            sessions: sessions.iter().map(|session| SessionRow::new(session, now)).collect(),
        }
    }
}

pub(crate) async fn save(State(app): State<Arc<App>>, visitor: Visitor, body: Unread) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::UPDATE, Ok(Target::platform())).await?;
    let sent = body.read_for(&permit, &visitor.token).await?;
    let update = ProfileUpdate { name: sent.text("name").trim().to_owned() };
    match app.authority.update_profile(&permit, &update).await.map_err(Trouble::from) {
        Ok(_) => Ok(see_other(&after("/console/profile", "profile-saved"))),
        Err(trouble) if trouble.is_of_form() => page(&app, &visitor, Some(trouble.problem().detail())).await,
        Err(trouble) => Err(trouble),
    }
}

pub(crate) async fn change_password(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    body: Unread,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::PASSWORD, Ok(Target::platform())).await?;
    let sent = body.read_for(&permit, &visitor.token).await?;
    let secret = |name| PlainSecret::new(sent.text(name).to_owned());
    let request = PasswordChange { current: secret("current"), new: secret("new") };
    match app.authority.change_password(&permit, &request, &visitor.told()).await.map_err(Trouble::from) {
        Ok(opened) => {
            Ok(with_cookie(see_other(&after("/console/profile", "password-changed")), &session_cookie(&opened.secret)))
        }
        Err(trouble) if trouble.is_of_form() || trouble.problem().code() == "password_refused" => {
            page(&app, &visitor, Some(trouble.problem().detail())).await
        }
        Err(trouble) => Err(trouble),
    }
}

pub(crate) async fn end_session(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
    body: Unread,
) -> Result<Response, Trouble> {
    let session = id(IdKind::Session, "session", &path?)?;
    let permit = visitor.permit(&app, actions::REVOKE, Ok(Target::platform())).await?;
    body.read_for(&permit, &visitor.token).await?;
    app.authority.revoke_session(&permit, &session).await?;
    Ok(see_other(&after("/console/profile", "other-session-ended")))
}

/// What asks before it takes something away.
pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    uri: axum::http::Uri,
) -> Result<Response, Trouble> {
    visitor.permit(&app, actions::PROFILE, Ok(Target::platform())).await?;
    let frame = visitor.frame(&app, Section::Profile, None).await;
    let is_removal = uri.path().ends_with("/remove");
    let (icon, heading, lede, button) = if is_removal {
        (
            "trash",
            "Remove two-step sign-in?",
            "Your password alone opens your account then, your other sessions end, and roles that need a second step can do nothing.",
            "Remove it",
        )
    } else {
        (
            "key",
            "New recovery codes?",
            "Ten new ones are shown once, and the old ones open nothing any more.",
            "Make new codes",
        )
    };
    Ok(shown(&Confirm {
        icon,
        heading: heading.to_owned(),
        lede: lede.to_owned(),
        points: Vec::new(),
        problem: None,
        fields: Vec::new(),
        action: uri.path().to_owned(),
        button,
        is_danger: is_removal,
        back: "/console/profile".to_owned(),
        frame,
    }))
}

pub(crate) async fn replace_codes(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    body: Unread,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::FACTORS, Ok(Target::platform())).await?;
    body.read_for(&permit, &visitor.token).await?;
    let codes = app.authority.replace_recovery_codes(&permit, &visitor.told()).await?.recovery_codes;
    let codes = codes.into_iter().map(Code).collect();
    Ok(shown(&RecoveryCodesPage { door: visitor.door(), next: "/console/profile".to_owned(), codes }))
}

pub(crate) async fn remove_factor(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    body: Unread,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::FACTORS, Ok(Target::platform())).await?;
    body.read_for(&permit, &visitor.token).await?;
    let opened = app.authority.remove_factor(&permit, &visitor.told()).await?;
    Ok(with_cookie(see_other(&after("/console/profile", "authenticator-removed")), &session_cookie(&opened.secret)))
}

/// What posts here has its form elsewhere.
pub(crate) async fn elsewhere() -> Result<Response, Problem> {
    Ok(see_other("/console/profile"))
}

#[cfg(test)]
impl ProfilePage {
    /// Signed in twice.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let when = |seconds: i64| When::new(at(seconds), NOW);
        let session = |agent: &str, ip: &str, is_current, since, seen| SessionRow {
            id: format!("ses_07{since}"),
            agent: agent.to_owned(),
            ip: ip.to_owned(),
            is_current,
            since: when(since),
            seen: when(seen),
        };
        Self {
            frame: Frame::sample(Section::Profile),
            email: "owner@acme.example".to_owned(),
            roles: "owner".to_owned(),
            has_factor: true,
            factor_since: Some(when(-40 * 86_400)),
            recovery_left: "9 recovery codes are left.".to_owned(),
            problem: None,
            name_field: Field::text("name", "Your name").value("Ada Owner"),
            password_fields: password_fields(None),
            sessions: vec![
                session("Chromium on Linux", "198.51.100.20", true, -3_600, -10),
                session("Firefox on Windows", "203.0.113.9", false, -80_000, -7_200),
            ],
        }
    }
}
