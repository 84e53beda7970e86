//! Loss of power, by record and replay.
//!
//! A process works on a folder under `strace`, which notes every call that changes
//! what a disk holds (`strace`, `recorder`). The calls are a history of one file
//! system (`history`). For any moment of it, `cut` makes what the disk may hold
//! when the power fails then, and a test opens that with the code that it tests.
//!
//! The possible states of a disk follow from the promise of one of two kinds of file systems:
//!
//! * [`Guarantees::Journaled`], as ext4, XFS and Btrfs keep it: changes of names take
//!   effect in their order, so that those up to some moment are there. Those before
//!   the last `fsync` of a folder that they are in are there for certain.
//! * [`Guarantees::Posix`], as little as the standard lets a program hope for: names
//!   of each folder are in their order, and those of different folders in none;
//!   space that a file has got and whose bytes were lost holds anything.
//!
//! In both, bytes of a file are there for certain if they were written before its
//! last `fsync` or `fdatasync` began and that one has returned without an error. Of
//! what was written since, any sectors are there, and each as it was at some moment;
//! and the file is as long as it was at some moment. A sector (512 bytes) is
//! written as a whole, and a rename is done or not. The `fsync` of a file says nothing of
//! its name.
//!
//! The folder that is watched, its parents, and what is outside are never lost.

#![forbid(unsafe_code)]

mod cut;
pub mod desk;
mod history;
mod recorder;
mod strace;
pub mod work;

pub use cut::{Guarantees, Luck, Node, Tree, after_cut};
pub use history::{Change, Event, History, Inode, Live, Name, ROOT};
pub use recorder::{RecordError, Recorder};
pub use strace::{Call, ParseError, TRACED, parse};
