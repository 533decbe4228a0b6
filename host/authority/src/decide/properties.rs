//! Properties: what a question states of its subject and its action besides their names. Facts have no place of their own for
//! them, so policies find them in the context, as `subject.role` and `action.soft`.

use cronflow_policy_cases::Attributes;

const SUBJECT: &str = "subject.";
const ACTION: &str = "action.";
const CONTEXT: &str = "context.";
/// What the host itself says of a member.
pub(crate) const MEMBER: &str = "member.";

/// Free attributes of a question's subject and action.
#[derive(Debug, Default)]
pub struct Properties {
    /// The subject's.
    pub subject: Attributes,
    /// The action's.
    pub action: Attributes,
}

impl Properties {
    /// Joins them to the question's own context.
    ///
    /// INVARIANT: nothing in a context passes for a property, whatever it is named. A name that begins like one is told with
    /// `context.` before it, and so is one that begins with that, so that no two become one.
    pub(crate) fn into_context(self, mut context: Attributes) -> Attributes {
        let is_reserved = |name: &str| [SUBJECT, ACTION, CONTEXT, MEMBER].iter().any(|prefix| name.starts_with(prefix));
        if context.keys().any(|name| is_reserved(name)) {
            let told = |name: String| if is_reserved(&name) { format!("{CONTEXT}{name}") } else { name };
            context = context.into_iter().map(|(name, value)| (told(name), value)).collect();
        }
        for (prefix, properties) in [(SUBJECT, self.subject), (ACTION, self.action)] {
            context.extend(properties.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)));
        }
        context
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cronflow_policy_cases::Value;

    fn attributes(names: &[&str], said: &str) -> Attributes {
        names.iter().map(|name| ((*name).to_owned(), Value::Text(format!("{said}:{name}")))).collect()
    }

    #[test]
    fn a_context_can_not_pass_for_properties() {
        let context = [
            "role",
            "subject.role",
            "context.subject.role",
            "context.context.subject.role",
            "action.soft",
            "member.actions",
            "subject",
        ];
        let properties = Properties { subject: attributes(&["role"], "subject"), action: attributes(&["x"], "action") };
        let joined = properties.into_context(attributes(&context, "context"));
        assert_eq!(joined.len(), context.len() + 2, "no two became one: {joined:?}");
        let said = |name: &str| match joined.get(name) {
            Some(Value::Text(text)) => text.clone(),
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(said("subject.role"), "subject:role");
        assert_eq!(said("action.x"), "action:x");
        assert_eq!(said("context.subject.role"), "context:subject.role");
        assert_eq!(said("context.action.soft"), "context:action.soft");
        assert_eq!(said("context.context.subject.role"), "context:context.subject.role");
        assert_eq!(said("role"), "context:role");
        assert_eq!(said("subject"), "context:subject");
        assert_eq!(said("context.member.actions"), "context:member.actions");
        assert!(!joined.contains_key("action.soft") && !joined.contains_key("member.actions"));
    }
}
