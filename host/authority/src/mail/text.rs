//! What a mail says: what happened, where, what to do, and where to look. Plain text, and nothing in it that is secret: an event holds
//! none.

use access_model::mail::MOST_AN_HOUR;
use access_model::{Event, EventKind, Id, IdKind};

/// Characters of a subject, and of a name in it.
const SUBJECT: usize = 150;
const NAME: usize = 60;

/// What is told of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) event: &'a Event,
    /// The organization's name.
    pub(super) organization: &'a str,
    /// The workspace's.
    pub(super) workspace: Option<&'a str>,
    /// What addresses of the console begin with.
    pub(super) base: &'a str,
}

/// What it is about, in one line.
pub(super) fn subject(told: &Told<'_>) -> String {
    let text = format!("[CronFlow Access] {}: {} in {}", told.event.event, named(told.event), place(told));
    one_line(&text, SUBJECT)
}

/// What it says.
pub(super) fn body(told: &Told<'_>) -> String {
    let event = told.event;
    let kind = event.kind();
    let means = kind.map_or("", |kind| kind.row().means);
    let stage = event.stage.as_ref().map(|stage| format!(" (stage {})", one_line(stage, NAME))).unwrap_or_default();
    let mut text = format!(
        "{}.\n\nWhat:   {}{stage}: {}, {}\nWhere:  {}\nWhen:   {}\n",
        capitalized(means),
        one_line(&event.event, NAME),
        named(event),
        one_line(&event.target, NAME),
        place(told),
        event.at,
    );
    if let Some(todo) = kind.and_then(todo) {
        text.push_str(&format!("\nWhat to do:\n{todo}\n"));
    }
    text.push_str(&format!(
        "\n{}\n\n-- \nYou look after {}. What is mailed is said in its settings (mail_events); of more than {MOST_AN_HOUR} events in an \
         hour, the rest is listed in the console alone. Id: {}\n",
        link(told),
        one_line(told.organization, NAME),
        event.id,
    ));
    text
}

/// What is to be done about what asks for it.
const fn todo(kind: EventKind) -> Option<&'static str> {
    Some(match kind {
        EventKind::KeyRotationDue => {
            "Rotate it; with an overlap, the old secret goes on while you put the new one in its place. Snooze the reminder if it must wait."
        }
        EventKind::KeyExpiring => "Rotate it before it ends, or let it end if nobody needs it.",
        EventKind::KeyExpired => "Whoever still presents it is denied. Issue another if somebody needs one.",
        EventKind::KeyInactive | EventKind::ClientInactive => {
            "Revoke it if nobody needs it any more: what is not used is not missed when it leaks."
        }
        EventKind::PolicyRolledBack => "See which revision is in force, and why the later one was taken back.",
        EventKind::PolicyQuarantined => {
            "Look at its status and make it cheaper, or roll it back. While it is slowed down, some requests are denied policy_overloaded."
        }
        EventKind::MemberRoleChanged => "See in the audit trail who changed it. If that was not meant, change it back.",
        EventKind::MemberLockedOut => {
            "Ask them whether it was they. If so, the lock ends by itself, or resume them; if not, somebody guesses: have them change the password."
        }
        EventKind::WebhookDisabled => {
            "Mend its receiver, enable it, and recover what it missed: deliveries are kept for 30 days."
        }
        EventKind::KeyLeaked | EventKind::ClientLeaked => {
            "It was ended or switched off, as its kind states. Put another in its place, find out where it lay, and look in the audit trail for \
             what it was used for."
        }
        EventKind::SessionLeaked => {
            "Ask them whether it was they who reported it; look in the audit trail for what was done with it."
        }
        EventKind::InvitationLeaked => "It is void. Invite them again, by another way.",
        EventKind::WebhookLeaked => "Rotate it: until then, others can sign what your receiver takes for ours.",
        _ => return None,
    })
}

/// Where to look.
fn link(told: &Told<'_>) -> String {
    let event = told.event;
    let organization = format!("{}/console/organizations/{}", told.base, event.organization);
    let within = event.workspace.map(|workspace| format!("{}/console/workspaces/{workspace}", told.base));
    let kind = event.target.parse::<Id>().ok().map(|id| id.kind());
    let target = &event.target;
    match (within, kind) {
        (Some(workspace), Some(IdKind::Key)) => format!("{workspace}/keys/{target}"),
        (Some(workspace), Some(IdKind::Webhook)) => format!("{workspace}/webhooks/{target}"),
        (Some(workspace), Some(IdKind::Workspace)) => format!("{workspace}/network"),
        (Some(workspace), None) if is_policy(target) => format!("{workspace}/policies/{target}"),
        (Some(workspace), _) => workspace,
        (None, Some(IdKind::Client)) => format!("{organization}/clients/{target}"),
        (None, Some(IdKind::Member)) => format!("{organization}/members/{target}"),
        (None, _) => format!("{organization}/audit"),
    }
}

/// Whether it can stand in an address as it is.
fn is_policy(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// What its target is called, where that was told; else its id.
fn named(event: &Event) -> String {
    let name = ["name", "url"].iter().find_map(|field| event.data.get(field)?.as_str());
    name.map_or_else(|| one_line(&event.target, NAME), |name| format!("\"{}\"", one_line(name, NAME)))
}

fn place(told: &Told<'_>) -> String {
    match told.workspace {
        Some(workspace) => format!("{} / {}", one_line(told.organization, NAME), one_line(workspace, NAME)),
        None => one_line(told.organization, NAME),
    }
}

/// `text` in one line of so many characters at most: nothing that ends a line or hides something is left.
fn one_line(text: &str, most: usize) -> String {
    let mut line: String =
        text.chars().map(|c| if crate::keys::is_disguising(c) { ' ' } else { c }).take(most).collect();
    if text.chars().nth(most).is_some() {
        line.push('…');
    }
    line
}

fn capitalized(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use access_model::Timestamp;
    use access_model::entropy::SeededEntropy;
    use access_model::event::Row;
    use serde_json::{Value, json};

    use super::*;

    fn event(kind: EventKind, target: &str, workspace: bool, data: Value) -> Event {
        let owners =
            ("org_000000000000000000".parse().unwrap(), workspace.then(|| "ws_000000000000000000".parse().unwrap()));
        let at = Timestamp::from_millis(1_767_225_600_000);
        Event::new(kind, owners, target, at, &SeededEntropy::new(b"mail")).unwrap().with(data)
    }

    fn told<'a>(event: &'a Event, workspace: Option<&'a str>) -> Told<'a> {
        Told { event, organization: "acme", workspace, base: "https://access.example.com" }
    }

    #[test]
    fn it_says_what_where_and_what_to_do() {
        let inactive = event(EventKind::KeyInactive, "key_000000000000000000", true, json!({ "name": "ci" }));
        let told = told(&inactive, Some("main"));
        assert_eq!(subject(&told), "[CronFlow Access] key.inactive: \"ci\" in acme / main");
        let body = body(&told);
        for said in [
            "No request came with a key",
            "What:   key.inactive: \"ci\", key_000000000000000000",
            "Where:  acme / main",
            "Revoke it if nobody needs it",
            "https://access.example.com/console/workspaces/ws_000000000000000000/keys/key_000000000000000000",
        ] {
            assert!(body.contains(said), "no `{said}` in {body}");
        }
    }

    #[test]
    fn what_others_named_stays_in_its_line() {
        let name = "ci\r\nBcc: eve@example.com\u{202e}\u{2028}";
        let spoiled = event(EventKind::KeyInactive, "key_000000000000000000", true, json!({ "name": name }));
        let told = Told { organization: "ac\nme", workspace: Some("ma\r\nin"), ..told(&spoiled, None) };
        assert!(!subject(&told).contains(['\r', '\n', '\u{202e}', '\u{2028}']), "{}", subject(&told));
        assert!(!body(&told).lines().any(|line| line.starts_with("Bcc")), "{}", body(&told));
        let long = event(EventKind::KeyInactive, "key_000000000000000000", true, json!({ "name": "x".repeat(5_000) }));
        assert!(subject(&Told { event: &long, ..told }).chars().count() <= SUBJECT + 1);
    }

    #[test]
    fn every_kind_that_asks_for_something_says_what_to_do() {
        for kind in EventKind::ALL {
            let Row { severity, name, .. } = kind.row();
            let asks = severity > access_model::Severity::Info;
            assert_eq!(todo(kind).is_some(), asks, "{name}");
        }
    }

    #[test]
    fn a_link_leads_to_what_it_is_about() {
        for (kind, target, workspace, expected) in [
            (EventKind::ClientInactive, "cl_000000000000000000", false, "/clients/cl_000000000000000000"),
            (EventKind::MemberRoleChanged, "mem_000000000000000000", false, "/members/mem_000000000000000000"),
            (EventKind::WebhookDisabled, "wh_000000000000000000", true, "/webhooks/wh_000000000000000000"),
            (EventKind::PolicyQuarantined, "cost-guard", true, "/policies/cost-guard"),
            (EventKind::PolicyQuarantined, "../x y", true, "/console/workspaces/ws_000000000000000000"),
            (EventKind::NetworkChanged, "ws_000000000000000000", true, "/network"),
        ] {
            let event = event(kind, target, workspace, json!({}));
            let link = link(&told(&event, workspace.then_some("main")));
            assert!(link.ends_with(expected), "{link}");
        }
    }
}
