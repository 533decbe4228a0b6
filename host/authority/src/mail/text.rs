//! What a mail says: what happened, where, what to do, and where to look. Plain text, and nothing in it that is secret: an event holds
//! none.

use access_model::mail::MOST_AN_HOUR;
use access_model::{Event, EventKind, Id, IdKind};
use access_outbound::Destination;

/// Characters of a subject, and of a name in it.
const SUBJECT: usize = 150;
const NAME: usize = 60;
/// Characters that are shown of where a secret was found.
const FOUND_AT: usize = 200;

/// What is told of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) event: &'a Event,
    /// The organization's name.
    pub(super) organization: &'a str,
    /// The workspace's.
    pub(super) workspace: Option<&'a str>,
    /// What the event's target is called, where the event doesn't say.
    pub(super) name: Option<&'a str>,
    /// What addresses of the console begin with.
    pub(super) base: &'a str,
}

/// What it is about, in one line.
pub(super) fn subject(told: &Told<'_>) -> String {
    let text = format!("[CronFlow Access] {}: {} in {}", told.event.event, named(told), place(told));
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
        named(told),
        one_line(&event.target, NAME),
        place(told),
        event.at,
    );
    if let Some(found_at) = found_at(event) {
        text.push_str(&format!("\nReported at (whoever reported it wrote this): {found_at}\n"));
    }
    if let Some(todo) = kind.and_then(todo) {
        text.push_str(&format!("\nWhat to do:\n{todo}\n"));
    }
    text.push_str(&format!(
        "\n{}\n\n-- \nYou look after {}. What is mailed is said in its settings (mail_events); of more than {MOST_AN_HOUR} events \
         in an hour, and as many alerts, the rest is listed in the console alone. Id: {}\n",
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

/// What its target is called, where that is known; else its id. Never by what a report says, which anybody may send.
fn named(told: &Told<'_>) -> String {
    let event = told.event;
    let stated = |field: &str| event.data.get(field)?.as_str();
    let url = stated("url").filter(|_| event.kind() == Some(EventKind::WebhookDisabled));
    let name = stated("name").or(told.name).map(str::to_owned).or_else(|| url.and_then(receiver));
    name.map_or_else(|| one_line(&event.target, NAME), |name| format!("\"{}\"", one_line(&name, NAME)))
}

/// Whose URL it is. No path: many a receiver takes whoever knows it for entitled.
fn receiver(url: &str) -> Option<String> {
    let destination = Destination::parse(url, true).ok()?;
    let scheme = if destination.is_https() { "https" } else { "http" };
    Some(format!("{scheme}://{}", destination.host()))
}

/// Where a leaked secret was found. Anybody may report one, so nothing is left of it that a reader of mail makes a link of.
fn found_at(event: &Event) -> Option<String> {
    let is_leak = matches!(
        event.kind()?,
        EventKind::KeyLeaked
            | EventKind::ClientLeaked
            | EventKind::SessionLeaked
            | EventKind::InvitationLeaked
            | EventKind::WebhookLeaked
    );
    let url = event.data.get("url").filter(|_| is_leak)?.as_str()?;
    // Other scripts have dots and colons that count as such in an address.
    let dots = ['.', '\u{3002}', '\u{ff0e}', '\u{ff61}'];
    Some(one_line(url, FOUND_AT).replace(dots, "[.]").replace([':', '\u{ff1a}'], "[:]").replace('@', "[@]"))
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
        Told { event, organization: "acme", workspace, name: None, base: "https://access.example.com" }
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
    fn what_a_report_says_is_no_name_and_no_link() {
        let url = "https://cronflow-login.evil.example/verify\u{202e}\r\nBcc:\u{ff0e}eve@evil.example";
        for kind in [
            EventKind::KeyLeaked,
            EventKind::ClientLeaked,
            EventKind::SessionLeaked,
            EventKind::InvitationLeaked,
            EventKind::WebhookLeaked,
        ] {
            let leaked = event(kind, "key_000000000000000000", true, json!({ "url": url, "note": url }));
            let told = told(&leaked, Some("main"));
            let name = kind.name();
            assert_eq!(subject(&told), format!("[CronFlow Access] {name}: key_000000000000000000 in acme / main"));
            let named = Told { name: Some("ci"), ..told };
            assert_eq!(subject(&named), format!("[CronFlow Access] {name}: \"ci\" in acme / main"));
            let body = body(&named);
            assert!(body.contains("https[:]//cronflow-login[.]evil[.]example/verify   Bcc[:][.]eve[@]evil"), "{body}");
            assert!(!body.contains("evil.example") && !body.contains("https://cronflow"), "{body}");
        }
        let long = "x".repeat(2_000);
        let leaked = event(EventKind::KeyLeaked, "key_000000000000000000", true, json!({ "url": long }));
        assert_eq!(found_at(&leaked).map(|shown| shown.chars().count()), Some(FOUND_AT + 1));
    }

    #[test]
    fn of_a_receiver_scheme_and_host_are_told_alone() {
        let url = "https://user.example:8443/services/T0/B0/secret?token=secret";
        for (url, expected) in [(url, "\"https://user.example\""), ("no url, secret", "wh_000000000000000000")] {
            let disabled = event(EventKind::WebhookDisabled, "wh_000000000000000000", true, json!({ "url": url }));
            let told = told(&disabled, Some("main"));
            assert_eq!(subject(&told), format!("[CronFlow Access] webhook.disabled: {expected} in acme / main"));
            assert!(!body(&told).contains("secret"), "{}", body(&told));
        }
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
