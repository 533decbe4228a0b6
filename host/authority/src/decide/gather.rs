//! Gather: the question and what is known become immutable facts.

use std::sync::Arc;

use access_model::network::Address;
use access_model::text::quotable;
use access_model::{PlainSecret, Timestamp, path};
use cronflow_policy_cases::{Action, Attributes, FactsRef, Gateway, Request, Resource, Value};

use crate::authority::Authority;
use crate::decide::identify::Caller;
use crate::decide::properties::Properties;
use crate::decide::refusal::Refusal;
use crate::decide::stated::Stated;

/// What an enforcement point asks.
#[derive(Debug)]
pub struct Question {
    /// Whom it is about.
    pub whom: Whom,
    /// The HTTP method, as the client sent it.
    pub method: Option<String>,
    /// The path, as the client sent it.
    pub path: Option<String>,
    /// The client's address.
    pub ip: Option<Address>,
    /// The environment that the request states.
    pub environment: Option<String>,
    /// The action, in place of method and path.
    pub action: Option<String>,
    /// What it is to be done to. Its workspace is an id or a name.
    pub resource: Resource,
    /// Free attributes.
    pub context: Attributes,
    /// Free attributes of whom it is about, and of the action.
    pub properties: Properties,
    /// The workspace's policy revision that the decision must know of, at least.
    pub min_revision: Option<u64>,
}

/// Whom a question is about.
#[derive(Debug)]
pub enum Whom {
    /// Whoever presented this secret to the enforcement point.
    Presents(PlainSecret),
    /// A subject on the enforcement point's word.
    Stated(Stated),
}

/// Facts, owned where they are the question's and shared where they are cached.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) action: Arc<Action>,
    pub(crate) request: Request,
    resource: Resource,
    context: Attributes,
    now: Timestamp,
}

impl Gathered {
    /// Everything known for one decision.
    pub(crate) fn facts<'a>(&'a self, caller: &'a Caller, gateway: Option<&'a Gateway>) -> FactsRef<'a> {
        FactsRef {
            now: self.now.as_millis(),
            principal: &caller.entry.principal,
            organization: caller.organization.as_ref().map(|organization| &organization.facts),
            workspace: caller.workspace.as_ref().map(|workspace| &workspace.facts),
            gateway,
            action: &self.action,
            request: &self.request,
            resource: &self.resource,
            context: &self.context,
        }
    }
}

impl Authority {
    /// Brings a question into canonical form.
    pub(crate) fn gather(
        &self,
        caller: &Caller,
        gateway: Option<&Gateway>,
        question: Question,
        now: Timestamp,
    ) -> Result<Gathered, Refusal> {
        let path = match question.path.map(path::into_canonical).transpose() {
            Ok(path) => path,
            Err(unsafe_path) => return Err(Refusal::UnknownAction(unsafe_path.to_string())),
        };
        let action = self.action_of(question.action.as_deref(), question.method.as_deref(), path.as_deref())?;
        check_attributes(&self.catalog.limits, "resource.attributes", &question.resource.attributes)?;
        let mut context = question.properties.into_context(question.context);
        check_attributes(&self.catalog.limits, "context", &context)?;
        context.extend(caller.held(&action.name, &question.resource.attributes));
        let mut resource = question.resource;
        if let (Some(stated), Some(own)) = (&resource.workspace, &caller.workspace)
            && *stated == own.facts.name
        {
            resource.workspace = Some(own.facts.id.clone());
        }
        let gathered = Gathered {
            action,
            request: Request {
                method: question.method,
                path,
                ip: question.ip.map(Address::into_text),
                environment: question.environment,
            },
            resource,
            context,
            now,
        };
        self.check_size(caller, gateway, &gathered)?;
        Ok(gathered)
    }

    fn action_of(&self, name: Option<&str>, method: Option<&str>, path: Option<&str>) -> Result<Arc<Action>, Refusal> {
        let unknown = |message: String| Refusal::UnknownAction(message);
        let routed = match (method, path) {
            (Some(method), Some(path)) => {
                let shown = || unknown(format!("no action is known for {} {}", quotable(method), quotable(path)));
                Some(self.catalog.route(method, path).ok_or_else(shown)?)
            }
            (None, None) => None,
            // Half a request could be of any action, so it would check nothing.
            _ => return Err(unknown("state both method and path, or neither and an action".to_owned())),
        };
        let action = match (name, routed) {
            (None, Some(action)) => action,
            (Some(name), routed) => {
                // Management is asked of our own endpoints, never on somebody's behalf.
                let named = self.catalog.action(name).filter(|action| action.category == "customer");
                let named =
                    named.ok_or_else(|| unknown(format!("no customer action is named `{}`", quotable(name))))?;
                if let Some(routed) = routed.filter(|routed| routed.name != named.name) {
                    let message = format!("method and path are `{}`, not `{name}`", routed.name);
                    return Err(unknown(message));
                }
                named
            }
            (None, None) => return Err(unknown("state an action, or method and path".to_owned())),
        };
        Ok(Arc::clone(action))
    }

    /// Holds the facts to the published cap. The exact size is only worked out when it might matter.
    fn check_size(&self, caller: &Caller, gateway: Option<&Gateway>, gathered: &Gathered) -> Result<(), Refusal> {
        let limit = self.catalog.limits.facts_bytes;
        let known = caller.entry.size + caller.workspace.as_ref().map_or(0, |workspace| workspace.size);
        // JSON spells a character with six bytes at most; names and punctuation of the rest fit in two kilobytes.
        let bound = gateway.map_or(0, |gateway| 32 * gateway.organizations.len() + 72 * gateway.environments.len());
        let most = known + bound + 2_048 + 6 * text_size(gathered);
        if most <= limit {
            return Ok(());
        }
        let size = serde_json::to_vec(&gathered.facts(caller, gateway)).map_or(usize::MAX, |json| json.len());
        if size <= limit {
            return Ok(());
        }
        Err(Refusal::FactsTooLarge(format!(
            "the facts take {size} bytes, the limit is {limit}; shorten lists and attributes"
        )))
    }
}

fn text_size(gathered: &Gathered) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let Gathered { request, resource, context, .. } = gathered;
    text(&request.method)
        + text(&request.path)
        + text(&request.environment)
        + text(&resource.kind)
        + text(&resource.id)
        + text(&resource.workspace)
        + attributes_size(&resource.attributes)
        + attributes_size(context)
}

fn attributes_size(attributes: &Attributes) -> usize {
    let value = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Texts(texts) => texts.iter().map(|text| text.len() + 4).sum(),
        _ => 24,
    };
    attributes.iter().map(|(name, of)| name.len() + value(of) + 8).sum()
}

fn check_attributes(limits: &access_model::catalog::Limits, what: &str, given: &Attributes) -> Result<(), Refusal> {
    let too_long = |text: &String| text.len() > limits.attribute_bytes;
    let too_large = |(name, value): (&String, &Value)| {
        too_long(name)
            || match value {
                Value::Text(text) => too_long(text),
                Value::Texts(texts) => texts.len() > limits.attributes || texts.iter().any(too_long),
                _ => false,
            }
    };
    if given.len() <= limits.attributes && !given.iter().any(too_large) {
        return Ok(());
    }
    let (count, bytes) = (limits.attributes, limits.attribute_bytes);
    Err(Refusal::FactsTooLarge(format!(
        "`{what}` may have {count} attributes, lists {count} strings, strings {bytes} bytes"
    )))
}
