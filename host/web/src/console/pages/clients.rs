//! `/console/organizations/{organization}/clients`: the list.

use std::sync::Arc;

use access_authority::oauth::{ClientView, actions};
use access_model::Timestamp;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Pager, asked_page};
use crate::app::App;
use crate::console::answer::shown;
use crate::console::frame::{Frame, Section};
use crate::console::parts::{Badge, Tone, When, counted};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::organization;
use crate::segments::Segments;

/// The list.
#[derive(Template)]
#[template(path = "console/clients.html")]
pub(crate) struct ClientsPage {
    frame: Frame,
    clients: Vec<Row>,
    pager: Pager,
}

struct Row {
    id: String,
    name: String,
    state: Badge,
    scopes: Vec<String>,
    workspaces: String,
    created: When,
}

impl Row {
    fn new(client: &ClientView, frame: &Frame, now: Timestamp) -> Self {
        let names = names(client, frame);
        Self {
            id: client.client_id.to_string(),
            name: client.name.clone(),
            state: state(client),
            scopes: client.scopes.clone(),
            workspaces: match names.len() {
                0 => String::new(),
                1..=3 => names.join(", "),
                more => counted(u64::try_from(more).unwrap_or_default(), "workspace", "workspaces"),
            },
            created: When::new(client.created_at, now),
        }
    }
}

/// Where it stands. One that nobody uses is told from one that somebody does.
pub(super) fn state(client: &ClientView) -> Badge {
    if client.state == "active" && client.inactive_since.is_some() {
        return Badge::new(Tone::Warn, "active, not used");
    }
    Badge::state(client.state)
}

/// The workspaces that a client may serve, by name where whoever looks knows them.
pub(super) fn names(client: &ClientView, frame: &Frame) -> Vec<String> {
    let name = |id: &access_model::Id| {
        let id = id.to_string();
        frame.workspaces.iter().find(|known| known.id == id).map_or(id, |known| known.name.clone())
    };
    client.workspaces.iter().map(name).collect()
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::LIST, organization(path)).await?;
    let found = app.authority.list_clients(&permit, &asked_page(&visitor.query)).await?;
    let frame = visitor.frame(&app, Section::Clients, Some(&permit)).await;
    let pager = Pager::new(&frame.org("/clients"), &visitor.query, found.next_cursor.as_ref());
    let clients = found.items.iter().map(|client| Row::new(client, &frame, app.authority.now())).collect();
    Ok(shown(&ClientsPage { clients, pager, frame }))
}

#[cfg(test)]
impl ClientsPage {
    /// A few.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let row = |name: &str, state: &str, workspaces: &str, created: i64| Row {
            id: format!("cl_07{name}Sample00"),
            name: name.to_owned(),
            state: Badge::state(state),
            scopes: vec!["jobs:read".to_owned(), "jobs:write".to_owned()],
            workspaces: workspaces.to_owned(),
            created: When::new(at(created), NOW),
        };
        let clients = vec![
            row("billing", "active", "main, batch-jobs", -3 * 86_400),
            row("reporting", "disabled", "main", -40 * 86_400),
            Row {
                state: Badge::new(Tone::Warn, "active, not used"),
                ..row("quarterly", "active", "main", -90 * 86_400)
            },
            row("legacy-sync", "revoked", "", -400 * 86_400),
        ];
        Self { frame: Frame::sample(Section::Clients), clients, pager: Pager::default() }
    }

    /// None.
    pub(crate) fn empty() -> Self {
        Self { frame: Frame::sample(Section::Clients), clients: Vec::new(), pager: Pager::default() }
    }
}
