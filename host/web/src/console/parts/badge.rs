//! A state in a word and a colour. The colour says nothing that the word doesn't.

use std::fmt;

use super::Escaped;

/// How good or bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// Somebody should look.
    Warn,
    /// It does not work, on purpose or not.
    Bad,
    /// Just to know.
    Info,
    /// Nothing.
    Quiet,
}

impl Tone {
    /// Its class.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Info => "info",
            Self::Quiet => "quiet",
        }
    }
}

impl fmt::Display for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.class())
    }
}

/// A state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Badge {
    tone: Tone,
    text: String,
}

impl Badge {
    /// Any.
    pub(crate) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }

    /// A state as the API names it.
    pub(crate) fn state(name: &str) -> Self {
        let tone = match name {
            "active" | "published" | "allow" | "enforced" => Tone::Good,
            "disabled" | "suspended" | "not_yet_valid" | "monitored" | "invited" => Tone::Warn,
            "revoked" | "expired" | "archived" | "removed" | "deny" => Tone::Bad,
            _ => Tone::Quiet,
        };
        Self::new(tone, name.replace('_', " "))
    }
}

impl fmt::Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<span class=\"badge {}\">{}</span>", self.tone, Escaped(&self.text))
    }
}

impl askama::filters::HtmlSafe for Badge {}
