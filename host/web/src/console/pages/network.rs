//! `…/network`: where requests may come from and where jobs may call, with a preview of whom a change would lock out.

use std::sync::Arc;

use access_authority::network::{ACTION_GET, ACTION_UPDATE, NetworkUpdate, NetworkView};
use access_authority::{Current, IfMatch};
use access_model::AllowList;
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
use crate::console::parts::{Badge, Field, Tone, When, counted};
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

/// Whom a change would lock out.
pub(crate) struct Preview {
    days: u64,
    me: String,
    me_in: Option<String>,
    me_locked_out: bool,
    locked_out: Vec<Source>,
    lost_text: String,
    kept_text: String,
    locks_out: bool,
}

struct Source {
    network: String,
    requests: u64,
    last_seen: Option<When>,
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
    let seen = visitor.permit(&app, ACTION_GET, workspace(path.clone())).await?;
    let sent = body.read_for(&seen, &visitor.token).await?;
    let found = app.authority.get_network(&seen).await?;
    let frame = visitor.frame(&app, Section::Network, Some(&seen)).await;
    let version = sent.text("version").to_owned();
    let answer = |preview, detail: Option<&str>| {
        shown(&NetworkPage::new(frame, &visitor, &sent, &found.shown, version.clone(), preview, detail))
    };
    let preview = match preview(&app, &visitor, &sent) {
        Ok(preview) => preview,
        Err(problem) => return Ok(answer(None, Some(problem.detail()))),
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

/// What a change would do to whoever makes it, and to the traffic of the last days.
fn preview(app: &App, visitor: &Visitor, sent: &Form) -> Result<Preview, Problem> {
    let most = app.authority.catalog().limits.allow_list;
    let networks = sent.lines("ip_allow");
    let list = if networks.is_empty() {
        None
    } else {
        Some(AllowList::parse(&networks, most).map_err(|error| Problem::invalid("ip_allow", error))?)
    };
    let egress = sent.lines("egress_allow");
    if !egress.is_empty() {
        AllowList::parse(&egress, most).map_err(|error| Problem::invalid("egress_allow", error))?;
    }
    let me = visitor.client.map(|client| client.to_canonical());
    let me_in = me.and_then(|me| {
        let holds = |network: &&String| match network.parse::<IpNet>() {
            Ok(network) => network.contains(&me),
            Err(_) => network.parse() == Ok(me),
        };
        networks.iter().find(holds).cloned()
    });
    let me_locked_out = list.is_some() && me_in.is_none();
    Ok(Preview {
        days: 7,
        me: me.map_or_else(|| "unknown".to_owned(), |me| me.to_string()),
        me_in: me_in.or_else(|| list.is_none().then(|| "everywhere".to_owned())),
        me_locked_out,
        locked_out: Vec::new(),
        lost_text: String::new(),
        kept_text: String::new(),
        locks_out: me_locked_out,
    })
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

        let source = |network: &str, requests, seconds: i64| Source {
            network: network.to_owned(),
            requests,
            last_seen: Some(When::new(at(seconds), NOW)),
        };
        let preview = Preview {
            days: 7,
            me: "198.51.100.20".to_owned(),
            me_in: None,
            me_locked_out: true,
            locked_out: vec![source("198.51.100.0/24", 1_204, -300), source("2001:db8:77::/64", 12, -90_000)],
            lost_text: "1 216 of 48 310 requests would be denied.".to_owned(),
            kept_text: "The rest comes from networks that stay allowed.".to_owned(),
            locks_out: true,
        };
        let sent = Form::parse(b"ip_allow=203.0.113.0/24%0A2001:db8:1::/48&egress_allow=");
        let rules = NetworkView { ip_allow: None, egress_allow: None };
        let frame = Frame::sample(Section::Network);
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
