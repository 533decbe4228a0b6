//! Facts as CEL values: built once per decision, borrowed by every module, nothing copied.

use std::fmt;
use std::sync::OnceLock;

use cel::ExecutionError;
use cel::common::traits::{Adder, Container, Indexer, Iterable, Sizer, Zeroer};
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelString, LIST_TYPE, Type};
use cel::common::value::{BuiltinRef, CowVal, Val};
use cel::context::VariableResolver;
use cronflow_policy_cases::{Attributes, FactsRef, Value};

use super::limits;
use super::regexes::Pattern;
use super::schema::{self, Presence};
use super::slot::{Declared, Place, Slot};
use crate::manifest::AttributeType;

pub(crate) static TRUE: CelBool = CelBool::TRUE;
pub(crate) static FALSE: CelBool = CelBool::FALSE;

/// The facts of one decision. Each field is what `schema.rs` hands out for a slot.
pub(crate) struct Values<'a> {
    pub(crate) now: CelInt,
    pub(crate) principal: PrincipalValues<'a>,
    pub(crate) organization: Option<(CelString<'a>, CelString<'a>)>,
    pub(crate) workspace: Option<WorkspaceValues<'a>>,
    pub(crate) gateway: Option<GatewayValues<'a>>,
    pub(crate) action: ActionValues<'a>,
    pub(crate) request: RequestValues<'a>,
    pub(crate) resource: ResourceValues<'a>,
    pub(crate) context: &'a Attributes,
}

pub(crate) struct PrincipalValues<'a> {
    pub(crate) kind: CelString<'a>,
    pub(crate) id: CelString<'a>,
    pub(crate) key_kind: CelString<'a>,
    pub(crate) organization: Option<CelString<'a>>,
    pub(crate) workspace: Option<CelString<'a>>,
    pub(crate) scopes: Texts<'a>,
    pub(crate) roles: Texts<'a>,
    pub(crate) client: Option<CelString<'a>>,
    pub(crate) factor_at: Option<CelInt>,
    pub(crate) environments: Texts<'a>,
    pub(crate) environments_except: Texts<'a>,
    pub(crate) methods: Texts<'a>,
    pub(crate) ip_allow: Option<Texts<'a>>,
    pub(crate) created_at: CelInt,
    pub(crate) expires_at: Option<CelInt>,
}

pub(crate) struct WorkspaceValues<'a> {
    pub(crate) id: CelString<'a>,
    pub(crate) name: CelString<'a>,
    pub(crate) ip_allow: Option<Texts<'a>>,
    pub(crate) egress_allow: Option<Texts<'a>>,
}

pub(crate) struct GatewayValues<'a> {
    pub(crate) id: CelString<'a>,
    pub(crate) organizations: Texts<'a>,
    pub(crate) environments: Texts<'a>,
}

pub(crate) struct ActionValues<'a> {
    pub(crate) name: CelString<'a>,
    pub(crate) category: CelString<'a>,
    pub(crate) scopes: Texts<'a>,
    pub(crate) kinds: Texts<'a>,
}

pub(crate) struct RequestValues<'a> {
    pub(crate) method: Option<CelString<'a>>,
    pub(crate) path: Option<CelString<'a>>,
    pub(crate) ip: Option<CelString<'a>>,
    pub(crate) environment: Option<CelString<'a>>,
}

pub(crate) struct ResourceValues<'a> {
    pub(crate) kind: Option<CelString<'a>>,
    pub(crate) id: Option<CelString<'a>>,
    pub(crate) workspace: Option<CelString<'a>>,
    pub(crate) attributes: &'a Attributes,
}

/// A fact, by its type.
#[derive(Clone, Copy)]
pub(crate) enum FactRef<'b, 'a> {
    Int(&'b CelInt),
    Text(&'b CelString<'a>),
    Texts(&'b Texts<'a>),
    /// A record, which is no value but is there.
    There,
}

impl<'b, 'a: 'b> FactRef<'b, 'a> {
    pub(crate) fn as_val(self) -> &'b (dyn Val + 'b) {
        match self {
            Self::Int(number) => number,
            Self::Text(text) => text,
            Self::Texts(texts) => texts,
            Self::There => &TRUE,
        }
    }
}

impl FactRef<'_, '_> {
    /// Whether it is no larger than the cost bound assumes: bytes of a string, items of a list.
    fn is_within(self, most: usize) -> bool {
        match self {
            Self::Int(_) | Self::There => true,
            Self::Text(text) => text.inner().len() <= most,
            Self::Texts(texts) => {
                texts.texts.len() <= most && texts.texts.iter().map(String::len).sum::<usize>() <= limits::FACTS_BYTES
            }
        }
    }
}

impl<'b, 'a> From<&'b CelInt> for FactRef<'b, 'a> {
    fn from(number: &'b CelInt) -> Self {
        Self::Int(number)
    }
}

impl<'b, 'a> From<&'b CelString<'a>> for FactRef<'b, 'a> {
    fn from(text: &'b CelString<'a>) -> Self {
        Self::Text(text)
    }
}

impl<'b, 'a> From<&'b Texts<'a>> for FactRef<'b, 'a> {
    fn from(texts: &'b Texts<'a>) -> Self {
        Self::Texts(texts)
    }
}

fn text(text: &str) -> CelString<'_> {
    CelString::from(text)
}

fn stated(text: &Option<String>) -> Option<CelString<'_>> {
    text.as_deref().map(CelString::from)
}

impl<'a> Values<'a> {
    pub(crate) fn new(facts: FactsRef<'a>) -> Self {
        let FactsRef { now, principal, organization, workspace, gateway, action, request, resource, context } = facts;
        Self {
            now: now.into(),
            principal: PrincipalValues {
                kind: text(&principal.kind),
                id: text(&principal.id),
                key_kind: text(&principal.key_kind),
                organization: stated(&principal.organization),
                workspace: stated(&principal.workspace),
                scopes: Texts::new(&principal.scopes),
                roles: Texts::new(&principal.roles),
                client: stated(&principal.client),
                factor_at: principal.factor_at.map(CelInt::from),
                environments: Texts::new(&principal.environments),
                environments_except: Texts::new(&principal.environments_except),
                methods: Texts::new(&principal.methods),
                ip_allow: principal.ip_allow.as_deref().map(Texts::new),
                created_at: principal.created_at.into(),
                expires_at: principal.expires_at.map(CelInt::from),
            },
            organization: organization.map(|organization| (text(&organization.id), text(&organization.name))),
            workspace: workspace.map(|workspace| WorkspaceValues {
                id: text(&workspace.id),
                name: text(&workspace.name),
                ip_allow: workspace.ip_allow.as_deref().map(Texts::new),
                egress_allow: workspace.egress_allow.as_deref().map(Texts::new),
            }),
            gateway: gateway.map(|gateway| GatewayValues {
                id: text(&gateway.id),
                organizations: Texts::new(&gateway.organizations),
                environments: Texts::new(&gateway.environments),
            }),
            action: ActionValues {
                name: text(&action.name),
                category: text(&action.category),
                scopes: Texts::new(&action.scopes),
                kinds: Texts::new(&action.kinds),
            },
            request: RequestValues {
                method: stated(&request.method),
                path: stated(&request.path),
                ip: stated(&request.ip),
                environment: stated(&request.environment),
            },
            resource: ResourceValues {
                kind: stated(&resource.kind),
                id: stated(&resource.id),
                workspace: stated(&resource.workspace),
                attributes: &resource.attributes,
            },
            context,
        }
    }
}

/// What one evaluation sees: the facts, the binding's settings, and the attributes that the module declares.
pub(crate) struct Scope<'s, 'a> {
    pub(crate) values: &'s Values<'a>,
    pub(crate) settings: &'s Attributes,
    pub(crate) declared: &'s [Declared],
    pub(crate) patterns: &'s [Pattern],
}

impl VariableResolver for Scope<'_, '_> {
    /// Every name that reaches this is a slot's, since lowering left no other. `None`, what is absent, is an error; so is
    /// what is larger than the cost bound assumes.
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        match Slot::decode(name)? {
            Slot::Fact(row) => {
                let row = schema::row(row)?;
                let fact = row.value(self.values).filter(|fact| fact.is_within(row.most()))?;
                Some(CowVal::Borrowed(fact.as_val()))
            }
            Slot::FactStated(row) => match schema::row(row)?.presence(self.values) {
                Presence::Stated => Some(CowVal::Borrowed(&TRUE)),
                Presence::NotStated => Some(CowVal::Borrowed(&FALSE)),
                Presence::NowhereToStand => None,
            },
            Slot::Attribute(index) => {
                let declared = self.declared.get(index)?;
                attribute(self.place(declared.place).get(&declared.name)?, declared.kind)
            }
            Slot::Pattern(index) => Some(CowVal::Borrowed(self.patterns.get(index)?)),
            Slot::AttributeStated(index) => {
                let declared = self.declared.get(index)?;
                let stated = self.place(declared.place).contains_key(&declared.name);
                Some(CowVal::Borrowed(if stated { &TRUE } else { &FALSE }))
            }
        }
    }
}

impl Scope<'_, '_> {
    pub(crate) fn place(&self, place: Place) -> &Attributes {
        match place {
            Place::Context => self.values.context,
            Place::Resource => self.values.resource.attributes,
            Place::Settings => self.settings,
        }
    }
}

/// A free attribute's value, if it is of the declared type and no larger than the cost bound assumes.
fn attribute(value: &Value, kind: AttributeType) -> Option<CowVal<'_, '_>> {
    match (kind, value) {
        (AttributeType::Bool, Value::Boolean(truth)) => Some(CowVal::Borrowed(if *truth { &TRUE } else { &FALSE })),
        (AttributeType::Int, Value::Integer(number)) => Some(CowVal::owned(CelInt::from(*number))),
        (AttributeType::Double, Value::Double(number)) => Some(CowVal::owned(CelDouble::from(*number))),
        // JSON does not tell 5 from 5.0
        (AttributeType::Double, Value::Integer(number)) => Some(CowVal::owned(CelDouble::from(*number as f64))),
        (AttributeType::String, Value::Text(text)) if text.len() <= limits::ATTRIBUTE_BYTES => {
            Some(CowVal::owned(CelString::from(text.as_str())))
        }
        (AttributeType::Strings, Value::Texts(texts))
            if texts.len() <= limits::ATTRIBUTE_ITEMS
                && texts.iter().all(|text| text.len() <= limits::ATTRIBUTE_BYTES) =>
        {
            Some(CowVal::owned(list_of(texts)))
        }
        _ => None,
    }
}

fn list_of(texts: &[String]) -> CelList<'_> {
    let values: Vec<Box<dyn Val + '_>> =
        texts.iter().map(|text| Box::new(CelString::from(text.as_str())) as Box<dyn Val + '_>).collect();
    CelList::from(values)
}

/// A list of strings of the facts. Membership, the commonest question, is answered from the strings as they are; a CEL
/// list is made of them, once per decision, when something else is asked.
pub(crate) struct Texts<'a> {
    texts: &'a [String],
    list: OnceLock<CelList<'a>>,
}

impl<'a> Texts<'a> {
    fn new(texts: &'a (impl AsRef<[String]> + ?Sized)) -> Self {
        Self { texts: texts.as_ref(), list: OnceLock::new() }
    }

    pub(crate) fn texts(&self) -> &'a [String] {
        self.texts
    }

    /// Whether any string is in both.
    pub(crate) fn intersects(&self, other: &Texts<'_>) -> bool {
        self.texts.iter().any(|text| other.texts.contains(text))
    }

    fn list(&self) -> &CelList<'a> {
        self.list.get_or_init(|| list_of(self.texts))
    }
}

/// Says how many, never what: facts don't belong in panics and traces.
impl fmt::Debug for Texts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Texts({})", self.texts.len())
    }
}

impl Container for Texts<'_> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(value.downcast_ref::<CelString>().is_some_and(|text| self.texts.iter().any(|t| t == text.inner())))
    }
}

impl Val for Texts<'_> {
    fn get_type(&self) -> &Type {
        &LIST
    }

    fn cel_type() -> &'static Type {
        &LIST
    }

    fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
    where
        Self: 'v,
    {
        self.list().as_adder()
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        self.list().as_indexer()
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        self.list().as_iterable()
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        self.list().as_sizer()
    }

    fn as_zeroer(&self) -> Option<&dyn Zeroer> {
        self.list().as_zeroer()
    }

    fn equals(&self, other: &dyn Val) -> bool {
        self.list().equals(other)
    }

    /// INVARIANT: an owned value is always a true CEL list, so no owned value claims to be a built-in one and is not.
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        self.list().clone_as_boxed()
    }

    /// Lets the evaluator see a list of its own kind, so that equality holds from either side.
    fn as_builtin<'b, 'v>(&'b self) -> BuiltinRef<'b, 'v>
    where
        Self: 'v,
    {
        BuiltinRef::List(self.list())
    }
}

static LIST: Type = LIST_TYPE;
