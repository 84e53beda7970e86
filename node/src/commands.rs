//! The commands. Each has a file of its own, with its arguments and its output.

pub(crate) mod bucket;
pub(crate) mod chain;
pub(crate) mod doctor;
pub(crate) mod drill;
pub(crate) mod fsck;
pub(crate) mod get;
pub(crate) mod import_legacy;
pub(crate) mod key;
pub(crate) mod prove;
pub(crate) mod provider;
pub(crate) mod put;
pub(crate) mod run;
pub(crate) mod scrub;
pub(crate) mod setup;
pub(crate) mod status;
pub(crate) mod verify;
