//! `policy bench DIR`: what an evaluation costs, here and now.

use std::path::PathBuf;
use std::process::ExitCode;

use access_engine::{Folder, PolicyPackage, limits};
use access_model::clock::{Clock, SystemClock};
use clap::Args;
use cronflow_policy_cases::Facts;
use serde_json::{Value, json};

use super::settings::Settings;
use super::{build, findings};
use crate::cli::Format;
use crate::output;

/// Measure what an evaluation costs, for the sample facts and those of each case.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The policy's folder. A crate in it is built first.
    dir: PathBuf,
    /// Evaluations of each.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rounds: u32,
    #[command(flatten)]
    settings: Settings,
}

const NOTE: &str = "times are of this machine, now, and of this build; fuel and steps are the same everywhere";

impl Bench {
    pub(super) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        build::build_if_rust(&self.dir)?;
        let sandbox = crate::sandbox::sandbox(None)?;
        let set = self.settings.read()?;
        let read = PolicyPackage::load(&self.dir, &sandbox);
        let (package, Folder { upload, .. }) = match read.and_then(|it| Ok((it, Folder::read(&self.dir, &set)?))) {
            Ok(read) => read,
            Err(errors) => {
                findings::complain(&self.dir, &errors);
                return Ok(ExitCode::FAILURE);
            }
        };
        let clock = SystemClock::new();
        let sample = Facts::sample();
        let mut measured = vec![self.measure("the sample", &package, &sample, &set, &clock)?];
        for case in &upload.cases.cases {
            measured.push(self.measure(&case.name, &package, &case.facts, &case.settings, &clock)?);
        }
        let instance = package.start_instance().then(|| {
            times(self.rounds, &clock, || {
                package.start_instance();
            })
        });
        let told = json!({
            "policy": package.name(), "rounds": self.rounds, "note": NOTE, "cases": measured,
            "steps_at_most": package.cost(), "steps_limit": package.cost().map(|_| limits::STEPS),
            "instance_ns": instance,
        });
        match format {
            Format::Json => output::show(format, &told),
            Format::Human => output::say(&human(&told)),
        }
        Ok(ExitCode::SUCCESS)
    }

    fn measure(
        &self,
        name: &str,
        package: &PolicyPackage,
        facts: &Facts,
        settings: &cronflow_policy_cases::Attributes,
        clock: &SystemClock,
    ) -> anyhow::Result<Value> {
        let ready = package.ready(facts.as_ref(), settings).map_err(anyhow::Error::msg)?;
        let first = ready.evaluate();
        let spent = times(self.rounds, clock, || {
            std::hint::black_box(ready.evaluate().is_ok());
        });
        let (fuel, error) = match first {
            Ok(fuel) => (Some(fuel).filter(|_| package.cost().is_none()), None),
            Err(error) => (None, Some(error)),
        };
        Ok(json!({ "case": name, "fuel": fuel, "error": error, "ns": spent }))
    }
}

/// Does something so many times; nanoseconds that half of them, and 99 of a hundred, stay within.
fn times(rounds: u32, clock: &SystemClock, mut work: impl FnMut()) -> Value {
    let mut times: Vec<u64> = (0..rounds)
        .map(|_| {
            let began = clock.monotonic();
            work();
            u64::try_from(clock.monotonic().saturating_sub(began).as_nanos()).unwrap_or(u64::MAX)
        })
        .collect();
    times.sort_unstable();
    let within = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    json!({ "p50": within(50), "p99": within(99) })
}

fn human(told: &Value) -> String {
    let of = |value: &Value, path: &str| value.pointer(path).cloned().unwrap_or(Value::Null);
    let micros = |value: &Value, path: &str| {
        of(value, path).as_f64().map_or_else(|| "-".to_owned(), |ns| format!("{:.2}", ns / 1_000.0))
    };
    let cases = told.get("cases").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let name = |case: &Value| output::plain(&of(case, "/case"));
    let width = cases.iter().map(|case| name(case).chars().count()).max().unwrap_or_default().max(14);
    let mut text = format!("{:width$}  {:>10}  {:>9}  {:>9}\n", "", "fuel", "p50 µs", "p99 µs");
    for case in cases {
        let fuel = match (of(case, "/fuel"), of(case, "/error")) {
            (Value::Number(fuel), _) => fuel.to_string(),
            (_, Value::String(code)) => code,
            _ => "-".to_owned(),
        };
        text += &format!(
            "{:width$}  {fuel:>10}  {:>9}  {:>9}\n",
            name(case),
            micros(case, "/ns/p50"),
            micros(case, "/ns/p99")
        );
    }
    if !of(told, "/instance_ns").is_null() {
        let (p50, p99) = (micros(told, "/instance_ns/p50"), micros(told, "/instance_ns/p99"));
        text += &format!("{:width$}  {:>10}  {p50:>9}  {p99:>9}\n", "fresh instance", "-");
    }
    if let Some(steps) = of(told, "/steps_at_most").as_u64() {
        text += &format!("at most {steps} steps an evaluation, of {}\n", of(told, "/steps_limit"));
    }
    text + NOTE
}
