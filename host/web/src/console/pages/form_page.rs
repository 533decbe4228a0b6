//! A page that is a form, and nothing else.

use askama::Template;

use super::Notice;
use crate::console::frame::{Frame, Link};
use crate::console::parts::Field;

/// The form.
#[derive(Template)]
#[template(path = "console/form.html")]
pub(crate) struct FormPage {
    /// What stands around it.
    pub(crate) frame: Frame,
    /// Where one comes from.
    pub(crate) crumbs: Vec<Link>,
    /// What it is for.
    pub(crate) heading: String,
    /// What is to be known first.
    pub(crate) lede: String,
    /// What else is to be known, as things stand.
    pub(crate) notice: Option<Notice>,
    /// What went wrong when it was sent.
    pub(crate) problem: Option<String>,
    /// Fields that are not seen.
    pub(crate) hidden: Vec<(&'static str, String)>,
    /// Fields.
    pub(crate) fields: Vec<Field>,
    /// Where it is sent.
    pub(crate) action: String,
    /// What the button says.
    pub(crate) button: &'static str,
    /// Where to go instead.
    pub(crate) back: String,
}
