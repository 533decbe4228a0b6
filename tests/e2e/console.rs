//! The console in a real browser, on the real binary: what people do there, from page to page.

mod audit;
mod clients;
mod keys;
mod network;
mod pages;
mod people;
mod policies;
mod webhooks;

use harness::people::{STEP, code};
use harness::{Browser, Host, Person, Tab};

/// A host and somebody who is signed in to its console.
struct Visit<'b> {
    host: &'b Host,
    tab: Tab<'b>,
}

impl<'b> Visit<'b> {
    /// At the door.
    #[track_caller]
    fn to(browser: &'b Browser, host: &'b Host) -> Self {
        let base = format!("http://{}", host.manager().address());
        Self { host, tab: browser.tab(&base) }
    }

    /// Signed in as the demo's owner, with the second factor.
    #[track_caller]
    fn of(browser: &'b Browser, host: &'b Host) -> Self {
        let visit = Self::to(browser, host);
        visit.sign_in(&Person::owner(host));
        visit
    }

    /// Signs in with password and code.
    #[track_caller]
    fn sign_in(&self, person: &Person) {
        let tab = &self.tab;
        tab.open("/console/sign-in").fill("email", &person.email).fill("password", &person.password).press("Sign in");
        tab.check_sees(&["Second step"]);
        self.give_code(person, "Sign in");
    }

    /// Gives the code that the app shows, which was not used before.
    #[track_caller]
    fn give_code(&self, person: &Person, button: &str) {
        self.host.advance(STEP);
        self.tab.fill("code", &person.code(self.host, 0)).press(button);
    }

    /// A path of the first workspace's pages.
    fn workspace(&self, then: &str) -> String {
        format!("/console/workspaces/{}{then}", self.host.identity().workspace)
    }

    /// A path of the organization's pages.
    fn organization(&self, then: &str) -> String {
        format!("/console/organizations/{}{then}", self.host.identity().organization)
    }
}

/// The code that an app shows now, by the browser's own clock, and so many steps later.
#[track_caller]
fn code_by(tab: &Tab<'_>, secret: &str, steps: u64) -> String {
    let now = tab.says("Math.floor(Date.now() / 1000)").as_u64().expect("a time");
    code(secret, now / STEP + steps)
}
