//! `cairn-conformance`: judges a provider by its address.
//!
//! Exits with 0 if it conforms, with 1 if it does not, and with 2 if it could not be judged.
#![forbid(unsafe_code)]

use cairn_conformance::{Endpoint, Key, Subject, rules, run};
use clap::Parser;
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// Check from outside whether a storage provider serves the HTTP API that its clients expect
///
/// It stores and commits content in the bucket, which stays there: give it a bucket of its own.
#[derive(Parser)]
#[command(name = "cairn-conformance", version)]
struct Cli {
    /// Address of the provider, such as http://127.0.0.1:3333
    #[arg(long, required_unless_present = "list")]
    url: Option<Endpoint>,
    /// Bucket on chain for which the provider has an agreement
    #[arg(long, required_unless_present = "list")]
    bucket: Option<u64>,
    /// Secret key of a writer of the bucket: phrase, path, seed, or @FILE
    #[arg(long, value_name = "SURI", required_unless_present = "list")]
    suri: Option<String>,
    /// Secret key of an admin of the bucket
    #[arg(long, value_name = "SURI")]
    admin_suri: Option<String>,
    /// Secret key of a reader of the bucket
    #[arg(long, value_name = "SURI")]
    reader_suri: Option<String>,
    /// Another bucket with an agreement and the same writer
    #[arg(long, value_name = "BUCKET")]
    other_bucket: Option<u64>,
    /// Bucket with an agreement and the same writer in which nothing was committed
    #[arg(long, value_name = "BUCKET")]
    empty_bucket: Option<u64>,
    /// Bucket on chain with the same writer and without an agreement with this provider
    #[arg(long, value_name = "BUCKET")]
    foreign_bucket: Option<u64>,
    /// Origin of web pages that the provider's operator has listed
    #[arg(long, value_name = "ORIGIN")]
    listed_origin: Option<String>,
    /// Delete the bucket's first leaf, to try deletion
    #[arg(long)]
    may_delete: bool,
    /// Seconds to wait for an answer
    #[arg(long, default_value_t = 60)]
    patience: u64,
    /// Only the cases whose names begin like this, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Count Cairn's known differences as failures
    #[arg(long)]
    strict: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print the cases and their rules, and try none
    #[arg(long)]
    list: bool,
}

/// Reads a key, from a file after an `@`: other users of the machine see the arguments of processes.
fn key(text: &str) -> Result<Key, Box<dyn Error>> {
    match text.strip_prefix('@') {
        Some(file) => Ok(Key::from_suri(std::fs::read_to_string(file)?.trim())?),
        None => Ok(Key::from_suri(text)?),
    }
}

fn subject(cli: &Cli) -> Result<Subject, Box<dyn Error>> {
    let (Some(url), Some(bucket), Some(suri)) = (&cli.url, cli.bucket, &cli.suri) else {
        return Err("an address, a bucket and a key are needed".into());
    };
    let other = |text: &Option<String>| text.as_deref().map(key).transpose();
    Ok(Subject {
        admin: other(&cli.admin_suri)?,
        reader: other(&cli.reader_suri)?,
        other_bucket: cli.other_bucket,
        empty_bucket: cli.empty_bucket,
        foreign_bucket: cli.foreign_bucket,
        listed_origin: cli.listed_origin.clone(),
        may_delete: cli.may_delete,
        patience: Duration::from_secs(cli.patience),
        ..Subject::new(url.clone(), bucket, key(suri)?)
    })
}

fn judge(cli: &Cli) -> Result<ExitCode, Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    if cli.list {
        for (name, rule) in rules() {
            writeln!(out, "{name:<32} {rule}")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let subject = subject(cli)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(run(subject, &cli.only))?;
    if report.cases.is_empty() {
        return Err("no case has such a name".into());
    }
    match cli.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
        false => writeln!(out, "{report}")?,
    }
    let is_good = match cli.strict {
        true => report.is_like_todays(),
        false => report.is_conforming(),
    };
    Ok(match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(1),
    })
}

fn main() -> ExitCode {
    match judge(&Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cairn-conformance: {error}");
            ExitCode::from(2)
        }
    }
}
