//! How an evaluation becomes a question: the one place where both vocabularies meet.

use access_authority::{Properties as Stands, Question, Stated, Whom};
use access_model::network::Address;
use access_model::organization::check_name;
use access_model::{Object, PlainSecret};
use cronflow_policy_cases::Resource;

use super::entities::{Action, Entities, Entity};
use super::property::{Json, Properties};

/// The type of a subject who presented a secret.
const CREDENTIAL: &str = "credential";

impl Entities {
    /// Checks the form. The error is a sentence that says where it is wrong.
    pub(super) fn into_question(self) -> Result<Question, String> {
        let Object(subject) = required(self.subject, "subject")?;
        let Object(Action { name, properties: of_action }) = required(self.action, "action")?;
        let Object(resource) = required(self.resource, "resource")?;
        let mut context = self.context.unwrap_or_default();
        let (whom, of_subject) = whom(subject)?;
        let mut of_resource = resource.properties.unwrap_or_default();
        let ip = context.take_text("context", "ip")?.map(|text| {
            let message = "`context.ip` must be an IPv4 or IPv6 address, without port, brackets or zone";
            Address::parse(text).ok_or_else(|| message.to_owned())
        });
        let environment = context.take_text("context", "environment")?;
        if let Some(environment) = &environment {
            check_name(environment).map_err(|error| format!("`context.environment`: {error}"))?;
        }
        Ok(Question {
            whom,
            method: context.take_text("context", "method")?,
            path: context.take_text("context", "path")?,
            ip: ip.transpose()?,
            environment,
            action: Some(required(name, "action.name")?),
            resource: Resource {
                kind: Some(required(resource.kind, "resource.type")?),
                id: Some(required(resource.id, "resource.id")?),
                workspace: of_resource.take_text("resource.properties", "workspace")?,
                attributes: of_resource.into_attributes("resource.properties")?,
            },
            properties: Stands {
                subject: of_subject.into_attributes("subject.properties")?,
                action: of_action.unwrap_or_default().into_attributes("action.properties")?,
            },
            context: context.into_attributes("context")?,
            min_revision: None,
        })
    }
}

/// Whom it is about, and what else is stated of them.
///
/// INVARIANT: who presented a secret is who the secret says; neither type nor id of a subject ever names a credential.
fn whom(subject: Entity) -> Result<(Whom, Properties), String> {
    let kind = required(subject.kind, "subject.type")?;
    let id = required(subject.id, "subject.id")?;
    let mut properties = subject.properties.unwrap_or_default();
    if kind == CREDENTIAL {
        match properties.take("secret") {
            Some(Json::Text(secret)) => return Ok((Whom::Presents(PlainSecret::new(secret)), properties)),
            Some(_) => return Err("`subject.properties.secret` must be a string".to_owned()),
            // Nobody is a credential because somebody says so; that is told by the decision.
            None => {}
        }
    }
    Ok((Whom::Stated(Stated { kind, id }), properties))
}

fn required<T>(value: Option<T>, name: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("`{name}` is missing"))
}
