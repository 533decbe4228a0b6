//! How a setting says where a secret is.

use std::fmt;
use std::path::{Path, PathBuf};

use access_model::PlainSecret;

/// Where a secret is.
#[derive(Debug, Clone)]
pub enum Source {
    /// In the setting itself.
    Value(PlainSecret),
    /// `file:PATH`: in a file.
    File(PathBuf),
    /// `env:NAME`: in an environment variable.
    Environment(String),
    /// `vault:MOUNT/data/PATH#FIELD`: in Vault's key-value store, version 2; the path is that of Vault's own API.
    Vault {
        /// From the mount on.
        path: String,
        /// The field within.
        field: String,
    },
    /// `transit:MOUNT/KEY#FILE`: in a file, as ciphertext that Vault's transit engine made.
    Transit {
        /// Where the engine is mounted.
        mount: String,
        /// The key.
        key: String,
        /// The file of the ciphertext.
        file: PathBuf,
    },
    /// `aws:ID` or `aws:ID#FIELD`: in AWS Secrets Manager, as the whole text, or as a field of its JSON.
    Aws {
        /// Name or ARN.
        id: String,
        /// The field within.
        field: Option<String>,
    },
}

/// It says where a secret is, but not well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write it as {0}")]
pub struct SourceError(&'static str);

impl Source {
    /// Reads a setting that names a source. None: it names none, and is whatever the setting takes besides.
    ///
    /// # Errors
    /// It begins like a source, and is none.
    pub fn parse(text: &str) -> Result<Option<Self>, SourceError> {
        let Some((scheme, rest)) = text.split_once(':') else { return Ok(None) };
        let wrong = |form| Err(SourceError(form));
        let named = |rest: &str| {
            let (before, field) = rest.split_once('#')?;
            (!before.is_empty() && !field.is_empty()).then(|| (before.trim_matches('/').to_owned(), field.to_owned()))
        };
        Ok(Some(match scheme {
            "file" if rest.is_empty() => return wrong("`file:PATH`"),
            "file" => Self::File(rest.into()),
            "env" if !is_variable(rest) => return wrong("`env:NAME`"),
            "env" => Self::Environment(rest.to_owned()),
            "vault" => match named(rest).filter(|(path, _)| path.contains("/data/") && is_path(path)) {
                Some((path, field)) => Self::Vault { path, field },
                None => return wrong("`vault:MOUNT/data/PATH#FIELD`, as in `vault:secret/data/access#root_key`"),
            },
            "transit" => match named(rest).filter(|(path, _)| is_path(path)) {
                Some((path, file)) if path.contains('/') => {
                    let (mount, key) = path.rsplit_once('/').unwrap_or_default();
                    Self::Transit { mount: mount.to_owned(), key: key.to_owned(), file: file.into() }
                }
                _ => {
                    return wrong(
                        "`transit:MOUNT/KEY#FILE`, as in `transit:transit/access#/etc/access/root.key.sealed`",
                    );
                }
            },
            "aws" => match (rest, named(rest)) {
                (_, Some((id, field))) => Self::Aws { id, field: Some(field) },
                (id, None) if !id.is_empty() && !id.contains('#') => Self::Aws { id: id.to_owned(), field: None },
                _ => return wrong("`aws:NAME`, `aws:ARN`, or either with `#FIELD` of its JSON"),
            },
            _ => return Ok(None),
        }))
    }

    /// The file that it is in as it is, if it is in one.
    pub fn file(&self) -> Option<&Path> {
        if let Self::File(path) = self { Some(path) } else { None }
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What stands in a URL as it is, and leads nowhere else.
fn is_path(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~');
    path.bytes().all(is_plain) && path.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// As it may be shown: a secret that stands in the setting itself does not.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("…"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::Vault { path, field } => write!(f, "vault:{path}#{field}"),
            Self::Transit { mount, key, file } => write!(f, "transit:{mount}/{key}#{}", file.display()),
            Self::Aws { id, field: None } => write!(f, "aws:{id}"),
            Self::Aws { id, field: Some(field) } => write!(f, "aws:{id}#{field}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_shown_as_it_is_written() {
        for text in [
            "env:ROOT_KEY",
            "vault:secret/data/cronflow/access#root_key",
            "vault:team/kv/data/access#root_key",
            "transit:transit/access#/etc/access/root.key.sealed",
            "aws:access/root-key",
            "aws:access#root_key",
            "aws:arn:aws:secretsmanager:eu-west-1:1:secret:access-AbCdEf#root_key",
        ] {
            assert_eq!(Source::parse(text).unwrap().unwrap().to_string(), text);
        }
        assert_eq!(Source::parse("file:/etc/root.key").unwrap().unwrap().to_string(), "/etc/root.key");
        for other in ["/etc/root.key", "data/root.key", "redis://user:hunter2@example", "hunter2", "c:hunter2"] {
            assert!(Source::parse(other).unwrap().is_none(), "{other}");
        }
        let value = Source::Value(PlainSecret::new("hunter2".to_owned()));
        assert!(!format!("{value} {value:?}").contains("hunter2"));
    }

    #[test]
    fn what_only_looks_like_one_is_told_how_to_write_it() {
        for text in [
            "file:",
            "env:",
            "env:A B",
            "vault:secret/data/access",
            "vault:secret/access#root_key",
            "vault:secret/data/../sys#root_key",
            "vault:secret/data/a?b#root_key",
            "transit:access#/file",
            "transit:transit/access",
            "aws:",
            "aws:#field",
            "aws:name#",
        ] {
            assert!(Source::parse(text).is_err(), "{text}");
        }
    }
}
