//! The configuration: command line, then environment, then one TOML file, then defaults. Unknown keys are errors
//! everywhere. The one place that reads the environment.

mod listen;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use access_authority::policies::POLICY_MEMORY;
use access_model::PlainSecret;
use access_outbound::secrets::{Aws, Login, Vault};
use access_outbound::{Keepers, Private, Relay, RelayError, Rules, Source};
use anyhow::{Context, anyhow, bail};
use clap::{Args, CommandFactory, ValueEnum};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

pub(crate) use self::listen::{Listen, Mode};
use self::listen::{listed, octal};

/// What environment variables begin with.
const PREFIX: &str = "CRONFLOW_ACCESS_";
/// The token of commands that speak to a host.
pub(crate) const TOKEN: &str = "CRONFLOW_ACCESS_TOKEN";
/// The credential that `authorize` asks about.
pub(crate) const CREDENTIAL: &str = "CRONFLOW_ACCESS_CREDENTIAL";
/// The bearer of the metrics listener.
pub(crate) const METRICS_TOKEN: &str = "CRONFLOW_ACCESS_METRICS_TOKEN";
/// The token for Vault.
const VAULT_TOKEN: &str = "CRONFLOW_ACCESS_VAULT_TOKEN";
/// What proves an AppRole there.
const VAULT_SECRET_ID: &str = "CRONFLOW_ACCESS_VAULT_SECRET_ID";
/// Where Kubernetes puts the token of a pod's service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/// Where the root key is, or the key itself.
const ROOT_KEY: &str = "CRONFLOW_ACCESS_ROOT_KEY";
/// The Redis that the store is in.
pub(crate) const REDIS: &str = "CRONFLOW_ACCESS_REDIS";

/// MiB that tenants' policies may have at least: each part of what is kept has room for a workspace's largest set.
const LEAST_POLICY_MEMORY_MIB: u32 = 256;

/// Settings of a host. Each may stand in the file, in the environment or on the command line; the later wins.
#[derive(Debug, Clone, Default, Args, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where to serve: addresses in plain HTTP (`127.0.0.1:7800`) or over TLS (`https://0.0.0.0:7843`), and Unix sockets
    /// (`unix:/PATH`). As often as there are [default: 127.0.0.1:7800].
    #[arg(long, env = "CRONFLOW_ACCESS_LISTEN", value_name = "ADDR", value_delimiter = ',')]
    #[serde(default, with = "listed")]
    #[schemars(schema_with = "listed::schema")]
    pub(crate) listen: Option<Vec<Listen>>,
    /// Who may connect to a Unix socket: permissions of its file, in octal digits [default: 0660].
    #[arg(long, env = "CRONFLOW_ACCESS_UNIX_SOCKET_MODE", value_name = "MODE")]
    #[serde(default, with = "octal")]
    #[schemars(with = "Option<String>")]
    pub(crate) unix_socket_mode: Option<Mode>,
    /// File of the certificate (PEM) that TLS listeners show, with those that lead to its root. Watched for changes.
    #[arg(long, env = "CRONFLOW_ACCESS_TLS_CERTIFICATE_FILE", value_name = "FILE")]
    pub(crate) tls_certificate_file: Option<PathBuf>,
    /// File of its private key (PEM).
    #[arg(long, env = "CRONFLOW_ACCESS_TLS_KEY_FILE", value_name = "FILE")]
    pub(crate) tls_key_file: Option<PathBuf>,
    /// File of root certificates (PEM): whoever connects over TLS must show a certificate that one of them signed
    /// [default: nobody is asked for one].
    #[arg(long, env = "CRONFLOW_ACCESS_TLS_CLIENT_CA_FILE", value_name = "FILE")]
    pub(crate) tls_client_ca_file: Option<PathBuf>,
    /// URL that clients reach the host by, without a path: what OAuth calls its issuer [default: http:// and the address].
    #[arg(long, env = "CRONFLOW_ACCESS_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Folder of the root key, and of the embedded store where that serves [default: data; with --dev: data-dev].
    #[arg(long, env = "CRONFLOW_ACCESS_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where the root key is: a file (a path with a `/`, or that ends in `.key`, or `file:PATH`), `env:NAME`,
    /// `vault:MOUNT/data/PATH#FIELD`, `transit:MOUNT/KEY#FILE` or `aws:NAME[#FIELD]`. In the environment or the config file it may
    /// be the key itself, 64 hexadecimal digits [default: DATA_DIR/root.key].
    #[arg(long, env = ROOT_KEY, hide_env_values = true, value_name = "SOURCE")]
    #[schemars(with = "Option<String>")]
    pub(crate) root_key: Option<RootKeySource>,
    /// File of the root key, where that is said rather than a source.
    #[arg(long, env = "CRONFLOW_ACCESS_ROOT_KEY_FILE", value_name = "FILE")]
    pub(crate) root_key_file: Option<PathBuf>,
    /// Redis to keep the store in, shared by all hosts that name it: `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`,
    /// `redis-sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST…]/MASTER[/DB]`, `redis-cluster://[USER:PASSWORD@]HOST[:PORT][,HOST…]`,
    /// each with `rediss` for TLS, or the source of such a URL, as of the root key. With a password in it, say it in the config file
    /// or the environment, never on the command line [default: the embedded store].
    #[arg(
        long,
        env = REDIS,
        hide_env_values = true,
        value_name = "URL",
        value_parser = secret
    )]
    #[serde(serialize_with = "without_password")]
    #[schemars(with = "Option<String>")]
    pub(crate) redis: Option<PlainSecret>,
    /// File of the URL of Redis.
    #[arg(long, env = "CRONFLOW_ACCESS_REDIS_FILE", value_name = "FILE")]
    pub(crate) redis_file: Option<PathBuf>,
    /// File of certificates (PEM) that Redis is known by over TLS, in place of the machine's.
    #[arg(long, env = "CRONFLOW_ACCESS_REDIS_CA_FILE", value_name = "FILE")]
    pub(crate) redis_ca_file: Option<PathBuf>,
    /// Replicas of Redis that must have a revocation, and whatever else only takes something away, before it counts as confirmed
    /// [default: 1 with sentinels or a cluster, else 0].
    #[arg(long, env = "CRONFLOW_ACCESS_REDIS_WAIT_REPLICAS", value_name = "N")]
    #[schemars(range(max = 10))]
    pub(crate) redis_wait_replicas: Option<u32>,
    /// Milliseconds after which what another host changed in Redis holds here at the latest, from 100 to 60000 [default: 1000].
    #[arg(long, env = "CRONFLOW_ACCESS_FRESHNESS_MS", value_name = "N")]
    #[schemars(range(min = 100, max = 60_000))]
    pub(crate) freshness_ms: Option<u64>,
    /// MiB that tenants' policies may have on this host while they are loaded, from 256; those beyond it that lay unused are loaded
    /// again when they are needed, which takes milliseconds [default: 1024].
    #[arg(long, env = "CRONFLOW_ACCESS_POLICY_MEMORY_MIB", value_name = "N")]
    #[schemars(range(min = 256))]
    pub(crate) policy_memory_mib: Option<u32>,
    /// Folder of policies that replaces the built-in platform set, watched for changes.
    #[arg(long, env = "CRONFLOW_ACCESS_POLICIES", value_name = "DIR")]
    pub(crate) policies: Option<PathBuf>,
    /// Catalog that replaces the built-in one.
    #[arg(long, env = "CRONFLOW_ACCESS_CATALOG", value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,
    /// Address to serve metrics on; beyond loopback only with a token [default: 127.0.0.1 on a free port].
    #[arg(long, env = "CRONFLOW_ACCESS_METRICS_LISTEN", value_name = "ADDR")]
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Bearer token that the metrics listener asks for, or its source, as of the root key. No flag takes it.
    #[arg(skip)]
    #[serde(serialize_with = "hidden")]
    #[schemars(with = "Option<String>")]
    pub(crate) metrics_token: Option<PlainSecret>,
    /// File of the bearer token that the metrics listener asks for.
    #[arg(long, env = "CRONFLOW_ACCESS_METRICS_TOKEN_FILE", value_name = "FILE")]
    pub(crate) metrics_token_file: Option<PathBuf>,
    /// Networks of proxies whose X-Forwarded-For is believed [default: none].
    #[arg(long, env = "CRONFLOW_ACCESS_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',')]
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) trusted_proxies: Option<Vec<IpNet>>,
    /// Networks beyond the public internet that webhooks may be sent to, such as those of receivers on the premises. Metadata
    /// services stay closed [default: none; with --dev: loopback].
    #[arg(long, env = "CRONFLOW_ACCESS_EGRESS_ALLOW_PRIVATE", value_name = "CIDR", value_delimiter = ',')]
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) egress_allow_private: Option<Vec<IpNet>>,
    /// Whether webhooks may be sent in plain HTTP, too [default: false; with --dev: true].
    #[arg(long, env = "CRONFLOW_ACCESS_EGRESS_ALLOW_HTTP", value_name = "BOOL")]
    pub(crate) egress_allow_http: Option<bool>,
    /// Addresses of names that no resolver is asked about when something is sent out, as in /etc/hosts.
    #[arg(long, env = "CRONFLOW_ACCESS_EGRESS_HOSTS", value_name = "NAME=ADDR", value_delimiter = ',')]
    pub(crate) egress_hosts: Option<Vec<NamedHost>>,
    /// File of certificates (PEM) that are trusted beside the machine's when something is sent out.
    #[arg(long, env = "CRONFLOW_ACCESS_EGRESS_CA_FILE", value_name = "FILE")]
    pub(crate) egress_ca_file: Option<PathBuf>,
    /// Mail relay by which people are told what happens: `smtp://[USER:PASSWORD@]HOST[:PORT]` (STARTTLS, without which nothing is said
    /// off this machine) or `smtps://…`, or the source of such a URL, as of the root key. With a password in it, say it in the config
    /// file or the environment, never on the command line [default: nobody is mailed].
    #[arg(
        long,
        env = "CRONFLOW_ACCESS_SMTP_URL",
        hide_env_values = true,
        value_name = "URL",
        value_parser = secret
    )]
    #[serde(serialize_with = "without_password")]
    #[schemars(with = "Option<String>")]
    pub(crate) smtp_url: Option<PlainSecret>,
    /// File of the URL of the mail relay.
    #[arg(long, env = "CRONFLOW_ACCESS_SMTP_URL_FILE", value_name = "FILE")]
    pub(crate) smtp_url_file: Option<PathBuf>,
    /// Whom mail is from, such as `CronFlow Access <access@example.com>`; needed with a relay.
    #[arg(long, env = "CRONFLOW_ACCESS_SMTP_FROM", value_name = "ADDRESS")]
    pub(crate) smtp_from: Option<String>,
    /// Base URL of Vault (or OpenBao), where secrets are read from: `https://`, or a plain one of this machine's own. It may be
    /// at any address, a private one too.
    #[arg(long, env = "CRONFLOW_ACCESS_VAULT_ADDRESS", value_name = "URL")]
    pub(crate) vault_address: Option<String>,
    /// Namespace of Vault's that everything is read in.
    #[arg(long, env = "CRONFLOW_ACCESS_VAULT_NAMESPACE", value_name = "NAME")]
    pub(crate) vault_namespace: Option<String>,
    /// Token for Vault. No flag takes it.
    #[arg(skip)]
    #[serde(serialize_with = "hidden")]
    #[schemars(with = "Option<String>")]
    pub(crate) vault_token: Option<PlainSecret>,
    /// File of the token for Vault, such as its agent writes.
    #[arg(long, env = "CRONFLOW_ACCESS_VAULT_TOKEN_FILE", value_name = "FILE")]
    pub(crate) vault_token_file: Option<PathBuf>,
    /// Role of Vault's AppRole to come in as, in place of a token.
    #[arg(long, env = "CRONFLOW_ACCESS_VAULT_ROLE_ID", value_name = "ID")]
    pub(crate) vault_role_id: Option<String>,
    /// What proves the AppRole. No flag takes it.
    #[arg(skip)]
    #[serde(serialize_with = "hidden")]
    #[schemars(with = "Option<String>")]
    pub(crate) vault_secret_id: Option<PlainSecret>,
    /// File of what proves the AppRole.
    #[arg(long, env = "CRONFLOW_ACCESS_VAULT_SECRET_ID_FILE", value_name = "FILE")]
    pub(crate) vault_secret_id_file: Option<PathBuf>,
    /// Role of Vault's to come in as by the service account that Kubernetes gives the pod, in place of a token.
    #[arg(long, env = "CRONFLOW_ACCESS_VAULT_KUBERNETES_ROLE", value_name = "ROLE")]
    pub(crate) vault_kubernetes_role: Option<String>,
    /// Where Vault's auth method is mounted [default: approle, or kubernetes].
    #[arg(long, env = "CRONFLOW_ACCESS_VAULT_AUTH_MOUNT", value_name = "MOUNT")]
    pub(crate) vault_auth_mount: Option<String>,
    /// Region of AWS Secrets Manager [default: that of an ARN, else AWS_REGION].
    #[arg(long, env = "CRONFLOW_ACCESS_AWS_REGION", value_name = "REGION")]
    pub(crate) aws_region: Option<String>,
    /// Base URL of AWS Secrets Manager, such as that of a VPC endpoint [default: the region's].
    #[arg(long, env = "CRONFLOW_ACCESS_AWS_ENDPOINT", value_name = "URL")]
    pub(crate) aws_endpoint: Option<String>,
    /// Which log lines to write: a level, or directives such as `info,access::decisions=off` [default: info].
    #[arg(long, env = "CRONFLOW_ACCESS_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How to write log lines [default: human on a terminal, json elsewhere].
    #[arg(long, env = "CRONFLOW_ACCESS_LOG_FORMAT", value_enum)]
    pub(crate) log_format: Option<LogFormat>,
    /// Seconds that requests in flight have to end at shutdown [default: 10].
    #[arg(long, env = "CRONFLOW_ACCESS_SHUTDOWN_SECONDS", value_name = "N")]
    pub(crate) shutdown_seconds: Option<u64>,
}

/// Where the root key is, as it is stated. What is wrong with it is told by [`Self::source`], since whoever reads the command
/// line would quote what may be a key.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "PlainSecret")]
pub(crate) struct RootKeySource {
    stated: PlainSecret,
    /// Whether it stands on the command line.
    is_flag: bool,
}

impl RootKeySource {
    /// Where that is: a source, a file, or the key itself. Nothing of what is stated is quoted.
    pub(crate) fn source(&self) -> anyhow::Result<Source> {
        let text = self.stated.expose().trim();
        if let Some(source) = Source::parse(text).context("`root_key`")? {
            return Ok(source);
        }
        // With one digit too few as well: it must not make a file's name of it, which errors would quote.
        if text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            if self.is_flag {
                bail!(
                    "`--root-key` does not take the root key itself, which whoever lists processes would read; name where it is, \
                     or set {ROOT_KEY}"
                );
            }
            return Ok(Source::Value(PlainSecret::new(text.to_owned())));
        }
        if is_file_name(text) {
            return Ok(Source::File(text.into()));
        }
        bail!(
            "`root_key` is stated, and neither a root key nor where one is: it takes 64 hexadecimal digits, a file (a path with a \
             `/`, or that ends in `.key`, or `file:PATH`), `env:NAME`, `vault:MOUNT/data/PATH#FIELD`, `transit:MOUNT/KEY#FILE` or \
             `aws:NAME[#FIELD]`"
        )
    }
}

/// Whether it is the name of a file, and neither a source with a slip in it nor a key in Base64, which has slashes as well.
fn is_file_name(text: &str) -> bool {
    let folder = text.split_once('/').map(|(folder, _)| folder);
    let has_scheme = folder.unwrap_or(text).contains(':');
    let is_name = folder.is_some() || text.ends_with(".key");
    let is_key = is_base64_key(text) && !is_in_a_folder(text);
    is_name && !has_scheme && !is_key && !text.chars().any(char::is_control)
}

/// Whether it may be 32 bytes in Base64: 43 characters, and a `=` that may be left out.
fn is_base64_key(text: &str) -> bool {
    let digits = text.strip_suffix('=').unwrap_or(text);
    digits.len() == 43 && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// Whether it leads from the root into a folder that is there, which no key does by chance.
fn is_in_a_folder(text: &str) -> bool {
    let root = Path::new("/");
    Path::new(text).parent().is_some_and(|folder| folder.starts_with(root) && folder != root && folder.is_dir())
}

impl From<PlainSecret> for RootKeySource {
    fn from(stated: PlainSecret) -> Self {
        Self { stated, is_flag: false }
    }
}

/// Of a flag, or of the environment.
impl FromStr for RootKeySource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_flag = environment(ROOT_KEY).is_none_or(|stated| stated != text);
        Ok(Self { stated: PlainSecret::new(text.to_owned()), is_flag })
    }
}

impl Serialize for RootKeySource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.source() {
            Ok(source) => serializer.collect_str(&source),
            Err(_) => serializer.serialize_str("…"),
        }
    }
}

/// A name and an address of it, as `name=address`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub(crate) struct NamedHost {
    pub(crate) name: String,
    pub(crate) address: IpAddr,
}

impl FromStr for NamedHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || format!("`{text}` is not a name and an address, as in `hooks.internal=10.0.0.7`");
        let (name, address) = text.split_once('=').ok_or_else(malformed)?;
        let (name, address) = (name.trim().to_ascii_lowercase(), address.trim().parse().map_err(|_| malformed())?);
        if name.is_empty() { Err(malformed()) } else { Ok(Self { name, address }) }
    }
}

impl TryFrom<String> for NamedHost {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<NamedHost> for String {
    fn from(host: NamedHost) -> Self {
        format!("{}={}", host.name, host.address)
    }
}

/// How to write log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

impl Settings {
    /// These settings and the secrets that no flag takes, completed from `file`, if there is one.
    pub(crate) fn completed_from(self, file: Option<&Path>) -> anyhow::Result<Self> {
        let this = self.and_secrets();
        let Some(path) = file else { return Ok(this) };
        let text = std::fs::read_to_string(path).with_context(|| format!("config file `{}`", path.display()))?;
        // The error as it is would quote the line, and with it what may be a secret.
        let below: Self = toml::from_str(&text).map_err(|error| {
            let line = line_of(&text, error.span().map_or(0, |span| span.start));
            anyhow!("config file `{}`: line {line}: {}", path.display(), error.message())
        })?;
        Ok(this.or(below))
    }

    /// The same with the secrets in the environment that no flag takes, since whoever lists processes reads those.
    pub(crate) fn and_secrets(mut self) -> Self {
        let fill = |field: &mut Option<PlainSecret>, name| {
            if field.is_none() {
                *field = environment(name).map(PlainSecret::new);
            }
        };
        fill(&mut self.metrics_token, METRICS_TOKEN);
        fill(&mut self.vault_token, VAULT_TOKEN);
        fill(&mut self.vault_secret_id, VAULT_SECRET_ID);
        self
    }

    /// These settings, and those of `below` where they say nothing.
    pub(crate) fn or(self, below: Self) -> Self {
        Self {
            listen: self.listen.or(below.listen),
            unix_socket_mode: self.unix_socket_mode.or(below.unix_socket_mode),
            tls_certificate_file: self.tls_certificate_file.or(below.tls_certificate_file),
            tls_key_file: self.tls_key_file.or(below.tls_key_file),
            tls_client_ca_file: self.tls_client_ca_file.or(below.tls_client_ca_file),
            public_url: self.public_url.or(below.public_url),
            data_dir: self.data_dir.or(below.data_dir),
            root_key: self.root_key.or(below.root_key),
            root_key_file: self.root_key_file.or(below.root_key_file),
            redis: self.redis.or(below.redis),
            redis_file: self.redis_file.or(below.redis_file),
            redis_ca_file: self.redis_ca_file.or(below.redis_ca_file),
            redis_wait_replicas: self.redis_wait_replicas.or(below.redis_wait_replicas),
            freshness_ms: self.freshness_ms.or(below.freshness_ms),
            policy_memory_mib: self.policy_memory_mib.or(below.policy_memory_mib),
            policies: self.policies.or(below.policies),
            catalog: self.catalog.or(below.catalog),
            metrics_listen: self.metrics_listen.or(below.metrics_listen),
            metrics_token: self.metrics_token.or(below.metrics_token),
            metrics_token_file: self.metrics_token_file.or(below.metrics_token_file),
            trusted_proxies: self.trusted_proxies.or(below.trusted_proxies),
            egress_allow_private: self.egress_allow_private.or(below.egress_allow_private),
            egress_allow_http: self.egress_allow_http.or(below.egress_allow_http),
            egress_hosts: self.egress_hosts.or(below.egress_hosts),
            egress_ca_file: self.egress_ca_file.or(below.egress_ca_file),
            smtp_url: self.smtp_url.or(below.smtp_url),
            smtp_url_file: self.smtp_url_file.or(below.smtp_url_file),
            smtp_from: self.smtp_from.or(below.smtp_from),
            vault_address: self.vault_address.or(below.vault_address),
            vault_namespace: self.vault_namespace.or(below.vault_namespace),
            vault_token: self.vault_token.or(below.vault_token),
            vault_token_file: self.vault_token_file.or(below.vault_token_file),
            vault_role_id: self.vault_role_id.or(below.vault_role_id),
            vault_secret_id: self.vault_secret_id.or(below.vault_secret_id),
            vault_secret_id_file: self.vault_secret_id_file.or(below.vault_secret_id_file),
            vault_kubernetes_role: self.vault_kubernetes_role.or(below.vault_kubernetes_role),
            vault_auth_mount: self.vault_auth_mount.or(below.vault_auth_mount),
            aws_region: self.aws_region.or(below.aws_region),
            aws_endpoint: self.aws_endpoint.or(below.aws_endpoint),
            log: self.log.or(below.log),
            log_format: self.log_format.or(below.log_format),
            shutdown_seconds: self.shutdown_seconds.or(below.shutdown_seconds),
        }
    }

    /// Bytes that tenants' policies may have while they are loaded.
    pub(crate) fn policy_memory(&self) -> anyhow::Result<u64> {
        match self.policy_memory_mib {
            None => Ok(POLICY_MEMORY),
            Some(mib) if mib >= LEAST_POLICY_MEMORY_MIB => Ok(u64::from(mib) << 20),
            Some(mib) => bail!("`policy_memory_mib` can't be {mib}; choose {LEAST_POLICY_MEMORY_MIB} at least"),
        }
    }

    /// Where to serve: one place at least.
    pub(crate) fn listen(&self) -> Vec<Listen> {
        let stated = self.listen.clone().filter(|all| !all.is_empty());
        stated.unwrap_or_else(|| vec![Listen::Plain(SocketAddr::from(([127, 0, 0, 1], 7800)))])
    }

    /// What URLs begin with where nothing says how clients reach it: the first address, or a name where there is none.
    pub(crate) fn listen_url(&self) -> String {
        let all = self.listen();
        let reached = all.iter().find(|listen| listen.address().is_some()).or(all.first());
        reached.map(Listen::url).unwrap_or_default()
    }

    /// Who may connect to a Unix socket.
    pub(crate) fn unix_socket_mode(&self) -> Mode {
        self.unix_socket_mode.unwrap_or(Mode(0o660))
    }

    /// The address to serve metrics on; port 0 is any that is free.
    pub(crate) fn metrics_listen(&self) -> SocketAddr {
        self.metrics_listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The folder of the store.
    pub(crate) fn data_dir(&self, dev: bool) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| if dev { "data-dev" } else { "data" }.into())
    }

    /// Whoever keeps secrets, and how to ask them.
    pub(crate) fn keepers(&self) -> anyhow::Result<Keepers> {
        let vault = match &self.vault_address {
            Some(address) => {
                let (address, namespace) = (address.clone(), self.vault_namespace.clone());
                Some(Vault { address, namespace, login: self.vault_login()? })
            }
            None => None,
        };
        let aws = Aws { region: self.aws_region.clone(), endpoint: self.aws_endpoint.clone() };
        Ok(Keepers::new(vault, aws, self.egress_hosts(), self.egress_ca_file.clone(), environment))
    }

    fn vault_login(&self) -> anyhow::Result<Login> {
        let mount = |default: &str| self.vault_auth_mount.clone().unwrap_or_else(|| default.to_owned());
        let login = match (&self.vault_token, &self.vault_token_file, &self.vault_role_id, &self.vault_kubernetes_role)
        {
            (Some(token), None, None, None) => Login::Token(token.clone()),
            (None, Some(file), None, None) => Login::TokenFile(file.clone()),
            (None, None, Some(role_id), None) => {
                let secret_id = match (&self.vault_secret_id, &self.vault_secret_id_file) {
                    (Some(secret_id), None) => secret_id.clone(),
                    (None, Some(file)) => {
                        let read = std::fs::read_to_string(file);
                        let text = read.with_context(|| format!("`vault_secret_id_file`: `{}`", file.display()))?;
                        PlainSecret::new(text.trim().to_owned())
                    }
                    _ => bail!(
                        "`vault_role_id` needs `vault_secret_id` or `vault_secret_id_file`, and one of them alone"
                    ),
                };
                Login::AppRole { mount: mount("approle"), role_id: role_id.clone(), secret_id }
            }
            (None, None, None, Some(role)) => {
                let (mount, role) = (mount("kubernetes"), role.clone());
                Login::Kubernetes { mount, role, token_file: SERVICE_ACCOUNT.into() }
            }
            _ => bail!(
                "`vault_address` needs one way in, and no second: `vault_token`, `vault_token_file`, `vault_role_id`, or \
                 `vault_kubernetes_role`"
            ),
        };
        Ok(login)
    }

    fn egress_hosts(&self) -> BTreeMap<String, Vec<IpAddr>> {
        let mut hosts = BTreeMap::<String, Vec<IpAddr>>::new();
        for NamedHost { name, address } in self.egress_hosts.iter().flatten().cloned() {
            hosts.entry(name).or_default().push(address);
        }
        hosts
    }

    /// What may be sent out, and where to.
    pub(crate) fn egress(&self, dev: bool) -> anyhow::Result<Rules> {
        let loopback =
            || vec![IpAddr::from(Ipv6Addr::LOCALHOST).into(), IpNet::new_assert(Ipv4Addr::LOCALHOST.into(), 8).trunc()];
        let private = self.egress_allow_private.clone();
        let private = private.unwrap_or_else(|| if dev { loopback() } else { Vec::new() });
        Ok(Rules {
            is_http_open: self.egress_allow_http.unwrap_or(dev),
            private: Private::new(private).context("egress_allow_private")?,
            hosts: self.egress_hosts(),
            ca_file: self.egress_ca_file.clone(),
        })
    }

    /// The mail relay, if there is one. The settings must be resolved.
    pub(crate) fn relay(&self, rules: &Rules) -> anyhow::Result<Option<Relay>> {
        let (Some(url), from) = (&self.smtp_url, self.smtp_from.as_deref()) else { return Ok(None) };
        let from = from.context("smtp_from: with a mail relay somebody must be whom mail is from; state an address")?;
        let relay = Relay::new(url, from, rules).map_err(|error| match error {
            RelayError::From => anyhow::Error::new(error).context("smtp_from"),
            _ => anyhow::Error::new(error).context("smtp_url"),
        })?;
        Ok(Some(relay))
    }

    /// Where the root key is.
    pub(crate) fn root_key(&self, dev: bool) -> anyhow::Result<Source> {
        match (&self.root_key, &self.root_key_file) {
            (Some(stated), None) => stated.source(),
            (None, Some(file)) => Ok(Source::File(file.clone())),
            (None, None) => Ok(Source::File(self.data_dir(dev).join("root.key"))),
            (Some(_), Some(_)) => bail!("`root_key` and `root_key_file` are both stated; state one"),
        }
    }

    /// Where the URL of Redis is, if anything says so.
    pub(crate) fn redis_source(&self) -> anyhow::Result<Option<Source>> {
        source("redis", self.redis.as_ref(), self.redis_file.as_deref())
    }

    /// Where the URL of the mail relay is, if anything says so.
    pub(crate) fn smtp_url_source(&self) -> anyhow::Result<Option<Source>> {
        source("smtp_url", self.smtp_url.as_ref(), self.smtp_url_file.as_deref())
    }

    /// Where the token of the metrics listener is, if anything says so.
    pub(crate) fn metrics_token_source(&self) -> anyhow::Result<Option<Source>> {
        source("metrics_token", self.metrics_token.as_ref(), self.metrics_token_file.as_deref())
    }
}

/// Where a password is: what is stated, or where that says it is, or its file.
fn source(name: &str, stated: Option<&PlainSecret>, file: Option<&Path>) -> anyhow::Result<Option<Source>> {
    Ok(match (stated, file) {
        (Some(_), Some(_)) => bail!("`{name}` and `{name}_file` are both stated; state one"),
        (Some(stated), None) => {
            let source = Source::parse(stated.expose()).with_context(|| format!("`{name}`"))?;
            Some(source.unwrap_or_else(|| Source::Value(stated.clone())))
        }
        (None, file) => file.map(|file| Source::File(file.to_owned())),
    })
}

/// The line of a text that a place in it is on, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// What an error about it must not quote. Whatever it says is looked at where it is used.
#[expect(clippy::unnecessary_wraps, reason = "this is how clap wants it")]
fn secret(text: &str) -> Result<PlainSecret, std::convert::Infallible> {
    Ok(PlainSecret::new(text.to_owned()))
}

/// A URL as it may be shown: who may use it is left out, and whatever else may say so.
fn without_password<S: Serializer>(url: &Option<PlainSecret>, serializer: S) -> Result<S::Ok, S::Error> {
    let shown = url.as_ref().map(|url| {
        if let Ok(Some(source)) = Source::parse(url.expose()) {
            return source.to_string();
        }
        let (url, query) = url.expose().split_once('?').map_or((url.expose(), ""), |(url, _)| (url, "?…"));
        let (scheme, rest) = url.split_once("://").unwrap_or(("…", url));
        let (user, place) = rest.rsplit_once('@').map_or(("", rest), |(_, place)| ("…@", place));
        format!("{scheme}://{user}{place}{query}")
    });
    shown.serialize(serializer)
}

/// A secret as it may be shown: the source, where it names one, or that there is one.
fn hidden<S: Serializer>(secret: &Option<PlainSecret>, serializer: S) -> Result<S::Ok, S::Error> {
    let named = |secret: &PlainSecret| Source::parse(secret.expose()).ok().flatten();
    let shown = secret.as_ref().map(|secret| named(secret).map_or_else(|| "…".to_owned(), |source| source.to_string()));
    shown.serialize(serializer)
}

/// An environment variable, if it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Refuses variables that begin like ours and mean nothing: a slip would otherwise go unnoticed.
pub(crate) fn check_environment() -> anyhow::Result<()> {
    if let Some(name) = unknown_variables().first() {
        let known = known_variables().into_iter().collect::<Vec<_>>().join(", ");
        bail!("the environment variable `{name}` means nothing here; known are {known}");
    }
    Ok(())
}

/// Variables that begin like ours and mean nothing.
pub(crate) fn unknown_variables() -> Vec<String> {
    let known = known_variables();
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(PREFIX) && !known.contains(name)).collect()
}

fn known_variables() -> BTreeSet<String> {
    let mut known = BTreeSet::from([TOKEN, CREDENTIAL, METRICS_TOKEN, VAULT_TOKEN, VAULT_SECRET_ID].map(str::to_owned));
    collect_known(&crate::cli::Cli::command(), &mut known);
    known
}

fn collect_known(command: &clap::Command, known: &mut BTreeSet<String>) {
    known.extend(
        command.get_arguments().filter_map(|arg| arg.get_env()).map(|name| name.to_string_lossy().into_owned()),
    );
    for sub in command.get_subcommands() {
        collect_known(sub, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Settings> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.toml");
        std::fs::write(&path, text).unwrap();
        Settings::default().completed_from(Some(&path))
    }

    #[test]
    fn the_file_completes_and_the_command_line_wins() {
        let below = read("listen = \"127.0.0.1:1\"\nlog = \"debug\"\ntrusted_proxies = [\"10.0.0.0/8\"]").unwrap();
        let above = Settings { listen: Some(vec!["127.0.0.1:2".parse().unwrap()]), ..Settings::default() };
        let both = above.or(below);
        assert_eq!(both.listen_url(), "http://127.0.0.1:2");
        assert_eq!(both.log.as_deref(), Some("debug"));
        assert_eq!(both.trusted_proxies.map(|all| all.len()), Some(1));
    }

    #[test]
    fn one_may_listen_at_several_places() {
        let several =
            read("listen = [\"unix:/run/a.sock\", \"https://127.0.0.1:2\"]\nunix_socket_mode = \"0600\"").unwrap();
        assert_eq!((several.listen().len(), several.listen_url().as_str()), (2, "https://127.0.0.1:2"));
        let shown = serde_json::to_value(&several).unwrap();
        assert_eq!(shown["listen"], serde_json::json!(["unix:/run/a.sock", "https://127.0.0.1:2"]));
        assert_eq!(shown["unix_socket_mode"], "0600");
        assert_eq!(serde_json::to_value(read("listen = \"[::1]:1\"").unwrap()).unwrap()["listen"], "[::1]:1");
        for (text, says) in [
            ("listen = []", "would serve nobody"),
            ("listen = [\"nowhere\"]", "invalid socket address"),
            ("unix_socket_mode = \"rw\"", "octal digits"),
        ] {
            let error = format!("{:#}", read(text).unwrap_err());
            assert!(error.contains(says) && error.contains("line 1"), "{error}");
        }
    }

    #[test]
    fn urls_are_shown_without_their_passwords() {
        for (url, expected) in [
            ("redis://127.0.0.1:6379/2", "redis://127.0.0.1:6379/2"),
            ("redis://user:hunter2@example:6379", "redis://…@example:6379"),
            ("redis://:hunter2/@2@example", "redis://…@example"),
            ("redis-sentinel://u:hunter2@a,b:1/main", "redis-sentinel://…@a,b:1/main"),
            ("unix:///run/redis.sock?user=u&pass=hunter2", "unix:///run/redis.sock?…"),
            ("hunter2@example", "…://…@example"),
            ("vault:secret/data/access#redis", "vault:secret/data/access#redis"),
        ] {
            let settings = Settings { redis: Some(PlainSecret::new(url.to_owned())), ..Settings::default() };
            let shown = serde_json::to_value(&settings).unwrap();
            assert_eq!(shown["redis"].as_str(), Some(expected));
            assert!(!format!("{settings:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_root_key_is_a_source_a_file_or_itself_and_never_shown() {
        let key = "0123456789abcdef".repeat(4);
        for (text, shown) in [
            ("/etc/root.key", "/etc/root.key"),
            ("/etc/root", "/etc/root"),
            ("keys/root", "keys/root"),
            ("./root", "./root"),
            ("root.key", "root.key"),
            ("file:/etc/root.key", "/etc/root.key"),
            ("file:root", "root"),
            ("env:ROOT", "env:ROOT"),
            (" env:ROOT\n", "env:ROOT"),
            (&key, "…"),
            (&format!("{key}\n"), "…"),
            (&key[..63], "…"),
        ] {
            let settings = Settings { root_key: Some(stated(text)), ..Settings::default() };
            assert!(settings.root_key(false).is_ok(), "{text}");
            assert_eq!(serde_json::to_value(&settings).unwrap()["root_key"], shown);
            assert!(!format!("{settings:?}").contains(&key[..32]));
        }
        let wrong = stated("vault:secret/x").source().unwrap_err();
        assert!(format!("{wrong:#}").contains("vault:MOUNT/data/PATH#FIELD"));
        let both = Settings {
            root_key: "env:A".parse().ok(),
            root_key_file: Some("b".into()),
            vault_token: Some(PlainSecret::new("hunter2".into())),
            ..Settings::default()
        };
        assert!(both.root_key(false).unwrap_err().to_string().contains("state one"));
        assert_eq!(serde_json::to_value(&both).unwrap()["vault_token"], "…");
    }

    fn stated(text: &str) -> RootKeySource {
        PlainSecret::new(text.to_owned()).into()
    }

    #[test]
    fn what_is_no_root_key_and_names_none_is_no_file_and_not_quoted() {
        let key = "0123456789abcdef".repeat(4);
        for text in [
            &*format!("0x{key}"),
            &format!("\"{key}\""),
            &format!("{key} {key}"),
            "awssm:key",
            "awssm:prod/hunter2.key",
            "vualt:secret/data/access#hunter2",
            "5E3Ahunter2+/5E3AaBcDeFgHiJkLmNoPqRsTuVwXyz=",
            "/E3Ahunter2+/5E3AaBcDeFgHiJkLmNoPqRsTuVwXyz",
            "hunter2",
            "",
        ] {
            let error = format!("{:#}", stated(text).source().unwrap_err());
            assert!(error.contains("64 hexadecimal digits") && error.contains("file:PATH"), "{error}");
            assert!(!error.contains("hunter2") && !error.contains(&key[..32]), "{error}");
            let settings = Settings { root_key: Some(stated(text)), ..Settings::default() };
            assert_eq!(serde_json::to_value(&settings).unwrap()["root_key"], "…");
        }
    }

    #[test]
    fn a_path_as_long_as_a_key_in_base64_is_a_file() {
        let (there, nowhere) = (format!("/usr/bin/{:r<34}", ""), format!("/usr/hunter2/{:r<30}", ""));
        for (text, length, is_file) in [
            ("/etc/cronflow/access/secrets/production/root", 44, true),
            (&there, 43, true),
            (&nowhere, 43, false),
            (&format!("/{:r<42}", ""), 43, false),
        ] {
            let source = stated(text).source();
            assert_eq!((text.len(), source.is_ok_and(|source| source.file().is_some())), (length, is_file), "{text}");
        }
    }

    #[test]
    fn a_flag_takes_no_root_key_itself() {
        let key = "0123456789abcdef".repeat(4);
        let error = key.parse::<RootKeySource>().unwrap().source().unwrap_err().to_string();
        assert!(error.contains("whoever lists processes") && !error.contains(&key[..32]), "{error}");
        assert!("/etc/root.key".parse::<RootKeySource>().unwrap().source().is_ok());
    }

    #[test]
    fn a_slip_in_the_file_is_told_without_its_line() {
        let text = "log = \"info\"\nmetrics_token = \"hunter2\"\nvault_token = \"hunter2\" x\n";
        let error = format!("{:#}", read(text).unwrap_err());
        assert!(error.contains("line 3: ") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_secret_without_its_quotes_is_not_quoted() {
        for name in ["metrics_token", "vault_token", "vault_secret_id", "redis", "smtp_url", "root_key"] {
            for value in ["8675309123", "-8675309123", "8675309.123", "8675309123000000000000", "true"] {
                let error = format!("{:#}", read(&format!("\n{name} = {value}")).unwrap_err());
                assert!(error.contains("line 2: ") && !error.contains("8675309") && !error.contains("true"), "{error}");
            }
        }
    }

    #[test]
    fn unknown_keys_and_wrong_values_are_errors_with_a_place() {
        let error = format!("{:#}", read("listne = \"127.0.0.1:1\"").unwrap_err());
        assert!(error.contains("unknown field `listne`") && error.contains("line 1"), "{error}");
        let error = format!("{:#}", read("listen = \"nowhere\"").unwrap_err());
        assert!(error.contains("line 1"), "{error}");
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "whether to write the schema is asked of the developer's environment"
    )]
    fn the_checked_in_schema_is_current() {
        let schema = schemars::schema_for!(Settings);
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.schema.json");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == text,
            "config.schema.json is stale: run `UPDATE=1 cargo test -p cronflow-access` and commit it"
        );
    }
}
