//! Glance at an invitation: what whoever has its secret is told before accepting it.

use access_model::{PlainSecret, Timestamp};

use super::Visitor;
use crate::authority::Authority;
use crate::error::Error;

/// What an invitation leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationGlance {
    /// The organization's name.
    pub organization: String,
    /// Whom it is for.
    pub email: String,
    /// Roles in the whole organization that go with it.
    pub roles: Vec<String>,
    /// Who invites, as far as that is a member; absent where an installation begins.
    pub invited_by: Option<String>,
    /// Not to be accepted from here on.
    pub expires_at: Timestamp,
}

impl Authority {
    /// What an invitation leads to, which is still one.
    ///
    /// # Errors
    /// Those of accepting it, as far as the invitation is concerned.
    pub async fn glance_at_invitation(
        &self,
        secret: &PlainSecret,
        visitor: &Visitor,
    ) -> Result<InvitationGlance, Error> {
        self.count_visit(visitor.ip).await?;
        let invitation = self.invitation_of(secret).await?.value;
        self.forget_visit(visitor.ip).await?;
        invitation.check(self.clock.now())?;
        let organization = self.organization(&invitation.organization).await?;
        let missing = || Error::internal("an invitation's organization is missing");
        let organization = organization.ok_or_else(missing)?.record.name.clone();
        let invited_by = match &invitation.invited_by {
            Some(id) => {
                let member = self.member(id).await.ok().flatten().map(|member| member.record.name.clone());
                Some(member.unwrap_or_else(|| "The operator".to_owned()))
            }
            None => None,
        };
        Ok(InvitationGlance {
            organization,
            email: invitation.email.as_str().to_owned(),
            roles: invitation.roles.clone(),
            invited_by,
            expires_at: invitation.expires_at,
        })
    }
}
