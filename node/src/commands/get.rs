//! `cairn get`: a leaf's content, every chunk checked against its hash.

use crate::amount;
use crate::args::Globals;
use crate::failure::Failure;
use crate::hex_text::to_hex;
use crate::leaf_args::LeafArgs;
use crate::out_file::OutFile;
use crate::progress;
use cairn_node_ext::{Access, Shared};
use cairn_primitives::LeafIndex;
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;

/// What to read, and where to.
#[derive(Args, Debug)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    of: LeafArgs,
}

#[derive(Serialize)]
struct Written {
    file: PathBuf,
    leaf_index: u64,
    data_root: String,
    data_size: u64,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, size) = (self.file.display(), amount::human(self.data_size));
        write!(f, "wrote {size} to {file}")
    }
}

pub(crate) fn run(args: &GetArgs, globals: &Globals) -> Result<(), Failure> {
    if globals.json && args.of.output.is_none() {
        return Err(Failure::Usage(
            "with --json the content needs a file of its own: name it with -o".into(),
        ));
    }
    let bucket = globals
        .open(Access::ReadOnly)?
        .open_bucket(args.of.bucket, &Shared::default())?;
    let view = bucket.view(args.of.state.at()?)?;
    let index = LeafIndex(args.of.leaf);
    let Some(path) = &args.of.output else {
        let mut stdout = std::io::stdout().lock();
        view.read_content(index, &mut stdout)?;
        return stdout.flush().map_err(Failure::Output);
    };
    let leaf = view.leaf(index)?;
    let mut file = OutFile::create(path)?;
    let bar = progress::of_bytes(leaf.data_size);
    let read = view.read_content(index, &mut bar.wrap_write(&mut file));
    bar.finish_and_clear();
    read?;
    file.finish()?;
    globals.output().answer(&Written {
        file: path.clone(),
        leaf_index: args.of.leaf,
        data_root: to_hex(leaf.data_root),
        data_size: leaf.data_size,
    })
}
