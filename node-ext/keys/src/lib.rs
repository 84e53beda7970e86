//! Provider keys, and the gate through which every signature of a provider passes.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod keystore;
mod signing;

pub use keystore::{KeyError, KeyFolder};
pub use signing::{
    ChainRules, DurableCommitment, Gate, KEY_TYPE, Permit, SignError, SignedCommitment, Signer,
    SigningFacts, SigningRefused,
};
