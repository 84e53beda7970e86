//! `cairn get`: reads a leaf's content, and checks every chunk against its hash.

use crate::backend::Backend;
use crate::escaped_path::{escaped, json_path};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::hex_text::to_hex;
use crate::leaf_args::LeafArgs;
use crate::out_file::OutFile;
use crate::remote::Client;
use crate::{progress, quantity};
use cairn_bucket::BasePath;
use cairn_engine::{Access, SharedResources};
use cairn_primitives::{LeafIndex, MmrLeaf};
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    of: LeafArgs,
}

#[derive(Serialize)]
struct GetSummary {
    #[serde(serialize_with = "json_path")]
    file: PathBuf,
    leaf_index: u64,
    data_root: String,
    data_size: u64,
}

impl GetSummary {
    fn new(file: &Path, index: LeafIndex, leaf: &MmrLeaf) -> Self {
        Self {
            file: file.to_owned(),
            leaf_index: index.0,
            data_root: to_hex(leaf.data_root),
            data_size: leaf.data_size,
        }
    }
}

impl fmt::Display for GetSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, size) = (escaped(&self.file), quantity::format_bytes(self.data_size));
        write!(f, "wrote {size} to {file}")
    }
}

pub(crate) fn run(args: &GetArgs, globals: &Globals) -> Result<(), Failure> {
    if globals.json && args.of.output.is_none() {
        return Err(Failure::Usage(
            "with --json the content cannot go to stdout: name a file with -o".into(),
        ));
    }
    match globals.backend(Access::ReadOnly)? {
        Backend::Local(base) => get_local(&args.of, globals, &base),
        Backend::Remote(remote) => get_remote(&args.of, globals, &remote.client),
    }
}

fn get_local(of: &LeafArgs, globals: &Globals, base: &BasePath) -> Result<(), Failure> {
    let bucket = base.open_bucket(of.bucket, &SharedResources::default())?;
    let view = bucket.view(of.state.at()?)?;
    let index = LeafIndex(of.leaf);
    let Some(path) = &of.output else {
        let mut stdout = std::io::stdout().lock();
        view.read_content(index, &mut stdout)?;
        return stdout.flush().map_err(Failure::Output);
    };
    let leaf = view.leaf(index)?;
    let mut file = OutFile::create_for(path, leaf.data_size)?;
    let bar = progress::byte_bar(leaf.data_size);
    let read = view.read_content(index, &mut bar.wrap_write(&mut file));
    bar.finish_and_clear();
    read?;
    file.finish()?;
    globals
        .output()
        .answer(&GetSummary::new(path, index, &leaf))
}

fn get_remote(of: &LeafArgs, globals: &Globals, client: &Client) -> Result<(), Failure> {
    let at = of.state.at()?;
    let index = LeafIndex(of.leaf);
    let profile = client.bucket(of.bucket)?.hashing.into();
    let leaf = client.leaf_proof(of.bucket, profile, index, at)?.leaf();
    let Some(path) = &of.output else {
        let mut stdout = std::io::stdout().lock();
        client.download_content(of.bucket, profile, &leaf, &mut |chunk| {
            stdout.write_all(chunk).map_err(Failure::Output)
        })?;
        return stdout.flush().map_err(Failure::Output);
    };
    let mut file = OutFile::create_for(path, leaf.data_size)?;
    let bar = progress::byte_bar(leaf.data_size);
    let mut sink = bar.wrap_write(&mut file);
    let read = client.download_content(of.bucket, profile, &leaf, &mut |chunk| {
        let written = sink.write_all(chunk);
        written.map_err(|source| Failure::file("write", path, source))
    });
    bar.finish_and_clear();
    read?;
    file.finish()?;
    globals
        .output()
        .answer(&GetSummary::new(path, index, &leaf))
}
