//! Measurements that need a process of their own: this program is started again
//! with a hidden command, and what it prints is read.

mod many;
mod restart;

pub(crate) use many::{Cost, Deed, FIRST, Many};
pub(crate) use restart::{Restart, Signed};

use crate::Fallible;
use clap::Subcommand;
use std::process::{Command, Stdio};

/// What such a process does.
#[derive(Subcommand)]
pub(crate) enum Child {
    /// Opens many buckets, and prints what they take.
    #[command(hide = true)]
    Many(Many),
    /// Commits and signs until it is killed, and prints what it signed.
    #[command(hide = true)]
    Restart(Restart),
}

impl Child {
    pub(crate) fn run(&self) -> Fallible<()> {
        match self {
            Self::Many(many) => many.run(),
            Self::Restart(restart) => restart.run(),
        }
    }
}

/// This program once more, with what it prints to be read.
fn command(name: &str) -> Fallible<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    Ok(command)
}
