//! What can be wrong with settings that can be read, one function each. Nothing is opened for writing, nobody is asked.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use access_authority::lifecycle::root_key::RootKey;
use access_authority::policies::Policies;
use access_model::network::{AllowList, AllowListError};
use access_outbound::Source;
use access_store_redis::OpenError;
use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

use crate::commands::init::catalog;
use crate::commands::serve::{Certificates, metrics};
use crate::config::{self, Listen, Settings};
use crate::report::Finding;
use crate::store::{bound, redis_options};

/// A network of proxies is rarely shorter than this, and whoever sends from it may claim any address.
const WIDE: (u8, u8) = (8, 32);

/// Those of settings that speak for themselves, in the order of their lines.
pub(crate) const PLAIN: [fn(&Settings) -> Vec<Finding>; 13] = [
    paths,
    listen,
    metrics_listen,
    data_dir,
    redis,
    policy_memory,
    catalog_file,
    egress,
    mail,
    links,
    keepers,
    log,
    shutdown_seconds,
];
/// Those that `doctor` says more about.
pub(crate) const SPECIAL: [fn(&Settings) -> Vec<Finding>; 3] = [root_key, trusted_proxies, policies];

fn paths(settings: &Settings) -> Vec<Finding> {
    let stated = [
        ("tls_certificate_file", &settings.tls_certificate_file),
        ("tls_key_file", &settings.tls_key_file),
        ("tls_client_ca_file", &settings.tls_client_ca_file),
        ("data_dir", &settings.data_dir),
        ("root_key_file", &settings.root_key_file),
        ("redis_file", &settings.redis_file),
        ("redis_ca_file", &settings.redis_ca_file),
        ("policies", &settings.policies),
        ("catalog", &settings.catalog),
        ("metrics_token_file", &settings.metrics_token_file),
        ("smtp_url_file", &settings.smtp_url_file),
        ("egress_ca_file", &settings.egress_ca_file),
        ("vault_token_file", &settings.vault_token_file),
        ("vault_secret_id_file", &settings.vault_secret_id_file),
    ];
    let root_key = settings.root_key.as_ref().and_then(|stated| stated.source().ok());
    let root_key = root_key.as_ref().and_then(Source::file).map(Path::to_owned);
    let stated = stated.into_iter().chain([("root_key", &root_key)]);
    let relative =
        stated.filter_map(|(name, path)| Some((name, path.as_ref()?))).filter(|(_, path)| path.is_relative());
    let warn = |(name, path): (&str, &std::path::PathBuf)| {
        let what = format!("`{}` is looked for in whatever folder the host is started from", path.display());
        Finding::warn(name, what, "state the whole path, from `/`")
    };
    relative.map(warn).collect()
}

fn listen(settings: &Settings) -> Vec<Finding> {
    let metrics = settings.metrics_listen();
    let all = settings.listen();
    let mut findings: Vec<_> = all.iter().map(|listen| listener(listen, metrics)).collect();
    let has_tls = all.iter().any(Listen::is_tls);
    let mode = settings.unix_socket_mode();
    if mode.0 & 0o007 != 0 && all.iter().any(|listen| listen.address().is_none()) {
        let what =
            format!("everybody on this machine may connect to its socket, and say whom it speaks for (mode {mode})");
        findings.push(Finding::warn("unix_socket_mode", what, "leave it to a group, as 0660 does"));
    }
    match Certificates::load(settings) {
        Err(error) => findings.push(Finding::fail("tls_certificate_file", format!("{error:#}"), "correct it")),
        Ok(Some(_)) if !has_tls => {
            let what = "there is a certificate, and nobody listens with it";
            findings.push(Finding::fail(
                "listen",
                what,
                "name an address with `https://`, as in `https://0.0.0.0:7843`",
            ));
        }
        Ok(None) if has_tls => {
            let what = "`https://` needs a certificate";
            findings.push(Finding::fail("listen", what, "state `tls_certificate_file` and `tls_key_file`"));
        }
        Ok(_) => {}
    }
    findings.extend(settings.tls_key_file.as_deref().and_then(|file| not_private("tls_key_file", file)));
    findings
}

fn listener(listen: &Listen, metrics: SocketAddr) -> Finding {
    let is_in_the_way = |address: SocketAddr| {
        let overlap = address.ip() == metrics.ip() || address.ip().is_unspecified() || metrics.ip().is_unspecified();
        address.port() == metrics.port() && address.port() != 0 && overlap
    };
    if listen.address().is_some_and(is_in_the_way) {
        let what = format!("the API on {listen} and the metrics on {metrics} are in each other's way");
        return Finding::fail("listen", what, "give `metrics_listen` a port of its own");
    }
    Finding::ok(
        "listen",
        match listen {
            _ if listen.is_local() => format!("{listen}, for this machine alone"),
            Listen::Tls(_) => listen.to_string(),
            _ => format!("{listen}, in plain HTTP; TLS belongs to a proxy in front, or to `https://`"),
        },
    )
}

fn metrics_listen(settings: &Settings) -> Vec<Finding> {
    let (name, address) = ("metrics_listen", settings.metrics_listen());
    let has_token = match settings.metrics_token_source() {
        // `doctor` asks there.
        Ok(Some(source)) if !matches!(source, Source::Value(_) | Source::File(_)) => Ok(true),
        _ => metrics::token(settings).map(|token| token.is_some()),
    };
    let has_token = match has_token {
        Ok(has_token) => has_token,
        Err(error) => {
            return vec![Finding::fail(
                "metrics_token_file",
                format!("{error:#}"),
                "write one line with the token to it, readable for the host's user",
            )];
        }
    };
    let shown = if address.port() == 0 { format!("{} on a free port", address.ip()) } else { address.to_string() };
    let mut findings = vec![match (address.ip().is_loopback(), has_token) {
        (false, false) => {
            let todo =
                format!("name a file with `metrics_token_file`, set {}, or listen on 127.0.0.1", config::METRICS_TOKEN);
            Finding::fail(name, format!("metrics on {shown} are beyond this machine and need a token"), todo)
        }
        (_, true) => Finding::ok(name, format!("{shown}, for those who present the token")),
        (true, false) => Finding::ok(name, format!("{shown}, for this machine alone")),
    }];
    findings.extend(settings.metrics_token_file.as_deref().and_then(|file| not_private("metrics_token_file", file)));
    findings
}

fn data_dir(settings: &Settings) -> Vec<Finding> {
    let (name, dir) = ("data_dir", settings.data_dir(false));
    let shown = dir.display();
    vec![match fs::metadata(&dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Finding::warn(
            name,
            format!("there is no `{shown}` yet"),
            "`cronflow-access init` makes it, `cronflow-access restore` fills it from a backup",
        ),
        Err(error) => {
            Finding::fail(name, format!("`{shown}` can't be looked at: {error}"), "run this as the host's user")
        }
        Ok(meta) if !meta.is_dir() => Finding::fail(name, format!("`{shown}` is not a folder"), "name a folder"),
        Ok(_) => return vec![not_private(name, &dir).unwrap_or_else(|| Finding::ok(name, format!("`{shown}`")))],
    }]
}

pub(crate) fn root_key(settings: &Settings) -> Vec<Finding> {
    let name = "root_key";
    let source = match settings.root_key(false) {
        Ok(source) => source,
        Err(error) => {
            return vec![Finding::fail(name, format!("{error:#}"), "state it once, as one of what it takes")];
        }
    };
    let Some(file) = source.file() else { return vec![elsewhere(name, settings, &source)] };
    let shown = file.display();
    let begun = settings.data_dir(false).join(access_store::embedded::FILE).exists();
    if fs::metadata(file).is_err_and(|error| error.kind() == ErrorKind::NotFound) && !begun {
        let todo = "`cronflow-access init` makes it; a restored installation needs the one that it was begun with";
        return vec![Finding::warn(name, format!("there is no `{shown}` yet"), todo)];
    }
    vec![match RootKey::read(file) {
        Err(error) => Finding::fail(
            name,
            error.to_string(),
            "put the installation's root key there, readable for the host's user",
        ),
        Ok(_) => not_private(name, file).unwrap_or_else(|| Finding::ok(name, format!("`{shown}`"))),
    }]
}

/// What somebody else keeps is asked for by `doctor` alone; here it matters that it can be.
fn elsewhere(name: &str, settings: &Settings, source: &Source) -> Finding {
    let needs_vault = matches!(source, Source::Vault { .. } | Source::Transit { .. });
    if needs_vault && settings.vault_address.is_none() {
        let todo = "set `vault_address`, and `vault_token_file` or `vault_role_id`";
        return Finding::fail(name, format!("`{source}` needs Vault, and where that is, is not stated"), todo);
    }
    match source {
        Source::Value(key) => match RootKey::parse(key, source) {
            Ok(_) => Finding::ok(name, "stated itself"),
            Err(error) => Finding::fail(name, error.to_string(), "state all of it, or name where it is"),
        },
        _ => Finding::ok(name, format!("from `{source}`")),
    }
}

fn keepers(settings: &Settings) -> Vec<Finding> {
    match settings.keepers() {
        Ok(_) => Vec::new(),
        Err(error) => vec![Finding::fail("vault_address", format!("{error:#}"), "state one way in")],
    }
}

fn redis(settings: &Settings) -> Vec<Finding> {
    let url = match settings.redis_source() {
        Ok(None) => return Vec::new(),
        Ok(Some(Source::Value(url))) => url,
        Ok(Some(source)) => return vec![elsewhere("redis", settings, &source)],
        Err(error) => return vec![Finding::fail("redis", format!("{error:#}"), "correct it")],
    };
    let options = match redis_options(settings, &url) {
        Ok(options) => options,
        Err(error) => return vec![Finding::fail("redis_wait_replicas", error.to_string(), "leave it out")],
    };
    vec![match (options.address(), bound(settings)) {
        (Err(error @ OpenError::CaFile { .. }), _) => {
            Finding::fail("redis_ca_file", error.to_string(), "name a readable file of certificates (PEM)")
        }
        (Err(error), _) => Finding::fail("redis", error.to_string(), "correct the URL"),
        (_, Err(error)) => Finding::fail("freshness_ms", error.to_string(), "leave it out for a second"),
        (Ok(address), Ok(bound)) => {
            let bound = bound.as_millis();
            Finding::ok("redis", format!("{address}; what another host changes holds here within {bound} ms"))
        }
    }]
}

fn policy_memory(settings: &Settings) -> Vec<Finding> {
    let fault = settings.policy_memory().err();
    let told = |error: anyhow::Error| Finding::fail("policy_memory_mib", error.to_string(), "leave it out for 1024");
    fault.map(told).into_iter().collect()
}

fn catalog_file(settings: &Settings) -> Vec<Finding> {
    let name = "catalog";
    let file = settings.catalog.as_deref();
    vec![match (catalog(file), file) {
        (Err(error), _) => Finding::fail(
            name,
            format!("{error:#}"),
            "mend it; `cronflow-access policy export DIR` writes the built-in one, to compare with",
        ),
        (Ok(_), None) => Finding::ok(name, "built in"),
        (Ok(_), Some(file)) => {
            others_write(name, file).unwrap_or_else(|| Finding::ok(name, format!("`{}`", file.display())))
        }
    }]
}

pub(crate) fn policies(settings: &Settings) -> Vec<Finding> {
    let name = "policies";
    let loaded = match load_policies(settings) {
        Ok(loaded) => loaded,
        Err(error) => {
            let todo =
                "mend it; `cronflow-access policy test DIR` tries again, and hosts that run keep their last good set";
            return vec![Finding::fail(name, error, todo)];
        }
    };
    let folder = settings.policies.as_deref();
    let whence = folder.map_or_else(|| "built in".to_owned(), |folder| format!("`{}`", folder.display()));
    let ok = || Finding::ok(name, format!("{whence}: {}; every case passes", loaded.names().join(", ")));
    vec![folder.and_then(|folder| others_write(name, folder)).unwrap_or_else(ok)]
}

/// Digest of what a host with these settings decides by.
pub(crate) fn set_digest(settings: &Settings) -> Option<String> {
    catalog(settings.catalog.as_deref()).ok()?;
    Some(load_policies(settings).ok()?.digest().to_string())
}

/// What is wrong with the catalog is told by its own check.
fn load_policies(settings: &Settings) -> Result<Policies, String> {
    let catalog = catalog(settings.catalog.as_deref()).or_else(|_| catalog(None)).map_err(|error| error.to_string())?;
    let sandbox = crate::sandbox::sandbox(None).map_err(|error| error.to_string())?;
    Policies::load(settings.policies.clone(), &catalog, sandbox).map_err(|error| error.to_string())
}

pub(crate) fn trusted_proxies(settings: &Settings) -> Vec<Finding> {
    let name = "trusted_proxies";
    let networks = settings.trusted_proxies.as_deref().unwrap_or_default();
    if networks.is_empty() {
        return vec![Finding::ok(name, "none: whoever connects is the client, and X-Forwarded-For is not believed")];
    }
    let findings: Vec<_> = networks.iter().filter_map(|network| doubtful(name, network)).collect();
    if findings.is_empty() {
        let all = networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return vec![Finding::ok(name, format!("X-Forwarded-For is believed from {all}"))];
    }
    findings
}

fn doubtful(name: &str, network: &IpNet) -> Option<Finding> {
    match AllowList::parse(&[network.to_string()], 1) {
        Err(AllowListError::Everything(given)) => {
            let what = format!("`{given}` is everybody: no hop is ever the client, and rules about addresses deny all");
            return Some(Finding::fail(name, what, "name the networks of your proxies alone"));
        }
        Err(AllowListError::HostBits { given, meant }) => {
            return Some(Finding::warn(
                name,
                format!("`{given}` is taken for `{meant}`"),
                "write the one that you mean",
            ));
        }
        _ => {}
    }
    let shortest = if network.addr().is_ipv4() { WIDE.0 } else { WIDE.1 };
    (network.prefix_len() < shortest).then(|| {
        let what = format!("`{network}` is wide, and whoever sends from it may claim any address");
        Finding::warn(name, what, "name the networks of your proxies alone")
    })
}

fn egress(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = settings.egress(false) {
        let todo = "name the networks of your own receivers alone";
        findings.push(Finding::fail("egress_allow_private", format!("{error:#}"), todo));
    }
    if settings.egress_allow_http == Some(true) {
        let what = "webhooks may be sent in plain HTTP, readable on the way";
        findings.push(Finding::warn(
            "egress_allow_http",
            what,
            "leave it out, unless all receivers are on a network of yours",
        ));
    }
    if let Some(Err(error)) = settings.egress_ca_file.as_ref().map(fs::read) {
        let what = format!("the file can't be read: {error}");
        findings.push(Finding::fail("egress_ca_file", what, "name a file of certificates in PEM"));
    }
    findings
}

fn mail(settings: &Settings) -> Vec<Finding> {
    let name = "smtp_url";
    match settings.smtp_url_source() {
        Ok(None | Some(Source::Value(_))) => {}
        Ok(Some(_)) if settings.smtp_from.is_none() => {
            let what = "with a mail relay somebody must be whom mail is from";
            return vec![Finding::fail("smtp_from", what, "state an address")];
        }
        Ok(Some(source)) => return vec![elsewhere(name, settings, &source)],
        Err(error) => return vec![Finding::fail(name, format!("{error:#}"), "correct it")],
    }
    let rules = settings.egress(false).unwrap_or_default();
    vec![match settings.relay(&rules) {
        Err(error) => {
            let todo = "state `smtp_url` as `smtps://USER:PASSWORD@HOST` and `smtp_from` as an address, or neither";
            Finding::fail(name, format!("{error:#}"), todo)
        }
        Ok(Some(relay)) => Finding::ok(name, relay.describe()),
        Ok(None) if settings.smtp_from.is_some() => {
            Finding::warn(name, "`smtp_from` is stated, and no relay", "state `smtp_url`, or leave out both")
        }
        Ok(None) => Finding::ok(name, "no mail relay: nobody is mailed what happens"),
    }]
}

/// A mail is read elsewhere than here.
fn links(settings: &Settings) -> Vec<Finding> {
    if settings.public_url.is_some() || matches!(settings.smtp_url_source(), Ok(None)) {
        return Vec::new();
    }
    let what = format!("links in mails begin with `{}`, since nothing else is stated", settings.listen_url());
    vec![Finding::warn("public_url", what, "state what addresses of the console begin with")]
}

fn log(settings: &Settings) -> Vec<Finding> {
    let filter = settings.log.as_deref().unwrap_or("info");
    vec![match EnvFilter::try_new(filter) {
        Ok(_) => Finding::ok("log", filter),
        Err(error) => Finding::fail(
            "log",
            format!("`{filter}`: {error}"),
            "write a level, or directives such as `info,access::decisions=off`",
        ),
    }]
}

fn shutdown_seconds(settings: &Settings) -> Vec<Finding> {
    let warn = |what: &str, todo: &str| vec![Finding::warn("shutdown_seconds", what, todo)];
    match settings.shutdown_seconds {
        Some(0) => warn("requests in flight are cut off at once", "give them a few seconds"),
        Some(60..) => warn(
            "init systems kill a service that takes so long to stop",
            "stay below 60, or raise their limit as well",
        ),
        _ => Vec::new(),
    }
}

/// Says so when others than its owner may read what is secret.
pub(crate) fn not_private(name: &str, path: &Path) -> Option<Finding> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let (what, todo) = (
        |who: &str| format!("{who} may read `{}` (mode {mode:04o})", path.display()),
        format!("chmod go= {}", path.display()),
    );
    match mode {
        mode if mode & 0o007 != 0 => Some(Finding::fail(name, what("everybody on this machine"), todo)),
        mode if mode & 0o070 != 0 => Some(Finding::warn(name, what("its group"), todo)),
        _ => None,
    }
}

/// Says so when everybody may write what decides.
fn others_write(name: &str, path: &Path) -> Option<Finding> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o002 != 0).then(|| {
        let what = format!("everybody on this machine may write `{}` (mode {mode:04o}), and so decide", path.display());
        Finding::fail(name, what, format!("chmod o-w {}", path.display()))
    })
}
