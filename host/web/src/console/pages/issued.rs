//! What was just issued, with its secret: the only page that shows it.

use askama::Template;

use crate::console::frame::{Frame, Link};
use crate::console::parts::ShownOnce;

/// The page.
#[derive(Template)]
#[template(path = "console/issued.html")]
pub(crate) struct IssuedPage {
    /// What stands around it.
    pub(crate) frame: Frame,
    /// Where one comes from.
    pub(crate) crumbs: Vec<Link>,
    /// What was issued.
    pub(crate) heading: String,
    /// What is to be known.
    pub(crate) lede: String,
    /// The secret.
    pub(crate) secret: ShownOnce,
    /// What the facts are about.
    pub(crate) facts_heading: &'static str,
    /// What it may.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// How to try it in a shell; empty, where there is nothing to try.
    pub(crate) command: String,
    /// What the command does.
    pub(crate) command_about: &'static str,
    /// Where to go on.
    pub(crate) next: String,
    /// What the link says.
    pub(crate) next_label: &'static str,
}

impl IssuedPage {
    /// A key.
    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        use access_model::PlainSecret;

        use crate::console::frame::Section;

        let frame = Frame::sample(Section::Keys);
        Self {
            crumbs: vec![Link::new(frame.at("/keys"), "API keys")],
            heading: "ci-deploy is issued".to_owned(),
            lede: "It works from now on.".to_owned(),
            secret: ShownOnce {
                label: "Secret",
                secret: PlainSecret::new("cf_prod_07sampleSampleSampleSampleSampleSampleSampleSample00".to_owned()),
            },
            facts_heading: "What it may",
            facts: vec![("Kind", "production".to_owned()), ("Scopes", "jobs:read, jobs:write".to_owned())],
            command: "curl https://api.example.com/v1/jobs \\\n  -H \"Authorization: Bearer $CRONFLOW_KEY\"".to_owned(),
            command_about: "With the secret in the variable CRONFLOW_KEY.",
            next: frame.at("/keys/key_07"),
            next_label: "I have kept it",
            frame,
        }
    }
}
