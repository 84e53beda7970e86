//! `cairn scrub`: checks all content of the buckets against its hashes, at a bounded rate.
//! It can be stopped at any time, and resumes there.

use crate::bucket_args::BucketArgs;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::Output;
use crate::{progress, quantity};
use cairn_bucket::{
    BasePath, BasePathError, RateLimit, Scrub, ScrubFinding, ScrubPoint, ScrubStepReport,
};
use cairn_engine::{Access, SharedResources};
use cairn_primitives::BucketId;
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;
use std::fmt;
use std::num::NonZeroU64;
use std::time::Instant;

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct ScrubArgs {
    #[command(flatten)]
    buckets: BucketArgs,
    /// Read rate, at most: 64MiB/s [default: no limit]
    #[arg(long, value_name = "SIZE/s", value_parser = rate)]
    rate: Option<NonZeroU64>,
    /// Start from the beginning instead of resuming
    #[arg(long)]
    restart: bool,
}

/// Parses a rate: a size, with or without `/s`.
fn rate(text: &str) -> Result<NonZeroU64, String> {
    let text = text.trim();
    let size = text.strip_suffix("/s").unwrap_or(text);
    NonZeroU64::new(quantity::parse_bytes(size)?)
        .ok_or_else(|| "a rate of 0 never ends; leave out --rate for no limit".into())
}

/// A finding, printed as soon as it is made.
#[derive(Serialize)]
struct FindingOutput<'f> {
    bucket: u64,
    place: &'f str,
    fault: &'f str,
}

impl fmt::Display for FindingOutput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bucket {}: {}: {}", self.bucket, self.place, self.fault)
    }
}

/// A finished pass over one bucket.
#[derive(Default, Serialize)]
struct PassSummary {
    bucket: u64,
    resumed: bool,
    records: u64,
    bytes: u64,
    findings: u64,
}

impl PassSummary {
    fn add(&mut self, step: &ScrubStepReport) {
        let findings = u64::try_from(step.findings.len()).unwrap_or(u64::MAX);
        self.records = self.records.saturating_add(step.records);
        self.bytes = self.bytes.saturating_add(step.bytes);
        self.findings = self.findings.saturating_add(findings);
    }
}

impl fmt::Display for PassSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "bucket {}: {} with {} read{}, {}",
            self.bucket,
            quantity::format_count(self.records, "record"),
            quantity::format_bytes(self.bytes),
            if self.resumed { " in parts" } else { "" },
            match self.findings {
                0 => "all hashes match".into(),
                findings => format!(
                    "findings: {findings}; `cairn fsck {}` shows what can be rebuilt",
                    self.bucket
                ),
            }
        )
    }
}

pub(crate) fn run(args: &ScrubArgs, globals: &Globals) -> Result<(), Failure> {
    let base = globals.open(Access::ReadOnly)?;
    let ids = args.buckets.bucket_ids(&base)?;
    let shared = SharedResources::default();
    let mut faulty = 0usize;
    for id in &ids {
        let findings = scrub(&base, *id, args, globals.output(), &shared)?;
        faulty = faulty.saturating_add(usize::from(findings > 0));
    }
    match faulty {
        0 => Ok(()),
        _ => Err(Failure::Refused(format!(
            "buckets with content that does not match its hash: {faulty} of {}",
            ids.len()
        ))),
    }
}

/// Runs or finishes a pass over one bucket. Returns the number of its findings,
/// including those before it was resumed.
fn scrub(
    base: &BasePath,
    id: BucketId,
    args: &ScrubArgs,
    output: Output,
    shared: &SharedResources,
) -> Result<u64, Failure> {
    let bucket = match base.open_bucket(id, shared) {
        Ok(bucket) => bucket,
        // A damaged bucket must not keep the others from being checked.
        Err(BasePathError::Open(error)) => {
            print_finding(output, id, "the bucket as a whole", &error.to_string())?;
            return Ok(1);
        }
        Err(error) => return Err(error.into()),
    };
    let resumed = match args.restart {
        true => None,
        false => base.scrub_point(id)?,
    };
    let mut round = resumed_pass(id, resumed);
    let bar = progress::byte_bar(bucket.usage().bytes);
    bar.set_message(format!("of bucket {id}"));
    let started = Instant::now();
    let mut pace = RateLimit::new(args.rate, started.elapsed());
    let mut scrub = Scrub::new(resumed);
    let mut keeper = CursorWriter {
        base,
        id,
        bar: &bar,
    };
    loop {
        let step = scrub
            .step(&bucket, pace.step_bytes())
            .map_err(|error| Failure::Failed(error.to_string()))?;
        round.add(&step);
        bar.set_position(round.bytes);
        for ScrubFinding { place, fault, .. } in &step.findings {
            bar.suspend(|| print_finding(output, id, place, fault))?;
        }
        keeper.save(step.point.as_ref());
        if step.point.is_none() {
            break;
        }
        // Sleeping leaves the disk to other processes, at the requested rate.
        std::thread::sleep(pace.wait_after(step.bytes, started.elapsed()));
    }
    bar.finish_and_clear();
    output.answer(&round)?;
    Ok(round.findings)
}

fn resumed_pass(id: BucketId, point: Option<ScrubPoint>) -> PassSummary {
    let bucket = id.0;
    point.map_or(
        PassSummary {
            bucket,
            ..PassSummary::default()
        },
        |point| PassSummary {
            bucket,
            resumed: true,
            records: point.records,
            bytes: point.bytes,
            findings: point.findings,
        },
    )
}

fn print_finding(output: Output, id: BucketId, place: &str, fault: &str) -> Result<(), Failure> {
    let bucket = id.0;
    output.answer(&FindingOutput {
        bucket,
        place,
        fault,
    })
}

/// Saves the position of the pass.
struct CursorWriter<'k> {
    base: &'k BasePath,
    id: BucketId,
    bar: &'k ProgressBar,
}

impl CursorWriter<'_> {
    fn save(&mut self, point: Option<&ScrubPoint>) {
        if let Err(error) = self.base.save_scrub_point(self.id, point) {
            // Without a saved position, a later scrub starts over; this one need not stop.
            self.bar
                .set_message(format!("of bucket {}; {error}", self.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn a_rate_is_a_size_a_second() {
        for text in ["64MiB/s", "64MiB", " 64 MiB/s "] {
            assert_eq!(rate(text).unwrap().get(), 64 << 20, "{text}");
        }
        for text in ["0", "0MiB/s", "64MiB/h", "fast", "/s"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
