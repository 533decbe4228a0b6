//! A second factor that was begun: the same again until it is confirmed, so that a page can be loaded anew.

use super::enrol::EnrolView;
use super::{actions, qr};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use access_model::totp;

impl Authority {
    /// The second factor that whoever asks has begun and not confirmed; begun now, where none is.
    ///
    /// # Errors
    /// Those of beginning one.
    pub async fn begun_factor(&self, permit: &Permit) -> Result<EnrolView, Error> {
        permit.covers(actions::FACTORS)?;
        let member = self.own(permit).await?.member.value;
        let begun = member.totp.as_ref().filter(|factor| factor.confirmed_at.is_none());
        let Some(begun) = begun else { return self.begin_factor(permit).await };
        let secret = self.opened(&member, &begun.sealed)?;
        let otpauth_uri = totp::uri(&secret, &self.catalog.sign_in.service, member.email.as_str());
        let qr_svg = qr::svg(&otpauth_uri)?;
        Ok(EnrolView { secret: totp::base32(&secret), otpauth_uri, qr_svg })
    }
}
