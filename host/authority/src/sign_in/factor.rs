//! Second factors: a code by time, each step once, or one of the recovery codes, each of them once.
//!
//! What is used up is written in the commit that lets somebody in, checked against the member's record as it was read: so of many
//! at once one comes in.

use access_model::totp::{self, Checked};
use access_model::{Id, Member, PlainSecret, Timestamp, recovery};
use schemars::JsonSchema;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::authority::Authority;
use crate::error::Error;

/// A second factor: one of both.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactorRequest {
    /// What the authenticator app shows: six digits.
    #[serde(default)]
    #[schemars(with = "Option<String>", example = &"492039")]
    pub code: Option<PlainSecret>,
    /// One of the recovery codes.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub recovery_code: Option<PlainSecret>,
}

/// What somebody shows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Proof<'a> {
    /// A code by time.
    Code(&'a PlainSecret),
    /// A recovery code.
    Recovery(&'a PlainSecret),
}

impl FactorRequest {
    pub(super) fn proof(&self) -> Result<Proof<'_>, Error> {
        match (&self.code, &self.recovery_code) {
            (Some(code), None) => Ok(Proof::Code(code)),
            (None, Some(code)) => Ok(Proof::Recovery(code)),
            _ => Err(Error::invalid("code", "state either `code` or `recovery_code`")),
        }
    }
}

impl Proof<'_> {
    /// Which of both, for the audit trail.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Code(_) => "totp",
            Self::Recovery(_) => "recovery_code",
        }
    }
}

impl Authority {
    /// The member once `proof` is used up; or, for the audit trail, what is wrong with it.
    pub(super) fn use_up(
        &self,
        member: &Member,
        proof: Proof<'_>,
        now: Timestamp,
    ) -> Result<Result<Member, &'static str>, Error> {
        let mut after = member.clone();
        let Some(factor) = after.totp.as_mut().filter(|factor| factor.confirmed_at.is_some()) else {
            return Ok(Err("no_factor"));
        };
        match proof {
            Proof::Code(code) => {
                let secret = self.opened(member, &factor.sealed)?;
                match totp::check(&secret, code, now, factor.last_step) {
                    Checked::Right(step) => factor.last_step = Some(step),
                    Checked::Used => return Ok(Err("code_used_before")),
                    Checked::Wrong => return Ok(Err("wrong_code")),
                }
            }
            Proof::Recovery(code) => {
                let code = recovery::normalized(code);
                let left = after.recovery.len();
                // INVARIANT: all are compared, each in time that does not depend on where they differ.
                after.recovery.retain(|digest| !self.is_digest_of(digest, &code));
                if after.recovery.len() == left {
                    return Ok(Err("wrong_recovery_code"));
                }
            }
        }
        Ok(Ok(after))
    }

    /// A member's shared secret.
    pub(super) fn opened(&self, member: &Member, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.keyring().open(&purpose(&member.id), sealed).map_err(Error::internal)
    }

    /// The same, sealed: it opens as this member's alone.
    pub(super) fn sealed(&self, member: &Member, secret: &[u8]) -> Result<String, Error> {
        self.keyring().seal(&purpose(&member.id), secret, self.entropy.as_ref()).map_err(Error::internal)
    }
}

/// What a member's shared secret is sealed for.
pub(crate) fn purpose(member: &Id) -> String {
    format!("totp/{member}")
}
