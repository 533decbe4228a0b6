//! Regular expressions: literals only, compiled once by the gate, never by an evaluation.
//!
//! The syntax is RE2's as cel-spec asks: `\d`, `\w`, `\s` and `\b` mean ASCII. Matching takes time in proportion to the text
//! and to the compiled size of the pattern, whatever either holds; both are bounded.

use regex_automata::meta::{Config, Regex};
use regex_automata::util::syntax;
use regex_syntax::ast::{self, AssertionKind, Ast, ClassPerlKind, Visitor};

use super::functions::plain_value;
use super::limits;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    spelled: String,
    regex: Regex,
    /// At least the bytes of its compiled form.
    pub(super) size: u64,
}

impl Pattern {
    /// Compiles a pattern, or says what is wrong with it.
    pub(super) fn compile(pattern: &str) -> Result<Self, String> {
        let spelled = in_ascii(pattern)?;
        let mut size = 512;
        loop {
            let config = Config::new()
                .nfa_size_limit(Some(size))
                .hybrid_cache_capacity(limits::PATTERN_CACHE_BYTES)
                .onepass(false)
                .dfa(false);
            let syntax = syntax::Config::new().nest_limit(limits::PATTERN_DEPTH);
            let error = match Regex::builder().configure(config).syntax(syntax).build(&spelled) {
                Ok(regex) => return Ok(Self { spelled, regex, size: size as u64 }),
                Err(error) => error,
            };
            match error.size_limit() {
                Some(_) if size < limits::PATTERN_BYTES => size *= 2,
                Some(_) => {
                    let limit = limits::PATTERN_BYTES;
                    return Err(format!("the pattern compiles to more than {limit} bytes; make it smaller"));
                }
                None => return Err(told(&error.syntax_error().map_or(error.to_string(), ToString::to_string))),
            }
        }
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// A pattern is never compared; nothing in the profile can.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.spelled == other.spelled
    }
}

plain_value!(Pattern, "pattern");

/// The last line of an error is its point; what stands above draws the pattern.
fn told(error: &str) -> String {
    let point = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
    format!("the pattern can't be used: {point}")
}

/// The pattern with the classes that RE2 means in ASCII spelled out.
fn in_ascii(pattern: &str) -> Result<String, String> {
    let mut parser = ast::parse::ParserBuilder::new().nest_limit(limits::PATTERN_DEPTH).build();
    let parsed = parser.parse(pattern).map_err(|error| told(&format!("error: {}", error.kind())))?;
    let Ok(found) = ast::visit(&parsed, Spelling(Vec::new()));
    let mut spelled = String::with_capacity(pattern.len());
    let mut from = 0;
    for (start, end, with) in found {
        spelled.push_str(pattern.get(from..start).unwrap_or_default());
        spelled.push_str(with);
        from = end;
    }
    spelled.push_str(pattern.get(from..).unwrap_or_default());
    Ok(spelled)
}

/// What to spell differently, in order: from, to, as.
struct Spelling(Vec<(usize, usize, &'static str)>);

impl Spelling {
    fn class(&mut self, class: &ast::ClassPerl) {
        let with = match (&class.kind, class.negated) {
            (ClassPerlKind::Digit, false) => "[0-9]",
            (ClassPerlKind::Digit, true) => "[^0-9]",
            (ClassPerlKind::Word, false) => "[0-9A-Za-z_]",
            (ClassPerlKind::Word, true) => "[^0-9A-Za-z_]",
            (ClassPerlKind::Space, false) => r"[\t\n\x0C\r\x20]",
            (ClassPerlKind::Space, true) => r"[^\t\n\x0C\r\x20]",
        };
        self.0.push((class.span.start.offset, class.span.end.offset, with));
    }
}

impl Visitor for Spelling {
    type Output = Vec<(usize, usize, &'static str)>;
    type Err = std::convert::Infallible;

    fn finish(mut self) -> Result<Self::Output, Self::Err> {
        self.0.sort_unstable();
        Ok(self.0)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        match ast {
            Ast::ClassPerl(class) => self.class(class),
            Ast::Assertion(assertion) if assertion.kind == AssertionKind::WordBoundary => {
                self.0.push((assertion.span.start.offset, assertion.span.end.offset, r"(?-u:\b)"));
            }
            _ => {}
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), Self::Err> {
        if let ast::ClassSetItem::Perl(class) = item {
            self.class(class);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_re2_does() {
        let table = [
            (r"^jobs:[a-z]+$", "jobs:read", true),
            (r"read", "jobs:read", true),
            (r"^read", "jobs:read", false),
            (r"^\d+$", "123", true),
            (r"^\d+$", "١٢٣", false),
            (r"^[\d_]+$", "1_2", true),
            (r"^[^\d]$", "1", false),
            (r"^\D$", "١", true),
            (r"^\w+$", "aü", false),
            (r"\bread\b", "jobs:read", true),
            (r"(?i)READ", "jobs:read", true),
            (r"^.$", "日", true),
            ("", "anything", true),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(Pattern::compile(pattern).unwrap().is_match(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn patterns_that_are_wrong_or_too_large_say_so() {
        let deep = format!("{}a{}", "(".repeat(1_000), ")".repeat(1_000));
        let table = [
            ("a(", "unclosed group"),
            ("(?=a)", "look-around"),
            (r"(a)\1", "backreferences"),
            ("a{2,1}", "invalid repetition"),
            ("(a{100}){100}", "compiles to more than"),
            (deep.as_str(), "nest"),
        ];
        for (pattern, expected) in table {
            let error = Pattern::compile(pattern).unwrap_err();
            assert!(error.contains(expected), "{pattern}: {error}");
        }
    }
}
