//! A countersigner over a static chain, to sign for checkpoint windows at the request of another
//! primary provider.

use cairn_chain::Head;
use cairn_gadget::{CheckpointRequest, CosignRequest, Countersigner};
use cairn_keys::Signer;
use cairn_primitives::challenge::{AccountId, MultiSignature};
use cairn_primitives::onchain::{Agreement, CheckpointWindow, PrimaryProvider, RegisteredKey};
use cairn_primitives::{BucketId, Commitment, H256};
use cairn_provider::{IndexError, Provider};
use cairn_testing::StaticChain;
use sp_core::{Pair, sr25519};
use std::sync::Arc;

/// Anchor blocks of a window.
const INTERVAL: u32 = 10;

/// A countersigner, and the key of the provider that asks it.
pub struct WindowSigner {
    runtime: tokio::runtime::Runtime,
    countersigner: Arc<Countersigner>,
    asker: sr25519::Pair,
}

impl WindowSigner {
    /// Creates a countersigner for the first ten bucket ids, each shared with another provider.
    ///
    /// # Errors
    ///
    /// [`IndexError`] if the record of earlier signatures cannot be read.
    ///
    /// # Panics
    ///
    /// If no thread can be started.
    pub fn new(provider: Arc<Provider>, signer: Signer) -> Result<Self, IndexError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .expect("a thread can be started");
        let asker = sr25519::Pair::from_string("//Bob", None).expect("that is a secret");
        let primary = |key: [u8; 32]| PrimaryProvider {
            account: AccountId(key),
            key: Some(RegisteredKey::from(key)),
            endpoint: Vec::new(),
            agreement: Some(Agreement::primary(AccountId([8; 32]), u64::MAX, u32::MAX)),
        };
        let own = signer.public();
        let mut chain = StaticChain::new(AccountId(own));
        for id in 0..10 {
            let primaries = vec![primary(own), primary(asker.public().0)];
            chain = chain.with_bucket(BucketId(id), None, primaries);
        }
        for info in chain.buckets.values_mut() {
            info.window = Some(CheckpointWindow {
                interval: INTERVAL,
                grace: 1,
            });
        }
        let countersigner = Arc::new(Countersigner::new(Arc::new(chain), provider, signer)?);
        Ok(Self {
            runtime,
            countersigner,
            asker,
        })
    }

    /// Requests a signature of a commitment for a window, which becomes the current one. Returns
    /// true if it was signed.
    pub fn sign(&self, bucket: BucketId, commitment: Commitment, window: u64) -> bool {
        let anchor = u32::try_from(window)
            .unwrap_or(u32::MAX)
            .saturating_mul(INTERVAL);
        self.countersigner.on_finalized_head(Head {
            hash: H256::repeat_byte(1),
            number: 1,
            anchor,
        });
        let request = CheckpointRequest::new(bucket, commitment, Some(window));
        let signature = self.asker.sign(&request.signed_bytes());
        let ask = CosignRequest {
            request,
            requester: AccountId(self.asker.public().0),
            signature: MultiSignature::Sr25519(signature.0),
        };
        self.runtime
            .block_on(self.countersigner.countersign(&ask))
            .is_ok()
    }
}
