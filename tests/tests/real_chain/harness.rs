//! The test's actions on the chain, and the chain's records.

use crate::buckets::{SURI, SignedRoots};
use cairn_devnode::{InMemoryConfig, InMemoryNode, ProviderOptions, Sealing};
use cairn_devnode_runtime::frame_system::Phase;
use cairn_devnode_runtime::{Runtime, RuntimeCall, RuntimeEvent, UncheckedExtrinsic};
use cairn_primitives::challenge::{AccountId, ChallengeResponse, ChunkLocation};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::onchain::{ProviderInfo, RegisteredKey};
use cairn_primitives::runtime_api::StorageProviderApi;
use cairn_primitives::{BucketId, ChunkIndex, LeafIndex};
use codec::{Decode, Encode};
use futures::StreamExt;
use pallet_storage_provider::{Call, Event, Rules};
use rand::{Rng, RngCore};
use sc_client_api::{BlockBackend, BlockchainEvents};
use sp_api::ProvideRuntimeApi;
use sp_blockchain::HeaderBackend;
use sp_core::{Pair, sr25519};
use std::path::Path;
use std::time::Duration;

/// The time limit for fifty answers to be final, far longer than they take.
const FINALITY_TIMEOUT: Duration = Duration::from_secs(120);

/// The time between blocks. If it were much shorter, the provider would miss blocks, which does
/// not happen on a real chain.
const BLOCK_TIME: Duration = Duration::from_millis(200);

/// The provider's stake.
pub(crate) const STAKE: u128 = 1_000_000_000_000;

/// The kinds of answers that the chain accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) proofs: u32,
    pub(crate) others: u32,
}

/// A node that has loaded Cairn, and the challengers.
pub(crate) struct Harness {
    node: InMemoryNode,
    admin: sr25519::Pair,
    provider: sr25519::Pair,
}

fn pair(suri: &str) -> sr25519::Pair {
    sr25519::Pair::from_string(suri, None).unwrap()
}

fn account(pair: &sr25519::Pair) -> AccountId {
    AccountId(pair.public().0)
}

impl Harness {
    /// Starts a node over a base path. All its buckets have agreements, and checkpoints of
    /// their newest commitments.
    pub(crate) async fn open(rules: Rules, folder: &Path, signed_roots: &[SignedRoots]) -> Self {
        let node = InMemoryNode::start(InMemoryConfig {
            rules,
            sealing: Sealing::Interval(BLOCK_TIME),
            rpc_port: 0,
            provider: Some(ProviderOptions {
                base_path: folder.to_owned(),
                suri: Some(SURI.into()),
                ..Default::default()
            }),
        })
        .await
        .unwrap();
        let stage = Self {
            node,
            admin: pair("//Alice"),
            provider: pair(SURI),
        };
        stage
            .submit(
                &stage.provider,
                Call::register_provider {
                    key: RegisteredKey::from(stage.provider.public().0),
                    endpoint: b"ws://127.0.0.1:9".to_vec(),
                    stake: STAKE,
                },
            )
            .await;
        for (id, signed_roots) in (0..).map(BucketId).zip(signed_roots) {
            stage.agree(id, signed_roots).await;
        }
        stage
    }

    async fn agree(&self, bucket: BucketId, signed_roots: &SignedRoots) {
        let create = Call::create_bucket {
            min_providers: 1,
            window: None,
        };
        self.submit(&self.admin, create).await;
        let request = Call::request_agreement {
            bucket,
            provider: self.provider.public().into(),
            max_bytes: u64::MAX,
            expires_at: u32::MAX,
        };
        self.submit(&self.admin, request).await;
        self.submit(&self.provider, Call::accept_agreement { bucket })
            .await;
        let newest = signed_roots.signed.last().unwrap();
        let checkpoint = Call::checkpoint {
            bucket,
            commitment: newest.payload.commitment,
            signatures: vec![(0, newest.signature.clone())],
        };
        self.submit(&self.admin, checkpoint).await;
    }

    async fn submit(&self, who: &sr25519::Pair, call: Call<Runtime>) {
        self.node
            .submit_and_wait(who, RuntimeCall::from(call))
            .await
            .unwrap();
    }

    /// Submits a number of challenges at once. Returns how many the chain accepted.
    pub(crate) async fn submit_challenges(
        &self,
        count: u32,
        signed_roots: &[SignedRoots],
        random: &mut impl RngCore,
    ) -> u32 {
        let mut handed_in = Vec::new();
        for turn in 0..count {
            let place = random.gen_range(0..signed_roots.len());
            let signed_roots = &signed_roots[place];
            let bucket = BucketId(place as u64);
            let provider = self.provider.public().into();
            let call = if turn % 2 == 0 {
                let newest = signed_roots.signed.last().unwrap();
                Call::<Runtime>::challenge_checkpoint {
                    bucket,
                    provider,
                    location: random_location(signed_roots, newest, random),
                }
            } else {
                let signed = &signed_roots.signed[random.gen_range(0..signed_roots.signed.len())];
                Call::challenge_offchain {
                    bucket,
                    provider,
                    commitment: signed.payload.commitment,
                    location: random_location(signed_roots, signed, random),
                    signature: signed.signature.clone(),
                }
            };
            let taken = self.node.submit(&self.admin, RuntimeCall::from(call));
            handed_in.push(taken.await.unwrap());
        }
        let mut asked = 0;
        for handed_in in handed_in {
            let included = self.node.wait_for_inclusion(handed_in).await.unwrap();
            assert_eq!(included.failure(), None);
            asked += 1;
        }
        asked
    }

    /// Waits for a finalized block without open challenges.
    pub(crate) async fn await_answers(&self) {
        let client = self.node.client();
        // Subscribes before the first query, so that no block is missed.
        let mut finalized = client.finality_notification_stream();
        let answered = async {
            loop {
                let at = self.node.finalized();
                let api = client.runtime_api();
                let open = api.open_challenges(at, account(&self.provider)).unwrap();
                if open.is_empty() {
                    return;
                }
                finalized.next().await.unwrap();
            }
        };
        let in_time = tokio::time::timeout(FINALITY_TIMEOUT, answered).await;
        in_time.expect("challenges stay open");
    }

    /// Returns the chain's record of the provider.
    pub(crate) fn provider(&self) -> ProviderInfo {
        let at = self.node.finalized();
        let api = self.node.client().runtime_api();
        api.provider(at, account(&self.provider)).unwrap().unwrap()
    }

    /// Returns the answers that took effect, from all blocks.
    pub(crate) fn answers(&self) -> Answers {
        let client = self.node.client();
        let mut answers = Answers {
            proofs: 0,
            others: 0,
        };
        for number in 1..=client.info().finalized_number {
            let block = client.hash(number).unwrap().unwrap();
            let body = client.block_body(block).unwrap().unwrap();
            for record in self.node.events(block).unwrap() {
                if let (
                    Phase::ApplyExtrinsic(place),
                    RuntimeEvent::StorageProvider(Event::ChallengeDefended { .. }),
                ) = (record.phase, record.event)
                {
                    match response(&body[place as usize].encode()) {
                        ChallengeResponse::Proof { .. } => answers.proofs += 1,
                        _ => answers.others += 1,
                    }
                }
            }
        }
        answers
    }

    pub(crate) async fn close(self) {
        self.node.stop().await.unwrap();
    }
}

/// Returns the answer in an extrinsic.
fn response(extrinsic: &[u8]) -> ChallengeResponse {
    let extrinsic = UncheckedExtrinsic::decode(&mut &*extrinsic).unwrap();
    match extrinsic.function {
        RuntimeCall::StorageProvider(Call::respond_to_challenge { response, .. }) => response,
        call => panic!("{call:?} is no answer"),
    }
}

/// Returns a random chunk under a commitment. Some indices are past the padded size, as the
/// chain allows.
fn random_location(
    signed_roots: &SignedRoots,
    signed: &cairn_keys::SignedCommitment,
    random: &mut impl RngCore,
) -> ChunkLocation {
    let commitment = signed.payload.commitment;
    let leaf = random.gen_range(0..commitment.leaf_count.get());
    let size = signed_roots.sizes[(commitment.start_seq.0 + leaf) as usize];
    let chunks = size.div_ceil(CHUNK_BYTES).max(1) as u64;
    let mut chunk = random.gen_range(0..chunks);
    if random.gen_range(0..10) == 0 {
        chunk += chunks.next_power_of_two() * random.gen_range(1..1000u64);
    }
    ChunkLocation {
        leaf_index: LeafIndex(leaf),
        chunk_index: ChunkIndex(chunk),
    }
}
