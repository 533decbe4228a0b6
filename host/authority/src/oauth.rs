//! OAuth2, server to server: clients of an organization, and the tokens that they obtain (RFC 6749 §4.4, client_credentials).
//!
//! Reading order: `register`, `grant` (whether one may hand out so much), `list`, `change`, `rotate` (a client's life), `authenticate` (who presents a client's secret),
//! `issue`, `introspect`, `revoke` (a token's). How tokens identify whoever presents them stands in `decide/identify.rs`, with
//! everybody's.

mod authenticate;
mod change;
mod grant;
mod introspect;
mod issue;
mod list;
mod register;
mod revoke;
mod rotate;
mod view;

pub use change::{ClientChange, ClientUpdate};
pub use introspect::TokenFacts;
pub use issue::{IssuedToken, TokenRequest};
pub use register::ClientRequest;
pub use view::{ClientIssued, ClientView, SecretView};

pub(crate) use grant::attributes as attributes_of;
pub(crate) use register::put_new_client;

/// Actions of the catalog that these use cases need a permit for.
pub mod actions {
    /// Register a client.
    pub const REGISTER: &str = "clients.register";
    /// List an organization's.
    pub const LIST: &str = "clients.list";
    /// Show one.
    pub const GET: &str = "clients.get";
    /// Change its terms.
    pub const UPDATE: &str = "clients.update";
    /// Give it another secret.
    pub const ROTATE: &str = "clients.rotate";
    /// Switch it off.
    pub const DISABLE: &str = "clients.disable";
    /// Switch it on again.
    pub const ENABLE: &str = "clients.enable";
    /// End it.
    pub const REVOKE: &str = "clients.revoke";
    /// Snooze that it is inactive.
    pub const SNOOZE: &str = "clients.snooze";
    /// Obtain a token.
    pub const ISSUE_TOKEN: &str = "tokens.issue";
    /// Ask about a token.
    pub const INTROSPECT: &str = "tokens.introspect";
    /// End a token.
    pub const REVOKE_TOKEN: &str = "tokens.revoke";
}
