//! A policy: written, checked as it is typed, published, tried, rolled back.

use harness::{Browser, Host, Question};

use super::Visit;

#[test]
fn a_policy_is_written_checked_published_tried_and_rolled_back() {
    let Some(browser) = Browser::start() else { return };
    let host = Host::dev();
    let visit = Visit::of(&browser, &host);
    let tab = &visit.tab;
    let key = host.demo_key("production");
    tab.open(&visit.workspace("/policies")).check_accessible("policies-empty");
    tab.press("Write the first policy").fill("name", "no-listing");
    // What the gate says comes by itself.
    tab.fill("source", "action.nam == \"jobs.list\" ? forbid(\"off\", \"no listing\") : no_match()");
    tab.wait_until("document.getElementById('findings').innerText.includes('did you mean')");
    tab.fill("source", "action.name == \"jobs.list\" ? forbid(\"off\", \"no listing\") : no_match()");
    let cases = r#"[{"name": "off", "facts": {"action": {"name": "jobs.list"}}, "expect": {"effect": "forbid", "codes": ["off"]}}]"#;
    tab.fill("cases", cases);
    tab.wait_until("document.getElementById('findings').innerText.includes('It passes.')");
    tab.check_accessible("policy-new");
    tab.choose("mode", "enforce").press("Publish").check_sees(&["The revision is published and in force.", "enforced"]);
    tab.check_accessible("policy");
    host.wait_until_all_know();
    host.decide(&Question::reads_jobs(&key.secret)).check_deny(&["off"]);

    tab.open(&visit.workspace("/try"))
        .fill("key", &key.id)
        .press("Decide")
        .check_sees(&["It would be denied: off", "no-listing"]);
    tab.check_accessible("try");
    tab.open(&visit.workspace("/policies/no-listing/edit"));
    tab.fill(
        "source",
        "action.name == \"jobs.list\" && has(request.ip) ? forbid(\"off\", \"no listing\") : no_match()",
    );
    tab.press("Keep as a revision").check_sees(&["The revision is kept."]).press("What changed");
    tab.check_sees(&["Revision 1 to 2", "has(request.ip)"]).check_accessible("policy-diff");
    tab.open(&visit.workspace("/policies/no-listing/revisions/1")).check_accessible("policy-revision");
    tab.open(&visit.workspace("/policies/no-listing"));
    tab.press_here("Roll back");
    tab.wait_until("document.querySelector('dialog[open]')");
    tab.press("Roll it back").check_sees(&["What was in force before is in force again.", "not published"]);
    tab.check_calm();
    host.wait_until_all_know();
    host.decide(&Question::reads_jobs(&key.secret)).check_allow();
}
