//! Check: what the gate says of an upload, of which nothing is kept.

use super::actions;
use super::upload::UploadRequest;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;

impl Authority {
    /// Has an upload examined that would be the policy `name`, and answers how many cases it passed.
    ///
    /// # Errors
    /// Those of an upload: [`Error::UploadRefused`]; [`Error::TooLarge`]; [`Error::Invalid`] names the field; [`Error::Busy`].
    pub async fn check_policy(&self, permit: &Permit, name: &str, request: UploadRequest) -> Result<usize, Error> {
        permit.covers(actions::PUT)?;
        let cases = request.cases.len();
        self.examine_upload(permit, name, request).await?;
        Ok(cases)
    }
}
