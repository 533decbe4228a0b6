//! `audit verify`: whether an export is what a host signed. Asks no host, so that nobody has to be believed but the key.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, stdin};
use std::process::ExitCode;

use access_model::audit::key::PublicKey;
use access_model::audit::verify::{Fault, Verified, Verifier};
use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;

use crate::cli::Format;
use crate::output;

/// It is not what was signed.
const NOT_GENUINE: u8 = 2;
/// It has no end, so that nothing can be said of it.
const CUT_OFF: u8 = 3;
/// The longest line. A record is far below it.
const LONGEST: u64 = 16 << 20;

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The export, as JSON Lines; `-`: standard input.
    #[arg(value_name = "FILE")]
    file: String,
    /// Public key that must have signed it (`/.well-known/cronflow-access-audit-keys`); may be given several times. None: whichever the
    /// export names.
    #[arg(long, value_name = "PUBLIC_KEY")]
    key: Vec<PublicKey>,
}

impl Verify {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        let is_trusted = !self.key.is_empty();
        let verified = if self.file == "-" {
            check(stdin().lock(), self.key)?
        } else {
            let file = File::open(&self.file).with_context(|| format!("`{}`", self.file))?;
            check(BufReader::new(file), self.key)?
        };
        match verified {
            Ok(verified) => {
                tell(format, &verified, is_trusted);
                Ok(ExitCode::SUCCESS)
            }
            Err(fault) => {
                tell_fault(format, &fault);
                Ok(ExitCode::from(if fault.why.is_cut_off() { CUT_OFF } else { NOT_GENUINE }))
            }
        }
    }
}

fn check(mut lines: impl BufRead, keys: Vec<PublicKey>) -> anyhow::Result<Result<Verified, Fault>> {
    let (mut verifier, mut line) = (Verifier::new(keys), Vec::new());
    loop {
        line.clear();
        let read = lines.by_ref().take(LONGEST).read_until(b'\n', &mut line).context("the export can't be read")?;
        if read == 0 {
            return Ok(verifier.end());
        }
        if read as u64 == LONGEST {
            bail!("a line is longer than {LONGEST} bytes, which none of an export is");
        }
        if let Err(fault) = verifier.take(&line) {
            return Ok(Err(fault));
        }
    }
}

fn tell(format: Format, verified: &Verified, is_trusted: bool) {
    let Verified { trailer, keys } = verified;
    if format == Format::Json {
        output::show(format, &json!({ "verified": true, "key_given": is_trusted, "keys": keys, "trailer": trailer }));
        return;
    }
    let whose = trailer.workspace.or(trailer.organization);
    let whose = whose.map_or_else(|| "the platform".to_owned(), |id| format!("`{id}`"));
    output::say(&format!(
        "verified: {} records of {whose} and the hashes of {} others, exported {}",
        trailer.records, trailer.left_out, trailer.at
    ));
    for span in &trailer.chains {
        let log = output::printable(&span.log);
        output::say(&format!("  {log}: records {} to {}, head {}", span.first, span.last, span.head));
    }
    for key in keys {
        output::say(&format!("  signed by the key {key}"));
    }
    if !is_trusted {
        output::say(
            "  the key is the one that the export names: give --key to have it compared with one that you trust",
        );
    }
}

fn tell_fault(format: Format, fault: &Fault) {
    if format == Format::Json {
        let (log, sequence) = fault.record.clone().unzip();
        let told = json!({ "line": fault.line, "log": log, "sequence": sequence, "why": fault.why.to_string() });
        output::show(format, &json!({ "verified": false, "fault": told }));
        return;
    }
    output::say(&output::printable(&format!("not verified: {fault}")));
}
