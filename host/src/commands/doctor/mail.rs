//! Mail: whether the relay takes it, as the hosts found when they last tried.

use access_authority::mail::health;

use super::scene::Scene;
use crate::report::Finding;

const NAME: &str = "mail";

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    if matches!(scene.settings.smtp_url_source(), Ok(None)) {
        return vec![Finding::ok(NAME, "no mail relay: nobody is mailed what happens")];
    }
    let health = match scene.store_for(NAME).map(|store| scene.wait(health(store))) {
        Err(unread) => return vec![unread],
        Ok(Err(error)) => return vec![Finding::fail(NAME, error.to_string(), "see the line `store`")],
        Ok(Ok(health)) => health,
    };
    let mut findings = Vec::new();
    if let Some(failing) = health.failing {
        let what = format!("the relay has taken no mail since {}: {}", failing.at, failing.error);
        let todo = "see that `smtp_url` names a relay that answers, offers TLS and knows the password; mails are tried for a day";
        findings.push(Finding::fail(NAME, what, todo));
    }
    if let Some(lost) = health.given_up {
        let of = lost.mail.map(|(event, member)| format!(" (event {event}, member {member})")).unwrap_or_default();
        let what = format!("a mail was given up at {}: {}{of}", lost.at, lost.error);
        let todo = "see the host's log for what the relay said; the event is listed in the console";
        findings.push(Finding::warn(NAME, what, todo));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(NAME, "no mail was refused lately"));
    }
    findings
}
