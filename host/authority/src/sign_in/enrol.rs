//! A second factor: begun, confirmed by a first code, its recovery codes replaced, taken away.
//!
//! Until it is confirmed it is none. One that is confirmed is taken away before another is begun. That whoever does it has given
//! the factor lately is up to the policies (`mfa`): whoever finds a session lying about can't make the factor his own.

use access_model::totp::{self, Checked, SECRET_LENGTH};
use access_model::{Member, PlainSecret, Session, Totp, recovery};
use access_store::{CommitError, Store as _};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::sessions::{Own, SessionOpened};
use super::trail::Refused;
use super::{Visitor, actions, qr};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::issued::{all_exposed, exposed};
use crate::records::{CommitExt as _, TRIES, member as member_key};

/// A second factor that was begun, shown this once.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FactorBegun", example = begun())]
pub struct EnrolView {
    /// The shared secret, in base 32: to be typed where nothing can be scanned.
    #[serde(serialize_with = "exposed")]
    #[schemars(with = "String")]
    pub secret: PlainSecret,
    /// The same, for an authenticator app.
    #[serde(serialize_with = "exposed")]
    #[schemars(with = "String")]
    pub otpauth_uri: PlainSecret,
    /// The same, to be scanned: an SVG.
    #[serde(serialize_with = "exposed")]
    #[schemars(with = "String")]
    pub qr_svg: PlainSecret,
}

fn begun() -> Value {
    json!({
        "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        "otpauth_uri": "otpauth://totp/CronFlow:ada%40example.com?secret=GEZD…",
        "qr_svg": "<svg …>",
    })
}

/// A second factor that was confirmed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FactorConfirmed")]
pub struct EnrolledView {
    /// Ten codes that stand in for the factor, each of them once. Shown this once.
    #[serde(serialize_with = "all_exposed")]
    #[schemars(with = "Vec<String>")]
    pub recovery_codes: Vec<PlainSecret>,
    /// The session that takes over from the one that asked, with the factor given.
    pub session: SessionOpened,
}

/// Recovery codes in place of those before.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RecoveryCodes", example = json!({ "recovery_codes": ["3k9xm-c7v2q"] }))]
pub struct RecoveryCodesView {
    /// Ten codes that stand in for the factor, each of them once. Shown this once.
    #[serde(serialize_with = "all_exposed")]
    #[schemars(with = "Vec<String>")]
    pub recovery_codes: Vec<PlainSecret>,
}

impl Authority {
    /// Begins a second factor for whoever asks. One that was begun before and not confirmed is forgotten.
    ///
    /// # Errors
    /// [`Error::Conflict`] where there is one.
    pub async fn begin_factor(&self, permit: &Permit) -> Result<EnrolView, Error> {
        permit.covers(actions::FACTORS)?;
        let mut secret = Zeroizing::new([0_u8; SECRET_LENGTH]);
        self.entropy.fill(secret.as_mut_slice())?;
        for _ in 0..TRIES {
            let own = self.own(permit).await?;
            let mut commit = own.commit();
            let mut member = own.member.value;
            if member.has_factor() {
                return Err(Error::Conflict("there is a second factor already; remove it first".to_owned()));
            }
            let sealed = self.sealed(&member, secret.as_slice())?;
            member.totp = Some(Totp { sealed, confirmed_at: None, last_step: None });
            commit.put(member_key(&member.id), &member)?;
            let on_record = json!({ "factor": "totp", "confirmed": false });
            self.put_on_record(&mut commit, &member, permit, &member.id.to_string(), on_record)?;
            match self.store.commit(commit).await {
                Ok(_) => {
                    let service = &self.catalog.sign_in.service;
                    let otpauth_uri = totp::uri(secret.as_slice(), service, member.email.as_str());
                    let qr_svg = qr::svg(&otpauth_uri)?;
                    return Ok(EnrolView { secret: totp::base32(secret.as_slice()), otpauth_uri, qr_svg });
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// Confirms the factor that was begun, by its first code. That code has been given with it.
    ///
    /// # Errors
    /// [`Error::FactorRefused`]; [`Error::Conflict`] where none was begun.
    pub async fn confirm_factor(
        &self,
        permit: &Permit,
        code: &PlainSecret,
        visitor: &Visitor,
    ) -> Result<EnrolledView, Error> {
        permit.covers(actions::FACTORS)?;
        for _ in 0..TRIES {
            let own = self.own(permit).await?;
            let mut commit = own.commit();
            let Own { member, session } = own;
            let (mut member, now) = (member.value, self.clock.now());
            let begun = member.totp.take().filter(|factor| factor.confirmed_at.is_none());
            let none = || Error::Conflict("no second factor was begun that is to be confirmed".to_owned());
            let begun = begun.ok_or_else(none)?;
            let secret = self.opened(&member, &begun.sealed)?;
            let Checked::Right(step) = totp::check(&secret, code, now, None) else {
                self.record_refusal(Refused::Member(&member), "wrong_first_code", visitor, None).await?;
                return Err(Error::FactorRefused);
            };
            member.totp = Some(Totp { confirmed_at: Some(now), last_step: Some(step), ..begun });
            let recovery_codes = self.new_recovery_codes(&mut member)?;
            let step_up = |session: Session, id, secret| session.step_up(id, secret, now);
            let session = self.succeed(&mut commit, &member, session.value, step_up)?;
            commit.put(member_key(&member.id), &member)?;
            let on_record = visitor.told([("factor", json!("totp")), ("confirmed", json!(true))]);
            self.put_on_record(&mut commit, &member, permit, &member.id.to_string(), on_record)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(EnrolledView { recovery_codes, session }),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// Replaces the recovery codes of whoever asks.
    ///
    /// # Errors
    /// [`Error::Conflict`] where there is no factor that they would stand in for.
    pub async fn replace_recovery_codes(&self, permit: &Permit, visitor: &Visitor) -> Result<RecoveryCodesView, Error> {
        permit.covers(actions::FACTORS)?;
        for _ in 0..TRIES {
            let own = self.own(permit).await?;
            let mut commit = own.commit();
            let mut member = with_factor(own.member.value)?;
            let recovery_codes = self.new_recovery_codes(&mut member)?;
            commit.put(member_key(&member.id), &member)?;
            let on_record = visitor.told([("recovery_codes", json!("replaced"))]);
            self.put_on_record(&mut commit, &member, permit, &member.id.to_string(), on_record)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(RecoveryCodesView { recovery_codes }),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// Takes away the second factor of whoever asks. Every other session ends, and a successor without a factor takes over.
    ///
    /// # Errors
    /// [`Error::Conflict`] where there is none.
    pub async fn remove_factor(&self, permit: &Permit, visitor: &Visitor) -> Result<SessionOpened, Error> {
        permit.covers(actions::FACTORS)?;
        for _ in 0..TRIES {
            let own = self.own(permit).await?;
            let mut commit = own.commit();
            let Own { member, session } = own;
            let now = self.clock.now();
            let member = with_factor(member.value)?.reset_factors(now).map_err(Error::internal)?;
            let session = Session { factor_at: None, ..session.value };
            let renew = |session: Session, id, secret| session.renew(id, secret, now);
            let opened = self.succeed(&mut commit, &member, session, renew)?;
            commit.put(member_key(&member.id), &member)?;
            let on_record = visitor.told([("factor", json!("totp")), ("removed", json!(true))]);
            self.put_on_record(&mut commit, &member, permit, &member.id.to_string(), on_record)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(opened),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    fn new_recovery_codes(&self, member: &mut Member) -> Result<Vec<PlainSecret>, Error> {
        let codes = recovery::draw(self.entropy.as_ref())?;
        let digests: Result<_, Error> = codes.iter().map(|code| self.digest(&recovery::normalized(code))).collect();
        member.recovery = digests?;
        Ok(codes)
    }
}

fn with_factor(member: Member) -> Result<Member, Error> {
    let none = || Error::Conflict("there is no second factor; begin one first".to_owned());
    member.has_factor().then_some(member).ok_or_else(none)
}
