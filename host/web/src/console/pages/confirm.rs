//! "Are you sure?", before what ends something: a page, which scripts show as a dialog.

use askama::Template;

use crate::console::frame::Frame;
use crate::console::parts::Field;

/// The question.
#[derive(Template)]
#[template(path = "console/confirm.html")]
pub(crate) struct Confirm {
    /// What stands around it.
    pub(crate) frame: Frame,
    /// What it looks like.
    pub(crate) icon: &'static str,
    /// The question.
    pub(crate) heading: String,
    /// What happens then.
    pub(crate) lede: String,
    /// What else is to be known.
    pub(crate) points: Vec<String>,
    /// What went wrong when it was sent.
    pub(crate) problem: Option<String>,
    /// What is to be filled in.
    pub(crate) fields: Vec<Field>,
    /// Where it is sent.
    pub(crate) action: String,
    /// What the button says.
    pub(crate) button: &'static str,
    /// Whether it can't be taken back.
    pub(crate) is_danger: bool,
    /// Where to go instead.
    pub(crate) back: String,
}

impl Confirm {
    /// Whether to revoke a key that is in use.
    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        let frame = Frame::sample(crate::console::frame::Section::Keys);
        Self {
            icon: "trash",
            heading: "Revoke ci-deploy?".to_owned(),
            lede: "It ends for good, on every host within a second. Whoever uses it is denied from then on.".to_owned(),
            points: vec!["It was used 12 minutes ago.".to_owned()],
            problem: None,
            fields: Vec::new(),
            action: frame.at("/keys/key_07/revoke"),
            button: "Revoke the key",
            is_danger: true,
            back: frame.at("/keys/key_07"),
            frame,
        }
    }
}
