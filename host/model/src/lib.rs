//! The nouns of CronFlow Access and their legal transitions. No I/O, no async, no clock of its own: time and randomness
//! come in as arguments.
//!
//! Reading order: [`clock`] and [`entropy`] (the two ambient things, made explicit), [`id`] (public ids, which carry their
//! home shard), [`catalog`] (what the company at hand calls things), [`secret`], [`key`], [`client`], [`token`], [`session`] and [`credential`] (what a
//! secret resolves to), [`password`], [`totp`], [`recovery`] and [`attempts`] (how people show who they are), [`organization`] (who owns it), [`member`], [`invitation`] and [`role`] (its people), [`policy`] (what of its own is in force), [`network`] and [`path`] (the two canonicalizers), [`meter`] (quotas),
//! [`scan`] (secrets where they don't belong), [`audit`], [`event`] (what people are told of), [`webhook`] and [`delivery`] (who else is told, and how often that is tried), [`text`] (quoting what others wrote), [`object`] (reading what others wrote).
//!
//! To add a noun: one file, its transitions consuming `self`, its tests below them.
//!
//! It must never read a clock, a file, a socket or the environment by itself; [`clock::SystemClock`] and
//! [`entropy::SystemEntropy`] are the only doors, and only the binary opens them.

pub mod attempts;
pub mod audit;
pub mod catalog;
pub mod client;
pub mod clock;
pub mod credential;
pub mod delivery;
pub mod entropy;
pub mod event;
pub mod id;
pub mod invitation;
pub mod key;
pub mod mail;
pub mod member;
pub mod meter;
pub mod network;
pub mod object;
pub mod organization;
pub mod password;
pub mod path;
pub mod policy;
pub mod recovery;
pub mod role;
pub mod scan;
pub mod secret;
pub mod session;
pub mod text;
pub mod token;
pub mod totp;
pub mod webhook;

pub use attempts::Attempts;
pub use audit::{Actor, AuditRecord, SealedRecord};
pub use catalog::{Catalog, Class, Kind, Quota, Stages, Upkeep};
pub use client::{Client, ClientSecret, ClientTerms};
pub use clock::{Clock, Timestamp};
pub use credential::{Credential, Gateway, Operator, Profile};
pub use delivery::{Attempt, AttemptOutcome, Delivery, DeliveryState, Message};
pub use entropy::Entropy;
pub use event::{Event, EventKind, Severity};
pub use id::{Id, IdKind, Shard};
pub use invitation::Invitation;
pub use key::{ApiKey, Issuer, KeyState, NewKey};
pub use mail::Mail;
pub use member::{Email, Member, MemberState, PasswordHash, Totp};
pub use network::AllowList;
pub use object::Object;
pub use organization::{
    AuditDecisions, Network, Organization, OrganizationSettings, OwnerState, Workspace, WorkspaceSettings,
};
pub use password::Password;
pub use policy::{Policy, PolicyBinding, PolicyMode, RevisionRef};
pub use role::Role;
pub use secret::{Pepper, PlainSecret, SecretDigest};
pub use session::Session;
pub use token::AccessToken;
pub use webhook::{DisabledBecause, Webhook, WebhookSecret, WebhookState, WebhookTerms};
