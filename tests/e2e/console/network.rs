//! An allow-list, changed after a look at whom it would lock out.

use harness::{Browser, Host, Question, wait_until};
use serde_json::json;

use super::Visit;

#[test]
fn an_allow_list_is_changed_after_a_look_at_whom_it_locks_out() {
    let Some(browser) = Browser::start() else { return };
    let host = Host::dev();
    let visit = Visit::of(&browser, &host);
    let tab = &visit.tab;
    let rules = || host.operator().get(&host.workspace("/network")).check_json(200)["ip_allow"].clone();
    tab.open(&visit.workspace("/network")).check_sees(&["from everywhere", "127.0.0.1"]);
    tab.check_accessible("network");
    // Whom it locks out is told by what came in these days.
    let key = host.issue("production", &["jobs:read"]);
    for ip in ["203.0.113.7", "198.51.100.9", "198.51.100.9"] {
        host.decide(&Question::reads_jobs(&key.secret).from(ip)).check_allow();
    }
    let traffic = || host.operator().get(&host.workspace("/traffic?days=1")).check_json(200);
    wait_until("the store was told", || traffic()["total"]["allowed"] == 3);
    tab.fill("ip_allow", "203.0.113.0/33").press("Preview the change").check_sees(&["is not a network"]);
    tab.fill("ip_allow", "203.0.113.0/24").press("Preview the change");
    tab.check_sees(&["It would lock out your own address.", "2 of 3 requests would be denied.", "198.51.100.9/32"]);
    tab.check_accessible("network-preview");
    // Nothing is saved before that is acknowledged.
    tab.press("Save the change").check_sees(&["It would lock out your own address."]);
    assert_eq!(rules(), json!(null));
    tab.fill("ip_allow", "203.0.113.0/24\n127.0.0.0/8\n198.51.100.0/24").press("Preview the change");
    tab.check_sees(&["stays allowed, by 127.0.0.0/8", "No traffic would be locked out."]);
    tab.fill("ip_allow", "203.0.113.0/24\n127.0.0.0/8").press("Preview the change");
    tab.choose("confirmed", "yes").press("Save the change");
    tab.check_sees(&["The network rules are saved and in force."]).check_calm();
    assert_eq!(rules(), json!(["203.0.113.0/24", "127.0.0.0/8"]));
}
