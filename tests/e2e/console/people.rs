//! People: the first owner by the setup link, somebody who is invited, roles, factors, sessions.

use harness::{Browser, Host, Person, Setup};
use serde_json::json;

use super::{Visit, code_by};

const PASSWORD: &str = "seven quiet lanterns";

#[test]
fn the_first_owner_sets_up_enrols_and_signs_in() {
    let Some(browser) = Browser::start() else { return };
    let host = Setup::real().owned_by("ada@acme.example").initialized().start();
    let visit = Visit::to(&browser, &host);
    let tab = &visit.tab;
    let (_, path) = host.identity().setup_link.split_once("/console/").expect("init prints a link");
    tab.open(&format!("/console/{path}")).check_sees(&["Join acme", "first owner"]);
    tab.check_accessible("join");
    tab.fill("name", "Ada Owner").fill("password", "short").press("Create the account");
    tab.check_sees(&["Join acme"]).fill("password", PASSWORD).press("Create the account");
    // An owner may do nothing before there is a second factor.
    tab.check_sees(&["Set up two-step sign-in", "Your role needs it"]).check_accessible("enrol");
    let secret = tab.text_of("#totp").replace(' ', "");
    tab.fill("code", "000000").press("Confirm the code");
    assert_eq!(tab.text_of("#totp").replace(' ', ""), secret, "the code that was scanned goes on");
    tab.fill("code", &code_by(tab, &secret, 0)).press("Confirm the code").check_sees(&["Keep your recovery codes"]);
    tab.check_accessible("recovery-codes");
    let recovery = tab.text_of("#codes li");
    tab.press("I have kept them").check_sees(&["Two-step sign-in is on.", "Ada Owner"]);

    tab.press("Sign out").check_sees(&["You are signed out."]).check_accessible("sign-in");
    tab.open("/console").check_sees(&["Sign in"]);
    tab.fill("email", "Ada@Acme.example").fill("password", PASSWORD).press("Sign in").check_sees(&["Second step"]);
    // A code serves once; the next one is taken already, for clocks that differ.
    tab.fill("code", &code_by(tab, &secret, 1)).press("Sign in").check_sees(&["Ada Owner", "Overview"]);
    tab.press("Sign out");
    tab.fill("email", "ada@acme.example").fill("password", PASSWORD).press("Sign in");
    tab.press("No phone at hand? Use a recovery code").check_accessible("recovery-code");
    tab.fill("recovery_code", &recovery).press("Sign in").check_sees(&["Ada Owner"]);
    tab.press("Sign out").check_calm();
    // The link opened once.
    tab.open(&format!("/console/{path}")).check_sees(&["That did not work"]);
}

#[test]
fn a_wrong_password_and_an_address_of_nobody_look_the_same() {
    let Some(browser) = Browser::start() else { return };
    let host = Host::dev();
    let visit = Visit::to(&browser, &host);
    let (tab, owner) = (&visit.tab, Person::owner(&host));
    let try_in = |email: &str| {
        tab.open("/console/sign-in").fill("email", email).fill("password", "not the password at all").press("Sign in");
        tab.text().replace(email, "").replace(&owner.email, "")
    };
    assert_eq!(try_in(&owner.email), try_in("nobody@acme.example"));
    tab.check_accessible("sign-in-refused");
    visit.sign_in(&owner);
    tab.check_sees(&["Workspaces"]);
}

#[test]
fn somebody_is_invited_joins_and_may_what_their_role_says() {
    let Some(browser) = Browser::start() else { return };
    let host = Host::dev();
    let owner = Visit::of(&browser, &host);
    let tab = &owner.tab;
    tab.open(&owner.organization("/members")).check_sees(&["Members", "you"]).check_accessible("members");
    tab.press("Invite somebody").fill("email", "dev@acme.example").choose("roles", "developer");
    tab.check_accessible("invite");
    tab.press("Make the link").check_sees(&["dev@acme.example is invited"]).check_accessible("invited");
    let link = tab.text_of("#secret");
    let (_, path) = link.split_once("/console/").expect("a link");

    let invited = Visit::to(&browser, &host);
    let theirs = &invited.tab;
    theirs.open(&format!("/console/{path}")).check_sees(&["Join acme", "developer"]);
    theirs.fill("name", "Dev Eloper").fill("password", PASSWORD).press("Create the account");
    theirs.check_sees(&["Welcome. Your account is ready.", "Dev Eloper"]);
    theirs
        .open(&invited.workspace("/keys"))
        .check_sees(&["API keys", "Issue a key"])
        .check_accessible("keys-of-developer");
    // What their role has not is no button, and asked for anyway a page that says why.
    theirs.open(&invited.organization("/members/invite")).check_sees(&["You may not do that"]);
    theirs.check_accessible("denied");
    // What needs a second factor leads to setting one up, and back.
    theirs.open(&invited.workspace("/keys/issue"));
    theirs.fill("name", "mine").choose("kind", "production").choose("scopes", "jobs:read").press("Issue the key");
    theirs.check_sees(&["Set up two-step sign-in"]);
    let secret = theirs.text_of("#totp").replace(' ', "");
    let person = Person { email: String::new(), password: String::new(), totp_secret: secret };
    theirs.fill("code", &person.code(&host, 0)).press("Confirm the code").press("I have kept them");
    assert_eq!(theirs.says("document.querySelector('[name=name]').value"), "mine", "{}", theirs.path());
    theirs.press("Issue the key").check_sees(&["mine is issued"]);
    theirs.check_calm();

    tab.open(&owner.organization("/members"))
        .press("Dev Eloper")
        .check_sees(&["dev@acme.example", "Through which role"]);
    tab.check_accessible("member");
    tab.press_here("Suspend");
    tab.wait_until("document.querySelector('dialog[open]')");
    tab.press("Suspend the member").check_sees(&["all their sessions have ended"]);
    host.wait_until_all_know();
    theirs.open(&invited.workspace("/keys")).check_sees(&["Your session has ended."]);
}

#[test]
fn a_member_of_one_workspace_alone_is_at_home_in_it() {
    let Some(browser) = Browser::start() else { return };
    let host = Host::dev();
    let visit = Visit::to(&browser, &host);
    let (tab, identity) = (&visit.tab, host.identity());
    let invitation = json!({ "email": "one@acme.example", "workspaces": { &identity.workspace: ["developer"] } });
    let invited =
        host.operator().post(&format!("/v1/organizations/{}/invitations", identity.organization), &invitation);
    let invited = invited.check_json(201);
    let secret = invited["secret"].as_str().expect("a secret");
    tab.open(&format!("/console/join?invitation={secret}")).check_sees(&["Join acme"]);
    tab.fill("name", "One Alone").fill("password", PASSWORD).press("Create the account");
    tab.check_sees(&["Welcome. Your account is ready.", "Overview", "One Alone"]);
    tab.check_accessible("overview-of-one-workspace");
    // What is the organization's is not theirs, and the way back leads home.
    tab.open(&visit.organization("/members")).check_sees(&["You may not do that"]);
    tab.press("Back to the console").check_sees(&["Overview", "One Alone"]);
    tab.open(&visit.workspace("/keys")).check_sees(&["API keys", "Issue a key"]);
    tab.press_here("Switch workspace: main acme");
    assert!(!tab.text().contains("All workspaces"), "{}", tab.text());
    tab.check_calm();
}

#[test]
fn what_is_sensitive_asks_for_a_fresh_code_and_goes_on_where_one_was() {
    let Some(browser) = Browser::start() else { return };
    let host = Host::dev();
    let visit = Visit::of(&browser, &host);
    let tab = &visit.tab;
    host.advance(601);
    tab.open(&visit.workspace("/keys/issue"));
    tab.fill("name", "nightly").choose("kind", "production").choose("scopes", "jobs:read").press("Issue the key");
    tab.check_sees(&["Confirm that it is you"]).check_accessible("step-up");
    visit.give_code(&Person::owner(&host), "Confirm");
    tab.check_sees(&["Confirmed. Do now what you came for."]);
    tab.press("Issue the key").check_sees(&["nightly is issued"]).check_calm();
}

#[test]
fn an_account_has_its_factors_sessions_and_roles_in_view() {
    let Some(browser) = Browser::start() else { return };
    let host = Host::dev();
    let (visit, other) = (Visit::of(&browser, &host), Visit::of(&browser, &host));
    let tab = &visit.tab;
    tab.open("/console/profile")
        .check_sees(&["Your account", "this one", "Chromium on Linux"])
        .check_accessible("profile");
    tab.open(&visit.organization("/permissions"))
        .check_sees(&["keys.issue", "auditor"])
        .check_accessible("permissions");
    tab.press("Make a role")
        .fill("name", "key-rotator")
        .choose("actions", "keys.rotate")
        .choose("actions", "keys.list");
    tab.check_accessible("role-new");
    tab.press("Save the role").check_sees(&["The role is saved.", "key-rotator"]);
    tab.open("/console/profile")
        .fill("current", "wrong wrong wrong")
        .fill("new", PASSWORD)
        .press("Change the password");
    tab.check_sees(&["current password is wrong"]);
    let owner = Person::owner(&host);
    tab.fill("current", &owner.password).fill("new", PASSWORD).press("Change the password");
    tab.check_sees(&["Your password is changed"]).check_calm();
    host.wait_until_all_know();
    other.tab.open("/console/profile").check_sees(&["Your session has ended."]);
}
