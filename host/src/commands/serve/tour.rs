//! The tour: commands to paste into a second terminal, in order, each saying what it shows.

use access_authority::lifecycle::demo::Demo;
use anyhow::Context;

/// Names in the text, and what stands for them.
const TEXT: &str = include_str!("tour.txt");

/// The tour of a dev host.
pub(super) fn tour(base_url: &str, metrics_url: &str, demo: &Demo) -> anyhow::Result<String> {
    let binary = std::env::current_exe()?;
    let key = |kind: &str| demo.keys.get(kind).map(|secret| secret.expose()).with_context(|| format!("no {kind} key"));
    let client = &demo.client;
    let mut text = TEXT.to_owned();
    for (name, value) in [
        ("{base_url}", base_url),
        ("{metrics_url}", metrics_url),
        ("{binary}", &binary.to_string_lossy()),
        ("{operator_token}", demo.operator_token.expose()),
        ("{gateway_token}", demo.gateway_token.expose()),
        ("{workspace}", &demo.workspace.to_string()),
        ("{production}", key("production").unwrap_or_default()),
        ("{staging}", key("staging").unwrap_or_default()),
        ("{read_only}", key("read_only").unwrap_or_default()),
        ("{owner_email}", &demo.owner.email),
        ("{owner_password}", demo.owner.password.expose()),
        ("{owner_totp_secret}", demo.owner.totp_secret.expose()),
        ("{client_id}", &client.as_ref().map_or_else(String::new, |(id, _)| id.to_string())),
        ("{client_secret}", client.as_ref().map_or("", |(_, secret)| secret.expose())),
    ] {
        text = text.replace(name, value);
    }
    Ok(text)
}
