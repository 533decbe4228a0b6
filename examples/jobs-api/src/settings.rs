//! Settings: arguments over environment over defaults. The gateway's secret comes from the environment or a file alone, where no
//! list of processes shows it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use cronflow_access_client::{MaxAge, Secret, TrustedProxies};

/// What `--help` says.
pub(crate) const HELP: &str = "\
A small CronFlow API, protected by CronFlow Access.

Usage: jobs-api [OPTIONS]

  --listen ADDR             where to serve [JOBS_API_LISTEN; 127.0.0.1:9000]
  --access URL              the host to ask [CRONFLOW_ACCESS_URL; http://127.0.0.1:7800]
  --gateway-token-file FILE this API's own credential [or CRONFLOW_GATEWAY_TOKEN]
  --environment NAME        which environment this is [JOBS_API_ENVIRONMENT; production]
  --trusted-proxies LIST    networks whose X-Forwarded-For is believed, with commas between
  --reuse-allows-ms N       reuse allows for so long, 1000 at most [0: never]
  --behind-gateway          ask nobody: a gateway has, and says who it is in X-Access-*. Nothing else must
                            be able to reach this port, for whoever can is whoever they say
";

/// How it is to serve.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) door: Door,
}

/// Who decides.
#[derive(Debug)]
pub(crate) enum Door {
    /// CronFlow Access, asked by the layer.
    Asks { access: String, gateway: Secret, environment: String, proxies: TrustedProxies, reuse: Option<MaxAge> },
    /// A gateway before us has asked.
    BehindGateway,
}

impl Settings {
    /// Reads them. `None`: help is wanted.
    pub(crate) fn read() -> Result<Option<Self>, String> {
        Self::of(std::env::args().skip(1), environment)
    }

    fn of(args: impl Iterator<Item = String>, env: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let or = |name: &str, default: &str| env(name).unwrap_or_else(|| default.to_owned());
        let mut listen = or("JOBS_API_LISTEN", &SocketAddr::from((Ipv4Addr::LOCALHOST, 9000)).to_string());
        let mut access = or("CRONFLOW_ACCESS_URL", "http://127.0.0.1:7800");
        let mut environment = or("JOBS_API_ENVIRONMENT", "production");
        let (mut token_file, mut proxies, mut reuse) = (None, String::new(), "0".to_owned());
        let mut is_behind_gateway = false;
        let mut args = args;
        while let Some(name) = args.next() {
            let mut value = || args.next().ok_or(format!("`{name}` needs a value"));
            match name.as_str() {
                "--help" | "-h" => return Ok(None),
                "--listen" => listen = value()?,
                "--access" => access = value()?,
                "--gateway-token-file" => token_file = Some(PathBuf::from(value()?)),
                "--environment" => environment = value()?,
                "--trusted-proxies" => proxies = value()?,
                "--reuse-allows-ms" => reuse = value()?,
                "--behind-gateway" => is_behind_gateway = true,
                _ => return Err(format!("no such option: `{name}`; --help tells them")),
            }
        }
        let listen = listen.parse().map_err(|_| format!("`{listen}` is no address such as 127.0.0.1:9000"))?;
        if is_behind_gateway {
            return Ok(Some(Self { listen, door: Door::BehindGateway }));
        }
        let gateway = match token_file {
            Some(file) => std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?,
            None => env("CRONFLOW_GATEWAY_TOKEN").ok_or("state CRONFLOW_GATEWAY_TOKEN or --gateway-token-file")?,
        };
        let networks = proxies.split(',').map(str::trim).filter(|network| !network.is_empty());
        let proxies = TrustedProxies::new(networks).map_err(|error| error.to_string())?;
        let reuse: u64 = reuse.parse().map_err(|_| format!("`{reuse}` is no number of milliseconds"))?;
        let reuse = (reuse > 0).then(|| MaxAge::new(Duration::from_millis(reuse))).transpose();
        let reuse = reuse.map_err(|error| error.to_string())?;
        let gateway = Secret::new(gateway.trim());
        Ok(Some(Self { listen, door: Door::Asks { access, gateway, environment, proxies, reuse } }))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where this program reads its environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Option<Settings>, String> {
        let env = |name: &str| (name == "CRONFLOW_GATEWAY_TOKEN").then(|| "cf_gw_sentinel".to_owned());
        Settings::of(args.iter().map(|arg| (*arg).to_owned()), env)
    }

    #[test]
    fn slips_are_told_and_secrets_are_not() {
        for (args, what) in [
            (["--listen", "nowhere"], "`nowhere`"),
            (["--reuse-allows-ms", "2000"], "a second at most"),
            (["--reuse-allows-ms", "x"], "`x`"),
            (["--trusted-proxies", "10.0.0.0/8, proxy"], "`proxy`"),
            (["--gateway-token-file", "/nonexistent"], "/nonexistent"),
            (["--unknown", ""], "`--unknown`"),
            (["--behind-gateway", "--listen"], "needs a value"),
        ] {
            let said = read(&args).unwrap_err();
            assert!(said.contains(what), "{said}");
        }
        let read = read(&["--reuse-allows-ms", "500"]).unwrap().unwrap();
        assert_eq!(read.listen, SocketAddr::from((Ipv4Addr::LOCALHOST, 9000)));
        assert!(!format!("{read:?}").contains("sentinel"));
    }
}
