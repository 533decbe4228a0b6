//! `/oauth`: tokens for clients, and what is asked about tokens and done to them. Bodies and errors are the RFCs' own, and never
//! problem documents.

pub(crate) mod introspect;
pub(crate) mod metadata;
pub(crate) mod revoke;
pub(crate) mod token;

mod client_auth;
mod error;
mod form;

pub(crate) use error::{ErrorBody, OAuthError};
