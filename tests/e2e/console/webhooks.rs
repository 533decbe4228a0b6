//! A webhook: created, tried out, failing, sent again, disabled, recovered, rotated, taken away.

use harness::{Browser, Host, Receiver, wait_until};
use serde_json::json;

use super::Visit;

#[test]
fn a_webhook_is_created_tried_out_recovered_rotated_and_deleted() {
    let Some(browser) = Browser::start() else { return };
    let host = Host::dev();
    let receiver = Receiver::start();
    let visit = Visit::of(&browser, &host);
    let tab = &visit.tab;
    let send = |kind: &str| {
        let body = json!({ "type": kind, "payload": {} });
        host.operator().post(&host.workspace("/webhooks/messages"), &body).check_json(201);
    };
    let in_dialog = |link: &str, button: &str| {
        tab.press_here(link);
        tab.wait_until("document.querySelector('dialog[open]')");
        tab.press(button);
    };
    tab.open(&visit.workspace("/webhooks")).check_sees(&["No webhook yet"]).check_accessible("webhooks-empty");
    tab.press("Create a webhook").fill("url", &receiver.url()).fill("events", "Job").press("Create the webhook");
    tab.check_sees(&["is neither a type"]).check_accessible("webhook-create");
    tab.fill("events", "job.*").fill("description", "alerts").press("Create the webhook");
    tab.check_sees(&["alerts is created", "shown this once"]).check_accessible("webhook-created");
    let secret = tab.text_of("#secret");
    assert!(secret.starts_with("whsec_"), "{secret}");
    tab.press("I have kept it").check_sees(&["alerts", "active", "It was told nothing yet."]);
    assert!(!tab.says("document.documentElement.outerHTML").as_str().unwrap().contains(&secret), "shown once");
    let here = tab.path();
    let wait_to_see = |what: &str| wait_until(what, || tab.open(&here).text().contains(what));

    in_dialog("Test", "Test the webhook");
    tab.check_sees(&["A test is on its way."]);
    receiver.wait_for(1);
    wait_to_see("answered 204");
    receiver.answers(500);
    send("job.done");
    wait_to_see("No attempt came through since");
    tab.check_sees(&["pending", "failing", "answered 500"]).check_accessible("webhook");
    receiver.answers(204);
    let replay = tab.says("document.querySelector('a[href$=\"/replay\"]').getAttribute('href')");
    tab.open(replay.as_str().expect("an address")).press("Send it again");
    tab.check_sees(&["The message is on its way again."]);
    receiver.wait_for(3);

    in_dialog("Disable", "Disable the webhook");
    tab.check_sees(&["The webhook is disabled."]);
    send("job.done");
    wait_to_see("held");
    in_dialog("Enable", "Enable the webhook");
    in_dialog("Recover", "Recover what was missed");
    tab.check_sees(&["What did not come through is on its way again."]);
    receiver.wait_for(4);

    tab.press("Rotate the secret").fill("overlap_seconds", "3600").press("Rotate the secret");
    let successor = tab.text_of("#secret");
    assert!(successor.starts_with("whsec_") && successor != secret);
    tab.press("I have kept it").check_sees(&["Secret 2", "overlapping"]);
    tab.press("Edit").fill("events", "job.*\nkey.*").press("Save the webhook").check_sees(&["key.*"]);
    in_dialog("Delete", "Delete the webhook");
    tab.check_sees(&["The webhook is deleted.", "No webhook yet"]).check_calm();
}
