//! `…/suspend`, `…/resume`, `…/archive`: the changes of a workspace's state, each with its question.

use std::sync::Arc;

use access_authority::OwnerChange;
use access_authority::workspaces::actions;
use axum::extract::State;
use axum::response::Response;

use super::confirm::Confirm;
use crate::app::App;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::Unread;
use crate::console::frame::Section;
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::workspace;
use crate::problem::Problem;
use crate::segments::Segments;

struct Words {
    name: &'static str,
    change: OwnerChange,
    action: &'static str,
    button: &'static str,
    lede: &'static str,
    said: &'static str,
}

const CHANGES: [Words; 3] = [
    Words {
        name: "suspend",
        change: OwnerChange::Suspend,
        action: actions::SUSPEND,
        button: "Suspend the workspace",
        lede: "None of its keys and tokens works until it is resumed.",
        said: "workspace-suspended",
    },
    Words {
        name: "resume",
        change: OwnerChange::Resume,
        action: actions::RESUME,
        button: "Resume the workspace",
        lede: "Its keys and tokens work again as they did.",
        said: "workspace-resumed",
    },
    Words {
        name: "archive",
        change: OwnerChange::Archive,
        action: actions::ARCHIVE,
        button: "Archive the workspace",
        lede: "It ends for good, and its name is not given again. Its audit trail stays.",
        said: "workspace-archived",
    },
];

pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Trouble> {
    let (id, change) = path?;
    let words = words(&change)?;
    let permit = visitor.permit(&app, words.action, workspace(Ok(id))).await?;
    let frame = visitor.frame(&app, Section::Settings, Some(&permit)).await;
    let name = frame.workspace.as_ref().map(|workspace| workspace.name.clone()).unwrap_or_default();
    Ok(shown(&Confirm {
        icon: "power",
        heading: format!("{}: {name}?", words.button.split(' ').next().unwrap_or_default()),
        lede: words.lede.to_owned(),
        points: Vec::new(),
        problem: None,
        fields: Vec::new(),
        action: frame.at(&format!("/state/{}", words.name)),
        button: words.button,
        is_danger: words.name != "resume",
        back: frame.at("/settings"),
        frame,
    }))
}

pub(crate) async fn change(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
    body: Unread,
) -> Result<Response, Trouble> {
    let (id, change) = path?;
    let words = words(&change)?;
    let permit = visitor.permit(&app, words.action, workspace(Ok(id))).await?;
    body.read_for(&permit, &visitor.token).await?;
    let changed = app.authority.change_workspace(&permit, words.change).await?;
    let list = format!("/console/organizations/{}/workspaces", changed.organization);
    Ok(see_other(&after(&list, words.said)))
}

fn words(name: &str) -> Result<&'static Words, Problem> {
    let found = CHANGES.iter().find(|words| words.name == name);
    found.ok_or_else(|| Problem::new(404, "not_found", "a workspace is suspended, resumed or archived"))
}
