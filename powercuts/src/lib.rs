//! Power loss, by record and replay.
//!
//! A process works on a folder under `strace`, which logs every call that changes what a disk holds
//! (`strace`, `recorder`). The calls form a history of one file system (`history`). For any moment
//! of it, `cut` builds a state that the disk may have if the power fails then, and a test opens
//! that state with the code under test.
//!
//! The possible states of a disk follow from the guarantees of one of two kinds of file systems:
//!
//! * [`Guarantees::Journaled`], as ext4, XFS and Btrfs give them: name changes take effect in order,
//!   so that those up to some moment survive. Those before the last `fsync` of their folder survive
//!   for certain.
//! * [`Guarantees::Posix`], the minimum of the standard: name changes of one folder are in order,
//!   those of different folders in none; space that a file was given and whose bytes were lost holds
//!   anything.
//!
//! In both, bytes of a file survive for certain if they were written before its last `fsync` or
//! `fdatasync` began and that call has returned without an error. Of later writes, any sectors
//! survive, each in the state of some moment, and the file has its length of some moment. A sector
//! (512 bytes) is written atomically, and so is a rename. The `fsync` of a file does not cover its
//! name.
//!
//! The watched folder, its parents, and everything outside are never lost.

#![forbid(unsafe_code)]

mod cut;
mod history;
mod recorder;
mod strace;
pub mod window_signer;
pub mod workload;

pub use cut::{Guarantees, Node, Survival, Tree, after_cut};
pub use history::{Change, Event, History, Inode, LiveState, Name, ROOT};
pub use recorder::{RecordError, Recorder};
pub use strace::{Call, ParseError, TRACED_CALLS, parse};
