//! AWS Secrets Manager, without AWS's own SDK: one action, signed by [`sigv4`](super::sigv4).

use std::path::PathBuf;

use access_model::{PlainSecret, Timestamp};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::sigv4::{Credentials, Signed, authorization, date};
use super::{SECRET_FILE, Why, ask, destination, read_file};
use crate::address::{Private, judge};
use crate::destination::Destination;
use crate::egress::{Answer, Egress, Rules};

const SERVICE: &str = "secretsmanager";
const JSON: &str = "application/x-amz-json-1.1";
/// Where machines and containers of AWS's are told their own credentials.
const MACHINE: &str = "http://169.254.169.254";
const CONTAINER: &str = "http://169.254.170.2";
/// Bytes that the file which AWS's tools share has at most.
const SHARED_FILE: u64 = 64 * 1024;

/// What the operator states about AWS. The rest is as in AWS's own tools: `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_PROFILE`…
#[derive(Debug, Clone, Default)]
pub struct Aws {
    /// The region [default: that of an ARN, else `AWS_REGION`].
    pub region: Option<String>,
    /// Base URL of Secrets Manager [default: the region's].
    pub endpoint: Option<String>,
}

type Environment = fn(&str) -> Option<String>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretValue {
    secret_string: Option<PlainSecret>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(rename = "__type", default)]
    kind: String,
}

/// What a machine or container is told.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    access_key_id: String,
    secret_access_key: PlainSecret,
    token: Option<PlainSecret>,
}

impl Aws {
    pub(super) async fn read(
        &self,
        door: &Egress,
        environment: Environment,
        id: &str,
        field: Option<&str>,
        now: Timestamp,
    ) -> Result<PlainSecret, Why> {
        let region = self.region(environment, id)?;
        let stated = ["AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"].into_iter().find_map(environment);
        let endpoint = self.endpoint.clone().or(stated);
        let endpoint = endpoint.unwrap_or_else(|| format!("https://{SERVICE}.{region}.{}", domain(&region)));
        let credentials = credentials(door, environment).await?;
        let to = destination(&endpoint).map_err(|error| Why::Wrong(format!("`{endpoint}` {error}")))?;
        let body = json!({ "SecretId": id }).to_string();
        let (host, date) = (to.authority(), date(now));
        let mut signed = vec![
            ("content-type", JSON),
            ("host", &*host),
            ("x-amz-date", &*date),
            ("x-amz-target", "secretsmanager.GetSecretValue"),
        ];
        if let Some(session) = &credentials.session {
            signed.insert(3, ("x-amz-security-token", session.expose()));
        }
        let asked = Signed {
            method: "POST",
            path: "/",
            query: "",
            headers: &signed,
            body: body.as_bytes(),
            region: &region,
            service: SERVICE,
        };
        let proof = authorization(&credentials, &asked, &date);
        let mut headers = HeaderMap::new();
        for (name, value) in signed.iter().copied().chain([("authorization", &*proof)]) {
            put(&mut headers, name, value)?;
        }
        let url = format!("{}/", endpoint.trim_end_matches('/'));
        let answer = ask(door, Method::POST, &url, headers, Bytes::from(body)).await?;
        if !answer.status.is_success() {
            return Err(refused(&answer, id));
        }
        let secret = parse::<SecretValue>(&answer, "AWS Secrets Manager")?.secret_string;
        let secret = secret.ok_or_else(|| Why::wrong("the secret is binary; store it as text"))?;
        match field {
            None => Ok(secret),
            Some(field) => of_field(&secret, field),
        }
    }

    fn region(&self, environment: Environment, id: &str) -> Result<String, Why> {
        let of_arn = id.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2)).map(str::to_owned);
        let stated = || ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(environment);
        let region = self.region.clone().or(of_arn).or_else(stated);
        let region = region.ok_or_else(|| Why::wrong("the region is not stated; set `aws_region`, or AWS_REGION"))?;
        let is_one = region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_one { Ok(region) } else { Err(Why::Wrong(format!("`{region}` is not a region"))) }
    }
}

/// The domain of a region's partition.
fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

fn of_field(secret: &PlainSecret, field: &str) -> Result<PlainSecret, Why> {
    let fields: Map<String, Value> = serde_json::from_str(secret.expose())
        .map_err(|_| Why::wrong(format!("the secret is not a JSON object, so that it has no field `{field}`")))?;
    match fields.get(field) {
        Some(Value::String(text)) => Ok(PlainSecret::new(text.clone())),
        Some(_) => Err(Why::wrong(format!("the field `{field}` is not a text"))),
        None => Err(Why::wrong(format!("the secret has no field `{field}`"))),
    }
}

fn refused(answer: &Answer, id: &str) -> Why {
    let kind = serde_json::from_slice::<Failure>(&answer.body).map(|failure| failure.kind).unwrap_or_default();
    let kind = kind.rsplit('#').next().unwrap_or_default();
    let status = answer.status.as_u16();
    let todo = match kind {
        "ResourceNotFoundException" => {
            return Why::Wrong(format!("AWS has no secret `{id}` in this region; create it there"));
        }
        "AccessDeniedException" => "the policy of these credentials does not allow secretsmanager:GetSecretValue on it",
        "DecryptionFailure" => "these credentials may not use the KMS key that the secret is sealed with",
        "InvalidRequestException" => "the secret is marked for deletion; restore it",
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "SignatureDoesNotMatch" => {
            "AWS does not know these credentials (any more), or the clock of this machine is wrong"
        }
        "ThrottlingException" | "InternalServiceError" | "InternalFailure" | "ServiceUnavailable" => {
            return Why::Down(format!("AWS is busy ({kind})"));
        }
        "" if status == 403 => {
            "AWS does not know these credentials (any more), or their policy does not allow secretsmanager:GetSecretValue on it"
        }
        _ if status >= 500 => return Why::Down(format!("AWS is ill ({status})")),
        _ => "AWS refuses it",
    };
    Why::Wrong(format!("{todo} ({status} {kind})"))
}

/// As AWS's own tools look for them: the environment, the shared file, what a container and what a machine is told.
async fn credentials(door: &Egress, environment: Environment) -> Result<Credentials, Why> {
    if let (Some(key_id), Some(secret)) = (environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY")) {
        let session = environment("AWS_SESSION_TOKEN").map(PlainSecret::new);
        return Ok(Credentials { key_id, secret: PlainSecret::new(secret), session });
    }
    if let Some(found) = shared(environment).await? {
        return Ok(found);
    }
    if let Some(path) = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        // Anything else would go on with the host's name.
        if !path.starts_with('/') {
            return Err(Why::wrong("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with `/`"));
        }
        return of_container(door, environment, &format!("{CONTAINER}{path}")).await;
    }
    if let Some(url) = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
        return of_container(door, environment, &url).await;
    }
    if environment("AWS_EC2_METADATA_DISABLED").is_some_and(|said| said.eq_ignore_ascii_case("true")) {
        return Err(Why::wrong(NONE));
    }
    of_machine(environment).await
}

const NONE: &str = "there are no credentials for AWS; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a shared file by \
                    AWS_SHARED_CREDENTIALS_FILE, or give the machine or container a role";

/// A profile of the file that AWS's tools share.
async fn shared(environment: Environment) -> Result<Option<Credentials>, Why> {
    let named = environment("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
    let own = environment("HOME").map(|home| PathBuf::from(home).join(".aws/credentials"));
    let is_named = named.is_some();
    let Some(file) = named.or(own) else { return Ok(None) };
    if !is_named && !file.exists() {
        return Ok(None);
    }
    let text = read_file(&file, SHARED_FILE).await.map_err(|why| Why::Wrong(format!("`{}`: {why}", file.display())))?;
    let profile = environment("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
    let (mut key_id, mut secret, mut session) = (None, None, None);
    let mut is_ours = false;
    for line in text.expose().lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            is_ours = name.trim() == profile;
        } else if let (true, Some((name, value))) = (is_ours, line.split_once('=')) {
            let value = value.trim().to_owned();
            match name.trim() {
                "aws_access_key_id" => key_id = Some(value),
                "aws_secret_access_key" => secret = Some(PlainSecret::new(value)),
                "aws_session_token" => session = Some(PlainSecret::new(value)),
                _ => {}
            }
        }
    }
    match (key_id, secret) {
        (Some(key_id), Some(secret)) => Ok(Some(Credentials { key_id, secret, session })),
        _ if is_named || environment("AWS_PROFILE").is_some() => {
            Err(Why::Wrong(format!("`{}` has no credentials of the profile `{profile}`", file.display())))
        }
        _ => Ok(None),
    }
}

async fn of_container(door: &Egress, environment: Environment, url: &str) -> Result<Credentials, Why> {
    let mut headers = HeaderMap::new();
    let token = match environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(file) => Some(read_file(file.as_ref(), SECRET_FILE).await?),
        None => environment("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(PlainSecret::new),
    };
    if let Some(token) = token {
        put(&mut headers, "authorization", token.expose())?;
    }
    let answer = if destination(url).is_ok() {
        ask(door, Method::GET, url, headers, Bytes::new()).await?
    } else {
        ask_machine(Method::GET, url, headers).await?
    };
    told(&answer, "the container")
}

/// Version 2 of the metadata service: a token first, so that nobody is led there by a redirect.
async fn of_machine(environment: Environment) -> Result<Credentials, Why> {
    let at = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| MACHINE.to_owned());
    let at = at.trim_end_matches('/');
    let mut headers = HeaderMap::new();
    put(&mut headers, "x-aws-ec2-metadata-token-ttl-seconds", "60")?;
    let token = ask_machine(Method::PUT, &format!("{at}/latest/api/token"), headers).await;
    let token = token.map_err(|why| Why::Wrong(format!("{NONE} ({why})")))?;
    let mut headers = HeaderMap::new();
    put(&mut headers, "x-aws-ec2-metadata-token", &String::from_utf8_lossy(&token.body))?;
    let roles = format!("{at}/latest/meta-data/iam/security-credentials/");
    let role = ask_machine(Method::GET, &roles, headers.clone()).await?;
    let role = String::from_utf8_lossy(&role.body).lines().next().unwrap_or_default().trim().to_owned();
    if role.is_empty() {
        return Err(Why::wrong("this machine has no role of AWS's; give it one that may read the secret"));
    }
    told(&ask_machine(Method::GET, &format!("{roles}{role}"), headers).await?, "the machine")
}

/// Asks a metadata service for this process's own sake, by a way out that leads nowhere else.
async fn ask_machine(method: Method, url: &str, headers: HeaderMap) -> Result<Answer, Why> {
    let door = Egress::new(Rules { is_http_open: true, private: Private::own_credentials(), ..Rules::default() });
    let to = Destination::parse(url, true).map_err(|error| Why::Wrong(format!("`{url}` {error}")))?;
    if !is_machine(&to) {
        return Err(Why::Wrong(format!(
            "`{url}` is nobody who tells a machine or container its credentials; over plain HTTP, those of AWS and this \
             machine's own addresses alone are asked"
        )));
    }
    let answer = door.ask(&to, method, headers, Bytes::new(), super::LIMITS_HERE).await;
    let answer = answer.map_err(|error| Why::Down(format!("{} can't be asked: {error}", to.authority())))?;
    let status = answer.status.as_u16();
    if status == 200 { Ok(answer) } else { Err(Why::Down(format!("{} answers {status}", to.authority()))) }
}

/// Whether that is a metadata service, or on this machine: not what the internet has, and open to [`ask_machine`] nevertheless.
pub(super) fn is_machine(to: &Destination) -> bool {
    to.literal().map_or_else(
        || to.host() == "localhost",
        |address| {
            judge(address, &Private::default(), None).is_err()
                && judge(address, &Private::own_credentials(), None).is_ok()
        },
    )
}

fn told(answer: &Answer, who: &str) -> Result<Credentials, Why> {
    let Told { access_key_id, secret_access_key, token } =
        parse(answer, &format!("whoever tells {who} its credentials"))?;
    Ok(Credentials { key_id: access_key_id, secret: secret_access_key, session: token })
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), Why> {
    let mut value = HeaderValue::from_str(value).map_err(|_| Why::Wrong(format!("`{name}` can't be sent")))?;
    value.set_sensitive(true);
    headers.insert(HeaderName::from_static(name), value);
    Ok(())
}

/// An error of the parser could quote what it read.
fn parse<T: DeserializeOwned>(answer: &Answer, who: &str) -> Result<T, Why> {
    serde_json::from_slice(&answer.body).map_err(|_| Why::Wrong(format!("what answers there is not {who}")))
}
