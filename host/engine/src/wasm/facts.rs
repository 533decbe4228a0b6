//! Facts as a guest gets them: the WIT records, borrowed from where the facts live. The field names here are the contract's;
//! wasmtime holds them against the module's own types when it is loaded.

use std::cell::OnceCell;

use cronflow_policy_cases::{self as cases, Attributes, FactsRef, Value};
use wasmtime::component::{ComponentType, Lift, Lower};

use super::image::{Image, Stored, stored};

#[derive(Debug, Clone, Copy, ComponentType, Lower)]
#[component(variant)]
pub(crate) enum ValueView<'a> {
    #[component(name = "boolean")]
    Boolean(bool),
    #[component(name = "integer")]
    Integer(i64),
    #[component(name = "double")]
    Double(f64),
    #[component(name = "text")]
    Text(&'a str),
    #[component(name = "texts")]
    Texts(&'a [String]),
}

/// A free attribute.
#[derive(Debug, Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct AttributeView<'a> {
    name: &'a str,
    value: ValueView<'a>,
}

#[derive(Debug, ComponentType, Lower)]
#[component(record)]
pub(crate) struct PrincipalView<'a> {
    kind: &'a str,
    id: &'a str,
    #[component(name = "key-kind")]
    key_kind: &'a str,
    organization: Option<&'a str>,
    workspace: Option<&'a str>,
    scopes: &'a [String],
    roles: &'a [String],
    client: Option<&'a str>,
    #[component(name = "factor-at")]
    factor_at: Option<i64>,
    environments: &'a [String],
    #[component(name = "environments-except")]
    environments_except: &'a [String],
    methods: &'a [String],
    #[component(name = "ip-allow")]
    ip_allow: Option<&'a [String]>,
    #[component(name = "created-at")]
    created_at: i64,
    #[component(name = "expires-at")]
    expires_at: Option<i64>,
}

#[derive(Debug, ComponentType, Lower)]
#[component(record)]
pub(crate) struct OrganizationView<'a> {
    id: &'a str,
    name: &'a str,
}

#[derive(Debug, ComponentType, Lower)]
#[component(record)]
pub(crate) struct WorkspaceView<'a> {
    id: &'a str,
    name: &'a str,
    #[component(name = "ip-allow")]
    ip_allow: Option<&'a [String]>,
    #[component(name = "egress-allow")]
    egress_allow: Option<&'a [String]>,
}

#[derive(Debug, ComponentType, Lower)]
#[component(record)]
pub(crate) struct GatewayView<'a> {
    id: &'a str,
    organizations: &'a [String],
    environments: &'a [String],
}

#[derive(Debug, ComponentType, Lower)]
#[component(record)]
pub(crate) struct RequestView<'a> {
    method: Option<&'a str>,
    path: Option<&'a str>,
    ip: Option<&'a str>,
    environment: Option<&'a str>,
}

#[derive(Debug, ComponentType, Lower)]
#[component(record)]
pub(crate) struct ActionView<'a> {
    name: &'a str,
    category: &'a str,
    scopes: &'a [String],
    kinds: &'a [String],
}

#[derive(Debug, ComponentType, Lower)]
#[component(record)]
pub(crate) struct ResourceView<'a> {
    #[component(name = "type")]
    kind: Option<&'a str>,
    id: Option<&'a str>,
    workspace: Option<&'a str>,
    attributes: Vec<AttributeView<'a>>,
}

/// Everything known for one decision.
#[derive(Debug, ComponentType, Lower)]
#[component(record)]
pub(super) struct FactsView<'a> {
    now: i64,
    principal: PrincipalView<'a>,
    organization: Option<OrganizationView<'a>>,
    workspace: Option<WorkspaceView<'a>>,
    gateway: Option<GatewayView<'a>>,
    action: ActionView<'a>,
    request: RequestView<'a>,
    resource: ResourceView<'a>,
    context: Vec<AttributeView<'a>>,
}

/// Attributes or settings, as a list.
pub(super) fn attributes(attributes: &Attributes) -> Vec<AttributeView<'_>> {
    attributes.iter().map(|(name, value)| AttributeView { name, value: value.into() }).collect()
}

impl<'a> From<&'a Value> for ValueView<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Boolean(truth) => Self::Boolean(*truth),
            Value::Integer(number) => Self::Integer(*number),
            Value::Double(number) => Self::Double(*number),
            Value::Text(text) => Self::Text(text),
            Value::Texts(texts) => Self::Texts(texts),
        }
    }
}

impl<'a> FactsView<'a> {
    fn new(facts: FactsRef<'a>) -> Self {
        let FactsRef { now, principal, organization, workspace, gateway, action, request, resource, context } = facts;
        Self {
            now,
            principal: PrincipalView {
                kind: &principal.kind,
                id: &principal.id,
                key_kind: &principal.key_kind,
                organization: principal.organization.as_deref(),
                workspace: principal.workspace.as_deref(),
                scopes: &principal.scopes,
                roles: &principal.roles,
                client: principal.client.as_deref(),
                factor_at: principal.factor_at,
                environments: &principal.environments,
                environments_except: &principal.environments_except,
                methods: &principal.methods,
                ip_allow: principal.ip_allow.as_deref(),
                created_at: principal.created_at,
                expires_at: principal.expires_at,
            },
            organization: organization.map(|of| OrganizationView { id: &of.id, name: &of.name }),
            workspace: workspace.map(|of| WorkspaceView {
                id: &of.id,
                name: &of.name,
                ip_allow: of.ip_allow.as_deref(),
                egress_allow: of.egress_allow.as_deref(),
            }),
            gateway: gateway.map(|of| GatewayView {
                id: &of.id,
                organizations: &of.organizations,
                environments: &of.environments,
            }),
            action: ActionView {
                name: &action.name,
                category: &action.category,
                scopes: &action.scopes,
                kinds: &action.kinds,
            },
            request: RequestView {
                method: request.method.as_deref(),
                path: request.path.as_deref(),
                ip: request.ip.as_deref(),
                environment: request.environment.as_deref(),
            },
            resource: ResourceView {
                kind: resource.kind.as_deref(),
                id: resource.id.as_deref(),
                workspace: resource.workspace.as_deref(),
                attributes: attributes(&resource.attributes),
            },
            context: attributes(context),
        }
    }
}

/// The facts of a decision, in the forms that guests take them in; made once, and only where one is needed.
#[derive(Debug)]
pub(crate) struct GuestFacts<'a> {
    plain: FactsRef<'a>,
    view: OnceCell<FactsView<'a>>,
    image: OnceCell<Image>,
}

impl<'a> GuestFacts<'a> {
    pub(crate) const fn new(plain: FactsRef<'a>) -> Self {
        Self { plain, view: OnceCell::new(), image: OnceCell::new() }
    }

    pub(super) fn view(&self) -> &FactsView<'a> {
        self.view.get_or_init(|| FactsView::new(self.plain))
    }

    pub(super) fn image(&self) -> &Image {
        self.image.get_or_init(|| Image::params(self.view()))
    }
}

// How the views lie in memory.
stored!(AttributeView { name: &str, value: ValueView<'_> });
stored!(PrincipalView {
    kind: &str,
    id: &str,
    key_kind: &str,
    organization: Option<&str>,
    workspace: Option<&str>,
    scopes: &[String],
    roles: &[String],
    client: Option<&str>,
    factor_at: Option<i64>,
    environments: &[String],
    environments_except: &[String],
    methods: &[String],
    ip_allow: Option<&[String]>,
    created_at: i64,
    expires_at: Option<i64>,
});
stored!(OrganizationView { id: &str, name: &str });
stored!(WorkspaceView {
    id: &str,
    name: &str,
    ip_allow: Option<&[String]>,
    egress_allow: Option<&[String]>,
});
stored!(GatewayView { id: &str, organizations: &[String], environments: &[String] });
stored!(RequestView {
    method: Option<&str>,
    path: Option<&str>,
    ip: Option<&str>,
    environment: Option<&str>,
});
stored!(ActionView { name: &str, category: &str, scopes: &[String], kinds: &[String] });
stored!(ResourceView {
    kind: Option<&str>,
    id: Option<&str>,
    workspace: Option<&str>,
    attributes: Vec<AttributeView<'_>>,
});
stored!(FactsView {
    now: i64,
    principal: PrincipalView<'_>,
    organization: Option<OrganizationView<'_>>,
    workspace: Option<WorkspaceView<'_>>,
    gateway: Option<GatewayView<'_>>,
    action: ActionView<'_>,
    request: RequestView<'_>,
    resource: ResourceView<'_>,
    context: Vec<AttributeView<'_>>,
});

impl Stored for ValueView<'_> {
    const ALIGN: usize = 8;
    const SIZE: usize = 16;

    fn store(&self, image: &mut Image, at: usize) {
        let payload = at + Self::ALIGN;
        match self {
            Self::Boolean(truth) => {
                image.write(at, [0]);
                image.write(payload, [u8::from(*truth)]);
            }
            Self::Integer(number) => {
                image.write(at, [1]);
                number.store(image, payload);
            }
            Self::Double(number) => {
                image.write(at, [2]);
                image.write(payload, number.to_le_bytes());
            }
            Self::Text(text) => {
                image.write(at, [3]);
                text.store(image, payload);
            }
            Self::Texts(texts) => {
                image.write(at, [4]);
                texts.store(image, payload);
            }
        }
    }
}

#[derive(Debug, Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum EffectView {
    #[component(name = "permit")]
    Permit,
    #[component(name = "forbid")]
    Forbid,
    #[component(name = "no-match")]
    NoMatch,
}

#[derive(Debug, ComponentType, Lift)]
#[component(record)]
pub(crate) struct ReasonView {
    pub(super) code: String,
    pub(super) message: String,
}

#[derive(Debug, ComponentType, Lift)]
#[component(variant)]
pub(crate) enum ObligationView {
    #[component(name = "step-up")]
    StepUp(u32),
}

/// A verdict, as a guest gives it: not yet believed.
#[derive(Debug, ComponentType, Lift)]
#[component(record)]
pub(crate) struct VerdictView {
    pub(super) effect: EffectView,
    pub(super) reasons: Vec<ReasonView>,
    pub(super) obligations: Vec<ObligationView>,
}

impl VerdictView {
    /// The verdict, held to the rules of verdicts; nothing where it breaks one.
    pub(super) fn checked(self) -> Option<cases::Verdict> {
        use crate::manifest::{is_code, is_reserved};
        use crate::text::clean_message;
        let Self { effect, reasons, obligations } = self;
        if reasons.len().max(obligations.len()) > super::limits::REASONS {
            return None;
        }
        let effect = match effect {
            EffectView::Permit => cases::Effect::Permit,
            EffectView::Forbid => cases::Effect::Forbid,
            EffectView::NoMatch => cases::Effect::NoMatch,
        };
        let forbids = effect == cases::Effect::Forbid;
        if reasons.is_empty() == forbids || (forbids && !obligations.is_empty()) {
            return None;
        }
        let reason = |ReasonView { code, message }| {
            let believed = is_code(&code) && !is_reserved(&code);
            believed.then(|| cases::VerdictReason { code, message: clean_message(&message) })
        };
        let reasons = reasons.into_iter().map(reason).collect::<Option<Vec<_>>>()?;
        let obligation = |ObligationView::StepUp(seconds)| cases::Obligation::StepUp(seconds);
        Some(cases::Verdict { effect, reasons, obligations: obligations.into_iter().map(obligation).collect() })
    }
}
