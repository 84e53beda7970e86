//! Tests over the simulated chain, whose pallet has the real one's rules.

pub(crate) mod fixture;
mod journal;
mod leaving;
mod registering;
pub(crate) mod rules;
