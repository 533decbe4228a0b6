//! `/console/organizations/{organization}/workspaces`: all of them, and another.

use std::sync::Arc;

use access_authority::workspaces::{WorkspaceRequest, WorkspaceView, actions};
use access_model::Timestamp;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::form_page::FormPage;
use super::{Pager, asked_page, error_of, problem_of};
use crate::app::App;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Link, Section};
use crate::console::parts::{Badge, Field, When};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::organization;
use crate::problem::Problem;
use crate::segments::Segments;

/// The list.
#[derive(Template)]
#[template(path = "console/workspaces.html")]
pub(crate) struct WorkspacesPage {
    frame: Frame,
    workspaces: Vec<Row>,
    pager: Pager,
}

struct Row {
    id: String,
    name: String,
    state: Badge,
    policy_revision: u64,
    created: When,
}

impl Row {
    fn new(workspace: &WorkspaceView, now: Timestamp) -> Self {
        Self {
            id: workspace.id.to_string(),
            name: workspace.name.clone(),
            state: Badge::state(workspace.state),
            policy_revision: workspace.policy_revision,
            created: When::new(workspace.created_at, now),
        }
    }
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::LIST, organization(path)).await?;
    let found = app.authority.list_workspaces(&permit, &asked_page(&visitor.query)).await?;
    let frame = visitor.frame(&app, Section::Workspaces, Some(&permit)).await;
    let pager = Pager::new(&frame.org("/workspaces"), &visitor.query, found.next_cursor.as_ref());
    let workspaces = found.items.iter().map(|workspace| Row::new(workspace, app.authority.now())).collect();
    Ok(shown(&WorkspacesPage { frame, workspaces, pager }))
}

pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::CREATE, organization(path)).await?;
    let frame = visitor.frame(&app, Section::Workspaces, Some(&permit)).await;
    Ok(shown(&form(frame, &visitor.query, None)))
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
    body: Unread,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::CREATE, organization(path));
    let (permit, sent) = body.permitted(permit, &visitor.token).await?;
    let request = WorkspaceRequest { name: sent.text("name").trim().to_owned() };
    match app.authority.create_workspace(&permit, request, None).await.map_err(Trouble::from) {
        Ok(done) => {
            let gone = || Problem::new(409, "conflict", "it was created before");
            let workspace = done.now().ok_or_else(gone)?;
            Ok(see_other(&after(&format!("/console/workspaces/{}/keys", workspace.id), "workspace-created")))
        }
        Err(trouble) if trouble.is_of_form() => {
            let frame = visitor.frame(&app, Section::Workspaces, Some(&permit)).await;
            Ok(shown(&form(frame, &sent, Some(trouble.problem().detail()))))
        }
        Err(trouble) => Err(trouble.again(sent.as_query())),
    }
}

fn form(frame: Frame, sent: &Form, detail: Option<&str>) -> FormPage {
    let list = frame.org("/workspaces");
    let name = Field::text("name", "Name")
        .value(sent.text("name"))
        .hint("1 to 63 lower case letters, digits and hyphens. It is not given twice, not even after archiving.")
        .error(detail.and_then(|detail| error_of(detail, "name")));
    FormPage {
        crumbs: vec![Link::new(&list, "Workspaces")],
        heading: "Create a workspace".to_owned(),
        lede: "It begins with no key and no policy of its own, under the platform's policies.".to_owned(),
        notice: None,
        problem: problem_of(detail, &["name"]),
        hidden: Vec::new(),
        fields: vec![name],
        action: format!("{list}/new"),
        button: "Create the workspace",
        back: list,
        frame,
    }
}

#[cfg(test)]
impl WorkspacesPage {
    /// Two.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let row = |name: &str, state: &str, policy_revision, created: i64| Row {
            id: format!("ws_07{name}Sample"),
            name: name.to_owned(),
            state: Badge::state(state),
            policy_revision,
            created: When::new(at(created), NOW),
        };
        let workspaces =
            vec![row("main", "active", 12, -400 * 86_400), row("batch-jobs", "suspended", 0, -20 * 86_400)];
        Self { frame: Frame::sample(Section::Workspaces), workspaces, pager: Pager::default() }
    }
}
