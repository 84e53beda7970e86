//! The accounts on chain, with their keys.

use cairn_primitives::blake2_256;
use cairn_primitives::challenge::{AccountId, MultiSignature};
use codec::Encode;
use sp_core::{Pair, sr25519};

/// A coin.
pub(crate) const UNIT: u128 = 1_000_000_000_000;
/// The stake of a provider.
pub(crate) const STAKE: u128 = 2_000 * UNIT;

/// The accounts on chain. All but [`Actor::Us`] belong to the opponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Actor {
    /// The provider under test.
    Us,
    /// Another provider, which signs anything.
    Accomplice,
    /// The owner and admin of every bucket. It is registered as a provider too, since the chain
    /// finds the keys of admins there.
    Admin,
    /// An occasional second admin.
    Deputy,
    /// An account without any role.
    Stranger,
}

impl Actor {
    pub(crate) const ALL: [Self; 5] = [
        Self::Us,
        Self::Accomplice,
        Self::Admin,
        Self::Deputy,
        Self::Stranger,
    ];

    /// Returns the seed of the account's key.
    pub(crate) fn seed(self) -> [u8; 32] {
        blake2_256(format!("{self:?}").as_bytes()).0
    }

    fn pair(self) -> sr25519::Pair {
        sr25519::Pair::from_seed(&self.seed())
    }

    pub(crate) fn account(self) -> AccountId {
        AccountId(self.pair().public().0)
    }

    pub(crate) fn sign(self, message: &impl Encode) -> MultiSignature {
        self.sign_bytes(&message.encode())
    }

    pub(crate) fn sign_bytes(self, bytes: &[u8]) -> MultiSignature {
        MultiSignature::Sr25519(self.pair().sign(bytes).0)
    }
}
