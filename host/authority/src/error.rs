//! Why a use case did not happen.

use access_model::client::ClientError;
use access_model::invitation::InvitationError;
use access_model::key::KeyError;
use access_model::member::MemberError;
use access_model::network::AllowListError;
use access_model::organization::Archived;
use access_model::policy::NotPublished;
use access_store::{CommitError, StoreError};

use crate::decide::Answer;
use crate::policies::UploadRefused;

/// Why a use case did not happen. What it says may be shown to the caller; internal causes are logged where they arise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A policy said no, or the caller could not be identified.
    #[error("denied")]
    Denied(Box<Answer>),
    /// There is no such thing, as far as the caller may know.
    #[error("there is no {what} `{id}`")]
    NotFound {
        /// `workspace`, `key`, …
        what: &'static str,
        /// As it was asked for.
        id: String,
    },
    /// A field can't be what it is.
    #[error("`{field}`: {message}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong, and what to do.
        message: String,
    },
    /// The thing is not in a state for that.
    #[error(transparent)]
    Transition(#[from] KeyError),
    /// The client is not in a state for that.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The member is not in a state for that.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// The invitation is not in a state for that.
    #[error(transparent)]
    Invitation(#[from] InvitationError),
    /// An owner is not in a state for that.
    #[error(transparent)]
    Archived(#[from] Archived),
    /// An owner is not alive, so nothing new is made in it.
    #[error("the {what} is {state}; resume it first, unless it is archived")]
    NotActive {
        /// `organization`.
        what: &'static str,
        /// `suspended` or `archived`.
        state: &'static str,
    },
    /// Another has the name.
    #[error("there is {what} named `{name}` already; choose another name")]
    NameTaken {
        /// `an organization`, `a workspace`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A key of idempotency came with another request before.
    #[error("this `Idempotency-Key` was used for another request; choose a new one")]
    IdempotencyKeyReused,
    /// A policy did not pass the gate.
    #[error("the policy is refused: {}", .0.summary())]
    UploadRefused(Box<UploadRefused>),
    /// What was uploaded is larger than it may be.
    #[error("{}; nothing was changed", .0.summary())]
    TooLarge(Box<UploadRefused>),
    /// It can't be done as things are.
    #[error("{0}")]
    Conflict(String),
    /// Nothing is in force that could be taken back.
    #[error(transparent)]
    NotPublished(#[from] NotPublished),
    /// Too many uploads wait to be examined.
    #[error("too many policies are being examined; try again in a moment")]
    Busy,
    /// Nobody signs in like that. One text for whatever is wrong.
    #[error(
        "the e-mail address, the password or the code is wrong; after too many attempts nothing is right for a while"
    )]
    SignInFailed,
    /// There were too many attempts, by whoever may be told so.
    #[error("there were too many attempts; try again in {seconds} seconds")]
    TooManyAttempts {
        /// To wait.
        seconds: u64,
    },
    /// More people sign in at this moment than this host has room for.
    #[error("too many people sign in at this moment; try again in a moment")]
    TooManySignIns,
    /// So many follow a trail that this host takes no more for now.
    #[error(
        "as many follow this audit trail, this organization's, or this host's, as can at a time; try again in a moment"
    )]
    TooManyFollowers,
    /// So many exports of an organization's trails are open that this host begins none for now.
    #[error(
        "as many exports of this audit trail, or of its organization's, are open as can be at a time; try again when one is done"
    )]
    TooManyExports,
    /// The second factor of a member who is known is wrong.
    #[error("the code is wrong, or was used before; a new one comes every thirty seconds")]
    FactorRefused,
    /// The password of a member who is known is wrong.
    #[error("the current password is wrong")]
    PasswordRefused,
    /// It is not what the change was made from any more.
    #[error("it was changed since; show it again, then change that")]
    Stale,
    /// Others changed it at the same time, again and again.
    #[error("it was changed by others at the same time; try again")]
    Contended,
    /// A host has not heard of the newest keys.
    #[error("host `{host}` has not told yet that it holds the newest keys; try again in a few seconds")]
    HostBehind {
        /// Its name.
        host: String,
    },
    /// So many audit records wait to be sealed that none is taken.
    #[error(
        "the audit trail takes no more records at the moment, so nothing is changed; an operator should look at it (`doctor`)"
    )]
    AuditFull,
    /// The store could not answer.
    #[error("the store is out of reach; try again")]
    StoreUnavailable,
    /// The store was told of the change, and gave no answer.
    #[error(
        "the store gave no answer: the change may or may not have been made; look, or send it again with the same Idempotency-Key if it had one"
    )]
    Unconfirmed,
    /// A defect, or a store that holds what can't be. The cause is in the log.
    #[error("something went wrong inside; the log says what")]
    Internal,
}

impl Error {
    pub(crate) fn invalid(field: &'static str, message: impl ToString) -> Self {
        Self::Invalid { field, message: message.to_string() }
    }

    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::Internal
    }

    pub(crate) fn list(field: &'static str) -> impl Fn(AllowListError) -> Self {
        move |error| Self::invalid(field, error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => {
                crate::trouble::store_failed(cause);
                Self::StoreUnavailable
            }
            StoreError::Unconfirmed(cause) => {
                crate::trouble::store_failed(cause);
                Self::Unconfirmed
            }
            StoreError::LogFull(log) => {
                crate::trouble::store_failed(format!("log `{log}` is not being sealed"));
                Self::AuditFull
            }
            StoreError::Corrupt(cause) => Self::internal(cause),
        }
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict { .. } => Self::Contended,
            CommitError::Store(error) => error.into(),
        }
    }
}

impl From<access_model::entropy::EntropyError> for Error {
    fn from(error: access_model::entropy::EntropyError) -> Self {
        Self::internal(error)
    }
}
