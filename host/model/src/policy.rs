//! Policies of a workspace: what is kept of one, and which revision of each is in force.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::organization::Workspace;

/// What a policy's name looks like.
pub const POLICY_NAME_PATTERN: &str = "^[a-z][a-z0-9-]{0,62}$";
/// Revisions that a policy can be rolled back through, one by one.
const BEFORE: usize = 100;

/// Whether a policy counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyMode {
    /// It counts.
    #[default]
    Enforce,
    /// It is evaluated after the decision, to be watched, and changes nothing.
    Monitor,
}

/// A policy's revision in force, as the workspace's head names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyBinding {
    /// The policy.
    pub name: String,
    /// Its revision.
    #[serde(flatten)]
    pub revision: RevisionRef,
}

/// A revision, and what tells it from every other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RevisionRef {
    /// Its number, from 1.
    pub revision: u64,
    /// SHA-256 of all that was uploaded, in hex.
    pub digest: String,
    /// Whether it counts.
    pub mode: PolicyMode,
}

/// A policy's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Unique within its workspace.
    pub name: String,
    /// Its latest revision.
    pub latest: RevisionRef,
    /// The revision in force; absent while none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<RevisionRef>,
    /// What was in force before, the last one last: what it is rolled back to.
    #[serde(default)]
    pub before: Vec<RevisionRef>,
    /// The workspace's policy revision that last changed what is in force; 0 when nothing ever was.
    pub policy_revision: u64,
    /// When its first revision came.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Set while it is deleted. Its revisions are kept, and their numbers go on when it comes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

/// There is nothing to roll back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no revision of the policy is in force, so there is nothing to roll back; publish one")]
pub struct NotPublished;

impl Policy {
    /// A policy with its first revision, not in force.
    pub fn new(name: &str, first: RevisionRef, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            latest: first,
            published: None,
            before: Vec::new(),
            policy_revision: 0,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        }
    }

    /// The number of the next revision.
    pub const fn next(&self) -> u64 {
        self.latest.revision + 1
    }

    /// Puts a revision in force, in `workspace`. Nothing changes when it is already.
    pub fn publish(&mut self, revision: RevisionRef, workspace: &mut Workspace, now: Timestamp) {
        if self.published.as_ref() == Some(&revision) {
            return;
        }
        if let Some(was) = self.published.take() {
            if self.before.len() == BEFORE {
                self.before.remove(0);
            }
            self.before.push(was);
        }
        self.put_in_force(Some(revision), workspace, now);
    }

    /// Puts in force what was before, in `workspace`: the revision published before this one, or none.
    ///
    /// # Errors
    /// [`NotPublished`].
    pub fn roll_back(&mut self, workspace: &mut Workspace, now: Timestamp) -> Result<(), NotPublished> {
        if self.published.is_none() {
            return Err(NotPublished);
        }
        let before = self.before.pop();
        self.put_in_force(before, workspace, now);
        Ok(())
    }

    /// Takes it out of force, and away.
    pub fn delete(&mut self, workspace: &mut Workspace, now: Timestamp) {
        self.before.clear();
        if self.published.is_some() {
            self.put_in_force(None, workspace, now);
        }
        self.updated_at = now;
        self.deleted_at = Some(now);
    }

    fn put_in_force(&mut self, revision: Option<RevisionRef>, workspace: &mut Workspace, now: Timestamp) {
        workspace.bind(&self.name, revision.clone());
        self.published = revision;
        self.policy_revision = workspace.policy_revision;
        self.updated_at = now;
    }
}

/// Whether `name` can be a policy's.
pub fn is_policy_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::id::{Id, IdKind, Shard};

    fn revision(revision: u64) -> RevisionRef {
        RevisionRef { revision, digest: format!("digest {revision}"), mode: PolicyMode::Enforce }
    }

    #[test]
    fn what_is_in_force_goes_forward_and_back() {
        let now = Timestamp::from_millis(0);
        let id = |kind| Id::draw(kind, Shard::PLATFORM, &SystemEntropy).unwrap();
        let mut workspace = Workspace::new(id(IdKind::Workspace), id(IdKind::Organization), "main", now);
        let mut other = Policy::new("a-policy", revision(1), now);
        other.publish(revision(1), &mut workspace, now);
        let mut policy = Policy::new("another", revision(1), now);
        assert_eq!(policy.roll_back(&mut workspace, now), Err(NotPublished));
        let check = |policy: &Policy, workspace: &Workspace, expected: Option<u64>, revision: u64| {
            assert_eq!(policy.published.as_ref().map(|published| published.revision), expected);
            let bound = workspace.policies.iter().find(|bound| bound.name == "another");
            assert_eq!(bound.map(|bound| bound.revision.revision), expected);
            assert_eq!((workspace.policy_revision, policy.policy_revision), (revision, revision));
            assert!(workspace.policies.iter().any(|bound| bound.name == "a-policy"), "others stay");
            assert!(workspace.policies.is_sorted_by(|a, b| a.name < b.name));
        };
        policy.publish(revision(1), &mut workspace, now);
        check(&policy, &workspace, Some(1), 2);
        policy.publish(revision(1), &mut workspace, now);
        check(&policy, &workspace, Some(1), 2);
        policy.publish(revision(3), &mut workspace, now);
        policy.publish(revision(2), &mut workspace, now);
        check(&policy, &workspace, Some(2), 4);
        policy.roll_back(&mut workspace, now).unwrap();
        check(&policy, &workspace, Some(3), 5);
        policy.roll_back(&mut workspace, now).unwrap();
        check(&policy, &workspace, Some(1), 6);
        policy.roll_back(&mut workspace, now).unwrap();
        check(&policy, &workspace, None, 7);
        policy.publish(revision(3), &mut workspace, now);
        policy.delete(&mut workspace, now);
        check(&policy, &workspace, None, 9);
        assert!(policy.before.is_empty() && policy.deleted_at.is_some());
    }

    #[test]
    fn names_are_short_and_plain() {
        for (name, expected) in [("a", true), ("office-hours-2", true), ("", false), ("2a", false), ("-a", false)] {
            assert_eq!(is_policy_name(name), expected, "{name}");
        }
        for name in ["A", "a_b", "a/b", "é", &"a".repeat(64)] {
            assert!(!is_policy_name(name), "{name}");
        }
    }
}
