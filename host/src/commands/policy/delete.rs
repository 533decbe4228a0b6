//! `policy delete NAME`.

use std::process::ExitCode;

use serde_json::json;

use super::remote::One;
use crate::cli::Format;
use crate::output;

pub(super) fn run(one: &One, format: Format) -> anyhow::Result<ExitCode> {
    one.at.api()?.delete(&one.path("")?)?;
    output::show(format, &json!({ "name": one.name, "deleted": true }));
    Ok(ExitCode::SUCCESS)
}
