//! Measurements that need a process of their own: they start this program again with a hidden
//! command, and read its output.

mod many;
mod restart;

pub(crate) use many::{BucketOperation, Many, ResourceCost, WARM_UP_BUCKETS};
pub(crate) use restart::{Restart, Signed};

use crate::Fallible;
use clap::Subcommand;
use std::process::{Command, Stdio};

/// The work of such a process.
#[derive(Subcommand)]
pub(crate) enum ChildCommand {
    /// Opens many buckets, and prints their resource usage.
    #[command(hide = true)]
    Many(Many),
    /// Commits and signs until it is killed, and prints the signed commitments.
    #[command(hide = true)]
    Restart(Restart),
}

impl ChildCommand {
    pub(crate) fn run(&self) -> Fallible<()> {
        match self {
            Self::Many(many) => many.run(),
            Self::Restart(restart) => restart.run(),
        }
    }
}

/// Returns a command that starts this program again, with its output piped.
fn command(name: &str) -> Fallible<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    Ok(command)
}
