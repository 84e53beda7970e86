//! `cairn verify`: verifies a proof from its file alone, by the chain's rule and by the
//! strict rule.

use crate::escaped_path::escaped;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::hashing::Hashing;
use crate::hex_text::{self, to_hex};
use crate::proof_file::{Evidence, ProofFile};
use crate::state_args::leaf_count;
use crate::verification::{self, RuleResult, Verification};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{ChunkIndex, Commitment, H256, LeafIndex};
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Proof file, written by `cairn prove`; `-` reads stdin
    file: PathBuf,
    /// Challenged root [default: the root that the file itself claims, which proves only that the
    /// file is consistent]
    #[arg(long, value_name = "HEX", value_parser = hex_text::parse_hash)]
    root: Option<H256>,
    /// Leaf count of the challenged root
    #[arg(long, value_name = "N")]
    leaf_count: Option<u64>,
    /// Index of the challenged leaf
    #[arg(long, value_name = "N")]
    leaf: Option<u64>,
    /// Index of the challenged chunk
    #[arg(long, value_name = "M", requires = "leaf")]
    chunk: Option<u64>,
}

/// The output of the command.
#[derive(Serialize)]
struct Report {
    accepted: bool,
    bucket: u64,
    hashing: Hashing,
    mmr_root: String,
    leaf_count: Option<u64>,
    leaf_index: u64,
    chunk_index: Option<u64>,
    strict: RuleOutput,
    chain: RuleOutput,
    /// Limits of the verdicts.
    notes: Vec<String>,
}

#[derive(Serialize)]
struct RuleOutput {
    passed: bool,
    reason: Option<String>,
}

impl From<RuleResult> for RuleOutput {
    fn from(verdict: RuleResult) -> Self {
        Self {
            passed: verdict.is_ok(),
            reason: verdict.err(),
        }
    }
}

impl fmt::Display for RuleOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            None => f.write_str("passed"),
            Some(reason) => write!(f, "REFUSED: {reason}"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leaf {}", self.leaf_index)?;
        if let Some(chunk) = self.chunk_index {
            write!(f, ", chunk {chunk}")?;
        }
        writeln!(f, " of bucket {} under {}", self.bucket, self.mmr_root)?;
        writeln!(f, "  chain's rule  {}", self.chain)?;
        write!(f, "  strict rule   {}", self.strict)?;
        self.notes
            .iter()
            .try_for_each(|note| write!(f, "\n  note: {note}"))
    }
}

pub(crate) fn run(args: &VerifyArgs, globals: &Globals) -> Result<(), Failure> {
    let name = escaped(&args.file).to_string();
    let proof = if args.file == Path::new("-") {
        ProofFile::read(std::io::stdin().lock(), "stdin")?
    } else {
        let opened = File::open(&args.file);
        let file = opened.map_err(|source| Failure::file("read", &args.file, source))?;
        ProofFile::read(file, &name)?
    };
    let evidence = proof.evidence()?;
    let claimed = proof.commitment()?;
    let judgement = match &claimed {
        Err(contradiction) => Verification::refused(contradiction),
        Ok(commitment) => match args.mismatch(&proof, commitment)? {
            Some(reason) => Verification::refused(reason),
            None => verify(&proof, &evidence, commitment),
        },
    };
    let report = Report {
        accepted: judgement.is_accepted(),
        bucket: proof.bucket,
        hashing: proof.hashing,
        mmr_root: proof.mmr_root().to_owned(),
        leaf_count: claimed.as_ref().ok().map(|claim| claim.leaf_count.get()),
        leaf_index: proof.location.leaf_index,
        chunk_index: proof.location.chunk_index,
        notes: args.notes(&proof, &judgement),
        strict: judgement.strict.into(),
        chain: judgement.chain.into(),
    };
    globals.output().answer(&report)?;
    if report.accepted {
        Ok(())
    } else {
        let reasons = [&report.strict.reason, &report.chain.reason];
        let reason = reasons.into_iter().flatten().next();
        let reason = reason.map_or("", String::as_str);
        Err(Failure::Refused(format!("the proof is refused: {reason}")))
    }
}

fn verify(proof: &ProofFile, evidence: &Evidence, commitment: &Commitment) -> Verification {
    let profile = proof.hashing.into();
    let leaf_index = LeafIndex(proof.location.leaf_index);
    match (evidence, proof.location.chunk_index.map(ChunkIndex)) {
        (Evidence::Response(scale), Some(chunk_index)) => {
            let location = ChunkLocation {
                leaf_index,
                chunk_index,
            };
            let judgement = verification::verify_answer(profile, scale, location, commitment);
            let slot = judgement.slot.map(|slot| slot.0);
            if judgement.is_accepted() && proof.slot.is_some() && proof.slot != slot {
                return Verification::refused(
                    "the file contradicts itself: its slot is not the one of its chunk index",
                );
            }
            judgement
        }
        (Evidence::Leaf(scale), None) => {
            verification::verify_leaf(profile, scale, leaf_index, commitment)
        }
        _ => Verification::refused("the evidence is not for what the file says that it proves"),
    }
}

impl VerifyArgs {
    /// Returns the difference between what the proof is for and what was challenged.
    fn mismatch(
        &self,
        proof: &ProofFile,
        commitment: &Commitment,
    ) -> Result<Option<String>, Failure> {
        let asked_count = self.leaf_count.map(leaf_count).transpose()?;
        let location = proof.location;
        if let Some(root) = self.root.filter(|root| *root != commitment.mmr_root) {
            let (found, root) = (to_hex(commitment.mmr_root), to_hex(root));
            return Ok(Some(format!("it is for root {found}, and not for {root}")));
        }
        let found = commitment.leaf_count;
        if let Some(count) = asked_count.filter(|count| *count != found) {
            return Ok(Some(format!(
                "it is for {found} leaves, and not for {count}"
            )));
        }
        let found = location.leaf_index;
        if let Some(leaf) = self.leaf.filter(|leaf| *leaf != found) {
            return Ok(Some(format!(
                "it is for leaf {found}, and not for leaf {leaf}"
            )));
        }
        if let Some(chunk) = self
            .chunk
            .filter(|chunk| Some(*chunk) != location.chunk_index)
        {
            let found = location
                .chunk_index
                .map_or_else(|| "no chunk".into(), |found| format!("chunk {found}"));
            return Ok(Some(format!(
                "it is for {found}, and not for chunk {chunk}"
            )));
        }
        Ok(None)
    }

    fn notes(&self, proof: &ProofFile, judgement: &Verification) -> Vec<String> {
        let mut notes = Vec::new();
        if self.root.is_none() {
            notes.push(
                "checked only against the root that the file itself claims; \
                 pass the signed root with --root"
                    .into(),
            );
        }
        if self.leaf_count.is_none() {
            notes.push(
                "the strict rule takes the leaf count from the file; \
                 pass the signed leaf count with --leaf-count"
                    .into(),
            );
        }
        if let (Some(slot), Some(index)) = (judgement.slot, proof.location.chunk_index)
            && slot.0 != index
        {
            notes.push(format!(
                "chunk {index} is past the tree; the chain reads it as slot {slot}, \
                     and so did the strict rule"
            ));
        }
        notes
    }
}
