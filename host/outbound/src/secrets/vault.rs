//! HashiCorp Vault, and OpenBao, which speaks the same API: the key-value store of version 2, and transit.

use std::path::{Path, PathBuf};

use access_model::PlainSecret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value, json};

use super::{Why, ask, read_file};
use crate::egress::{Answer, Egress};

/// Bytes that the file of a token has at most; those of service accounts are long.
const TOKEN_FILE: u64 = 16 * 1024;

/// A Vault server, and who we are there.
#[derive(Debug, Clone)]
pub struct Vault {
    /// Its base URL.
    pub address: String,
    /// The namespace, where it has any.
    pub namespace: Option<String>,
    /// How to come in.
    pub login: Login,
}

/// How to come in.
#[derive(Debug, Clone)]
pub enum Login {
    /// With a token.
    Token(PlainSecret),
    /// With a token from a file, which Vault's agent keeps fresh.
    TokenFile(PathBuf),
    /// As a role of the auth method `approle`.
    AppRole {
        /// Where the method is mounted.
        mount: String,
        /// Which role.
        role_id: String,
        /// What proves it.
        secret_id: PlainSecret,
    },
    /// As a service account of Kubernetes.
    Kubernetes {
        /// Where the method is mounted.
        mount: String,
        /// Which role.
        role: String,
        /// File of the account's token.
        token_file: PathBuf,
    },
}

#[derive(Deserialize)]
struct Of<T> {
    data: T,
}

#[derive(Deserialize)]
struct LoggedIn {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: PlainSecret,
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: PlainSecret,
}

impl Vault {
    /// Reads a field of a secret.
    pub(super) async fn read(&self, door: &Egress, path: &str, field: &str) -> Result<PlainSecret, Why> {
        let token = self.token(door).await?;
        let answer = self.call(door, Method::GET, path, Some(&token), None).await?;
        check(&answer, &format!("`read` on `{path}`"))?;
        // Of a version that was deleted, Vault tells with this status as well.
        if answer.status.as_u16() == 404 {
            return Err(Why::wrong(format!(
                "Vault has nothing at `{path}`; put the secret there, as its field `{field}`"
            )));
        }
        let Of { data: Of { data: mut fields } } = parse::<Of<Of<Map<String, Value>>>>(&answer)?;
        match fields.remove(field) {
            Some(Value::String(text)) => Ok(PlainSecret::new(text)),
            Some(_) => Err(Why::wrong(format!("the field `{field}` is not a text"))),
            None => {
                let names = fields.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                Err(Why::wrong(format!("the secret has no field `{field}`, but {names}")))
            }
        }
    }

    /// Opens what the transit engine sealed.
    pub(super) async fn decrypt(
        &self,
        door: &Egress,
        mount: &str,
        key: &str,
        sealed: &PlainSecret,
    ) -> Result<PlainSecret, Why> {
        if !sealed.expose().starts_with("vault:v") {
            return Err(Why::wrong("the file holds no ciphertext of Vault's, which begins with `vault:v`"));
        }
        let token = self.token(door).await?;
        let path = format!("{mount}/decrypt/{key}");
        let body = json!({ "ciphertext": sealed.expose() });
        let answer = self.call(door, Method::POST, &path, Some(&token), Some(&body)).await?;
        check(&answer, &format!("`update` on `{path}`"))?;
        if !answer.status.is_success() {
            let what = format!("Vault can't decrypt it by the key `{key}` of `{mount}` ({})", answer.status.as_u16());
            return Err(Why::wrong(what + "; was it sealed under another?"));
        }
        let plain = parse::<Of<Decrypted>>(&answer)?.data.plaintext;
        let plain = STANDARD.decode(plain.expose()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        plain.map(PlainSecret::new).ok_or_else(|| Why::wrong("what it was made of is not a text"))
    }

    async fn token(&self, door: &Egress) -> Result<PlainSecret, Why> {
        let (method, mount, body) = match &self.login {
            Login::Token(token) => return Ok(token.clone()),
            Login::TokenFile(file) => return of_login(file).await,
            Login::AppRole { mount, role_id, secret_id } => {
                ("AppRole", mount, json!({ "role_id": role_id, "secret_id": secret_id.expose() }))
            }
            Login::Kubernetes { mount, role, token_file } => {
                let jwt = of_login(token_file).await?;
                ("Kubernetes", mount, json!({ "role": role, "jwt": jwt.expose() }))
            }
        };
        let path = format!("auth/{mount}/login");
        let answer = self.call(door, Method::POST, &path, None, Some(&body)).await?;
        check_sealed(&answer)?;
        if !answer.status.is_success() {
            let status = answer.status.as_u16();
            return Err(Why::wrong(format!(
                "Vault refuses the login by {method} at `{path}` ({status}): check role and secret, and that the method is \
                 enabled there"
            )));
        }
        Ok(parse::<LoggedIn>(&answer)?.auth.client_token)
    }

    async fn call(
        &self,
        door: &Egress,
        method: Method,
        path: &str,
        token: Option<&PlainSecret>,
        body: Option<&Value>,
    ) -> Result<Answer, Why> {
        let mut headers = HeaderMap::new();
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        if let Some(namespace) = &self.namespace {
            let value = HeaderValue::from_str(namespace).map_err(|_| Why::wrong("`vault_namespace` is not a name"))?;
            headers.insert("x-vault-namespace", value);
        }
        if let Some(token) = token {
            let wrong = |_| Why::wrong("the token for Vault is not one: expected one line");
            let mut value = HeaderValue::from_str(token.expose()).map_err(wrong)?;
            value.set_sensitive(true);
            headers.insert("x-vault-token", value);
        }
        if body.is_some() {
            headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let url = format!("{}/v1/{path}", self.address.trim_end_matches('/'));
        ask(door, method, &url, headers, Bytes::from(body)).await
    }
}

async fn of_login(file: &Path) -> Result<PlainSecret, Why> {
    read_file(file, TOKEN_FILE).await.map_err(|why| Why::wrong(format!("the token in `{}`: {why}", file.display())))
}

/// What Vault says of itself, or of us.
fn check(answer: &Answer, needed: &str) -> Result<(), Why> {
    check_sealed(answer)?;
    match answer.status.as_u16() {
        403 => Err(Why::wrong(format!(
            "Vault denies it (403): the token is not valid (any more), or its policy does not allow {needed}"
        ))),
        200 | 204 | 400 | 404 => Ok(()),
        status => Err(Why::wrong(format!("Vault answers {status}"))),
    }
}

fn check_sealed(answer: &Answer) -> Result<(), Why> {
    if answer.status.as_u16() == 503 {
        return Err(Why::Down("Vault is sealed, or not ready (503); unseal it".to_owned()));
    }
    Ok(())
}

/// An error of the parser could quote what it read.
fn parse<T: DeserializeOwned>(answer: &Answer) -> Result<T, Why> {
    serde_json::from_slice(&answer.body).map_err(|_| {
        let is_json = serde_json::from_slice::<IgnoredAny>(&answer.body).is_ok();
        Why::wrong(if is_json {
            "what Vault answers is of another form; is this a key-value store of version 2?"
        } else {
            "what answers there is not Vault"
        })
    })
}
