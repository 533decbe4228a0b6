//! Mail: what happens in an organization, to those of its members who look after it.
//!
//! Reading order: `recipients` (who is written to: one [`access_model::Mail`] each, in the commit that takes the event out of the
//! outbox), `post` (which mails are tried when), `attempt` (one of them: read, write, hand over, record), `text` (what a mail says),
//! `health` (how the relay fares, for `doctor`).
//!
//! A mail goes to the operator's own relay, which no workspace has a say in. INVARIANT: it stands in the index of what is due until
//! the relay has it or it is given up, so that one that was cut short is sent again, with the same `Message-ID`.

mod attempt;
mod health;
mod post;
mod recipients;
mod text;

pub use health::{Health, Unsent, health};

pub(crate) use post::Post;

use access_outbound::Relay;

/// How mail leaves this host.
#[derive(Debug)]
pub struct Mailer {
    relay: Relay,
    /// What addresses of the console begin with.
    public_url: String,
}

impl Mailer {
    /// Mail by `relay`, with links that begin with `public_url`: scheme and authority.
    pub const fn new(relay: Relay, public_url: String) -> Self {
        Self { relay, public_url }
    }
}
