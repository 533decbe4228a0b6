//! Who visits: the session that the cookie names, and what each page needs to know of it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use access_authority::workspaces::{self, WorkspaceView};
use access_authority::{Caller, Error, PageRequest, Permit, Target, sign_in};
use access_model::{Id, PlainSecret};
use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use axum::response::Response;
use sha2::{Digest as _, Sha256};

use super::answer::see_other;
use super::flash::{self, Flash};
use super::form::Form;
use super::frame::{Door, Frame, Named, Section};
use crate::app::App;
use crate::asker::Asker;
use crate::problem::Problem;
use crate::visiting::user_agent;

/// The cookie of a session. The prefix binds it to this host, over TLS, on every path (RFC 6265bis §4.1.3.2).
pub(crate) const COOKIE_NAME: &str = "__Host-cronflow_session";
/// The cookie of whoever is not signed in, which their forms are bound to.
pub(crate) const GUEST_COOKIE: &str = "__Host-cronflow_guest";

/// Workspaces that can be switched to without a list of its own.
const SWITCHED: usize = 12;
/// Workspaces that a form offers: as many as one page of a list may have.
const OFFERED: usize = 200;

/// Actions that pages have links and buttons for.
pub(crate) const ACTIONS: [&str; 54] = [
    "overview.get",
    "usage.get",
    "keys.list",
    "keys.issue",
    "keys.rotate",
    "keys.disable",
    "keys.enable",
    "keys.revoke",
    "keys.snooze",
    "network.get",
    "network.update",
    "policies.list",
    "policies.get",
    "policies.put",
    "policies.publish",
    "policies.rollback",
    "policies.delete",
    "webhook_endpoints.list",
    "webhook_endpoints.create",
    "webhook_endpoints.update",
    "webhook_endpoints.test",
    "webhook_deliveries.list",
    "webhook_deliveries.replay",
    "webhook_deliveries.recover",
    "audit.list",
    "settings.get",
    "settings.update",
    "workspaces.list",
    "workspaces.create",
    "workspaces.suspend",
    "workspaces.resume",
    "workspaces.archive",
    "clients.list",
    "clients.register",
    "clients.update",
    "clients.rotate",
    "clients.disable",
    "clients.enable",
    "clients.revoke",
    "members.list",
    "members.get",
    "invitations.create",
    "members.update",
    "members.suspend",
    "members.resume",
    "members.remove",
    "members.reset_factors",
    "invitations.revoke",
    "roles.list",
    "roles.put",
    "roles.delete",
    "organization_audit.list",
    "organization_settings.get",
    "organization_settings.update",
];

/// Somebody who is signed in.
#[derive(Debug)]
pub(crate) struct Visitor {
    /// Who they are.
    pub(crate) caller: Caller,
    /// Where they are.
    pub(crate) client: Option<IpAddr>,
    /// What was asked for in the address.
    pub(crate) query: Form,
    /// What each of their forms carries.
    pub(crate) token: String,
    user_agent: Option<String>,
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        // Nested routes see what is left of the path alone.
        let uri = parts.extensions.get::<OriginalUri>().map_or_else(|| parts.uri.clone(), |whole| whole.0.clone());
        let path = uri.path_and_query().map_or("/console", |path| path.as_str()).to_owned();
        let door = |code: Option<&str>| {
            let next = form_urlencoded::Serializer::new(String::new()).append_pair("next", &path).finish();
            let sign_in = format!("/console/sign-in?{next}");
            see_other(&code.map_or_else(|| sign_in.clone(), |code| flash::after(&sign_in, code)))
        };
        let Some(secret) = cookie(&parts.headers, COOKIE_NAME).map(PlainSecret::new) else { return Err(door(None)) };
        let Ok(Asker { client, .. }) = Asker::from_request_parts(parts, app).await;
        let caller = match app.authority.caller(&secret, client).await {
            Ok(caller) => caller,
            Err(Error::Denied(answer)) if answer.status == 401 => return Err(door(Some("session-ended"))),
            Err(error) => {
                return Err(axum::response::IntoResponse::into_response(super::trouble::Trouble::from(error)));
            }
        };
        let query = Form::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let token = token_of(&secret);
        Ok(Self { caller, client, query, token, user_agent: user_agent(&parts.headers) })
    }
}

impl Visitor {
    /// Decides whether they may do `action` to `target`. What is wrong with the target is told after.
    ///
    /// # Errors
    /// The denial, or what is wrong with the target.
    pub(crate) async fn permit(
        &self,
        app: &App,
        action: &str,
        target: Result<Target, Problem>,
    ) -> Result<Permit, Problem> {
        Ok(app.authority.require(&self.caller, action, target?, self.client).await?)
    }

    /// What signing in is told of them.
    pub(crate) fn told(&self) -> sign_in::Visitor {
        sign_in::Visitor { ip: self.client, user_agent: self.user_agent.clone(), session: None }
    }

    /// Whether they have given their second factor.
    pub(crate) fn has_factor(&self) -> bool {
        self.caller.principal().factor_at.is_some()
    }

    /// What stands around a page without the frame.
    pub(crate) fn door(&self) -> Door {
        Door { csrf: self.token.clone(), flash: Flash::of(self.query.text("done")) }
    }

    /// The newest workspaces of their organization.
    ///
    /// # Errors
    /// The denial, of whoever may not list them.
    pub(crate) async fn listed(&self, app: &App, most: usize) -> Result<Vec<Named>, Problem> {
        let Some((organization, _)) = self.caller.organization_named() else { return Ok(Vec::new()) };
        let permit = self.permit(app, workspaces::actions::LIST, Ok(Target::organization(organization))).await?;
        let page = PageRequest { limit: Some(most), cursor: None };
        Ok(named(app.authority.list_workspaces(&permit, &page).await?.items))
    }

    /// The workspaces that they hold roles in by name.
    pub(crate) async fn own(&self, app: &App) -> Vec<Named> {
        named(app.authority.workspaces_of(&self.caller).await.unwrap_or_default())
    }

    /// The workspaces that a form offers to whoever fills it in.
    pub(crate) async fn offered(&self, app: &App) -> Vec<Named> {
        match self.listed(app, OFFERED).await {
            Ok(all) => all,
            Err(_) => self.own(app).await,
        }
    }

    /// What they may do where `permit` was given, or in their organization. Who is no member is told by what comes of it.
    async fn may(&self, app: &App, permit: Option<&Permit>) -> BTreeSet<String> {
        if self.caller.member_named().is_none() {
            return ACTIONS.iter().map(|action| (*action).to_owned()).collect();
        }
        app.authority.permitted(&self.caller, permit).await.unwrap_or_default()
    }

    /// What stands around a page.
    pub(crate) async fn frame(&self, app: &App, section: Section, about: Option<&Permit>) -> Frame {
        let named = |(id, name): (Id, &str)| Named { id: id.to_string(), name: name.to_owned() };
        let workspace = about.and_then(Permit::workspace_named).map(named);
        let (may, may_in_organization) = (self.may(app, about).await, self.may(app, None).await);
        // What would be denied is not asked for: a denial is counted, and may be recorded.
        let mut workspaces = match may_in_organization.contains(workspaces::actions::LIST) {
            true => self.listed(app, SWITCHED).await.unwrap_or_default(),
            false => self.own(app).await,
        };
        if let Some(here) = workspace.as_ref().filter(|here| !workspaces.contains(here)) {
            workspaces.insert(0, here.clone());
        }
        let (member, principal) = (self.caller.member_named(), self.caller.principal());
        let organization = self.caller.organization_named().or_else(|| about.and_then(Permit::organization_named));
        Frame {
            section,
            member: member.map_or_else(|| principal.kind.clone(), |(name, _)| name.to_owned()),
            email: member.map_or_else(|| principal.id.clone(), |(_, email)| email.to_owned()),
            organization: organization.map(named),
            workspaces,
            workspace,
            csrf: self.token.clone(),
            flash: Flash::of(self.query.text("done")),
            may,
            may_in_organization,
            is_dev: app.authority.is_dev(),
        }
    }
}

fn named(workspaces: Vec<WorkspaceView>) -> Vec<Named> {
    workspaces.into_iter().map(|workspace| Named { id: workspace.id.to_string(), name: workspace.name }).collect()
}

/// The one cookie of a name. Two are none: one of them was planted.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut named = all
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(known, _)| *known == name);
    let (Some((_, value)), None) = (named.next(), named.next()) else { return None };
    Some(value.to_owned())
}

/// What stands around a page of a session that was just renewed.
pub(crate) fn door_of(secret: &PlainSecret) -> Door {
    Door { csrf: token_of(secret), flash: None }
}

/// The cookie that names a session; without a life time of its own, it goes with the browser.
pub(crate) fn session_cookie(secret: &PlainSecret) -> String {
    format!("{COOKIE_NAME}={}; Path=/; Secure; HttpOnly; SameSite=Lax", secret.expose())
}

/// What takes a cookie away.
pub(crate) fn no_cookie(name: &str) -> String {
    format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

/// The token of forms: who knows the secret can work it out, and nobody the secret from it.
pub(crate) fn token_of(secret: &PlainSecret) -> String {
    let digest = Sha256::new().chain_update(b"cronflow-access console form\0").chain_update(secret.expose()).finalize();
    digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn one_cookie_of_the_name_is_believed() {
        let read = |values: &[&'static str]| {
            let pairs = values.iter().map(|value| (COOKIE, HeaderValue::from_static(value)));
            cookie(&pairs.collect(), COOKIE_NAME)
        };
        assert_eq!(read(&["a=b; __Host-cronflow_session=x; c=d"]).as_deref(), Some("x"));
        assert_eq!(read(&["__Host-cronflow_session=x; __Host-cronflow_session=y"]), None);
        assert_eq!(read(&["cronflow_session=x", "x__Host-cronflow_session=x"]), None);
        assert_eq!(read(&[]), None);
    }
}
