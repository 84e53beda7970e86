//! Each rule, with accepted and refused cases.

mod afterlife;
mod agreements;
mod answers;
mod challenges;
mod checkpoints;
mod claims;
mod deadlines;
mod queries;
mod rules;
mod schemes;
mod windows;
