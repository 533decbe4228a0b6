//! Every page that an address leads to: nothing that axe-core objects to, in light, dark and at 360 px, and a picture of each.

use harness::{Browser, Host};

use super::Visit;

#[test]
fn every_page_is_for_everybody() {
    let Some(browser) = Browser::start() else { return };
    let host = Host::dev();
    let visit = Visit::of(&browser, &host);
    let of_workspace = [
        ("overview", ""),
        ("keys", "/keys"),
        ("audit", "/audit"),
        ("audit-followed", "/audit?follow=yes"),
        ("audit-none", "/audit?action=nothing.such"),
        ("settings", "/settings"),
        ("archive", "/state/archive"),
        ("try-empty", "/try"),
        ("policies", "/policies"),
        ("webhooks", "/webhooks"),
        ("not-found", "/keys/key_00aaaaaaaaaaaaaaaa"),
    ];
    let of_organization = [
        ("clients", "/clients"),
        ("workspaces", "/workspaces"),
        ("workspace-new", "/workspaces/new"),
        ("organization-audit", "/audit"),
        ("organization", "/settings"),
    ];
    for (name, path) in of_workspace {
        visit.tab.open(&visit.workspace(path)).check_accessible(name);
    }
    for (name, path) in of_organization {
        visit.tab.open(&visit.organization(path)).check_accessible(name);
    }
}

#[test]
fn settings_are_changed_and_the_change_is_in_the_trail() {
    let Some(browser) = Browser::start() else { return };
    let host = Host::dev();
    let visit = Visit::of(&browser, &host);
    let tab = &visit.tab;
    tab.open(&visit.workspace("/settings")).fill("key_lifetime_days", "0").press("Save the settings");
    tab.check_sees(&["Must be 1 to 36500"]);
    tab.fill("key_lifetime_days", "90").press("Save the settings").check_sees(&["The settings are saved."]);
    // Said once: a reload says it no more.
    tab.open(&tab.path());
    assert!(!tab.text().contains("The settings are saved."));
    tab.open(&visit.workspace("/audit?action=settings.update")).check_sees(&["settings.update"]);
    tab.press_here("What changed");
    tab.check_sees(&["key lifetime days", "90"]).check_calm();
}
