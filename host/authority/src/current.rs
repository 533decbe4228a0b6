//! A record as it stands, and changes that are only meant for it as it stood.

use crate::error::Error;

/// Something as it is shown, with the version that names it.
#[derive(Debug, Clone)]
pub struct Current<T> {
    /// As it is shown.
    pub shown: T,
    /// Never comes twice for the same record.
    pub version: u64,
}

/// Which version a change was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum IfMatch {
    /// Whichever it is.
    #[default]
    Any,
    /// One of these, as they were shown.
    One(Vec<String>),
}

impl IfMatch {
    /// Refuses a change of something that has moved on.
    pub(crate) fn check(&self, version: u64) -> Result<(), Error> {
        match self {
            Self::One(shown) if !shown.contains(&version.to_string()) => Err(Error::Stale),
            _ => Ok(()),
        }
    }
}
