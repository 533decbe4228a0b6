//! A key: issued, copied, used, rotated, revoked.

use harness::{Browser, Host, Question};
use serde_json::json;

use super::Visit;

#[test]
fn a_key_is_issued_copied_used_rotated_and_revoked() {
    let Some(browser) = Browser::start() else { return };
    let host = Host::dev();
    let visit = Visit::of(&browser, &host);
    let tab = &visit.tab;
    tab.open(&visit.workspace("/keys")).press("Issue a key");
    tab.fill("name", "ci deploy").choose("kind", "production").choose("scopes", "jobs:read");
    tab.fill("ip_allow", "10.0.0.300").press("Issue the key").check_sees(&["is not a network"]);
    tab.check_accessible("key-issue");
    tab.fill("ip_allow", "").press("Issue the key").check_sees(&["ci deploy is issued", "shown this once"]);
    let secret = tab.text_of("#secret");
    assert!(secret.starts_with("cf_prod_"), "{secret}");
    tab.press_here("Copy");
    tab.wait_until("document.querySelector('[data-copy] span').textContent === 'Copied'");
    assert_eq!(tab.says("navigator.clipboard.readText()"), json!(secret));
    tab.check_calm();
    host.wait_until_all_know();
    host.decide(&Question::reads_jobs(&secret)).check_allow();

    tab.press("I have kept it").check_sees(&["ci deploy", "active", "jobs:read"]);
    assert!(!tab.says("document.documentElement.outerHTML").as_str().unwrap().contains(&secret), "shown once");
    tab.press("Rotate").choose("overlap_seconds", "3600").press("Rotate the key");
    let successor = tab.text_of("#secret");
    host.wait_until_all_know();
    host.decide(&Question::reads_jobs(&secret)).check_allow();
    host.decide(&Question::reads_jobs(&successor)).check_allow();
    tab.press("I have kept it").check_sees(&["The key before this one still works."]);
    tab.check_accessible("key-rotated");

    // Where scripts run it is asked in a dialog; the page behind stays.
    tab.press_here("Revoke");
    tab.wait_until("document.querySelector('dialog[open]')");
    tab.check_sees(&["It ends for good"]);
    tab.photograph("key-revoke-dialog");
    tab.press_here("Cancel");
    tab.wait_until("!document.querySelector('dialog')");
    tab.press_here("Revoke");
    tab.wait_until("document.querySelector('dialog[open]')");
    tab.press("Revoke the key").check_sees(&["The key is revoked for good.", "revoked"]);
    tab.check_calm();
    host.wait_until_all_know();
    host.decide(&Question::reads_jobs(&successor)).check_unauthenticated();
}
