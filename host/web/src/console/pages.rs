//! The pages, and what several of them are made of.

pub(crate) mod audit;
pub(crate) mod client;
pub(crate) mod client_register;
pub(crate) mod clients;
pub(crate) mod confirm;
pub(crate) mod enrol;
pub(crate) mod factor;
pub(crate) mod form_page;
pub(crate) mod home;
pub(crate) mod issued;
pub(crate) mod join;
pub(crate) mod key;
pub(crate) mod key_issue;
pub(crate) mod key_rotate;
pub(crate) mod key_snooze;
pub(crate) mod keys;
pub(crate) mod member;
pub(crate) mod members;
pub(crate) mod network;
pub(crate) mod organization;
pub(crate) mod overview;
pub(crate) mod permissions;
pub(crate) mod policies;
pub(crate) mod policy;
pub(crate) mod policy_diff;
pub(crate) mod policy_editor;
pub(crate) mod policy_revision;
pub(crate) mod profile;
pub(crate) mod recovery_codes;
pub(crate) mod settings;
pub(crate) mod sign_in;
pub(crate) mod try_request;
pub(crate) mod webhook;
pub(crate) mod webhook_form;
pub(crate) mod webhooks;
pub(crate) mod workspace_state;
pub(crate) mod workspaces;

use access_authority::PageRequest;

use super::form::Form;
use super::frame::Link;

/// Items of a page.
const ITEMS: usize = 25;

/// What stands below a list that is too long for one page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pager {
    /// The next page.
    pub(crate) next: Option<String>,
    /// The first page.
    pub(crate) first: String,
    /// Whether this is not the first.
    pub(crate) is_later: bool,
    /// Which list's it is, where a page has several.
    pub(crate) about: &'static str,
}

impl Pager {
    /// The pager of a list at `path`, with what its query says besides.
    pub(crate) fn new(path: &str, query: &Form, next_cursor: Option<&String>) -> Self {
        Self::of("cursor", "", path, query, next_cursor)
    }

    /// The same, of a list whose place stands in the field `name` of the query.
    pub(crate) fn of(name: &str, about: &'static str, path: &str, query: &Form, next_cursor: Option<&String>) -> Self {
        let kept = query.without(&[name, "done", "follow"]);
        let at = |cursor: Option<&String>| {
            let cursor = cursor.map(|cursor| (name, cursor.as_str()));
            let fields = kept.iter().copied().chain(cursor);
            let fields = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            if fields.is_empty() { path.to_owned() } else { format!("{path}?{fields}") }
        };
        Self {
            next: next_cursor.map(|cursor| at(Some(cursor))),
            first: at(None),
            is_later: query.stated(name).is_some(),
            about,
        }
    }

    /// Whether there is more than one page.
    pub(crate) const fn is_long(&self) -> bool {
        self.next.is_some() || self.is_later
    }
}

/// The page of a list that the address asks for.
pub(crate) fn asked_page(query: &Form) -> PageRequest {
    PageRequest { limit: Some(ITEMS), cursor: query.stated("cursor") }
}

/// A notice above a form.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    /// What it says.
    pub(crate) text: String,
    /// Where it leads.
    pub(crate) link: Option<Link>,
}

/// A number that is to be seen.
#[derive(Debug, Clone)]
pub(crate) struct Stat {
    /// What it looks like.
    pub(crate) icon: &'static str,
    /// What it is.
    pub(crate) label: String,
    /// The number.
    pub(crate) value: String,
    /// What is to be known about it.
    pub(crate) about: String,
}

impl Stat {
    /// A number.
    pub(crate) fn new(
        icon: &'static str,
        label: impl Into<String>,
        value: impl Into<String>,
        about: impl Into<String>,
    ) -> Self {
        Self { icon, label: label.into(), value: value.into(), about: about.into() }
    }
}

/// The field that an error is about: its message begins with the field's name in back-quotes.
pub(crate) fn error_of(detail: &str, field: &str) -> Option<String> {
    let rest = detail.strip_prefix('`')?.strip_prefix(field)?.strip_prefix("`:")?;
    Some(super::trouble::sentence(rest.trim()))
}

/// What is said above a form: the error, unless one of its fields tells it.
pub(crate) fn problem_of(detail: Option<&str>, fields: &[&str]) -> Option<String> {
    let detail = detail?;
    fields.iter().all(|field| error_of(detail, field).is_none()).then(|| super::trouble::sentence(detail))
}
