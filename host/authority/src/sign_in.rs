//! Signing in: how people show who they are, and what they have then.
//!
//! Reading order: `hashing` (passwords as they are kept), `guesses` (attempts, counted before anything is looked at), `factor` (codes
//! by time and recovery codes), `open` (sign in), `step_up` (give the second factor later), `sessions` (list, end), `glance` and `accept`
//! (an invitation becomes a member), `profile`, `password`, `enrol` and `begun` (what members change of themselves), `qr`.
//!
//! What is decided here is who somebody is, never what they may do: that is the policies', `rbac` and `mfa` before all. Whoever
//! can't be let in is told one thing, whatever is wrong, after the same work.

mod accept;
mod begun;
mod enrol;
mod factor;
mod glance;
mod guesses;
mod hashing;
mod open;
mod password;
mod profile;
mod qr;
mod records;
mod sessions;
mod step_up;
mod trail;

use std::net::IpAddr;

use access_model::PlainSecret;
use access_model::entropy::EntropyError;
use tokio::sync::Mutex;

pub use accept::InvitationAcceptance;
pub use enrol::{EnrolView, EnrolledView, RecoveryCodesView};
pub use factor::FactorRequest;
pub use glance::InvitationGlance;
pub use open::SignInRequest;
pub use password::PasswordChange;
pub use profile::{FactorView, ProfileUpdate, ProfileView};
pub use sessions::{SessionOpened, SessionView};

pub(crate) use factor::purpose;
pub(crate) use hashing::Hashing;
pub(crate) use sessions::put_session;

/// Actions of the catalog that these use cases need a permit for. Signing in and accepting an invitation need none: whoever
/// does it is nobody yet. In the audit trail they are [`actions::OPEN`] and [`actions::ACCEPT`].
pub mod actions {
    /// Sign in.
    pub const OPEN: &str = "sessions.open";
    /// Accept an invitation.
    pub const ACCEPT: &str = "invitations.accept";
    /// What was wrong about signing in, in the audit trail.
    pub const REFUSE: &str = "sessions.refuse";
    /// An account or a second factor that was locked, in the audit trail.
    pub const LOCK: &str = "sessions.lock";
    /// List one's own sessions.
    pub const LIST: &str = "sessions.list";
    /// Show the session that asks.
    pub const GET: &str = "sessions.get";
    /// Give the second factor.
    pub const STEP_UP: &str = "sessions.step_up";
    /// End one of one's own sessions.
    pub const REVOKE: &str = "sessions.revoke";
    /// Sign out.
    pub const END: &str = "sessions.end";
    /// Show oneself.
    pub const PROFILE: &str = "profile.get";
    /// Change one's name.
    pub const UPDATE: &str = "profile.update";
    /// Change one's password.
    pub const PASSWORD: &str = "profile.password";
    /// Begin, confirm and remove one's second factor, and replace one's recovery codes.
    pub const FACTORS: &str = "profile.factors";
}

/// Whoever stands at the door.
#[derive(Debug, Clone, Default)]
pub struct Visitor {
    /// From where.
    pub ip: Option<IpAddr>,
    /// What the browser calls itself.
    pub user_agent: Option<String>,
    /// The secret of a session from before, which signing in ends.
    pub session: Option<PlainSecret>,
}

/// What a host has at hand for it.
#[derive(Debug)]
pub(crate) struct Door {
    hashing: Hashing,
    // So that hosts contend with each other about a counter, and requests of one host don't.
    counting: Mutex<()>,
}

impl Door {
    pub(crate) fn new(entropy: &dyn access_model::Entropy) -> Result<Self, EntropyError> {
        Ok(Self { hashing: Hashing::new(entropy)?, counting: Mutex::default() })
    }
}
