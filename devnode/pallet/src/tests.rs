//! The chain's rules, as a provider, a client and a challenger meet them.

mod agreements;
mod answers;
mod challenges;
mod checkpoints;
mod deadlines;
mod leaf_binding;
mod members;
mod providers;
mod replicas;
mod schemes;
mod terms;
#[cfg(not(deployed))]
mod upgrades;
#[cfg(checkpoint_windows)]
mod windows;
