//! The table of endpoints: the one place that says which there are. The router and the OpenAPI document both come from
//! it, so neither knows an endpoint that the other doesn't.
//!
//! To add one: an entry in the group of its noun. What every endpoint of its sort answers (401 where it needs a permit, 404
//! where an id stands in its path, 415 where it takes a body…) is derived, not written down here.

mod endpoint;

use std::sync::Arc;

use access_authority as authority;
use access_authority::audit::{AuditPage, ReportRequest, ReportView};
use access_authority::events::EventView;
use access_authority::gateways::{GatewayRequest, GatewayView};
use access_authority::invitations::{InvitationRequest, InvitationView};
use access_authority::keys::{ClientSnoozeRequest, KeyRequest, KeyView, SnoozeRequest, SnoozeView, actions};
use access_authority::leaks::LeakReport;
use access_authority::lifecycle::dev_clock::DevClock;
use access_authority::members::{MemberChanged, MemberUpdate, MemberView};
use access_authority::network::{NetworkUpdate, NetworkView};
use access_authority::oauth::{ClientIssued, ClientRequest, ClientUpdate, ClientView};
use access_authority::organizations::{OrganizationRequest, OrganizationView};
use access_authority::overview::OverviewView;
use access_authority::permissions::{PermissionsRequest, PermissionsView};
use access_authority::policies::{
    DiffRequest, DiffView, PolicyView, Publication, PutView, RevisionView, StatusView, UploadRequest,
};
use access_authority::roles::{RoleList, RoleRequest, RoleView};
use access_authority::secrets::{
    FinishRequest, RekeyRequest, ResealRequest, ResealView, RetireRequest, RetireView, SecretsUsageRequest,
    SecretsUsageView, SecretsView,
};
use access_authority::settings::{OrganizationSettingsUpdate, OrganizationSettingsView, SettingsUpdate, SettingsView};
use access_authority::sign_in::{
    EnrolView, EnrolledView, FactorRequest, InvitationAcceptance, PasswordChange, ProfileUpdate, ProfileView,
    RecoveryCodesView, SessionOpened, SessionView, SignInRequest,
};
use access_authority::traffic::{PreviewRequest, PreviewView, TrafficRequest, TrafficView};
use access_authority::usage::{SuggestionsView, UsageRequest, UsageView};
use access_authority::webhooks::{
    DeliveryView, MessageRequest, MessageView, RecoverRequest, RecoverView, WebhookRequest, WebhookUpdate, WebhookView,
};
use access_authority::workspaces::{WorkspaceRequest, WorkspaceView};
use access_authority::{Answer, Issued};
use axum::Router;
use serde_json::{Map, Value};

pub(crate) use self::endpoint::{Answers, Endpoint, Shape};
use self::endpoint::{any, delete, get, post, put};
use crate::app::App;
use crate::endpoints::{
    acceptance, audit, audit_export, audit_follow, audit_keys, audit_report, authorize, authzen, batch, clients,
    dev_clock, documents, events, forward_auth, gateways, health, invitations, keys, leaks, members, network, oauth,
    organizations, overview, permissions, policies, profile, roles, secrets, sessions, settings, traffic, usage,
    webhooks, workspaces,
};
use crate::upload::UploadForm;
use crate::waiting::{Changed, WaitRequest};

/// Endpoints that serve one noun.
pub(crate) struct Group {
    /// Its heading.
    pub(crate) name: &'static str,
    /// What it is about.
    pub(crate) about: &'static str,
    /// Its endpoints.
    pub(crate) endpoints: Vec<Endpoint>,
}

/// All of them.
pub(crate) fn table() -> Vec<Group> {
    vec![
        Group {
            name: "Decisions",
            about: "Allow or deny, and why: what enforcement points ask, with a gateway's credential.",
            endpoints: vec![
                post("/v1/authorize", authorize::authorize)
                    .action(authority::decide::ASK)
                    .named("authorize")
                    .says("Ask for a decision")
                    .takes::<authorize::QuestionBody>()
                    .answers::<Answer>(200)
                    .only_reads(),
                post("/v1/authorize/batch", batch::authorize)
                    .action(authority::decide::ASK)
                    .named("authorize_batch")
                    .says("Ask for several decisions, answered in their order")
                    .takes::<batch::BatchBody>()
                    .answers::<batch::BatchAnswer>(200)
                    .only_reads(),
                post("/access/v1/evaluation", authzen::evaluation::evaluate)
                    .action(authority::decide::ASK)
                    .named("evaluation")
                    .says("Ask for a decision, in AuthZEN's words")
                    .notes(authzen::NOTES)
                    .takes::<authzen::evaluation::EvaluationBody>()
                    .answers::<authzen::evaluation::EvaluationAnswer>(200)
                    .only_reads(),
                post("/access/v1/evaluations", authzen::evaluations::evaluate)
                    .action(authority::decide::ASK)
                    .named("evaluations")
                    .says("Ask for several decisions, in AuthZEN's words")
                    .notes(authzen::NOTES)
                    .takes::<authzen::evaluations::EvaluationsBody>()
                    .answers::<authzen::evaluations::EvaluationsAnswer>(200)
                    .only_reads(),
                get("/.well-known/authzen-configuration", authzen::metadata::show)
                    .named("authzen.configuration")
                    .says("What AuthZEN clients may ask, and where")
                    .answers::<authzen::metadata::Metadata>(200),
                any("/v1/forward-auth", forward_auth::decide)
                    .and_below()
                    .action(authority::decide::ASK)
                    .for_gateways()
                    .named("forward_auth")
                    .says("Ask whether a request may pass, in headers")
                    .notes(forward_auth::NOTES)
                    .answers_nothing(204)
                    .answers_nothing(200),
            ],
        },
        Group {
            name: "Organizations",
            about: "Customers. Each owns workspaces; suspending one ends all of its credentials until it is resumed.",
            endpoints: vec![
                post("/v1/organizations", organizations::create)
                    .action(authority::organizations::actions::CREATE)
                    .says("Create an organization")
                    .takes::<OrganizationRequest>()
                    .answers::<OrganizationView>(201)
                    .idempotent(),
                get("/v1/organizations", organizations::list)
                    .action(authority::organizations::actions::LIST)
                    .says("List organizations, newest first")
                    .pages::<OrganizationView>(),
                get("/v1/organizations/{organization}", organizations::show)
                    .action(authority::organizations::actions::GET)
                    .says("Show an organization")
                    .answers::<OrganizationView>(200),
                post("/v1/organizations/{organization}/suspend", organizations::suspend)
                    .action(authority::organizations::actions::SUSPEND)
                    .says("End an organization's credentials for now")
                    .answers::<OrganizationView>(200),
                post("/v1/organizations/{organization}/resume", organizations::resume)
                    .action(authority::organizations::actions::RESUME)
                    .says("Let an organization's credentials work again")
                    .answers::<OrganizationView>(200),
                post("/v1/organizations/{organization}/archive", organizations::archive)
                    .action(authority::organizations::actions::ARCHIVE)
                    .says("End an organization for good")
                    .answers::<OrganizationView>(200),
                get("/v1/organizations/{organization}/settings", settings::show_organization)
                    .action(authority::settings::ACTION_GET_ORGANIZATION)
                    .says("Show an organization's settings")
                    .answers::<OrganizationSettingsView>(200)
                    .versioned(),
                put("/v1/organizations/{organization}/settings", settings::update_organization)
                    .action(authority::settings::ACTION_UPDATE_ORGANIZATION)
                    .says("Change an organization's settings")
                    .takes::<OrganizationSettingsUpdate>()
                    .answers::<OrganizationSettingsView>(200)
                    .versioned(),
            ],
        },
        Group {
            name: "Workspaces",
            about: "What an organization keeps apart: each has keys, network rules and an audit trail of its own.",
            endpoints: vec![
                post("/v1/organizations/{organization}/workspaces", workspaces::create)
                    .action(authority::workspaces::actions::CREATE)
                    .says("Create a workspace")
                    .takes::<WorkspaceRequest>()
                    .answers::<WorkspaceView>(201)
                    .idempotent(),
                get("/v1/organizations/{organization}/workspaces", workspaces::list)
                    .action(authority::workspaces::actions::LIST)
                    .says("List an organization's workspaces, newest first")
                    .pages::<WorkspaceView>(),
                get("/v1/workspaces/{workspace}", workspaces::show)
                    .action(authority::workspaces::actions::GET)
                    .says("Show a workspace")
                    .answers::<WorkspaceView>(200),
                post("/v1/workspaces/{workspace}/suspend", workspaces::suspend)
                    .action(authority::workspaces::actions::SUSPEND)
                    .says("End a workspace's credentials for now")
                    .answers::<WorkspaceView>(200),
                post("/v1/workspaces/{workspace}/resume", workspaces::resume)
                    .action(authority::workspaces::actions::RESUME)
                    .says("Let a workspace's credentials work again")
                    .answers::<WorkspaceView>(200),
                post("/v1/workspaces/{workspace}/archive", workspaces::archive)
                    .action(authority::workspaces::actions::ARCHIVE)
                    .says("End a workspace for good")
                    .answers::<WorkspaceView>(200),
                get("/v1/workspaces/{workspace}/usage", usage::show)
                    .action(authority::usage::ACTION_GET)
                    .says("Show how much a workspace's keys were used")
                    .query::<UsageRequest>()
                    .answers::<UsageView>(200),
                get("/v1/workspaces/{workspace}/traffic", traffic::show)
                    .action(authority::traffic::ACTION_GET)
                    .says("Show what was asked about a workspace's keys, hour by hour, and from where")
                    .query::<TrafficRequest>()
                    .answers::<TrafficView>(200),
                get("/v1/workspaces/{workspace}/overview", overview::show)
                    .action(authority::overview::ACTION_GET)
                    .says("Show what is to be done in a workspace")
                    .answers::<OverviewView>(200),
                get("/v1/workspaces/{workspace}/settings", settings::show)
                    .action(authority::settings::ACTION_GET)
                    .says("Show a workspace's settings")
                    .answers::<SettingsView>(200)
                    .versioned(),
                put("/v1/workspaces/{workspace}/settings", settings::update)
                    .action(authority::settings::ACTION_UPDATE)
                    .says("Change a workspace's settings")
                    .takes::<SettingsUpdate>()
                    .answers::<SettingsView>(200)
                    .versioned(),
            ],
        },
        Group {
            name: "Members",
            about: "People of an organization, and what they may do. Each has roles in the whole of it, or in single workspaces.",
            endpoints: vec![
                post("/v1/organizations/{organization}/invitations", invitations::create)
                    .action(authority::invitations::actions::CREATE)
                    .says("Invite somebody; the link is shown once")
                    .takes::<InvitationRequest>()
                    .answers::<invitations::WithLink>(201)
                    .idempotent(),
                get("/v1/organizations/{organization}/invitations", invitations::list)
                    .action(authority::invitations::actions::LIST)
                    .says("List invitations, newest first")
                    .pages::<InvitationView>(),
                post("/v1/organizations/{organization}/invitations/{invitation}/revoke", invitations::revoke)
                    .action(authority::invitations::actions::REVOKE)
                    .says("Take an invitation back")
                    .answers::<InvitationView>(200),
                get("/v1/organizations/{organization}/members", members::list)
                    .action(authority::members::actions::LIST)
                    .says("List members, newest first")
                    .pages::<MemberView>(),
                get("/v1/organizations/{organization}/members/{member}", members::show)
                    .action(authority::members::actions::GET)
                    .says("Show a member, and what it issued beyond what it may now")
                    .answers::<MemberChanged>(200)
                    .versioned(),
                put("/v1/organizations/{organization}/members/{member}", members::update)
                    .action(authority::members::actions::UPDATE)
                    .says("Change a member's name and roles; its sessions follow at once")
                    .takes::<MemberUpdate>()
                    .answers::<MemberChanged>(200)
                    .versioned(),
                post("/v1/organizations/{organization}/members/{member}/suspend", members::suspend)
                    .action(authority::members::actions::SUSPEND)
                    .says("Keep a member out for now")
                    .answers::<MemberChanged>(200)
                    .versioned(),
                post("/v1/organizations/{organization}/members/{member}/resume", members::resume)
                    .action(authority::members::actions::RESUME)
                    .says("Let a member in again")
                    .answers::<MemberChanged>(200)
                    .versioned(),
                post("/v1/organizations/{organization}/members/{member}/remove", members::remove)
                    .action(authority::members::actions::REMOVE)
                    .says("Keep a member out for good; what it issued stays")
                    .answers::<MemberChanged>(200)
                    .versioned(),
                post("/v1/organizations/{organization}/members/{member}/reset-factors", members::reset_factors)
                    .action(authority::members::actions::RESET_FACTORS)
                    .says("Take a member's second factors away, for whoever lost them")
                    .answers::<MemberChanged>(200)
                    .versioned(),
                get("/v1/organizations/{organization}/roles", roles::list)
                    .action(authority::roles::actions::LIST)
                    .says("List roles: the built-in ones, and the organization's own")
                    .answers::<RoleList>(200),
                get("/v1/organizations/{organization}/roles/{role}", roles::show)
                    .action(authority::roles::actions::GET)
                    .says("Show a role")
                    .answers::<RoleView>(200)
                    .versioned(),
                put("/v1/organizations/{organization}/roles/{role}", roles::put)
                    .action(authority::roles::actions::PUT)
                    .says("Make or change a role; whoever holds it follows at once")
                    .takes::<RoleRequest>()
                    .answers::<RoleView>(200)
                    .versioned(),
                delete("/v1/organizations/{organization}/roles/{role}", roles::delete)
                    .action(authority::roles::actions::DELETE)
                    .says("Take a role away that nobody holds")
                    .answers_nothing(204)
                    .conditional(),
                get("/v1/organizations/{organization}/permissions", permissions::in_organization)
                    .action(authority::permissions::ACTION)
                    .says("Show what a member may do in an organization, and through which role")
                    .query::<PermissionsRequest>()
                    .answers::<PermissionsView>(200),
                get("/v1/workspaces/{workspace}/permissions", permissions::in_workspace)
                    .action(authority::permissions::ACTION)
                    .named("permissions.get_in_workspace")
                    .says("Show what a member or key may do in a workspace, and through which role or scope")
                    .query::<PermissionsRequest>()
                    .answers::<PermissionsView>(200),
            ],
        },
        Group {
            name: "Keys",
            about: "API keys of a workspace. A secret is shown when a key is issued or rotated, and never again.",
            endpoints: vec![
                post("/v1/workspaces/{workspace}/keys", keys::issue)
                    .action(actions::ISSUE)
                    .says("Issue a key")
                    .takes::<KeyRequest>()
                    .answers::<Issued<KeyView>>(201)
                    .idempotent(),
                get("/v1/workspaces/{workspace}/keys", keys::list)
                    .action(actions::LIST)
                    .says("List keys, newest first")
                    .pages::<KeyView>(),
                get("/v1/workspaces/{workspace}/keys/{key}", keys::show)
                    .action(actions::GET)
                    .says("Show a key")
                    .answers::<KeyView>(200)
                    .versioned(),
                post("/v1/workspaces/{workspace}/keys/{key}/rotate", keys::rotate)
                    .action(actions::ROTATE)
                    .says("Replace a key by a successor")
                    .may_take::<keys::RotateBody>()
                    .answers::<Issued<KeyView>>(201)
                    .versioned()
                    .idempotent(),
                post("/v1/workspaces/{workspace}/keys/{key}/disable", keys::disable)
                    .action(actions::DISABLE)
                    .says("Switch a key off")
                    .query::<WaitRequest>()
                    .answers::<Changed<KeyView>>(200)
                    .versioned(),
                post("/v1/workspaces/{workspace}/keys/{key}/enable", keys::enable)
                    .action(actions::ENABLE)
                    .says("Switch a key on again")
                    .query::<WaitRequest>()
                    .answers::<Changed<KeyView>>(200)
                    .versioned(),
                post("/v1/workspaces/{workspace}/keys/{key}/revoke", keys::revoke)
                    .action(actions::REVOKE)
                    .says("End a key for good")
                    .query::<WaitRequest>()
                    .answers::<Changed<KeyView>>(200)
                    .versioned(),
                get("/v1/workspaces/{workspace}/keys/{key}/suggestions", keys::suggestions)
                    .action(actions::GET)
                    .named("keys.suggestions")
                    .says("Show what a key holds and did not need")
                    .answers::<SuggestionsView>(200),
                post("/v1/workspaces/{workspace}/keys/{key}/snooze", keys::snooze)
                    .action(actions::SNOOZE)
                    .says("Have no reminder created of an event about a key, for some time")
                    .takes::<SnoozeRequest>()
                    .answers::<SnoozeView>(200),
            ],
        },
        Group {
            name: "Clients",
            about: "OAuth2 clients of an organization. A secret is shown when a client is registered or rotated, and never again.",
            endpoints: vec![
                post("/v1/organizations/{organization}/clients", clients::register)
                    .action(authority::oauth::actions::REGISTER)
                    .says("Register a client")
                    .takes::<ClientRequest>()
                    .answers::<ClientIssued>(201)
                    .idempotent(),
                get("/v1/organizations/{organization}/clients", clients::list)
                    .action(authority::oauth::actions::LIST)
                    .says("List clients, newest first")
                    .pages::<ClientView>(),
                get("/v1/organizations/{organization}/clients/{client}", clients::show)
                    .action(authority::oauth::actions::GET)
                    .says("Show a client, and when its secrets were last used")
                    .answers::<ClientView>(200)
                    .versioned(),
                put("/v1/organizations/{organization}/clients/{client}", clients::update)
                    .action(authority::oauth::actions::UPDATE)
                    .says("Change what a client may have; its tokens follow at once")
                    .takes::<ClientUpdate>()
                    .answers::<ClientView>(200)
                    .versioned(),
                post("/v1/organizations/{organization}/clients/{client}/rotate", clients::rotate)
                    .action(authority::oauth::actions::ROTATE)
                    .says("Give a client another secret")
                    .may_take::<clients::RotateBody>()
                    .answers::<ClientIssued>(201)
                    .versioned()
                    .idempotent(),
                post("/v1/organizations/{organization}/clients/{client}/disable", clients::disable)
                    .action(authority::oauth::actions::DISABLE)
                    .says("Switch a client and its tokens off")
                    .query::<WaitRequest>()
                    .answers::<Changed<ClientView>>(200)
                    .versioned(),
                post("/v1/organizations/{organization}/clients/{client}/enable", clients::enable)
                    .action(authority::oauth::actions::ENABLE)
                    .says("Switch a client on again")
                    .query::<WaitRequest>()
                    .answers::<Changed<ClientView>>(200)
                    .versioned(),
                post("/v1/organizations/{organization}/clients/{client}/revoke", clients::revoke)
                    .action(authority::oauth::actions::REVOKE)
                    .says("End a client and its tokens for good")
                    .query::<WaitRequest>()
                    .answers::<Changed<ClientView>>(200)
                    .versioned(),
                post("/v1/organizations/{organization}/clients/{client}/snooze", clients::snooze)
                    .action(authority::oauth::actions::SNOOZE)
                    .says("Not have a client flagged as inactive, for some time")
                    .takes::<ClientSnoozeRequest>()
                    .answers::<SnoozeView>(200),
            ],
        },
        Group {
            name: "Tokens",
            about: "OAuth2, server to server: a client's secret for a token (RFC 6749 §4.4). Forms in, and errors as OAuth2 has them.",
            endpoints: vec![
                post("/oauth/token", oauth::token::issue)
                    .named("oauth.token")
                    .says("Obtain a token")
                    .oauth::<oauth::token::TokenForm>()
                    .answers::<oauth::token::TokenBody>(200),
                post("/oauth/introspect", oauth::introspect::introspect)
                    .named("oauth.introspect")
                    .says("Ask whether a token is active (RFC 7662)")
                    .oauth::<oauth::introspect::TokenQuestion>()
                    .answers::<oauth::introspect::FactsBody<'static>>(200)
                    .only_reads(),
                post("/oauth/revoke", oauth::revoke::revoke)
                    .named("oauth.revoke")
                    .says("End a token (RFC 7009)")
                    .oauth::<oauth::introspect::TokenQuestion>()
                    .answers_nothing(200),
                get("/.well-known/oauth-authorization-server", oauth::metadata::show)
                    .named("oauth.metadata")
                    .says("Where everything is (RFC 8414)")
                    .answers::<oauth::metadata::Metadata>(200),
            ],
        },
        Group {
            name: "Leaks",
            about: "Secrets that somebody came upon where they don't belong.",
            endpoints: vec![
                post("/v1/leaks", leaks::report)
                    .named("leaks.report")
                    .says("Report secrets of ours as leaked")
                    .notes(leaks::NOTES)
                    .takes::<LeakReport>()
                    .answers::<leaks::Received>(202)
                    .also(429)
                    .also(503),
            ],
        },
        Group {
            name: "Sign-in",
            about: "How people become members, sign in and show a second factor. A session's secret is a bearer secret wherever a member may ask.",
            endpoints: vec![
                post("/v1/invitations/accept", acceptance::accept)
                    .named("invitations.accept")
                    .says("Become a member, by an invitation, and sign in")
                    .takes::<InvitationAcceptance>()
                    .answers::<SessionOpened>(201)
                    .also(404)
                    .also(409)
                    .also(429)
                    .also(503),
                post("/v1/sessions", sessions::open)
                    .named("sessions.open")
                    .says("Sign in")
                    .notes(sessions::NOTES)
                    .takes::<SignInRequest>()
                    .answers::<SessionOpened>(201)
                    .also(401)
                    .also(409)
                    .also(429)
                    .also(503),
                get("/v1/sessions", sessions::list)
                    .action(authority::sign_in::actions::LIST)
                    .says("List one's own sessions, the last to sign in first")
                    .pages::<SessionView>()
                    .also(404),
                get("/v1/sessions/current", sessions::current)
                    .action(authority::sign_in::actions::GET)
                    .says("Show the session that asks")
                    .answers::<SessionView>(200)
                    .also(404),
                post("/v1/sessions/current/factor", sessions::step_up)
                    .action(authority::sign_in::actions::STEP_UP)
                    .says("Give the second factor; another session takes over")
                    .takes::<FactorRequest>()
                    .answers::<SessionOpened>(201)
                    .also(404),
                post("/v1/sessions/current/end", sessions::end)
                    .action(authority::sign_in::actions::END)
                    .says("Sign out: end the session that asks")
                    .answers::<SessionView>(200)
                    .also(404),
                post("/v1/sessions/{session}/revoke", sessions::revoke)
                    .action(authority::sign_in::actions::REVOKE)
                    .says("End one of one's own sessions")
                    .answers::<SessionView>(200),
                get("/v1/profile", profile::show)
                    .action(authority::sign_in::actions::PROFILE)
                    .says("Show oneself")
                    .answers::<ProfileView>(200)
                    .also(404),
                put("/v1/profile", profile::update)
                    .action(authority::sign_in::actions::UPDATE)
                    .says("Change one's name")
                    .takes::<ProfileUpdate>()
                    .answers::<ProfileView>(200)
                    .also(404),
                post("/v1/profile/password", profile::password)
                    .action(authority::sign_in::actions::PASSWORD)
                    .says("Change one's password; every other session ends, and another takes over from the one that asks")
                    .takes::<PasswordChange>()
                    .answers::<SessionOpened>(201)
                    .also(404)
                    .also(412),
                post("/v1/profile/totp", profile::begin_factor)
                    .action(authority::sign_in::actions::FACTORS)
                    .named("profile.factors.begin")
                    .says("Begin a second factor: a secret for an authenticator app, shown this once")
                    .answers::<EnrolView>(201)
                    .also(404),
                post("/v1/profile/totp/confirm", profile::confirm_factor)
                    .action(authority::sign_in::actions::FACTORS)
                    .named("profile.factors.confirm")
                    .says("Confirm it by its first code; another session takes over")
                    .takes::<profile::FirstCode>()
                    .answers::<EnrolledView>(201)
                    .also(404),
                post("/v1/profile/totp/remove", profile::remove_factor)
                    .action(authority::sign_in::actions::FACTORS)
                    .named("profile.factors.remove")
                    .says("Take one's second factor away; every other session ends, and another takes over from the one that asks")
                    .answers::<SessionOpened>(201)
                    .also(404),
                post("/v1/profile/recovery-codes", profile::recovery_codes)
                    .action(authority::sign_in::actions::FACTORS)
                    .named("profile.recovery_codes")
                    .says("Replace one's recovery codes")
                    .answers::<RecoveryCodesView>(201)
                    .also(404),
            ],
        },
        Group {
            name: "Network",
            about: "Where a workspace's requests may come from, and where its jobs may call.",
            endpoints: vec![
                get("/v1/workspaces/{workspace}/network", network::show)
                    .action(authority::network::ACTION_GET)
                    .says("Show network rules")
                    .answers::<NetworkView>(200)
                    .versioned(),
                put("/v1/workspaces/{workspace}/network", network::update)
                    .action(authority::network::ACTION_UPDATE)
                    .says("Change network rules")
                    .takes::<NetworkUpdate>()
                    .answers::<NetworkView>(200)
                    .versioned(),
                post("/v1/workspaces/{workspace}/network/preview", traffic::preview)
                    .action(authority::traffic::ACTION_PREVIEW)
                    .says("Show whom another allow-list would have locked out in the last seven days")
                    .takes::<PreviewRequest>()
                    .answers::<PreviewView>(200)
                    .only_reads(),
            ],
        },
        Group {
            name: "Policies",
            about: "A workspace's own policies. They narrow what its keys may do, never widen it, and have no say in managing.",
            endpoints: vec![
                put("/v1/workspaces/{workspace}/policies/{policy}", policies::put)
                    .action(authority::policies::actions::PUT)
                    .says("Upload a policy")
                    .notes(policies::NOTES)
                    .query::<policies::PutQuery>()
                    .takes::<UploadRequest>()
                    .or_form::<UploadForm>()
                    .answers::<PutView>(200)
                    .also(422)
                    .versioned(),
                get("/v1/workspaces/{workspace}/policies", policies::list)
                    .action(authority::policies::actions::LIST)
                    .says("List policies, by name")
                    .pages::<PolicyView>(),
                get("/v1/workspaces/{workspace}/policies/{policy}", policies::show)
                    .action(authority::policies::actions::GET)
                    .says("Show a policy")
                    .answers::<PolicyView>(200)
                    .versioned(),
                delete("/v1/workspaces/{workspace}/policies/{policy}", policies::delete)
                    .action(authority::policies::actions::DELETE)
                    .says("Take a policy away; its revisions are kept")
                    .answers_nothing(204)
                    .conditional(),
                post("/v1/workspaces/{workspace}/policies/{policy}/publish", policies::publish)
                    .action(authority::policies::actions::PUBLISH)
                    .says("Put a revision in force")
                    .takes::<Publication>()
                    .answers::<PolicyView>(200)
                    .versioned(),
                post("/v1/workspaces/{workspace}/policies/{policy}/rollback", policies::rollback)
                    .action(authority::policies::actions::ROLLBACK)
                    .says("Put in force what was before, or nothing")
                    .answers::<PolicyView>(200)
                    .versioned(),
                get("/v1/workspaces/{workspace}/policies/{policy}/revisions", policies::revisions)
                    .action(authority::policies::actions::LIST)
                    .named("policies.revisions")
                    .says("List a policy's revisions, the latest first")
                    .pages::<RevisionView>(),
                get("/v1/workspaces/{workspace}/policies/{policy}/revisions/{revision}", policies::revision)
                    .action(authority::policies::actions::GET)
                    .named("policies.revision")
                    .says("Show a revision, with all that was uploaded")
                    .answers::<RevisionView>(200),
                get("/v1/workspaces/{workspace}/policies/{policy}/diff", policies::diff)
                    .action(authority::policies::actions::GET)
                    .named("policies.diff")
                    .says("Compare two revisions of a policy")
                    .query::<DiffRequest>()
                    .answers::<DiffView>(200),
                get("/v1/workspaces/{workspace}/policies/{policy}/status", policies::status)
                    .action(authority::policies::actions::GET)
                    .named("policies.status")
                    .says("Show how a policy fares on every host")
                    .answers::<StatusView>(200),
            ],
        },
        Group {
            name: "Events",
            about: "What people and their other systems are told of: what was done, what is to be done, what is wrong. Each happens once, and can be read for 90 days.",
            endpoints: vec![
                get("/v1/workspaces/{workspace}/events", events::list)
                    .action(authority::events::ACTION_LIST)
                    .says("List what happened in a workspace, newest first")
                    .query::<events::EventQuery>()
                    .answers::<authority::Page<EventView>>(200),
                get("/v1/organizations/{organization}/events", events::list_organization)
                    .action(authority::events::ACTION_LIST_ORGANIZATION)
                    .says("List what happened in an organization, its workspaces included, newest first")
                    .query::<events::EventQuery>()
                    .answers::<authority::Page<EventView>>(200),
            ],
        },
        Group {
            name: "Audit",
            about: "Who changed what.",
            endpoints: vec![
                get("/v1/workspaces/{workspace}/audit", audit::list)
                    .action(authority::audit::ACTION_LIST)
                    .says("Read a workspace's audit trail, newest first")
                    .notes(audit_follow::NOTES)
                    .query::<audit::AuditQuery>()
                    .answers::<AuditPage>(200),
                get("/v1/organizations/{organization}/audit", audit::list_organization)
                    .action(authority::audit::ACTION_LIST_ORGANIZATION)
                    .says("Read an organization's audit trail, its workspaces' included, newest first")
                    .notes(audit_follow::NOTES)
                    .query::<audit::AuditQuery>()
                    .answers::<AuditPage>(200),
                get("/v1/workspaces/{workspace}/audit/export", audit_export::export)
                    .action(authority::audit::ACTION_EXPORT)
                    .says("Export a workspace's audit trail")
                    .notes(audit_export::NOTES)
                    .query::<audit_export::ExportQuery>()
                    .answers_text(200, &["application/x-ndjson", "text/csv"]),
                get("/v1/organizations/{organization}/audit/export", audit_export::export_organization)
                    .action(authority::audit::ACTION_EXPORT_ORGANIZATION)
                    .says("Export an organization's audit trail, its workspaces' included")
                    .notes(audit_export::NOTES)
                    .query::<audit_export::ExportQuery>()
                    .answers_text(200, &["application/x-ndjson", "text/csv"]),
                get("/v1/organizations/{organization}/audit/report", audit_report::show)
                    .action(authority::audit::ACTION_REPORT)
                    .says("What an auditor asks first: admins without a second factor, keys to be rotated or unused, changes of permissions")
                    .query::<ReportRequest>()
                    .answers::<ReportView>(200),
                get("/.well-known/cronflow-access-audit-keys", audit_keys::show)
                    .named("audit.keys")
                    .says("What exports of audit trails are signed with")
                    .answers::<audit_keys::AuditKeys>(200),
                get("/v1/audit", audit::list_platform)
                    .action(authority::audit::ACTION_LIST_PLATFORM)
                    .says("Read the platform's own audit trail, newest first")
                    .notes(audit_follow::NOTES)
                    .query::<audit::AuditQuery>()
                    .answers::<AuditPage>(200),
                get("/v1/audit/export", audit_export::export_platform)
                    .action(authority::audit::ACTION_EXPORT_PLATFORM)
                    .says("Export the platform's own audit trail")
                    .notes(audit_export::NOTES)
                    .query::<audit_export::ExportQuery>()
                    .answers_text(200, &["application/x-ndjson", "text/csv"]),
            ],
        },
        Group {
            name: "Webhooks",
            about: "Who is told of what happens in a workspace, and what became of it.",
            endpoints: vec![
                post("/v1/workspaces/{workspace}/webhooks", webhooks::create)
                    .action(authority::webhooks::actions::CREATE)
                    .says("Create a webhook endpoint")
                    .notes(webhooks::NOTES)
                    .takes::<WebhookRequest>()
                    .answers::<Issued<WebhookView>>(201)
                    .idempotent(),
                get("/v1/workspaces/{workspace}/webhooks", webhooks::list)
                    .action(authority::webhooks::actions::LIST)
                    .says("List webhook endpoints, newest first")
                    .pages::<WebhookView>(),
                get("/v1/workspaces/{workspace}/webhooks/{webhook}", webhooks::show)
                    .action(authority::webhooks::actions::GET)
                    .says("Show a webhook endpoint")
                    .answers::<WebhookView>(200)
                    .versioned(),
                put("/v1/workspaces/{workspace}/webhooks/{webhook}", webhooks::update)
                    .action(authority::webhooks::actions::UPDATE)
                    .says("Change, disable or enable a webhook endpoint")
                    .takes::<WebhookUpdate>()
                    .answers::<WebhookView>(200)
                    .versioned(),
                delete("/v1/workspaces/{workspace}/webhooks/{webhook}", webhooks::delete)
                    .action(authority::webhooks::actions::UPDATE)
                    .named("webhook_endpoints.delete")
                    .says("Take a webhook endpoint away, and what is on its way to it")
                    .answers_nothing(204)
                    .conditional(),
                post("/v1/workspaces/{workspace}/webhooks/{webhook}/rotate-secret", webhooks::rotate)
                    .action(authority::webhooks::actions::UPDATE)
                    .named("webhook_endpoints.rotate")
                    .says("Give a webhook endpoint another secret; old and new sign during the overlap")
                    .may_take::<webhooks::RotateBody>()
                    .answers::<Issued<WebhookView>>(201)
                    .idempotent()
                    .versioned(),
                post("/v1/workspaces/{workspace}/webhooks/{webhook}/test", webhooks::test)
                    .action(authority::webhooks::actions::TEST)
                    .says("Send a webhook endpoint a message for trying out")
                    .answers::<DeliveryView>(200),
                get("/v1/workspaces/{workspace}/webhooks/{webhook}/deliveries", webhooks::deliveries)
                    .action(authority::webhooks::actions::LIST_DELIVERIES)
                    .says("List what became of messages to a webhook endpoint, newest first")
                    .pages::<DeliveryView>(),
                post("/v1/workspaces/{workspace}/webhooks/{webhook}/deliveries/{delivery}/replay", webhooks::replay)
                    .action(authority::webhooks::actions::REPLAY)
                    .says("Try a delivery again, at once, with the message's id as it was")
                    .answers::<DeliveryView>(200),
                post("/v1/workspaces/{workspace}/webhooks/{webhook}/recover", webhooks::recover)
                    .action(authority::webhooks::actions::RECOVER)
                    .says("Try all again that did not come through since a time")
                    .takes::<RecoverRequest>()
                    .answers::<RecoverView>(200),
                post("/v1/workspaces/{workspace}/webhooks/messages", webhooks::send)
                    .action(authority::webhooks::actions::SEND)
                    .says("Tell a workspace's webhook endpoints something")
                    .takes::<MessageRequest>()
                    .answers::<MessageView>(201)
                    .idempotent(),
            ],
        },
        Group {
            name: "Gateways",
            about: "Credentials of enforcement points.",
            endpoints: vec![
                post("/v1/gateways", gateways::issue)
                    .action(authority::gateways::ACTION_ISSUE)
                    .says("Issue a gateway's credential")
                    .takes::<GatewayRequest>()
                    .answers::<Issued<GatewayView>>(201)
                    .idempotent(),
                get("/v1/gateways", gateways::list)
                    .action(authority::gateways::ACTION_LIST)
                    .says("List gateways' credentials, newest first")
                    .pages::<GatewayView>(),
                get("/v1/gateways/{gateway}", gateways::show)
                    .action(authority::gateways::ACTION_GET)
                    .says("Show a gateway's credential")
                    .answers::<GatewayView>(200),
                post("/v1/gateways/{gateway}/revoke", gateways::revoke)
                    .action(authority::gateways::ACTION_REVOKE)
                    .says("End a gateway's credential for good")
                    .answers::<GatewayView>(200),
            ],
        },
        Group {
            name: "Secrets",
            about: "The keys that everything sealed hangs on, and how they are replaced while hosts serve. For operators.",
            endpoints: vec![
                get("/v1/secrets", secrets::show)
                    .action(authority::secrets::actions::GET)
                    .says("Show which root key, peppers and data keys there are")
                    .answers::<SecretsView>(200),
                get("/v1/secrets/usage", secrets::usage)
                    .action(authority::secrets::actions::GET)
                    .named("secrets.usage")
                    .says("Count what stands under each, a part at a time")
                    .query::<SecretsUsageRequest>()
                    .answers::<SecretsUsageView>(200),
                post("/v1/secrets/rekey", secrets::rekey)
                    .action(authority::secrets::actions::REKEY)
                    .says("Begin the change to another root key")
                    .takes::<RekeyRequest>()
                    .answers::<SecretsView>(200),
                post("/v1/secrets/reseal", secrets::reseal)
                    .action(authority::secrets::actions::REKEY)
                    .named("secrets.reseal")
                    .says("Seal the next part under the new data key")
                    .takes::<ResealRequest>()
                    .answers::<ResealView>(200),
                post("/v1/secrets/rekey/finish", secrets::finish)
                    .action(authority::secrets::actions::REKEY)
                    .named("secrets.rekey.finish")
                    .says("End the change: the old root key opens nothing any more")
                    .takes::<FinishRequest>()
                    .answers::<SecretsView>(200),
                post("/v1/secrets/peppers", secrets::rotate_pepper)
                    .action(authority::secrets::actions::PEPPERS)
                    .says("Make another pepper, for all that is digested from now on")
                    .answers::<SecretsView>(200),
                post("/v1/secrets/peppers/retire", secrets::retire_pepper)
                    .action(authority::secrets::actions::PEPPERS)
                    .named("secrets.peppers.retire")
                    .says("End a pepper that nothing stands under, or all that does with it")
                    .takes::<RetireRequest>()
                    .answers::<RetireView>(200)
                    .also(404),
            ],
        },
        Group {
            name: "Operation",
            about: "What orchestrators and tools ask, and what a dev host offers besides.",
            endpoints: vec![
                get("/openapi.json", documents::openapi)
                    .named("openapi")
                    .says("This document, for tools")
                    .answers::<Map<String, Value>>(200),
                get("/docs", documents::docs).named("docs").says("This document, for people").answers_html(200),
                get("/health/alive", health::alive)
                    .named("health.alive")
                    .says("Whether the process answers")
                    .answers::<health::Alive>(200),
                get("/health/ready", health::ready)
                    .named("health.ready")
                    .says("Whether it can decide")
                    .answers::<health::Ready>(200)
                    .answers::<health::Ready>(503),
                post("/v1/dev/clock", dev_clock::advance)
                    .action(authority::lifecycle::dev_clock::ACTION)
                    .says("Move wall time forward, on a dev host")
                    .takes::<dev_clock::Advance>()
                    .answers::<DevClock>(200)
                    .also(404),
            ],
        },
    ]
}

/// The router of the table.
pub(crate) fn router() -> Router<Arc<App>> {
    let endpoints = table().into_iter().flat_map(|group| group.endpoints);
    endpoints.fold(Router::new(), |router, endpoint| endpoint.add_to(router))
}
