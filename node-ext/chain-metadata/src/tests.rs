//! Each variant, and each trap of the real chain, on a node in memory. Rows are written in
//! SCALE by hand, so that encoder and decoder do not agree on the same mistake.

mod challenges;
mod clock;
mod counts;
mod describing;
mod dry_runs;
mod extrinsics;
mod hostile;
mod node;
mod registration;
mod replicas;
mod rows;
mod strange_values;
mod timeouts;
mod upgrades;

use crate::state::ChainState;
use crate::testing::Options;
use cairn_primitives::HashingProfile;
use cairn_primitives::challenge::AccountId;
use node::{MemoryNode, blake2_concat, prefix, twox_concat};

const OURS: AccountId = AccountId([7; 32]);
const OTHER: AccountId = AccountId([8; 32]);
const CHALLENGER: AccountId = AccountId([9; 32]);
const ROOT: [u8; 32] = [3; 32];

fn state(node: &MemoryNode) -> ChainState<MemoryNode> {
    ChainState::new(node.clone(), HashingProfile::Plain)
}

/// Returns the key of a challenge in a row of its own.
fn challenge_key(deadline: u32, index: u16) -> Vec<u8> {
    [
        prefix("StorageProvider", "Challenges"),
        blake2_concat(&deadline),
        twox_concat(&index),
    ]
    .concat()
}

/// Returns the key of a deadline's list of challenges.
fn list_key(deadline: u32) -> Vec<u8> {
    [
        prefix("StorageProvider", "Challenges"),
        blake2_concat(&deadline),
    ]
    .concat()
}

fn pending_key(account: AccountId) -> Vec<u8> {
    [
        prefix("StorageProvider", "PendingChallenges"),
        blake2_concat(&account),
    ]
    .concat()
}

fn provider_key(account: AccountId) -> Vec<u8> {
    [
        prefix("StorageProvider", "Providers"),
        blake2_concat(&account),
    ]
    .concat()
}

/// A challenge as old chains keep it.
fn old_challenge(provider: AccountId, bucket: u64, chunk: u64) -> impl codec::Encode {
    (
        bucket, provider, CHALLENGER, ROOT, 5_u64, 1_u64, chunk, 77_u128,
    )
}

/// A challenge as the current chain keeps it.
fn challenge(provider: AccountId, bucket: u64, chunk: u64) -> impl codec::Encode {
    (old_challenge(provider, bucket, chunk), true)
}

const VARIANTS: [Options; 4] = [
    Options::DEPLOYED,
    Options::NONCE,
    Options::CURRENT,
    Options::LEAF_BINDING,
];
