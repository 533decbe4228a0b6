//! The table of pages: the one place that says which there are, and what each asks the policies for. The router comes from it,
//! and so does what tests ask as everybody. Each path that takes a POST shows its form to a GET.

use std::sync::Arc;

use access_authority as authority;
use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn;
use axum::routing::{self, MethodRouter};

use super::pages::{
    audit, client, client_register, clients, enrol, factor, home, join, key, key_issue, key_rotate, key_snooze, keys,
    member, members, network, organization, overview, permissions, policies, policy, policy_diff, policy_editor,
    policy_revision, profile, settings, sign_in, try_request, webhook, webhook_form, webhooks, workspace_state,
    workspaces,
};
use super::{asset, trouble};
use crate::app::App;

/// What a path of the console is asked by one method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleRoute {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path, with segments such as `{workspace}`.
    pub path: String,
    /// The catalog's action that it needs a permit for first; none means that it is open to all.
    pub action: Option<&'static str>,
}

/// A path, and what serves it.
struct Page {
    path: String,
    served: MethodRouter<Arc<App>>,
    /// Method, segment for `{change}`, action.
    asks: Vec<(&'static str, &'static str, Option<&'static str>)>,
}

/// A page that needs a permit for `action`.
fn page<H: Handler<T, Arc<App>>, T: 'static>(path: &str, action: &'static str, show: H) -> Page {
    Page { asks: vec![("GET", "", Some(action))], ..open(path, show) }
}

/// A page for everybody.
fn open<H: Handler<T, Arc<App>>, T: 'static>(path: &str, show: H) -> Page {
    Page { path: path.to_owned(), served: routing::get(show), asks: vec![("GET", "", None)] }
}

impl Page {
    /// The form on it, which needs a permit for `action`.
    fn takes<H: Handler<T, Arc<App>>, T: 'static>(mut self, action: &'static str, take: H) -> Self {
        self.served = self.served.post(take);
        self.asks.push(("POST", "", Some(action)));
        self
    }

    /// The form on it, for everybody.
    fn takes_all<H: Handler<T, Arc<App>>, T: 'static>(mut self, take: H) -> Self {
        self.served = self.served.post(take);
        self.asks.push(("POST", "", None));
        self
    }

    /// The form on it, of each change that can stand for `{change}`, and the action that it needs a permit for; so does the page,
    /// where it names no action of its own.
    fn takes_each<H: Handler<T, Arc<App>>, T: 'static>(
        mut self,
        changes: &[(&'static str, &'static str)],
        take: H,
    ) -> Self {
        self.served = self.served.post(take);
        let shown = std::mem::take(&mut self.asks);
        for (change, action) in changes {
            self.asks.extend(shown.iter().map(|(method, _, own)| (*method, *change, own.or(Some(action)))));
            self.asks.push(("POST", change, Some(action)));
        }
        self
    }
}

/// Pages below a workspace's path.
fn of_workspace() -> Vec<Page> {
    use authority::keys::actions as on_keys;
    use authority::policies::actions as on_policies;
    use authority::webhooks::actions as on_webhooks;
    use authority::workspaces::actions as on_workspaces;
    use authority::{audit as on_audit, network as on_network, overview as on_overview, settings as on_settings};

    vec![
        page("", on_overview::ACTION_GET, overview::show),
        page("/keys", on_keys::LIST, keys::show),
        page("/keys/issue", on_keys::ISSUE, key_issue::ask).takes(on_keys::ISSUE, key_issue::issue),
        page("/keys/{key}", on_keys::GET, key::show),
        page("/keys/{key}/rotate", on_keys::GET, key_rotate::ask).takes(on_keys::ROTATE, key_rotate::rotate),
        page("/keys/{key}/snooze", on_keys::GET, key_snooze::ask).takes(on_keys::SNOOZE, key_snooze::snooze),
        page("/keys/{key}/{change}", on_keys::GET, key::ask).takes_each(
            &[("disable", on_keys::DISABLE), ("enable", on_keys::ENABLE), ("revoke", on_keys::REVOKE)],
            key::change,
        ),
        page("/network", on_network::ACTION_GET, network::show)
            .takes(authority::traffic::ACTION_PREVIEW, network::change),
        page("/policies", on_policies::LIST, policies::show),
        page("/policies/new", on_policies::PUT, policy_editor::ask_new)
            .takes(on_policies::PUT, policy_editor::save_new),
        page("/policies/{policy}", on_policies::GET, policy::show),
        page("/policies/{policy}/edit", on_policies::GET, policy_editor::ask)
            .takes(on_policies::PUT, policy_editor::save_edited),
        page("/policies/{policy}/diff", on_policies::GET, policy_diff::show),
        page("/policies/{policy}/revisions/{revision}", on_policies::GET, policy_revision::show),
        page("/policies/{policy}/{change}", on_policies::GET, policy::ask).takes_each(
            &[("publish", on_policies::PUBLISH), ("rollback", on_policies::ROLLBACK), ("delete", on_policies::DELETE)],
            policy::change,
        ),
        page("/try", on_policies::GET, try_request::ask).takes(on_policies::GET, try_request::decide),
        page("/webhooks", on_webhooks::LIST, webhooks::show),
        page("/webhooks/create", on_webhooks::CREATE, webhook_form::ask)
            .takes(on_webhooks::CREATE, webhook_form::create),
        page("/webhooks/{webhook}", on_webhooks::GET, webhook::show),
        page("/webhooks/{webhook}/edit", on_webhooks::GET, webhook_form::ask_edit)
            .takes(on_webhooks::UPDATE, webhook_form::edit),
        page("/webhooks/{webhook}/deliveries/{delivery}/replay", on_webhooks::GET, webhook::ask_replay)
            .takes(on_webhooks::REPLAY, webhook::replay),
        page("/webhooks/{webhook}/{change}", on_webhooks::GET, webhook::ask).takes_each(
            &[
                ("rotate", on_webhooks::UPDATE),
                ("disable", on_webhooks::UPDATE),
                ("enable", on_webhooks::UPDATE),
                ("delete", on_webhooks::UPDATE),
                ("test", on_webhooks::TEST),
                ("recover", on_webhooks::RECOVER),
            ],
            webhook::change,
        ),
        page("/audit", on_audit::ACTION_LIST, audit::show),
        page("/audit/export", on_audit::ACTION_EXPORT, audit::export),
        page("/settings", on_settings::ACTION_GET, settings::show).takes(on_settings::ACTION_UPDATE, settings::save),
        open("/state/{change}", workspace_state::ask).takes_each(
            &[
                ("suspend", on_workspaces::SUSPEND),
                ("resume", on_workspaces::RESUME),
                ("archive", on_workspaces::ARCHIVE),
            ],
            workspace_state::change,
        ),
    ]
}

/// Pages below an organization's path.
fn of_organization() -> Vec<Page> {
    use authority::invitations::actions as on_invitations;
    use authority::members::actions as on_members;
    use authority::oauth::actions as on_clients;
    use authority::roles::actions as on_roles;
    use authority::workspaces::actions as on_workspaces;
    use authority::{audit as on_audit, settings as on_settings};

    vec![
        page("/workspaces", on_workspaces::LIST, workspaces::show),
        page("/workspaces/new", on_workspaces::CREATE, workspaces::ask)
            .takes(on_workspaces::CREATE, workspaces::create),
        page("/clients", on_clients::LIST, clients::show),
        page("/clients/register", on_clients::REGISTER, client_register::ask)
            .takes(on_clients::REGISTER, client_register::register),
        page("/clients/{client}", on_clients::GET, client::show),
        page("/clients/{client}/edit", on_clients::GET, client_register::ask_edit)
            .takes(on_clients::UPDATE, client_register::edit),
        page("/clients/{client}/{change}", on_clients::GET, client::ask).takes_each(
            &[
                ("rotate", on_clients::ROTATE),
                ("disable", on_clients::DISABLE),
                ("enable", on_clients::ENABLE),
                ("revoke", on_clients::REVOKE),
            ],
            client::change,
        ),
        page("/members", on_members::LIST, members::show),
        page("/members/invite", on_invitations::CREATE, members::ask).takes(on_invitations::CREATE, members::invite),
        page("/members/{member}", on_members::GET, member::show).takes(on_members::UPDATE, member::save),
        page("/members/{member}/{change}", on_members::GET, member::ask).takes_each(
            &[
                ("suspend", on_members::SUSPEND),
                ("resume", on_members::RESUME),
                ("remove", on_members::REMOVE),
                ("reset-factors", on_members::RESET_FACTORS),
            ],
            member::change,
        ),
        page("/invitations/{invitation}/revoke", on_invitations::REVOKE, members::ask_revoke)
            .takes(on_invitations::REVOKE, members::revoke),
        page("/permissions", on_roles::LIST, permissions::show),
        page("/roles/new", on_roles::PUT, permissions::ask_new).takes(on_roles::PUT, permissions::save_new),
        page("/roles/{role}", on_roles::GET, permissions::ask_edit).takes(on_roles::PUT, permissions::save_edited),
        page("/roles/{role}/delete", on_roles::GET, permissions::ask_delete)
            .takes(on_roles::DELETE, permissions::delete),
        page("/audit", on_audit::ACTION_LIST_ORGANIZATION, audit::show_organization),
        page("/audit/export", on_audit::ACTION_EXPORT_ORGANIZATION, audit::export_organization),
        page("/settings", on_settings::ACTION_GET_ORGANIZATION, organization::show)
            .takes(on_settings::ACTION_UPDATE_ORGANIZATION, organization::save),
    ]
}

/// The door, and the account of whoever is inside.
fn of_nobody_else() -> Vec<Page> {
    use authority::sign_in::actions::{END, FACTORS, PASSWORD, PROFILE, REVOKE, STEP_UP, UPDATE};

    vec![
        open("", home::show),
        open("/sign-in", sign_in::ask).takes_all(sign_in::sign_in),
        open("/sign-out", profile::elsewhere).takes(END, sign_in::sign_out),
        page("/factor", PROFILE, factor::ask).takes(STEP_UP, factor::give),
        open("/join", join::ask).takes_all(join::join),
        page("/profile", PROFILE, profile::show).takes(UPDATE, profile::save),
        open("/profile/password", profile::elsewhere).takes(PASSWORD, profile::change_password),
        open("/profile/sessions/{session}/end", profile::elsewhere).takes(REVOKE, profile::end_session),
        page("/profile/authenticator", FACTORS, enrol::ask).takes(FACTORS, enrol::confirm),
        page("/profile/authenticator/remove", PROFILE, profile::ask).takes(FACTORS, profile::remove_factor),
        page("/profile/recovery-codes", PROFILE, profile::ask).takes(FACTORS, profile::replace_codes),
        open("/assets/{digest}/{name}", asset::serve),
    ]
}

/// All of them, by their whole paths.
fn table() -> Vec<Page> {
    let below = |prefix: &'static str, pages: Vec<Page>| {
        pages.into_iter().map(move |page| Page { path: format!("{prefix}{}", page.path), ..page })
    };
    below("/console", of_nobody_else())
        .chain(below("/console/workspaces/{workspace}", of_workspace()))
        .chain(below("/console/organizations/{organization}", of_organization()))
        .collect()
}

/// The pages.
pub(crate) fn router() -> Router<Arc<App>> {
    table()
        .into_iter()
        .fold(Router::new(), |router, page| router.route(&page.path, page.served))
        .route("/", routing::get(home::lead_in))
        .route("/console/", routing::get(home::lead_in))
        .route("/console/{*nowhere}", routing::any(trouble::nowhere))
        .route_layer(from_fn(trouble::tell))
}

/// What the console is asked, path by path and method by method.
pub fn console_routes() -> Vec<ConsoleRoute> {
    let asked = |page: Page| {
        let Page { path, asks, .. } = page;
        asks.into_iter().map(move |(method, change, action)| {
            let path = path.replace("{change}", change);
            ConsoleRoute { method, path, action }
        })
    };
    table().into_iter().flat_map(asked).collect()
}
