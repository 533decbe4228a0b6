//! The console in a real browser, on the real binary: what people do there, from page to page.

mod clients;
mod keys;
mod network;
mod pages;
mod policies;

use harness::{Browser, Host, Tab};

/// A host and somebody who is signed in to its console.
struct Visit<'b> {
    host: &'b Host,
    tab: Tab<'b>,
}

impl<'b> Visit<'b> {
    /// Signed in as whoever may do everything.
    #[track_caller]
    fn of(browser: &'b Browser, host: &'b Host) -> Self {
        let base = format!("http://{}", host.manager().address());
        let tab = browser.tab(&base);
        tab.carries("__Host-cronflow_session", &host.identity().operator_token);
        Self { host, tab }
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
