//! `/console`: on to where there is something to see.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::console::answer::see_other;
use crate::console::flash::{Flash, after};
use crate::console::frame::OF_WORKSPACE;
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::workspace;

pub(crate) async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Result<Response, Trouble> {
    let on = match visitor.listed(&app, 2).await.map_err(Trouble::from) {
        Ok(all) => match (all.as_slice(), visitor.caller.organization_named()) {
            ([only], _) => within(&app, &visitor, &only.id).await?,
            (_, Some((organization, _))) => format!("/console/organizations/{organization}/workspaces"),
            (_, None) => PROFILE.to_owned(),
        },
        Err(trouble) if trouble.needs_factor() => return Err(trouble),
        // Whoever may not see the organization's goes on to one of their own, from which they can switch to the others.
        Err(_) => match visitor.own(&app).await.first() {
            Some(first) => within(&app, &visitor, &first.id).await?,
            None => PROFILE.to_owned(),
        },
    };
    let done = visitor.query.text("done");
    Ok(see_other(&if Flash::of(done).is_some() { after(&on, done) } else { on }))
}

/// Where everybody may be.
const PROFILE: &str = "/console/profile";

/// The first page of a workspace that they may see: a role of the organization's own may hold as little as it likes.
async fn within(app: &App, visitor: &Visitor, id: &str) -> Result<String, Trouble> {
    for (.., path, action) in OF_WORKSPACE {
        match visitor.permit(app, action, workspace(Ok(id.to_owned()))).await.map_err(Trouble::from) {
            Ok(_) => return Ok(format!("/console/workspaces/{id}{path}")),
            Err(trouble) if trouble.needs_factor() => return Err(trouble),
            Err(_) => {}
        }
    }
    Ok(PROFILE.to_owned())
}

/// Whoever typed the host's address alone.
pub(crate) async fn lead_in() -> Response {
    see_other("/console")
}
