//! `…/network`: where requests may come from and where jobs may call, with a preview of whom a change would lock out.

use std::net::IpAddr;
use std::sync::Arc;

use access_authority::network::{ACTION_GET, ACTION_UPDATE, NetworkUpdate, NetworkView};
use access_authority::traffic::{ACTION_PREVIEW, PreviewRequest, PreviewView};
use access_authority::{Current, IfMatch};
use access_model::{AllowList, IdKind, Timestamp};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use ipnet::IpNet;

use super::{error_of, problem_of};
use crate::app::App;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Section};
use crate::console::parts::{Badge, Field, Tone, When, counted, grouped};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::workspace;
use crate::problem::Problem;
use crate::segments::Segments;

/// The rules, and the form that changes them.
#[derive(Template)]
#[template(path = "console/network.html")]
pub(crate) struct NetworkPage {
    frame: Frame,
    version: String,
    me: String,
    ip_allow: Field,
    egress_allow: Field,
    inbound_state: Badge,
    egress_state: Badge,
    problem: Option<String>,
    preview: Option<Preview>,
    needs_confirmation: bool,
    confirmation: Field,
}

/// Networks and keys that a preview names.
const NAMED: usize = 20;

/// Whom a change would lock out.
pub(crate) struct Preview {
    since: When,
    me: String,
    me_in: Option<String>,
    /// Keys used from here would be denied.
    me_denied: bool,
    /// Whoever saves could not undo it from here.
    me_locked_out: bool,
    sources: Vec<Source>,
    keys: Vec<Loser>,
    more: bool,
    lost: Option<String>,
    kept: String,
    locks_out: bool,
}

/// A network that requests come from, which would be locked out.
struct Source {
    network: Option<String>,
    keys: usize,
    requests: String,
}

/// A key or client that would lose some of its requests.
struct Loser {
    href: String,
    name: String,
    would_deny: String,
    allowed: String,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, ACTION_GET, workspace(path)).await?;
    let found = app.authority.get_network(&permit).await?;
    let frame = visitor.frame(&app, Section::Network, Some(&permit)).await;
    let as_it_is = as_form(&found);
    // What was filled in before a second factor was asked for stands there again.
    let sent = if visitor.query.stated("do").is_some() { &visitor.query } else { &as_it_is };
    let version = if visitor.query.stated("do").is_some() {
        found.version.to_string()
    } else {
        as_it_is.text("version").to_owned()
    };
    Ok(shown(&NetworkPage::new(frame, &visitor, sent, &found.shown, version, None, None)))
}

pub(crate) async fn change(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
    body: Unread,
) -> Result<Response, Trouble> {
    let here = path.clone().map(|workspace| format!("/console/workspaces/{workspace}/network"));
    let seen = visitor.permit(&app, ACTION_PREVIEW, workspace(path.clone())).await?;
    let sent = body.read_for(&seen, &visitor.token).await?;
    let getting = visitor.permit(&app, ACTION_GET, workspace(path.clone())).await?;
    let found = app.authority.get_network(&getting).await?;
    let frame = visitor.frame(&app, Section::Network, Some(&seen)).await;
    let asked = PreviewRequest { ip_allow: Some(sent.lines("ip_allow")).filter(|list| !list.is_empty()) };
    let egress = AllowList::parse(&sent.lines("egress_allow"), app.authority.catalog().limits.allow_list);
    let previewed = match (app.authority.preview_network(&seen, &asked).await.map_err(Trouble::from), egress) {
        (Ok(_), Err(error)) if !sent.lines("egress_allow").is_empty() => {
            Err(Trouble::from(Problem::invalid("egress_allow", error)))
        }
        (Ok(view), _) => Ok(Preview::new(&frame, &view, &asked, app.authority.now())),
        (Err(trouble), _) if trouble.is_of_form() => Err(trouble),
        (Err(trouble), _) => return Err(trouble),
    };
    let version = sent.text("version").to_owned();
    let answer = |preview, detail: Option<&str>| {
        shown(&NetworkPage::new(frame, &visitor, &sent, &found.shown, version.clone(), preview, detail))
    };
    let preview = match previewed {
        Ok(preview) => preview,
        Err(trouble) => return Ok(answer(None, Some(trouble.problem().detail()))),
    };
    if sent.text("do") != "save" || (preview.locks_out && !sent.is_on("confirmed")) {
        return Ok(answer(Some(preview), None));
    }
    let permit = visitor.permit(&app, ACTION_UPDATE, workspace(path)).await;
    let permit = permit.map_err(|problem| Trouble::from(problem).again(sent.as_query()))?;
    let stated = |name| Some(Some(sent.lines(name)).filter(|list| !list.is_empty()));
    let update = NetworkUpdate { ip_allow: stated("ip_allow"), egress_allow: stated("egress_allow") };
    let made_from = IfMatch::One(vec![sent.text("version").to_owned()]);
    match app.authority.update_network(&permit, &update, &made_from).await.map_err(Trouble::from) {
        Ok(_) => Ok(see_other(&after(&here?, "network-saved"))),
        Err(trouble) if trouble.is_of_form() => Ok(answer(None, Some(trouble.problem().detail()))),
        Err(trouble) => Err(trouble.again(sent.as_query())),
    }
}

impl Preview {
    fn new(frame: &Frame, view: &PreviewView, asked: &PreviewRequest, now: Timestamp) -> Self {
        let requests = |number: u64| counted(number, "request", "requests");
        let sources = view.clients.iter().take(NAMED).map(|client| Source {
            network: client.network.clone(),
            keys: client.keys.len(),
            requests: grouped(client.would_deny),
        });
        let keys = view.keys.iter().take(NAMED).map(|key| Loser {
            href: match key.key.kind() {
                IdKind::Client => frame.org(&format!("/clients/{}", key.key)),
                _ => frame.at(&format!("/keys/{}", key.key)),
            },
            name: key.name.clone(),
            would_deny: grouped(key.would_deny),
            allowed: grouped(key.allowed),
        });
        let lost = format!("{} of {} would be denied.", grouped(view.would_deny), requests(view.allowed));
        let kept = match (view.allowed, view.unknown) {
            (0, 0) => "No key was used in these days, so there is nothing to judge by.".to_owned(),
            (_, 0) => format!("{} would be allowed as before.", requests(view.allowed - view.would_deny)),
            (_, unknown) => format!("Nothing can be said of {}: they came from too many networks.", requests(unknown)),
        };
        let me = view.asker.ip.clone();
        let me_in = me.as_deref().and_then(|me| {
            let me: IpAddr = me.parse().ok()?;
            let holds = |network: &&String| match network.parse::<IpNet>() {
                Ok(network) => network.contains(&me),
                Err(_) => network.parse() == Ok(me),
            };
            asked.ip_allow.iter().flatten().find(holds).cloned()
        });
        Self {
            since: When::new(view.since, now),
            me: me.unwrap_or_else(|| "unknown".to_owned()),
            me_in: me_in.or_else(|| asked.ip_allow.is_none().then(|| "everywhere".to_owned())),
            me_denied: view.asker.requests_denied,
            me_locked_out: view.asker.locked_out,
            sources: sources.collect(),
            keys: keys.collect(),
            more: view.clients.len() > NAMED || view.keys.len() > NAMED,
            lost: (view.would_deny > 0).then_some(lost),
            kept,
            locks_out: view.would_deny > 0 || view.asker.requests_denied || view.asker.locked_out,
        }
    }
}

/// The rules as their form was filled in.
fn as_form(found: &Current<NetworkView>) -> Form {
    let lines = |list: &Option<Vec<String>>| list.as_ref().map(|list| list.join("\n")).unwrap_or_default();
    let mut fields = form_urlencoded::Serializer::new(String::new());
    fields.append_pair("version", &found.version.to_string());
    fields.append_pair("ip_allow", &lines(&found.shown.ip_allow));
    fields.append_pair("egress_allow", &lines(&found.shown.egress_allow));
    Form::parse(fields.finish().as_bytes())
}

impl NetworkPage {
    fn new(
        frame: Frame,
        visitor: &Visitor,
        sent: &Form,
        rules: &NetworkView,
        version: String,
        preview: Option<Preview>,
        detail: Option<&str>,
    ) -> Self {
        let me = visitor.client.map_or_else(|| "unknown".to_owned(), |me| me.to_canonical().to_string());
        Self::of(frame, me, sent, rules, version, preview, detail)
    }

    fn of(
        frame: Frame,
        me: String,
        sent: &Form,
        rules: &NetworkView,
        version: String,
        preview: Option<Preview>,
        detail: Option<&str>,
    ) -> Self {
        let error = |field| detail.and_then(|detail| error_of(detail, field));
        let field = |name, label| Field::code(name, label, 8).value(sent.text(name)).optional().error(error(name));
        let state = |list: &Option<Vec<String>>| match list {
            None => Badge::new(Tone::Warn, "from everywhere"),
            Some(list) => Badge::new(
                Tone::Good,
                counted(u64::try_from(list.len()).unwrap_or_default(), "network in force", "networks in force"),
            ),
        };
        let egress_state = match &rules.egress_allow {
            None => Badge::new(Tone::Quiet, "everywhere public"),
            some => state(some),
        };
        Self {
            version,
            me,
            ip_allow: field("ip_allow", "Networks that requests may come from"),
            egress_allow: field("egress_allow", "Networks that jobs may call"),
            inbound_state: state(&rules.ip_allow),
            egress_state,
            problem: problem_of(detail, &["ip_allow", "egress_allow"]),
            needs_confirmation: preview.as_ref().is_some_and(|preview| preview.locks_out),
            confirmation: Field::check("confirmed", "I have looked at who would be locked out, and want that", false)
                .hint("Saving goes on only with this ticked."),
            preview,
            frame,
        }
    }
}

#[cfg(test)]
impl NetworkPage {
    /// A change that would lock out traffic, and whoever makes it.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let source = |network: &str, keys, requests: &str| Source {
            network: Some(network.to_owned()),
            keys,
            requests: requests.to_owned(),
        };
        let frame = Frame::sample(Section::Network);
        let preview = Preview {
            since: When::new(at(-6 * 86_400), NOW),
            me: "198.51.100.20".to_owned(),
            me_in: None,
            me_denied: true,
            me_locked_out: false,
            sources: vec![source("198.51.100.0/24", 2, "1 204"), source("2001:db8:77::/64", 1, "12")],
            keys: vec![Loser {
                href: frame.at("/keys/key_07nVq3Lm8RtZx2Pk"),
                name: "billing-export".to_owned(),
                would_deny: "1 216".to_owned(),
                allowed: "40 100".to_owned(),
            }],
            more: false,
            lost: Some("1 216 of 48 310 requests would be denied.".to_owned()),
            kept: "47 094 requests would be allowed as before.".to_owned(),
            locks_out: true,
        };
        let sent = Form::parse(b"ip_allow=203.0.113.0/24%0A2001:db8:1::/48&egress_allow=");
        let rules = NetworkView { ip_allow: None, egress_allow: None };
        Self::of(frame, "198.51.100.20".to_owned(), &sent, &rules, "7".to_owned(), Some(preview), None)
    }

    /// The rules as they are.
    pub(crate) fn at_rest() -> Self {
        let list = vec!["203.0.113.0/24".to_owned()];
        let rules = NetworkView { ip_allow: Some(list), egress_allow: None };
        let sent = Form::parse(b"ip_allow=203.0.113.0/24");
        Self::of(Frame::sample(Section::Network), "203.0.113.9".to_owned(), &sent, &rules, "7".to_owned(), None, None)
    }
}
