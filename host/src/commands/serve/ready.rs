//! The ready file: where the host is, and on a dev host everything that a newcomer or a test needs.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use access_authority::lifecycle::demo::Demo;
use serde::Serialize;

/// What the ready file holds.
#[derive(Serialize)]
pub(super) struct Ready<'a> {
    base_url: &'a str,
    /// Each listener: its URL, or `unix:` and its path.
    listening: &'a [String],
    metrics_url: &'a str,
    #[serde(flatten)]
    demo: Option<DemoReady<'a>>,
}

#[derive(Serialize)]
struct DemoReady<'a> {
    organization: String,
    workspace: String,
    operator_token: &'a str,
    gateway_token: &'a str,
    keys: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<ClientReady<'a>>,
    owner: OwnerReady<'a>,
}

#[derive(Serialize)]
struct OwnerReady<'a> {
    email: &'a str,
    password: &'a str,
    totp_secret: &'a str,
}

#[derive(Serialize)]
struct ClientReady<'a> {
    client_id: String,
    client_secret: &'a str,
}

impl<'a> Ready<'a> {
    pub(super) fn new(
        base_url: &'a str,
        listening: &'a [String],
        metrics_url: &'a str,
        demo: Option<&'a Demo>,
    ) -> Self {
        let demo = demo.map(|demo| DemoReady {
            organization: demo.organization.to_string(),
            workspace: demo.workspace.to_string(),
            operator_token: demo.operator_token.expose(),
            gateway_token: demo.gateway_token.expose(),
            keys: demo.keys.iter().map(|(kind, secret)| (kind.as_str(), secret.expose())).collect(),
            client: demo
                .client
                .as_ref()
                .map(|(id, secret)| ClientReady { client_id: id.to_string(), client_secret: secret.expose() }),
            owner: OwnerReady {
                email: &demo.owner.email,
                password: demo.owner.password.expose(),
                totp_secret: demo.owner.totp_secret.expose(),
            },
        });
        Self { base_url, listening, metrics_url, demo }
    }

    /// Writes the file whole, by rename, for its owner alone.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".{}", std::process::id()));
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        drop(file);
        std::fs::rename(&aside, path)?;
        Ok(())
    }
}
