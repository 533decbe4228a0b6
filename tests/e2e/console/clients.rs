//! A client: registered, and its secret gets a token.

use harness::{Browser, Host, Question, Request};

use super::Visit;

#[test]
fn a_client_is_registered_and_its_secret_gets_a_token() {
    let Some(browser) = Browser::start() else { return };
    let host = Host::dev();
    let visit = Visit::of(&browser, &host);
    let tab = &visit.tab;
    tab.open(&visit.organization("/clients")).press("Register a client");
    tab.fill("name", "billing").choose("scopes", "jobs:read");
    tab.check_accessible("client-register");
    // Which workspaces there are to choose from is the same list as everywhere.
    if tab.says("document.querySelector('[name=workspaces]') !== null") == true {
        tab.choose("workspaces", &host.identity().workspace);
    }
    tab.press("Register the client").check_sees(&["billing is registered", "shown this once"]);
    let secret = tab.text_of("#secret");
    let id = tab.says("document.body.innerText.match(/cl_[0-9A-Za-z]+/)[0]");
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={secret}&scope=jobs:read",
        id.as_str().expect("an id")
    );
    let request = Request::new("POST", "/oauth/token").body("application/x-www-form-urlencoded", form);
    let token = host.client(None).send(&request).check_json(200);
    let token = token["access_token"].as_str().expect("a token");
    let said = host.decide(&Question::reads_jobs(token));
    assert!(said.is_allow() || said.codes() == ["workspace_missing"], "{said:?}");
    tab.press("I have kept it").check_sees(&["billing", "active", "current"]);
    tab.check_accessible("client");
}
