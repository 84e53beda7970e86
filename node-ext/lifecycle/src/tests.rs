//! Tests over the simulated chain, whose pallet has the real one's rules.

mod fixture;
mod leaving;
mod registering;
mod rules;
