//! What is said once on the page after a change. It travels as a code in the address, so that nobody can put words there.

use std::fmt;

/// What was done, by its code in `?done=`.
const SAID: [(&str, &str, &str); 42] = [
    ("signed-out", "good", "You are signed out."),
    ("session-ended", "info", "Your session has ended. Sign in again."),
    ("key-snoozed", "good", "No such reminder comes until then."),
    ("key-disabled", "good", "The key is disabled. Whoever uses it is denied from now on."),
    ("key-enabled", "good", "The key works again."),
    ("key-revoked", "good", "The key is revoked for good."),
    ("client-updated", "good", "The client is changed. Its tokens follow at once."),
    ("client-disabled", "good", "The client and its tokens are switched off."),
    ("client-enabled", "good", "The client works again."),
    ("client-revoked", "good", "The client and its tokens are ended for good."),
    ("webhook-updated", "good", "The webhook is changed."),
    ("webhook-disabled", "good", "The webhook is disabled. What it would be told is held."),
    ("webhook-enabled", "good", "The webhook is told again. Recover what it missed."),
    ("webhook-deleted", "good", "The webhook is deleted."),
    ("webhook-tested", "good", "A test is on its way."),
    ("webhook-recovered", "good", "What did not come through is on its way again."),
    ("delivery-replayed", "good", "The message is on its way again."),
    ("network-saved", "good", "The network rules are saved and in force."),
    ("policy-kept", "good", "The revision is kept. It changes nothing until it is published."),
    ("policy-published", "good", "The revision is published and in force."),
    ("policy-rolled-back", "good", "What was in force before is in force again."),
    ("policy-deleted", "good", "The policy is taken away. Its revisions are kept."),
    ("settings-saved", "good", "The settings are saved."),
    ("invitation-revoked", "good", "The invitation is revoked; its link opens nothing any more."),
    ("member-updated", "good", "The roles are saved. They count from the next request on."),
    ("member-suspended", "good", "The member is suspended, and all their sessions have ended."),
    ("member-resumed", "good", "The member can sign in again."),
    ("member-removed", "good", "The member is removed. What they issued goes on working."),
    ("factors-reset", "good", "The second factor is taken away. They set up a new one when they sign in."),
    ("role-saved", "good", "The role is saved. It counts from the next request on."),
    ("role-deleted", "good", "The role is deleted."),
    ("workspace-created", "good", "The workspace is there. Issue its first key."),
    ("workspace-suspended", "good", "The workspace is suspended: none of its credentials works."),
    ("workspace-resumed", "good", "The workspace works again."),
    ("workspace-archived", "good", "The workspace is archived for good."),
    ("profile-saved", "good", "Your name is saved."),
    ("password-changed", "good", "Your password is changed, and your other sessions have ended."),
    ("authenticator-confirmed", "good", "Two-step sign-in is on."),
    ("authenticator-removed", "good", "Two-step sign-in is off."),
    ("other-session-ended", "good", "The session has ended."),
    ("joined", "good", "Welcome. Your account is ready."),
    ("confirmed", "good", "Confirmed. Do now what you came for."),
];

/// What was just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flash {
    /// `good`, `info`.
    pub(crate) tone: &'static str,
    /// A sentence.
    pub(crate) text: &'static str,
}

impl Flash {
    /// What a code says; nothing, when it is none.
    pub(crate) fn of(code: &str) -> Option<Self> {
        SAID.iter().find(|(known, ..)| *known == code).map(|(_, tone, text)| Self { tone, text })
    }

    /// Its icon.
    pub(crate) fn icon(&self) -> &'static str {
        if self.tone == "good" { "check" } else { "info" }
    }
}

impl fmt::Display for Flash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// Where to go after a change, with what is to be said there in place of what was.
pub(crate) fn after(path: &str, code: &str) -> String {
    debug_assert!(Flash::of(code).is_some(), "{code}");
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let kept = query.split('&').filter(|field| !field.is_empty() && !field.starts_with("done="));
    let fields: Vec<&str> = kept.collect();
    let done = format!("done={code}");
    format!("{path}?{}", fields.into_iter().chain([done.as_str()]).collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_said_of_the_last_change() {
        assert_eq!(after("/console", "joined"), "/console?done=joined");
        assert_eq!(after("/console?done=joined&a=b", "confirmed"), "/console?a=b&done=confirmed");
        assert_eq!(Flash::of("<b>"), None);
    }
}
