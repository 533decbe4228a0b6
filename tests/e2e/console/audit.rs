//! The trail: what it tells is widened in the settings, then followed and taken away as a file.

use harness::{Browser, Host, Question, wait_until};
use serde_json::json;

use super::Visit;

#[test]
fn the_trail_tells_of_denials_once_the_settings_say_so() {
    let Some(browser) = Browser::start() else { return };
    let host = Host::dev();
    let visit = Visit::of(&browser, &host);
    let tab = &visit.tab;
    let key = host.issue("production", &["jobs:read"]);
    let denied = Question::of(&key.secret).to("POST /v1/jobs").within("production").from("203.0.113.7");
    tab.open(&visit.workspace("/settings")).check_sees(&["Changes alone"]);
    tab.choose("audit_decisions", "denials").fill("audit_retention_days", "7").press("Save the settings");
    tab.check_sees(&["30 to 3650"]).fill("audit_retention_days", "400").press("Save the settings");
    tab.check_sees(&["The settings are saved."]);
    host.wait_until_all_know();
    host.decide(&denied).check_deny(&["missing_scope"]);
    let trail = host.workspace("/audit?action=decisions.*");
    let told = || host.operator().get(&trail).check_json(200)["items"].clone();
    wait_until("the denial is recorded", || told() != json!([]));
    tab.open(&visit.workspace("/audit?action=decisions.*")).check_sees(&["decisions.deny", "jobs.create", &key.id]);
    tab.check_accessible("audit-denials");
    tab.press_here("What changed");
    tab.check_sees(&["missing_scope", "203.0.113.7"]).check_calm();
    tab.open(&visit.workspace(""))
        .check_sees(&["Denials by reason", "missing_scope"])
        .check_accessible("overview-busy");
}

#[test]
fn a_trail_that_is_followed_grows_under_the_readers_eyes() {
    let Some(browser) = Browser::start() else { return };
    let host = Host::dev();
    let visit = Visit::of(&browser, &host);
    let tab = &visit.tab;
    host.issue("production", &["jobs:read"]);
    tab.open(&visit.workspace("/audit?follow=yes")).press_here("What changed");
    let read =
        tab.says("document.querySelector('[data-record] details[open]').closest('[data-record]').dataset.record");
    let read = read.as_str().expect("an opened record");
    let newest = tab.says("document.querySelector('[data-follow]').dataset.follow");
    host.issue("production", &["jobs:write"]);
    tab.wait_until(&format!("document.querySelector('[data-follow]').dataset.follow !== {newest}"));
    // What was opened stays open, and whoever reads by keyboard is where they were.
    let row = format!("document.querySelector('[data-record=\"{read}\"]')");
    assert_eq!(tab.says(&format!("{row}.querySelector('details').open")), json!(true));
    assert_eq!(tab.says(&format!("{row}.querySelector('summary') === document.activeElement")), json!(true));
    tab.check_calm();
}

#[test]
fn the_trail_is_taken_away_as_a_file() {
    let Some(browser) = Browser::start() else { return };
    let host = Host::dev();
    let visit = Visit::of(&browser, &host);
    let tab = &visit.tab;
    let key = host.issue("production", &["jobs:read"]);
    for page in [visit.workspace("/audit?action=keys.*"), visit.organization("/audit")] {
        tab.open(&page);
        let file =
            tab.says("fetch(document.querySelector('a[href*=\"/audit/export\"]').href).then(file => file.text())");
        let file = file.as_str().expect("a file");
        assert!(file.contains(",keys.issue,"), "{file}");
        assert!(file.lines().count() > 1 && !file.contains(&key.secret), "{file}");
    }
    tab.open(&visit.organization("/audit?action=*.export")).check_calm();
    tab.open(&visit.workspace("/audit?action=audit.export")).check_sees(&["audit.export"]);
    tab.press_here("What changed");
    tab.check_sees(&["keys.*"]);
}
