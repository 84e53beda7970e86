//! Registration: the chain's rules for providers' records, and their calls for signing
//! elsewhere. Tools of an operator need these; a running provider does not.

use crate::{ChainClient, ChainError, Submission};
use async_trait::async_trait;
use cairn_primitives::H256;

/// The chain's rules for the records of providers. Most may change from block to block
/// without a new runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistrationRules {
    /// The least stake of a new provider, in the chain's smallest unit.
    pub min_stake: u128,
    /// The least stake for each byte of capacity, in the chain's smallest unit.
    pub min_stake_per_byte: u128,
    /// The longest multiaddr, in bytes.
    pub max_multiaddr_bytes: u32,
    /// The anchor blocks between announcing a deregistration and completing it.
    pub deregister_notice: u32,
    /// The anchor blocks after the end of an agreement in which only its owner settles it.
    pub settlement_period: u32,
    /// The length of an anchor block in milliseconds; older chains do not tell it.
    pub anchor_block_millis: Option<u64>,
}

/// A chain on which a provider registers, changes its record, and leaves.
#[async_trait]
pub trait RegistrationClient: ChainClient {
    /// Returns the rules for providers' records.
    async fn registration_rules(&self, at: H256) -> Result<RegistrationRules, ChainError>;

    /// Returns the call of a submission as the best block's runtime decodes it: the bytes
    /// that a wallet signs as an extrinsic's call.
    async fn call_data(&self, submission: &Submission) -> Result<Vec<u8>, ChainError>;
}
