//! `cairn prove`: a leaf's proof, or the whole answer to a challenge, as a file
//! that anybody can judge.

use crate::args::Globals;
use crate::failure::Failure;
use crate::leaf_args::LeafArgs;
use crate::out_file::OutFile;
use crate::proof_file::ProofFile;
use cairn_node_ext::{Access, Shared};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{ChunkIndex, LeafIndex};
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;

/// What to prove.
#[derive(Args, Debug)]
pub(crate) struct ProveArgs {
    #[command(flatten)]
    of: LeafArgs,
    /// The chunk of the leaf's content, as a challenge names it; without one, the leaf alone is
    /// proven
    #[arg(long, value_name = "M")]
    chunk: Option<u64>,
}

#[derive(Serialize)]
struct Written {
    file: PathBuf,
    bucket: u64,
    mmr_root: String,
    leaf_index: u64,
    chunk_index: Option<u64>,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        write!(
            f,
            "wrote {file}; judge it with `cairn verify {file} --root {}`",
            self.mmr_root
        )
    }
}

pub(crate) fn run(args: &ProveArgs, globals: &Globals) -> Result<(), Failure> {
    let bucket = globals
        .open(Access::ReadOnly)?
        .open_bucket(args.of.bucket, &Shared::default())?;
    let view = bucket.view(args.of.state.at()?)?;
    let profile = bucket.config().profile;
    let leaf_index = LeafIndex(args.of.leaf);
    let proof = match args.chunk.map(ChunkIndex) {
        Some(chunk_index) => {
            let location = ChunkLocation {
                leaf_index,
                chunk_index,
            };
            ProofFile::of_answer(args.of.bucket, profile, view.answer(location)?)
        }
        None => {
            let (commitment, proof) = view.mmr_proof(leaf_index)?;
            ProofFile::of_leaf(args.of.bucket, profile, commitment, leaf_index, &proof)
        }
    };
    let mut text = if globals.json && args.of.output.is_none() {
        serde_json::to_string(&proof)
    } else {
        serde_json::to_string_pretty(&proof)
    }
    .map_err(|error| Failure::Output(error.into()))?;
    text.push('\n');
    let Some(path) = &args.of.output else {
        let mut stdout = std::io::stdout().lock();
        let written = stdout.write_all(text.as_bytes());
        return written
            .and_then(|()| stdout.flush())
            .map_err(Failure::Output);
    };
    let mut file = OutFile::create(path)?;
    file.write_all(text.as_bytes())
        .map_err(|source| Failure::file("write", path, source))?;
    file.finish()?;
    globals.output().answer(&Written {
        file: path.clone(),
        bucket: args.of.bucket.0,
        mmr_root: proof.mmr_root().to_owned(),
        leaf_index: args.of.leaf,
        chunk_index: args.chunk,
    })
}
