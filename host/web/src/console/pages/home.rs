//! `/console`: on to where there is something to see.

use std::sync::Arc;

use access_authority::PageRequest;
use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::console::answer::see_other;
use crate::console::flash::{Flash, after};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;

pub(crate) async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Result<Response, Trouble> {
    let workspaces = visitor.workspaces(&app, &PageRequest { limit: Some(2), cursor: None }).await;
    let organization = visitor.caller.organization_named().map(|(id, _)| id);
    let on = match (workspaces.as_slice(), organization) {
        ([only], _) => format!("/console/workspaces/{}", only.id),
        (_, Some(organization)) => format!("/console/organizations/{organization}/workspaces"),
        (_, None) => "/console/profile".to_owned(),
    };
    let done = visitor.query.text("done");
    Ok(see_other(&if Flash::of(done).is_some() { after(&on, done) } else { on }))
}
