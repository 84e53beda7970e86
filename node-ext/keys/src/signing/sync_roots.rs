//! Signatures of a replica over the roots that it has.
//!
//! What is signed are the SCALE bytes of seven optional roots: 39 bytes with one root. They are no
//! commitment and no proposal, which have other lengths, and no call begins like them.

use super::{DurableCommitment, Permit, SignError};
use cairn_primitives::H256;
use cairn_primitives::challenge::MultiSignature;
use codec::{DecodeAll, Encode};

/// The roots that a replica confirms.
type SyncRoots = [Option<H256>; 7];

/// Returns whether bytes are those of a confirmation.
pub(super) fn is_payload(bytes: &[u8]) -> bool {
    SyncRoots::decode_all(&mut &*bytes).is_ok()
}

impl Permit<'_> {
    /// Signs, as a replica, that it has the root of a commitment which is recorded durably (I4).
    /// The root is that of the last checkpoint. Returns the roots as they were signed.
    ///
    /// # Errors
    ///
    /// [`SignError`] where the keystore fails.
    pub fn sign_sync_roots(
        &self,
        durable: &DurableCommitment,
    ) -> Result<(SyncRoots, MultiSignature), SignError> {
        let mut roots: SyncRoots = [None; 7];
        roots[0] = Some(durable.commitment().mmr_root);
        let signature = self.signer.sign_bytes(&roots.encode())?;
        Ok((roots, signature))
    }
}
