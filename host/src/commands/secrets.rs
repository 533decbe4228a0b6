//! `secrets generate | status | rekey | rotate-pepper | retire-pepper`: the keys that everything sealed hangs on.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use access_authority::lifecycle::root_key::RootKey;
use access_model::entropy::SystemEntropy;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::api::{Api, Problem};
use crate::cli::{Connection, Format};
use crate::commands::key::segment;
use crate::output;

/// How often something is asked for again that others hold up for a moment, and how long between.
const TRIES: usize = 40;
const PAUSE: Duration = Duration::from_millis(500);

/// Make the keys that everything sealed hangs on, and replace them while hosts serve.
#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// Print a new root key, to be put into a secret manager. Nothing is changed, and no host is asked.
    Generate,
    /// Show which root key, peppers and data keys there are, and how much stands under each.
    Status(Status),
    /// Replace the root key: `--to` the new one, start the hosts with it one after the other, then `--finish`. Each can be run
    /// again, also after it was cut short.
    Rekey(Rekey),
    /// Make another pepper. Secrets are digested under it from now on, and older ones when they are next used.
    RotatePepper(RotatePepper),
    /// End a pepper that nothing stands under.
    RetirePepper(RetirePepper),
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Rekey {
    /// Where the host reads the new root key: `vault:MOUNT/data/PATH#FIELD`, `transit:MOUNT/KEY#FILE`, `aws:NAME[#FIELD]`,
    /// `env:NAME` or `file:PATH`. The old one opens the store as well, until the end. While a change is under way, another one
    /// takes the place of the one that was named before, which opens nothing any more, unless a host was started with it.
    #[arg(long, value_name = "SOURCE", required_unless_present = "finish", conflicts_with = "finish")]
    to: Option<String>,
    /// The old root key opens nothing any more. Refused while a host was started with it.
    #[arg(long)]
    finish: bool,
    /// Finish whatever other hosts were started with. The one that is asked must have been started with the new one.
    #[arg(long, requires = "finish")]
    force: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct RotatePepper {
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct RetirePepper {
    /// Its id, as `secrets status` shows it.
    pepper: u32,
    /// End whatever stands under it as well: keys, clients, gateways, operators, sessions, recovery codes.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Secrets {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        match self {
            Self::Generate => generate(format)?,
            Self::Status(Status { connection }) => output::show(format, &status(&Api::new(&connection)?)?),
            Self::Rekey(rekey) => output::show(format, &rekey.run()?),
            Self::RotatePepper(RotatePepper { connection }) => {
                output::show(format, &Api::new(&connection)?.post("/v1/secrets/peppers", &json!({}))?);
                output::remark(
                    "secrets are digested under it from now on, and older ones when they are next used; `secrets status` says \
                     how many are left, and `secrets retire-pepper` ends the old one",
                );
            }
            Self::RetirePepper(retire) => output::show(format, &retire.run()?),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn generate(format: Format) -> anyhow::Result<()> {
    let key = RootKey::draw(&SystemEntropy)?.to_text();
    match format {
        Format::Human => output::say(key.expose()),
        Format::Json => output::show(format, &json!({ "root_key": key.expose() })),
    }
    Ok(())
}

/// Which keys there are, with the parts of what stands under each added up.
fn status(api: &Api) -> anyhow::Result<Value> {
    let mut shown = api.get("/v1/secrets")?;
    let mut sums = BTreeMap::<(&str, String), u64>::new();
    let mut path = "/v1/secrets/usage".to_owned();
    loop {
        let part = api.get(&path)?;
        for list in ["peppers", "data_keys"] {
            for (id, count) in part.get(list).and_then(Value::as_object).into_iter().flatten() {
                *sums.entry((list, id.clone())).or_default() += count.as_u64().unwrap_or_default();
            }
        }
        match part.get("next_cursor").and_then(Value::as_str) {
            Some(cursor) => path = format!("/v1/secrets/usage?cursor={}", segment("the cursor", cursor)?),
            None => break,
        }
    }
    for list in ["peppers", "data_keys"] {
        for entry in shown.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let id = entry.get("id").map(Value::to_string).unwrap_or_default();
            if let Some(entry) = entry.as_object_mut() {
                let count = sums.get(&(list, id)).copied().unwrap_or_default();
                entry.insert("in_use".to_owned(), count.into());
            }
        }
    }
    Ok(shown)
}

impl Rekey {
    fn run(self) -> anyhow::Result<Value> {
        let api = Api::new(&self.connection)?;
        let Some(source) = self.to else {
            let done = patiently(&api, "/v1/secrets/rekey/finish", &json!({ "force": self.force }))?;
            output::remark("the old root key opens nothing any more, but backups that were made under it");
            return Ok(done);
        };
        patiently(&api, "/v1/secrets/rekey", &json!({ "root_key": source }))?;
        let (mut cursor, mut resealed) = (Value::Null, 0);
        loop {
            let part = patiently(&api, "/v1/secrets/reseal", &json!({ "cursor": cursor }))?;
            resealed += part.get("resealed").and_then(Value::as_u64).unwrap_or_default();
            cursor = part.get("next_cursor").cloned().unwrap_or_default();
            if cursor.is_null() {
                break;
            }
        }
        output::remark(&format!(
            "both root keys open the store now, and {resealed} secrets were sealed anew. Set `root_key` to the new one and start \
             the hosts again, one after the other; then run `secrets rekey --finish`. Is the new one lost until then, run this again \
             with `--to` another"
        ));
        api.get("/v1/secrets")
    }
}

impl RetirePepper {
    fn run(self) -> anyhow::Result<Value> {
        let api = Api::new(&self.connection)?;
        let mut cursor = Value::Null;
        loop {
            let asked = json!({ "pepper": self.pepper, "force": self.force, "cursor": cursor });
            let done = patiently(&api, "/v1/secrets/peppers/retire", &asked)?;
            cursor = done.get("next_cursor").cloned().unwrap_or_default();
            if cursor.is_null() {
                return Ok(done);
            }
        }
    }
}

/// Asks again while another host has not heard of the newest keys.
fn patiently(api: &Api, path: &str, body: &Value) -> anyhow::Result<Value> {
    let mut left = TRIES;
    loop {
        match api.post(path, body) {
            Err(error) if left > 0 && is_passing(&error) => {
                left -= 1;
                #[expect(clippy::disallowed_methods, reason = "the host is asked again; nothing else is waited for")]
                std::thread::sleep(PAUSE);
            }
            answer => return answer,
        }
    }
}

fn is_passing(error: &anyhow::Error) -> bool {
    let problem = error.downcast_ref::<Problem>();
    problem.is_some_and(|problem| problem.field("code") == Some("host_behind"))
}
