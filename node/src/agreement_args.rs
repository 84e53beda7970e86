//! Flags for agreements: the terms that the provider signs, the buckets that it makes for them, and
//! the funds that it needs for answers.

use crate::account::account;
use crate::failure::Failure;
use crate::hashing::Hashing;
use crate::quantity;
use cairn_gadget::{ExtensionConfig, FundsConfig, OwnerRule, TermsPolicy};
use cairn_primitives::challenge::AccountId;
use clap::Args;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest file of accounts that is read, in bytes.
const MAX_OWNERS_BYTES: u64 = 16 << 20;

/// Flags for agreements.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Agreements")]
pub(crate) struct AgreementArgs {
    /// Sign terms for clients that ask for an agreement, with this provider as a primary provider
    #[arg(long)]
    accept_agreements: bool,
    /// Price of a byte for one anchor block, in the chain's smallest unit: 3, or '3 planck'. Nothing
    /// is offered while the one that is registered on chain is lower: top-ups and extensions are at
    /// that one [default: the one that is registered on chain]
    #[arg(long, value_name = "PLANCK", value_parser = quantity::parse_price)]
    price_per_byte: Option<u128>,
    /// Shortest agreement, in anchor blocks [default: 3600, six hours of 6 s blocks, or the longest]
    #[arg(long, value_name = "BLOCKS")]
    min_duration: Option<u32>,
    /// Longest agreement, in anchor blocks
    #[arg(long, value_name = "BLOCKS", default_value_t = TermsPolicy::default().max_duration)]
    max_duration: u32,
    /// Least bytes of one agreement: 4096, 10GiB [default: 1 MiB, or the most]
    #[arg(long, value_name = "SIZE", value_parser = quantity::parse_bytes)]
    min_agreement_bytes: Option<u64>,
    /// Most bytes of one agreement: 4096, 10GiB
    #[arg(long, value_name = "SIZE", value_parser = quantity::parse_bytes)]
    #[arg(default_value_t = TermsPolicy::default().max_bucket_bytes)]
    max_agreement_bytes: u64,
    /// Most bytes of all agreements together: 4096, 10GiB [default: as much as disk, stake and
    /// chain allow]
    #[arg(long, value_name = "SIZE", value_parser = quantity::parse_bytes)]
    max_agreed_bytes: Option<u64>,
    /// File with the accounts with which agreements are made, one in each line, in SS58 or hex
    #[arg(long, value_name = "FILE", conflicts_with = "owners_except")]
    owners_only: Option<PathBuf>,
    /// File with the accounts with which no agreements are made
    #[arg(long, value_name = "FILE")]
    owners_except: Option<PathBuf>,
    /// Anchor blocks for which signed terms can be redeemed
    #[arg(long, value_name = "BLOCKS", default_value_t = TermsPolicy::default().validity)]
    terms_validity: u32,
    /// Do not make the bucket of a new agreement
    #[arg(long)]
    no_create_buckets: bool,
    /// Hashing of the buckets that are made for agreements [default: as the chain hashes]
    #[arg(long, value_name = "HASHING", value_enum)]
    bucket_hashing: Option<Hashing>,
    /// Warn when the account can pay for fewer answers than this, besides those to open challenges
    #[arg(long, value_name = "ANSWERS", default_value_t = FundsConfig::default().low_answers)]
    funds_low_answers: u64,
    /// Raise an alarm, and sign no terms, when it can pay for fewer than this
    #[arg(long, value_name = "ANSWERS", default_value_t = FundsConfig::default().critical_answers)]
    funds_critical_answers: u64,
}

impl AgreementArgs {
    /// Sets the configuration of the workers that the flags are about.
    ///
    /// # Errors
    ///
    /// Fails if a file of accounts cannot be read.
    pub(crate) fn apply(&self, config: &mut ExtensionConfig) -> Result<(), Failure> {
        let default = TermsPolicy::default();
        let (max_duration, max_bytes) = (self.max_duration, self.max_agreement_bytes);
        let shortest = self.min_duration;
        let least = self.min_agreement_bytes;
        config.terms = TermsPolicy {
            accepts_primary: self.accept_agreements,
            price_per_byte: self.price_per_byte,
            min_duration: shortest.unwrap_or(default.min_duration.min(max_duration)),
            max_duration,
            min_bucket_bytes: least.unwrap_or(default.min_bucket_bytes.min(max_bytes)),
            max_bucket_bytes: max_bytes,
            max_agreed_bytes: self.max_agreed_bytes,
            owners: self.owners()?,
            validity: self.terms_validity,
            ..default
        };
        config.agreements.creates_buckets = !self.no_create_buckets;
        config.agreements.profile = self.bucket_hashing.map(Into::into);
        config.funds.low_answers = self.funds_low_answers;
        config.funds.critical_answers = self.funds_critical_answers;
        Ok(())
    }

    fn owners(&self) -> Result<OwnerRule, Failure> {
        Ok(match (&self.owners_only, &self.owners_except) {
            (Some(file), _) => OwnerRule::Only(Arc::new(read_owners(file)?)),
            (None, Some(file)) => OwnerRule::Except(Arc::new(read_owners(file)?)),
            (None, None) => OwnerRule::All,
        })
    }
}

/// Reads a file with an account in each line. Empty lines, and those that begin with `#`, are
/// skipped.
fn read_owners(path: &Path) -> Result<HashSet<AccountId>, Failure> {
    let failed = |reason: &dyn std::fmt::Display| {
        Failure::Usage(format!(
            "cannot read accounts from {}: {reason}",
            path.display()
        ))
    };
    let size = std::fs::metadata(path)
        .map_err(|error| failed(&error))?
        .len();
    if size > MAX_OWNERS_BYTES {
        return Err(failed(&"it is larger than 16 MiB"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    let lines = (1..)
        .zip(text.lines())
        .map(|(number, line)| (number, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line): (u32, &str)| {
            let read = account(line).map(AccountId);
            read.map_err(|reason| failed(&format!("line {number}: {reason}")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        agreements: AgreementArgs,
    }

    fn policy(flags: &[&str]) -> TermsPolicy {
        let program = Program::try_parse_from([&["program"][..], flags].concat()).unwrap();
        let mut config = ExtensionConfig::default();
        program.agreements.apply(&mut config).unwrap();
        assert_eq!(config.terms.validate(), Ok(()), "{flags:?}");
        config.terms
    }

    #[test]
    fn the_policy_is_never_below_its_least_by_default() {
        assert_eq!(policy(&[]), TermsPolicy::default());
        let small = policy(&["--max-duration", "10", "--max-agreement-bytes", "4KiB"]);
        assert_eq!((small.min_duration, small.min_bucket_bytes), (10, 4096));
        let named = ["--min-duration", "7", "--min-agreement-bytes", "1"];
        let named = policy(&named);
        assert_eq!((named.min_duration, named.min_bucket_bytes), (7, 1));
        // In the same unit as the price of the record on chain.
        for price in ["3", "3 planck"] {
            let price = policy(&["--price-per-byte", price]).price_per_byte;
            assert_eq!(price, Some(3));
        }
    }

    #[test]
    fn owners_are_read_line_by_line_and_a_bad_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("owners");
        let alice = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";
        std::fs::write(
            &file,
            format!("# friends\n\n  0x{alice}\n{}\n", "11".repeat(32)),
        )
        .unwrap();
        let owners = read_owners(&file).unwrap();
        assert_eq!(owners.len(), 2);
        assert!(owners.contains(&AccountId([0x11; 32])));
        std::fs::write(&file, format!("{alice}\nnobody\n")).unwrap();
        let refused = read_owners(&file).unwrap_err().to_string();
        assert!(refused.contains("line 2"), "{refused}");
        assert!(read_owners(&folder.path().join("none")).is_err());
    }
}
