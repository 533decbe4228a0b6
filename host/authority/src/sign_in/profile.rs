//! What members see and change of themselves.

use std::collections::BTreeMap;

use access_model::{Id, IdKind, Member, Timestamp};
use access_store::{CommitError, Store as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::actions;
use super::sessions::Own;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::keys::{NAME_LENGTH, check_name};
use crate::records::{CommitExt as _, TRIES, member as member_key};

/// A member as it sees itself.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "MemberProfile", example = example())]
pub struct ProfileView {
    /// Public id.
    #[schemars(extend("pattern" = Id::pattern(&[IdKind::Member])))]
    pub id: Id,
    /// The organization.
    #[schemars(extend("pattern" = Id::pattern(&[IdKind::Organization])))]
    pub organization: Id,
    /// The address.
    pub email: String,
    /// A name for people.
    pub name: String,
    /// Roles in the whole organization.
    pub roles: Vec<String>,
    /// Roles in single workspaces, besides.
    pub workspaces: BTreeMap<String, Vec<String>>,
    /// The second factor; null while there is none.
    pub factor: Option<FactorView>,
    /// When the member came to be.
    pub created_at: Timestamp,
}

/// A second factor, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Factor")]
pub struct FactorView {
    /// `totp`.
    #[schemars(extend("enum" = ["totp"]))]
    pub r#type: &'static str,
    /// Since when.
    pub confirmed_at: Timestamp,
    /// Recovery codes that are left.
    pub recovery_codes: usize,
}

fn example() -> Value {
    json!({
        "id": Id::example(IdKind::Member),
        "organization": Id::example(IdKind::Organization),
        "email": "ada@example.com",
        "name": "Ada",
        "roles": ["developer"],
        "workspaces": {},
        "factor": { "type": "totp", "confirmed_at": "2026-01-01T00:00:00.000Z", "recovery_codes": 10 },
        "created_at": "2026-01-01T00:00:00.000Z",
    })
}

impl From<&Member> for ProfileView {
    fn from(member: &Member) -> Self {
        let confirmed_at = member.totp.as_ref().and_then(|factor| factor.confirmed_at);
        let recovery_codes = member.recovery.len();
        Self {
            id: member.id,
            organization: member.organization,
            email: member.email.to_string(),
            name: member.name.clone(),
            roles: member.roles.clone(),
            workspaces: member.workspaces.iter().map(|(id, roles)| (id.to_string(), roles.clone())).collect(),
            factor: confirmed_at.map(|confirmed_at| FactorView { r#type: "totp", confirmed_at, recovery_codes }),
            created_at: member.created_at,
        }
    }
}

/// What is to be different.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileUpdate {
    /// A name for people, 1 to 120 characters.
    #[schemars(length(min = 1, max = NAME_LENGTH), extend("x-catalog" = "name"), example = &"Ada")]
    pub name: String,
}

impl Authority {
    /// Whoever asks.
    ///
    /// # Errors
    /// [`Error::NotFound`] for whoever is no member.
    pub async fn get_profile(&self, permit: &Permit) -> Result<ProfileView, Error> {
        permit.covers(actions::PROFILE)?;
        Ok((&self.own(permit).await?.member.value).into())
    }

    /// Changes the name of whoever asks.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no name; [`Error::NotFound`] for whoever is no member.
    pub async fn update_profile(&self, permit: &Permit, update: &ProfileUpdate) -> Result<ProfileView, Error> {
        permit.covers(actions::UPDATE)?;
        check_name(&update.name)?;
        for _ in 0..TRIES {
            let own = self.own(permit).await?;
            let mut commit = own.commit();
            let Own { member, .. } = own;
            let mut member = member.value;
            if member.name == update.name {
                return Ok((&member).into());
            }
            let renamed = json!({ "name": update.name, "before": member.name });
            member.name.clone_from(&update.name);
            commit.put(member_key(&member.id), &member)?;
            self.put_on_record(&mut commit, &member, permit, &member.id.to_string(), renamed)?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok((&member).into()),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }
}
