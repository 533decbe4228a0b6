//! `/console/organizations/{organization}/settings`: security of the whole organization.

use std::sync::Arc;

use access_authority::IfMatch;
use access_authority::settings::{ACTION_GET_ORGANIZATION, ACTION_UPDATE_ORGANIZATION, OrganizationSettingsUpdate};
use axum::extract::State;
use axum::response::Response;

use super::settings::{Part, SettingsPage};
use super::{error_of, problem_of};
use crate::app::App;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Section};
use crate::console::parts::Field;
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::organization;
use crate::segments::Segments;

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, ACTION_GET_ORGANIZATION, organization(path)).await?;
    let found = app.authority.get_organization_settings(&permit).await?;
    let frame = visitor.frame(&app, Section::Organization, Some(&permit)).await;
    let description = found.shown.description.unwrap_or_default();
    let fields = form_urlencoded::Serializer::new(String::new()).append_pair("description", &description).finish();
    Ok(shown(&page(frame, &Form::parse(fields.as_bytes()), found.version.to_string(), None)))
}

pub(crate) async fn save(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
    body: Unread,
) -> Result<Response, Trouble> {
    let here = path.clone().map(|organization| format!("/console/organizations/{organization}/settings"));
    let permit = visitor.permit(&app, ACTION_UPDATE_ORGANIZATION, organization(path)).await?;
    let sent = body.read_for(&permit, &visitor.token).await?;
    let made_from = IfMatch::One(vec![sent.text("version").to_owned()]);
    let update = OrganizationSettingsUpdate {
        description: Some(sent.stated("description")),
        ..OrganizationSettingsUpdate::default()
    };
    match app.authority.update_organization_settings(&permit, &update, &made_from).await.map_err(Trouble::from) {
        Ok(_) => Ok(see_other(&after(&here?, "settings-saved"))),
        Err(trouble) if trouble.is_of_form() => {
            let frame = visitor.frame(&app, Section::Organization, Some(&permit)).await;
            let version = sent.text("version").to_owned();
            Ok(shown(&page(frame, &sent, version, Some(trouble.problem().detail()))))
        }
        Err(trouble) => Err(trouble.again(sent.as_query())),
    }
}

fn page(frame: Frame, sent: &Form, version: String, detail: Option<&str>) -> SettingsPage {
    let error = |field| detail.and_then(|detail| error_of(detail, field));
    let sections = vec![Part {
        heading: "About",
        about: "What the organization is, for its members.",
        fields: vec![
            Field::lines("description", "Description", 3)
                .value(sent.text("description"))
                .optional()
                .error(error("description")),
        ],
    }];
    SettingsPage {
        heading: "Security",
        lede: "Of the whole organization, in all of its workspaces.",
        action: frame.org("/settings"),
        version,
        problem: problem_of(detail, &["description"]),
        sections,
        may_save: frame.may(ACTION_UPDATE_ORGANIZATION),
        dangers: Vec::new(),
        frame,
    }
}

#[cfg(test)]
impl SettingsPage {
    /// An organization's.
    pub(crate) fn sample_of_organization() -> Self {
        page(Frame::sample(Section::Organization), &Form::default(), "7".to_owned(), None)
    }
}
