//! Each rule, with accepted and refused cases.

mod agreements;
mod answers;
mod challenges;
mod checkpoints;
mod claims;
mod deadlines;
mod expired_agreements;
mod queries;
mod rules;
mod schemes;
mod windows;
