//! Why the gate refuses a policy: typed, with the file and the position, saying what to do.

use std::fmt;

use serde::Serialize;

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Position {
    /// The place of a byte offset.
    pub(crate) fn of(source: &str, offset: usize) -> Self {
        let mut offset = offset.min(source.len());
        while !source.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = source.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line, column }
    }
}

/// A refusal: which policy, which of its files, where, and why. Prints as `scopes/policy.cel:3:12: unknown field …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateError {
    /// The policy's name, or the folder's where the name is not known yet.
    pub policy: String,
    /// The file within the package; empty where the package as a whole is meant.
    pub file: String,
    /// Where in it.
    pub position: Option<Position>,
    /// Why.
    pub kind: GateErrorKind,
}

impl GateError {
    /// A refusal of a whole package.
    pub(crate) fn package(policy: &str, kind: GateErrorKind) -> Self {
        Self { policy: policy.to_owned(), file: String::new(), position: None, kind }
    }

    /// A refusal of one file.
    pub(crate) fn file(policy: &str, file: &str, position: Option<Position>, kind: GateErrorKind) -> Self {
        Self { policy: policy.to_owned(), file: file.to_owned(), position, kind }
    }
}

impl fmt::Display for GateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.policy)?;
        if !self.file.is_empty() {
            write!(f, "/{}", self.file)?;
        }
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl std::error::Error for GateError {}

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GateErrorKind {
    /// A file or folder could not be read.
    #[error("can't be read: {0}")]
    Unreadable(String),
    /// A required file is not there.
    #[error("the package has no `{0}`; add it")]
    MissingFile(&'static str),
    /// A file is larger than its kind may be.
    #[error("the file has {size} bytes and may have {limit}; shorten it or split the policy")]
    FileTooLarge {
        /// Its size in bytes.
        size: usize,
        /// The most it may have.
        limit: usize,
    },
    /// A file is not text.
    #[error("the file is not UTF-8 text; save it as UTF-8")]
    NotText,
    /// The manifest is wrong.
    #[error("{0}")]
    Manifest(String),
    /// The cases are wrong.
    #[error("{0}")]
    Cases(String),
    /// A folder and the manifest in it disagree.
    #[error("the manifest in folder `{folder}` is named `{manifest}`; give both the same name")]
    NameMismatch {
        /// The folder's name.
        folder: String,
        /// The manifest's.
        manifest: String,
    },
    /// Two bindings of a set have one name.
    #[error("the set holds two policies of this name; names are unique within a set")]
    DuplicateName,
    /// A set has more bindings than it may.
    #[error("the set binds {count} policies and may bind {limit}")]
    TooManyBindings {
        /// How many it has.
        count: usize,
        /// The most it may have.
        limit: usize,
    },
    /// A tenant's policies might cost too much together.
    #[error(
        "the workspace's CEL policies may cost {steps} steps in one decision and may cost {limit}, {part} of them this one; make \
         it cheaper, or delete what is needed no longer"
    )]
    SetTooCostly {
        /// What they may cost together.
        steps: u64,
        /// The most that it may be.
        limit: u64,
        /// What the costliest accounts for.
        part: u64,
    },
    /// A tenant's policies take too much memory together.
    #[error(
        "the workspace's policies take {bytes} bytes together while they are loaded and may take {limit}, {part} of them this one; \
         make it smaller, or delete what is needed no longer"
    )]
    SetTooLarge {
        /// What they take together.
        bytes: u64,
        /// The most that it may be.
        limit: u64,
        /// What the largest takes.
        part: u64,
    },
    /// A binding's settings don't fit the manifest.
    #[error("{0}")]
    Settings(String),
    /// A tenant's policy asks for what only the platform's may.
    #[error("{0}")]
    NotForTenants(String),
    /// Source with characters that read differently from what they mean.
    #[error("the character U+{0:04X} can disguise what the source says; take it out or write it as an escape")]
    DisguisingCharacter(u32),
    /// A letter outside ASCII where only literals and comments may hold one.
    #[error("the character U+{0:04X} stands outside of literals and comments; names are written in ASCII")]
    ForeignCharacter(u32),
    /// A word of a literal that mixes Latin letters with look-alikes of them.
    #[error(
        "the letter U+{0:04X} stands in one word with Latin letters, which it may be mistaken for; write it as an escape"
    )]
    LookAlike(u32),
    /// A limit of the profile on the size or shape of an expression.
    #[error("{what} exceed the limit of {limit}; split the policy into several")]
    Limit {
        /// What there is too much of, plural.
        what: &'static str,
        /// The most there may be.
        limit: usize,
    },
    /// The source does not parse.
    #[error("{0}")]
    Syntax(String),
    /// A variable that does not exist.
    #[error("unknown variable `{name}`{}", did_you_mean(.suggestion))]
    UnknownVariable {
        /// As written.
        name: String,
        /// The known name closest to it.
        suggestion: Option<String>,
    },
    /// A field that does not exist.
    #[error("unknown field `{name}`{}", did_you_mean(.suggestion))]
    UnknownField {
        /// The path, as written.
        name: String,
        /// The known path closest to it.
        suggestion: Option<String>,
    },
    /// A function that does not exist here.
    #[error("unknown function `{name}`{}", did_you_mean(.suggestion))]
    UnknownFunction {
        /// As written.
        name: String,
        /// The known name closest to it.
        suggestion: Option<String>,
    },
    /// A free attribute or setting that the manifest does not declare.
    #[error("`{0}` is not declared; declare its type in manifest.toml")]
    UndeclaredAttribute(String),
    /// A WebAssembly module that can't be taken.
    #[error("{0}")]
    Module(String),
    /// A module that fails when it is tried.
    #[error("{0}")]
    Trial(String),
    /// An expression that does not come to a verdict on every branch.
    #[error("{0}")]
    NotAVerdict(String),
    /// A reason code that the manifest does not list, or lists in vain.
    #[error("{0}")]
    Reasons(String),
    /// An operand or argument of the wrong type.
    #[error("{0}")]
    Type(String),
    /// A pattern that can't be compiled.
    #[error("{0}")]
    Pattern(String),
    /// An evaluation that might cost too much.
    #[error(
        "an evaluation may cost {steps} steps and may cost {limit}, {part} of them here; do less for each item, or split the policy"
    )]
    TooCostly {
        /// The bound.
        steps: u64,
        /// The most that it may be.
        limit: u64,
        /// What the costliest part accounts for.
        part: u64,
    },
    /// Something that CEL has and the profile does not.
    #[error("{0}")]
    OutsideProfile(String),
    /// The gate itself failed on this input; the input is refused.
    #[error("the source could not be verified, so it is refused; simplify it")]
    Unverifiable,
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}
