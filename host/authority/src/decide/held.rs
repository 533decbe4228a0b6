//! What a member holds beside its roles' names: what the roles that its organization made allow, and how it stands with its
//! second factor. Policies find it in the context, where nobody else's word is put.

use access_model::Role;
use cronflow_policy_cases::{Attributes, Value};

use crate::decide::identify::Caller;
use crate::decide::properties::MEMBER;

impl Caller {
    /// What policies are told of a member that is asked about `action`, and about handing out what `about` states. Of what its
    /// roles allow that is the part which is asked about, so that the facts stay small however much it holds.
    pub(crate) fn held(&self, action: &str, about: &Attributes) -> Attributes {
        let (Some(member), Some(organization)) = (&self.entry.member, &self.organization) else {
            return Attributes::new();
        };
        let own = organization.roles.get();
        let roles = self.entry.principal.roles.iter().filter_map(|name| own?.get(name)).collect::<Vec<_>>();
        context(&roles, action, about, member.record.has_factor(), organization.record.settings.mfa_required)
    }
}

/// The same, of whoever holds `roles`.
pub(crate) fn context(
    roles: &[&Role],
    action: &str,
    about: &Attributes,
    has_factor: bool,
    is_factor_required: bool,
) -> Attributes {
    let asked = |name: &str| match about.get(name) {
        Some(Value::Texts(texts)) => texts.as_slice(),
        _ => &[],
    };
    let is_allowed = |action: &str| roles.iter().any(|role| role.actions.iter().any(|of| of == action));
    let may_hand_out = |scope: &str| roles.iter().any(|role| role.scopes.iter().any(|of| of == scope));
    let actions = asked("actions").iter().map(String::as_str).chain([action]).filter(|action| is_allowed(action));
    let scopes = asked("scopes").iter().map(String::as_str).filter(|scope| may_hand_out(scope));
    let texts = |list: Vec<&str>| Value::Texts(list.into_iter().map(str::to_owned).collect());
    [
        ("actions", texts(actions.collect())),
        ("scopes", texts(scopes.collect())),
        ("factor_enrolled", Value::Boolean(has_factor)),
        ("mfa_required", Value::Boolean(is_factor_required)),
    ]
    .map(|(name, value)| (format!("{MEMBER}{name}"), value))
    .into()
}
