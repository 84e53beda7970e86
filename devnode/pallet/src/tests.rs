//! Each rule with what it takes and what it refuses.

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
