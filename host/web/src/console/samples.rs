//! All pages, with their samples: each is whole, nothing on it could be refused by its own policy, and what it names is there.
//! They are left in `target/console`, to be looked at in a browser.

use std::collections::BTreeSet;

use access_model::Timestamp;
use askama::Template;

use super::pages::audit::AuditPage;
use super::pages::client::ClientPage;
use super::pages::clients::ClientsPage;
use super::pages::confirm::Confirm;
use super::pages::enrol::EnrolPage;
use super::pages::factor::FactorPage;
use super::pages::form_page::FormPage;
use super::pages::issued::IssuedPage;
use super::pages::join::JoinPage;
use super::pages::key::KeyPage;
use super::pages::keys::KeysPage;
use super::pages::member::MemberPage;
use super::pages::members::MembersPage;
use super::pages::network::NetworkPage;
use super::pages::overview::OverviewPage;
use super::pages::permissions::PermissionsPage;
use super::pages::policies::PoliciesPage;
use super::pages::policy::PolicyPage;
use super::pages::policy_diff::DiffPage;
use super::pages::policy_editor::EditorPage;
use super::pages::policy_revision::RevisionPage;
use super::pages::profile::ProfilePage;
use super::pages::recovery_codes::RecoveryCodesPage;
use super::pages::settings::SettingsPage;
use super::pages::sign_in::SignInPage;
use super::pages::try_request::TryPage;
use super::pages::webhook::WebhookPage;
use super::pages::webhooks::WebhooksPage;
use super::pages::workspaces::WorkspacesPage;
use super::trouble::TroublePage;

/// When the samples are looked at: 31 January 2026, noon.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_769_860_800_000);

/// So many seconds later, or earlier.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + seconds * 1_000)
}

fn all() -> Vec<(&'static str, String)> {
    fn html(page: impl Template) -> String {
        page.render().expect("a page is written")
    }
    vec![
        ("sign-in", html(SignInPage::sample())),
        ("factor", html(FactorPage::sample())),
        ("factor-recovery", html(FactorPage::recovery())),
        ("join", html(JoinPage::sample())),
        ("join-setup", html(JoinPage::setup())),
        ("enrol", html(EnrolPage::sample())),
        ("recovery-codes", html(RecoveryCodesPage::sample())),
        ("denied", html(TroublePage::sample())),
        ("not-found", html(TroublePage::not_found())),
        ("overview", html(OverviewPage::sample())),
        ("overview-empty", html(OverviewPage::empty())),
        ("keys", html(KeysPage::sample())),
        ("keys-empty", html(KeysPage::empty())),
        ("key", html(KeyPage::sample())),
        ("key-issue", html(FormPage::sample_of_key())),
        ("key-issued", html(IssuedPage::sample())),
        ("key-rotate", html(FormPage::sample_of_rotation())),
        ("key-snooze", html(FormPage::sample_of_snooze())),
        ("key-revoke", html(Confirm::sample())),
        ("clients", html(ClientsPage::sample())),
        ("clients-empty", html(ClientsPage::empty())),
        ("client", html(ClientPage::sample())),
        ("client-register", html(FormPage::sample_of_client())),
        ("network", html(NetworkPage::at_rest())),
        ("network-preview", html(NetworkPage::sample())),
        ("policies", html(PoliciesPage::sample())),
        ("policies-empty", html(PoliciesPage::empty())),
        ("policy", html(PolicyPage::sample())),
        ("policy-revision", html(RevisionPage::sample())),
        ("policy-diff", html(DiffPage::sample())),
        ("policy-edit", html(EditorPage::sample())),
        ("try", html(TryPage::sample())),
        ("webhooks", html(WebhooksPage::sample())),
        ("webhooks-empty", html(WebhooksPage::empty())),
        ("webhook", html(WebhookPage::sample())),
        ("webhook-create", html(FormPage::sample_of_webhook())),
        ("audit", html(AuditPage::sample())),
        ("audit-empty", html(AuditPage::empty())),
        ("members", html(MembersPage::sample())),
        ("member", html(MemberPage::sample())),
        ("permissions", html(PermissionsPage::sample())),
        ("settings", html(SettingsPage::sample())),
        ("organization", html(SettingsPage::sample_of_organization())),
        ("workspaces", html(WorkspacesPage::sample())),
        ("profile", html(ProfilePage::sample())),
    ]
}

#[test]
fn every_page_is_whole_and_keeps_to_its_policy() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/console");
    std::fs::create_dir_all(folder).unwrap();
    for (name, html) in all() {
        std::fs::write(format!("{folder}/{name}.html"), &html).unwrap();
        assert_eq!(html.matches("<h1").count(), 1, "{name}: one heading names the page");
        assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"), "{name}");
        assert!(html.contains("<main id=\"main\"") && html.contains("<html lang=\"en\">"), "{name}");
        for inline in ["<style", " style=", " onclick", " onload", " onsubmit", "javascript:", "http-equiv=\"Content"] {
            assert!(!html.contains(inline), "{name}: `{inline}` is refused by the policy of pages");
        }
        assert_eq!(html.matches("<script").count(), 1, "{name}: one script, from a file");
        for form in html.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap_or_default();
            let is_post = form.split('>').next().unwrap_or_default().contains("method=\"post\"");
            assert_eq!(is_post, form.contains("name=\"csrf\""), "{name}: what is sent carries a token: {form}");
        }
        check_ids(name, &html);
    }
}

/// No id is there twice, and labels and descriptions lead somewhere.
#[track_caller]
fn check_ids(name: &str, html: &str) {
    let values = |attribute: &str| {
        let parts: Vec<_> = html.split(&format!(" {attribute}=\"")).skip(1).collect();
        parts.into_iter().map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let ids = values("id");
    let distinct: BTreeSet<_> = ids.iter().cloned().collect();
    assert_eq!(ids.len(), distinct.len(), "{name}: an id is there twice: {ids:?}");
    let named = values("for").into_iter().chain(values("data-copy"));
    let described = values("aria-describedby");
    let described = described.iter().flat_map(|ids| ids.split(' ').map(str::to_owned));
    for id in named.chain(described) {
        assert!(distinct.contains(&id), "{name}: nothing has the id `{id}`");
    }
}
