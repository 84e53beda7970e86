//! `cairn challenge-drill`: a rehearsal of challenges. It challenges signed roots at
//! random, answers each challenge, and verifies the answer from its encoded bytes only, as
//! the chain does.

mod challenge;
mod tally;

use crate::bucket_args::BucketArgs;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::Output;
use crate::{progress, verification};
use cairn_bucket::{BasePath, Bucket, ProveError, StateRef};
use cairn_engine::{Access, SharedResources};
use cairn_primitives::{BucketId, Commitment};
use challenge::{Challenge, SignedBucket};
use clap::Args;
use codec::Encode;
use indicatif::ProgressBar;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt::Display;
use std::io::Write;
use std::num::NonZeroUsize;
use std::time::Instant;
use tally::Tally;

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct DrillArgs {
    #[command(flatten)]
    buckets: BucketArgs,
    /// Number of challenges, spread over the buckets at random
    #[arg(short = 'n', long = "number", value_name = "N", default_value = "100")]
    number: NonZeroUsize,
    /// Seed that repeats the challenges of another run [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

pub(crate) fn run(args: &DrillArgs, globals: &Globals) -> Result<(), Failure> {
    let base = globals.open(Access::ReadOnly)?;
    let ids = args.buckets.bucket_ids(&base)?;
    let drill = Drill {
        base,
        shared: SharedResources::default(),
        output: globals.output(),
        seed: args.seed.unwrap_or_else(rand::random),
        bar: progress::item_bar(u64::try_from(args.number.get()).unwrap_or(u64::MAX)),
    };
    let signed = drill.signed_buckets(&ids, args.buckets.all)?;
    let total = drill.run(&signed, args.number)?;
    drill.bar.finish_and_clear();
    drill.output.answer(&total.total_report(drill.seed))?;
    match total.counts.failed {
        0 => Ok(()),
        failed => Err(Failure::Refused(format!(
            "{failed} of {} challenges had no answer that passes both rules; \
             `cairn fsck` shows what is damaged",
            args.number
        ))),
    }
}

/// A drill in progress.
struct Drill {
    base: BasePath,
    shared: SharedResources,
    output: Output,
    seed: u64,
    bar: ProgressBar,
}

impl Drill {
    /// Returns the signed roots of the buckets. With `all`, buckets without a signed root
    /// are left out.
    fn signed_buckets(&self, ids: &[BucketId], all: bool) -> Result<Vec<SignedBucket>, Failure> {
        let mut found = Vec::new();
        for id in ids {
            let bucket = self.base.open_bucket(*id, &self.shared)?;
            match SignedBucket::from_bucket(&bucket)? {
                Some(signed) => found.push(signed),
                None if all => {}
                None => {
                    return Err(Failure::Failed(format!(
                        "no root of bucket {id} was ever signed, so nobody can challenge it"
                    )));
                }
            }
        }
        if found.is_empty() {
            return Err(Failure::Failed(
                "no root of any bucket was ever signed, so there is nothing to challenge".into(),
            ));
        }
        Ok(found)
    }

    /// Challenges each bucket in turn, so that only one is open at a time.
    fn run(&self, signed: &[SignedBucket], number: NonZeroUsize) -> Result<Tally, Failure> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut shares = vec![0usize; signed.len()];
        for _ in 0..number.get() {
            if let Some(share) = shares.get_mut(random.gen_range(0..signed.len())) {
                *share = share.saturating_add(1);
            }
        }
        let mut total = Tally::default();
        for (signed, share) in signed.iter().zip(shares).filter(|(_, share)| *share > 0) {
            let bucket = self.base.open_bucket(signed.bucket, &self.shared)?;
            // All challenges are generated first: generating one reads records, and its
            // answer should not find them in memory.
            let challenges: Vec<_> = (0..share)
                .map(|_| signed.random_challenge(&bucket, &mut random))
                .collect();
            let mut tally = Tally::default();
            for challenge in challenges {
                self.answer(&bucket, challenge, &mut tally);
                self.bar.inc(1);
            }
            let report = tally.bucket_report(&bucket, self.seed);
            self.bar.suspend(|| self.output.answer(&report))?;
            total.add(tally);
        }
        Ok(total)
    }

    /// Answers one challenge, and verifies the answer's bytes.
    fn answer(&self, bucket: &Bucket, made: Result<Challenge, ProveError>, tally: &mut Tally) {
        let challenge = match made {
            Ok(challenge) => challenge,
            Err(error) => {
                tally.record_ungenerated();
                return self.report_failure(format_args!("bucket {}: {error}", bucket.id()));
            }
        };
        let Commitment {
            mmr_root,
            start_seq,
            ..
        } = challenge.commitment;
        let start = Instant::now();
        let answer = bucket
            .view(StateRef::RootOf {
                root: mmr_root,
                tree: start_seq,
            })
            .and_then(|view| view.answer(challenge.location))
            .map(|answer| answer.into_response().encode());
        let took = start.elapsed();
        let scale = match answer {
            Ok(scale) => scale,
            Err(error) => {
                tally.record_unanswered(&challenge);
                return self.report_failure(format_args!("{challenge}: {error}"));
            }
        };
        let profile = bucket.config().profile;
        let judgement =
            verification::verify_answer(profile, &scale, challenge.location, &challenge.commitment);
        for (rule, verdict) in [
            ("the strict rule", &judgement.strict),
            ("the chain's rule", &judgement.chain),
        ] {
            if let Err(reason) = verdict {
                self.report_failure(format_args!("{challenge}: refused by {rule}: {reason}"));
            }
        }
        tally.record_answer(&challenge, &judgement, took);
    }

    fn report_failure(&self, failure: impl Display) {
        self.bar.suspend(|| {
            // If stderr fails, the tally counts it anyway.
            let _ = writeln!(std::io::stderr(), "failed: {failure}");
        });
    }
}
