//! `policy rollback NAME`.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::remote::One;
use crate::cli::Format;
use crate::output;

pub(super) fn run(one: &One, format: Format) -> anyhow::Result<ExitCode> {
    let answer = one.at.api()?.post(&one.path("/rollback")?, &json!({}))?;
    output::show(format, &answer);
    if answer.get("published").is_none_or(Value::is_null) {
        output::remark("nothing of it is in force any more: there was nothing before");
    }
    Ok(ExitCode::SUCCESS)
}
