//! A field of a form: its label, what is to be known, what is wrong with it.

use std::borrow::Cow;
use std::fmt;

use super::{Escaped, icon};

/// One of several things to choose from.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// What is sent.
    pub(crate) value: String,
    /// What is read.
    pub(crate) label: String,
    /// What else is to be known.
    pub(crate) about: String,
    /// Whether it is chosen.
    pub(crate) chosen: bool,
}

impl Choice {
    /// One that explains itself.
    pub(crate) fn new(value: impl Into<String>, label: impl Into<String>, about: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), about: about.into(), chosen: false }
    }

    /// Chosen, or not.
    pub(crate) fn chosen(self, chosen: bool) -> Self {
        Self { chosen, ..self }
    }
}

#[derive(Debug, Clone)]
enum Control {
    Input(&'static str),
    Lines {
        rows: u8,
        is_code: bool,
    },
    Select(Vec<Choice>),
    /// Any number of them.
    Boxes(Vec<Choice>),
    /// One of them.
    Radios(Vec<Choice>),
    /// Yes or no.
    Box(bool),
}

/// A field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    name: Cow<'static, str>,
    label: String,
    control: Control,
    value: String,
    hint: String,
    error: Option<String>,
    optional: bool,
    autocomplete: &'static str,
    extra: &'static str,
}

impl Field {
    fn new(name: impl Into<Cow<'static, str>>, label: impl Into<String>, control: Control) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            control,
            value: String::new(),
            hint: String::new(),
            error: None,
            optional: false,
            autocomplete: "off",
            extra: "",
        }
    }

    /// A line of text.
    pub(crate) fn text(name: &'static str, label: impl Into<String>) -> Self {
        Self::new(name, label, Control::Input("text"))
    }

    /// An address.
    pub(crate) fn email(name: &'static str, label: impl Into<String>) -> Self {
        Self::new(name, label, Control::Input("email"))
    }

    /// A password.
    pub(crate) fn password(name: &'static str, label: impl Into<String>) -> Self {
        Self::new(name, label, Control::Input("password"))
    }

    /// A number.
    pub(crate) fn number(name: &'static str, label: impl Into<String>) -> Self {
        Self { extra: "inputmode=\"numeric\" pattern=\"[0-9]*\"", ..Self::new(name, label, Control::Input("text")) }
    }

    /// A day.
    pub(crate) fn day(name: &'static str, label: impl Into<String>) -> Self {
        Self::new(name, label, Control::Input("date"))
    }

    /// A code of six digits.
    pub(crate) fn digits(name: &'static str, label: impl Into<String>) -> Self {
        Self {
            autocomplete: "one-time-code",
            extra: "class=\"digits\" inputmode=\"numeric\" maxlength=\"12\" autofocus",
            ..Self::new(name, label, Control::Input("text"))
        }
    }

    /// Several lines.
    pub(crate) fn lines(name: &'static str, label: impl Into<String>, rows: u8) -> Self {
        Self::new(name, label, Control::Lines { rows, is_code: false })
    }

    /// Several lines of code.
    pub(crate) fn code(name: &'static str, label: impl Into<String>, rows: u8) -> Self {
        Self::new(name, label, Control::Lines { rows, is_code: true })
    }

    /// One of a list.
    pub(crate) fn select(name: &'static str, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(name, label, Control::Select(choices))
    }

    /// Any of a list.
    pub(crate) fn boxes(name: impl Into<Cow<'static, str>>, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(name, label, Control::Boxes(choices))
    }

    /// One of a list, all of which are seen.
    pub(crate) fn radios(name: &'static str, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(name, label, Control::Radios(choices))
    }

    /// Yes or no.
    pub(crate) fn check(name: &'static str, label: impl Into<String>, is_on: bool) -> Self {
        Self::new(name, label, Control::Box(is_on))
    }

    /// What stands in it.
    pub(crate) fn value(self, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..self }
    }

    /// What is to be known.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// What is wrong with it, if something is.
    pub(crate) fn error(self, error: Option<String>) -> Self {
        Self { error, ..self }
    }

    /// It may be left empty.
    pub(crate) fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    /// What browsers may fill in (HTML's autofill tokens).
    pub(crate) fn autocomplete(self, autocomplete: &'static str) -> Self {
        Self { autocomplete, ..self }
    }

    /// Ids of what describes it.
    fn described(&self) -> String {
        let name = Escaped(&self.name);
        let hint = if self.hint.is_empty() { String::new() } else { format!("{name}-hint ") };
        let error = self.error.as_ref().map(|_| format!("{name}-error")).unwrap_or_default();
        let ids = format!("{hint}{error}");
        let invalid = if self.error.is_some() { " aria-invalid=\"true\"" } else { "" };
        if ids.is_empty() { String::new() } else { format!(" aria-describedby=\"{}\"{invalid}", ids.trim()) }
    }

    fn write_about(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Escaped(&self.name);
        if !self.hint.is_empty() {
            write!(f, "<p class=\"hint\" id=\"{name}-hint\">{}</p>", Escaped(&self.hint))?;
        }
        if let Some(error) = &self.error {
            write!(f, "<p class=\"error\" id=\"{name}-error\">{}<span>{}</span></p>", icon("warn"), Escaped(error))?;
        }
        Ok(())
    }

    fn write_choices(&self, f: &mut fmt::Formatter<'_>, kind: &str, choices: &[Choice]) -> fmt::Result {
        let name = Escaped(&self.name);
        write!(f, "<fieldset{}><legend>{}</legend>", self.described(), Escaped(&self.label))?;
        self.write_about(f)?;
        f.write_str("<div class=\"choices\">")?;
        for Choice { value, label, about, chosen } in choices {
            let checked = if *chosen { " checked" } else { "" };
            write!(
                f,
                "<label class=\"choice\"><input type=\"{kind}\" name=\"{name}\" value=\"{}\"{checked}><span><b>{}</b>",
                Escaped(value),
                Escaped(label)
            )?;
            if !about.is_empty() {
                write!(f, "<small>{}</small>", Escaped(about))?;
            }
            f.write_str("</span></label>")?;
        }
        f.write_str("</div></fieldset>")
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, label, control, value, extra, autocomplete, .. } = self;
        let name = Escaped(name);
        let (label, value, described) = (Escaped(label), Escaped(value), self.described());
        match control {
            Control::Boxes(choices) => return self.write_choices(f, "checkbox", choices),
            Control::Radios(choices) => return self.write_choices(f, "radio", choices),
            Control::Box(is_on) => {
                let checked = if *is_on { " checked" } else { "" };
                write!(
                    f,
                    "<div class=\"field\"><label class=\"choice\"><input type=\"checkbox\" name=\"{name}\" value=\"yes\"{checked}>\
                     <span><b>{label}</b><small>{}</small></span></label></div>",
                    Escaped(&self.hint)
                )?;
                return Ok(());
            }
            _ => {}
        }
        let optional = if self.optional { " <em>(optional)</em>" } else { "" };
        let required = if self.optional { "" } else { " required" };
        write!(f, "<div class=\"field\"><label for=\"{name}\">{label}{optional}</label>")?;
        match control {
            Control::Lines { rows, is_code } => {
                let class = if *is_code { " class=\"code\" spellcheck=\"false\" autocapitalize=\"off\"" } else { "" };
                // HTML drops the first line break.
                write!(
                    f,
                    "<textarea id=\"{name}\" name=\"{name}\" rows=\"{rows}\"{class}{described}>\n{value}</textarea>"
                )?;
            }
            Control::Select(choices) => {
                write!(f, "<select id=\"{name}\" name=\"{name}\"{described}>")?;
                for Choice { value, label, chosen, .. } in choices {
                    let selected = if *chosen { " selected" } else { "" };
                    write!(f, "<option value=\"{}\"{selected}>{}</option>", Escaped(value), Escaped(label))?;
                }
                f.write_str("</select>")?;
            }
            Control::Input(kind) => write!(
                f,
                "<input type=\"{kind}\" id=\"{name}\" name=\"{name}\" value=\"{value}\" autocomplete=\"{autocomplete}\"{required}{described} {extra}>"
            )?,
            Control::Boxes(_) | Control::Radios(_) | Control::Box(_) => {}
        }
        self.write_about(f)?;
        f.write_str("</div>")
    }
}

impl askama::filters::HtmlSafe for Field {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_tied_to_its_field() {
        let field = Field::text("name", "Name").hint("For people").error(Some("too \"long\"".to_owned()));
        let html = field.value("<x>").to_string();
        for part in [
            "<label for=\"name\">Name</label>",
            "value=\"&lt;x&gt;\"",
            "aria-describedby=\"name-hint name-error\" aria-invalid=\"true\"",
            "id=\"name-error\"",
            "too &quot;long&quot;",
        ] {
            assert!(html.contains(part), "no `{part}` in {html}");
        }
    }
}
