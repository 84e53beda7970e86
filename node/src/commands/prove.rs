//! `cairn prove`: writes a leaf's proof, or the full answer to a challenge, to a file that
//! anybody can verify.

use crate::backend::Backend;
use crate::escaped_path::{escaped, json_path};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::leaf_args::LeafArgs;
use crate::out_file::OutFile;
use crate::proof_file::ProofFile;
use crate::remote::Client;
use cairn_bucket::{BasePath, StateRef};
use cairn_engine::{Access, SharedResources};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{ChunkIndex, LeafIndex};
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct ProveArgs {
    #[command(flatten)]
    of: LeafArgs,
    /// Chunk index within the leaf, as a challenge names it [default: prove only the leaf]
    #[arg(long, value_name = "M")]
    chunk: Option<u64>,
}

#[derive(Serialize)]
struct ProveSummary {
    #[serde(serialize_with = "json_path")]
    file: PathBuf,
    bucket: u64,
    mmr_root: String,
    leaf_index: u64,
    chunk_index: Option<u64>,
}

impl fmt::Display for ProveSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = escaped(&self.file);
        write!(
            f,
            "wrote {file}; verify it with `cairn verify {file} --root {}`",
            self.mmr_root
        )
    }
}

pub(crate) fn run(args: &ProveArgs, globals: &Globals) -> Result<(), Failure> {
    let at = args.of.state.at()?;
    let proof = match globals.backend(Access::ReadOnly)? {
        Backend::Local(base) => prove_local(args, at, &base)?,
        Backend::Remote(remote) => prove_remote(args, at, &remote.client)?,
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
    globals.output().answer(&ProveSummary {
        file: path.clone(),
        bucket: args.of.bucket.0,
        mmr_root: proof.mmr_root().to_owned(),
        leaf_index: args.of.leaf,
        chunk_index: args.chunk,
    })
}

impl ProveArgs {
    fn leaf(&self) -> LeafIndex {
        LeafIndex(self.of.leaf)
    }

    /// Returns the challenged chunk, if one is named.
    fn challenge(&self) -> Option<ChunkLocation> {
        let leaf_index = self.leaf();
        let chunk_index = self.chunk.map(ChunkIndex);
        chunk_index.map(|chunk_index| ChunkLocation {
            leaf_index,
            chunk_index,
        })
    }
}

fn prove_local(args: &ProveArgs, at: StateRef, base: &BasePath) -> Result<ProofFile, Failure> {
    let id = args.of.bucket;
    let bucket = base.open_bucket(id, &SharedResources::default())?;
    let view = bucket.view(at)?;
    if let Some(location) = args.challenge() {
        return Ok(ProofFile::from_answer(id, view.answer(location)?));
    }
    let leaf = view.mmr_proof(args.leaf())?;
    Ok(ProofFile::from_leaf(id, &leaf))
}

/// Fetches the proof from a running provider. A proof that does not verify is an error.
fn prove_remote(args: &ProveArgs, at: StateRef, client: &Client) -> Result<ProofFile, Failure> {
    let id = args.of.bucket;
    let profile = client.bucket(id)?.hashing.into();
    if let Some(location) = args.challenge() {
        let answer = client.challenge_answer(id, profile, location, at)?;
        return Ok(ProofFile::from_answer(id, answer));
    }
    let leaf = client.leaf_proof(id, profile, args.leaf(), at)?;
    Ok(ProofFile::from_leaf(id, &leaf))
}
