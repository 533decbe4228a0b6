//! Which pages there are. Each path that takes a POST shows its form to a GET.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{any, get};

use super::pages::{
    audit, client, client_register, clients, enrol, factor, home, join, key, key_issue, key_rotate, keys, member,
    members, network, organization, overview, permissions, policies, policy, policy_diff, policy_editor,
    policy_revision, profile, settings, sign_in, try_request, workspace_state, workspaces,
};
use super::{asset, trouble};
use crate::app::App;

/// The pages.
pub(crate) fn router() -> Router<Arc<App>> {
    let of_workspace = Router::new()
        .route("/", get(overview::show))
        .route("/keys", get(keys::show))
        .route("/keys/issue", get(key_issue::ask).post(key_issue::issue))
        .route("/keys/{key}", get(key::show))
        .route("/keys/{key}/rotate", get(key_rotate::ask).post(key_rotate::rotate))
        .route("/keys/{key}/{change}", get(key::ask).post(key::change))
        .route("/network", get(network::show).post(network::change))
        .route("/policies", get(policies::show))
        .route("/policies/new", get(policy_editor::ask_new).post(policy_editor::save_new))
        .route("/policies/{policy}", get(policy::show))
        .route("/policies/{policy}/edit", get(policy_editor::ask).post(policy_editor::save_edited))
        .route("/policies/{policy}/diff", get(policy_diff::show))
        .route("/policies/{policy}/revisions/{revision}", get(policy_revision::show))
        .route("/policies/{policy}/{change}", get(policy::ask).post(policy::change))
        .route("/try", get(try_request::ask).post(try_request::decide))
        .route("/audit", get(audit::show))
        .route("/audit/export", get(audit::export))
        .route("/settings", get(settings::show).post(settings::save))
        .route("/state/{change}", get(workspace_state::ask).post(workspace_state::change));
    let of_organization = Router::new()
        .route("/workspaces", get(workspaces::show))
        .route("/workspaces/new", get(workspaces::ask).post(workspaces::create))
        .route("/clients", get(clients::show))
        .route("/clients/register", get(client_register::ask).post(client_register::register))
        .route("/clients/{client}", get(client::show))
        .route("/clients/{client}/edit", get(client_register::ask_edit).post(client_register::edit))
        .route("/clients/{client}/{change}", get(client::ask).post(client::change))
        .route("/members", get(members::show))
        .route("/members/invite", get(members::ask).post(members::invite))
        .route("/members/{member}", get(member::show).post(member::save))
        .route("/members/{member}/{change}", get(member::ask).post(member::change))
        .route("/invitations/{invitation}/revoke", get(members::ask_revoke).post(members::revoke))
        .route("/permissions", get(permissions::show))
        .route("/roles/new", get(permissions::ask_new).post(permissions::save_new))
        .route("/roles/{role}", get(permissions::ask_edit).post(permissions::save_edited))
        .route("/roles/{role}/delete", get(permissions::ask_delete).post(permissions::delete))
        .route("/audit", get(audit::show_organization))
        .route("/audit/export", get(audit::export_organization))
        .route("/settings", get(organization::show).post(organization::save));
    Router::new()
        .route("/console", get(home::show))
        .route("/console/sign-in", get(sign_in::ask).post(sign_in::sign_in))
        .route("/console/sign-out", get(profile::elsewhere).post(sign_in::sign_out))
        .route("/console/factor", get(factor::ask).post(factor::give))
        .route("/console/join", get(join::ask).post(join::join))
        .route("/console/profile", get(profile::show).post(profile::save))
        .route("/console/profile/password", get(profile::elsewhere).post(profile::change_password))
        .route("/console/profile/sessions/{session}/end", get(profile::elsewhere).post(profile::end_session))
        .route("/console/profile/authenticator", get(enrol::ask).post(enrol::confirm))
        .route("/console/profile/authenticator/remove", get(profile::ask).post(profile::remove_factor))
        .route("/console/profile/recovery-codes", get(profile::ask).post(profile::replace_codes))
        .nest("/console/workspaces/{workspace}", of_workspace)
        .nest("/console/organizations/{organization}", of_organization)
        .route("/console/assets/{digest}/{name}", get(asset::serve))
        .route("/console/{*nowhere}", any(trouble::nowhere))
        .route_layer(from_fn(trouble::tell))
}
