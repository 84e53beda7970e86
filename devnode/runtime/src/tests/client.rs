//! Cairn's client on this runtime, which knows nothing of it but its metadata: a provider
//! registers, makes an agreement, is challenged and answers, and a writer checkpoints. The
//! runtime judges each extrinsic, signature included.

use crate::genesis::{Parameters, development};
use crate::{Executive, Header, Runtime, RuntimeCall, RuntimeOrigin, System, UncheckedExtrinsic};
use async_trait::async_trait;
use cairn_chain::{
    ChainClient, ChainError, DryRunResult, ExtrinsicStatus, ProviderCall, Submission,
};
use cairn_chain_metadata::{
    Header as BlockHeader, MetadataClient, Node, NodeState, RuntimeId, SubmitError,
};
use cairn_keys::{KeyFolder, Signer};
use cairn_primitives::challenge::{
    AccountId, ChallengeId, ChallengeResponse, ChunkLocation, MultiSignature, SlashReason,
};
use cairn_primitives::onchain::{
    Outcome, PayloadFormat, ProviderSettings, RegisteredKey, ResponseRefusal,
};
use cairn_primitives::terms::{AgreementTerms, BucketTarget};
use cairn_primitives::{
    BucketId, ChunkIndex, Commitment, CommitmentPayload, H256, LeafCount, LeafIndex, MerkleProof,
    MmrLeaf, MmrProof, Sequence, blake2_256,
};
use codec::{Decode, Encode};
use futures::StreamExt;
use futures::stream::BoxStream;
use sp_core::Pair;
use sp_keyring::Sr25519Keyring;
use sp_runtime::traits::{Dispatchable, Header as _};
use sp_runtime::{BuildStorage, Digest, Storage};
use std::sync::{Arc, Mutex};

const CHUNK: &[u8] = b"the content of the bucket";
const STAKE: u128 = 5_000_000_000_000_000;

/// A chain with one open block, as a node that never finishes it.
#[derive(Clone)]
struct OpenBlock(Arc<Mutex<Storage>>);

impl OpenBlock {
    fn new() -> Self {
        let storage = development(Parameters::default()).build_storage().unwrap();
        let chain = Self(Arc::new(Mutex::new(storage)));
        chain.run(|| {
            let header = Header::new(
                1,
                Default::default(),
                Default::default(),
                System::parent_hash(),
                Digest::default(),
            );
            Executive::initialize_block(&header);
            let set = pallet_timestamp::Call::set { now: 2_000 };
            let set = UncheckedExtrinsic::new_bare(set.into());
            Executive::apply_extrinsic(set).unwrap().unwrap();
        });
        chain
    }

    /// Runs on the state, and keeps the changes.
    fn run<T>(&self, run: impl FnOnce() -> T) -> T {
        let mut storage = self.0.lock().unwrap();
        let mut state = sp_io::TestExternalities::new(storage.clone());
        let (done, after) = state.execute_with(|| {
            let done = run();
            let mut top = std::collections::BTreeMap::new();
            let mut key = Vec::new();
            while let Some(next) = sp_io::storage::next_key(&key) {
                let value = sp_io::storage::get(&next).unwrap().to_vec();
                top.insert(next.clone(), value);
                key = next;
            }
            (done, top)
        });
        storage.top = after;
        done
    }

    /// Dispatches an encoded call of the storage pallet.
    fn call(&self, by: Sr25519Keyring, call: &[u8]) {
        let call = RuntimeCall::decode(&mut &*call).unwrap();
        self.run(|| call.dispatch(RuntimeOrigin::signed(by.to_account_id())))
            .unwrap();
    }
}

#[async_trait]
impl NodeState for OpenBlock {
    async fn genesis(&self) -> Result<H256, ChainError> {
        Ok(self.run(|| System::block_hash(0)))
    }

    async fn best(&self) -> Result<H256, ChainError> {
        self.genesis().await
    }

    async fn finalized(&self) -> Result<H256, ChainError> {
        self.genesis().await
    }

    async fn header(&self, at: H256) -> Result<BlockHeader, ChainError> {
        Ok(BlockHeader {
            number: 0,
            parent: at,
        })
    }

    async fn runtime(&self, _at: H256) -> Result<RuntimeId, ChainError> {
        let version = <Runtime as frame_system::Config>::Version::get();
        Ok(RuntimeId {
            code: H256::zero(),
            spec_name: version.spec_name.to_string(),
            spec_version: version.spec_version,
            transaction_version: version.transaction_version,
        })
    }

    async fn values(
        &self,
        _at: H256,
        keys: Vec<Vec<u8>>,
    ) -> Result<Vec<Option<Vec<u8>>>, ChainError> {
        let storage = self.0.lock().unwrap();
        Ok(keys
            .iter()
            .map(|key| storage.top.get(key).cloned())
            .collect())
    }

    async fn keys(
        &self,
        _at: H256,
        prefix: Vec<u8>,
        after: Option<Vec<u8>>,
        count: u32,
    ) -> Result<Vec<Vec<u8>>, ChainError> {
        let storage = self.0.lock().unwrap();
        let keys = storage.top.keys().filter(|key| key.starts_with(&prefix));
        let later = keys.filter(|key| after.as_ref().is_none_or(|after| *key > after));
        Ok(later.take(count as usize).cloned().collect())
    }

    async fn call(
        &self,
        _at: H256,
        function: &'static str,
        arguments: Vec<u8>,
    ) -> Result<Vec<u8>, ChainError> {
        let storage = self.0.lock().unwrap().clone();
        sp_io::TestExternalities::new(storage)
            .execute_with(|| crate::assembly::api::dispatch(function, &arguments))
            .ok_or_else(|| ChainError::Unsupported(function.to_owned()))
    }
}

#[async_trait]
impl Node for OpenBlock {
    async fn finality(&self) -> Result<BoxStream<'static, ()>, ChainError> {
        Ok(futures::stream::pending().boxed())
    }

    async fn is_syncing(&self) -> Result<bool, ChainError> {
        Ok(false)
    }

    async fn next_nonce(&self, account: AccountId) -> Result<u64, ChainError> {
        Ok(
            self.run(|| {
                System::account_nonce(sp_core::crypto::AccountId32::from(account.0)).into()
            }),
        )
    }

    async fn submit(
        &self,
        extrinsic: Vec<u8>,
    ) -> Result<BoxStream<'static, ExtrinsicStatus>, SubmitError> {
        let extrinsic = UncheckedExtrinsic::decode(&mut &*extrinsic).unwrap();
        let applied = self.run(|| Executive::apply_extrinsic(extrinsic));
        match applied {
            Ok(Ok(())) => Ok(futures::stream::pending().boxed()),
            other => Err(ChainError::PoolRejected(format!("{other:?}")).into()),
        }
    }
}

fn signer(of: Sr25519Keyring) -> Signer {
    let folder = std::env::temp_dir().join(format!("cairn-{}-{of:?}", std::process::id()));
    let keys = KeyFolder::new(folder.join(crate::VERSION.spec_version.to_string()));
    keys.insert(&format!("//{of:?}")).unwrap();
    keys.signer(None).unwrap()
}

fn account(of: Sr25519Keyring) -> AccountId {
    AccountId(of.to_account_id().into())
}

fn sign(by: Sr25519Keyring, payload: &[u8]) -> MultiSignature {
    MultiSignature::Sr25519(by.pair().sign(payload).0)
}

fn proof() -> (Commitment, ChallengeResponse) {
    let leaf = MmrLeaf {
        data_root: blake2_256(CHUNK),
        data_size: CHUNK.len() as u64,
        total_size: CHUNK.len() as u64,
    };
    let root = blake2_256(&leaf.encode());
    let commitment = Commitment {
        mmr_root: root,
        start_seq: Sequence(0),
        leaf_count: LeafCount::new(1).unwrap(),
    };
    let answer = ChallengeResponse::Proof {
        chunk_data: CHUNK.to_vec(),
        mmr_proof: MmrProof {
            peaks: vec![root],
            leaf,
            leaf_proof: MerkleProof::default(),
        },
        chunk_proof: MerkleProof::default(),
    };
    (commitment, answer)
}

#[test]
fn a_provider_lives_on_this_runtime_by_its_metadata() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(live());
}

/// An admin's deletion answers a challenge if the admin is a registered provider. Where it has a
/// nonce, which only the admin knows, it is never claimed. Changes a copy of the chain.
async fn assert_deletions_are_judged(chain: &OpenBlock, id: ChallengeId, bucket: BucketId) {
    let copy = chain.0.lock().unwrap().clone();
    let copy = OpenBlock(Arc::new(Mutex::new(copy)));
    let provider = MetadataClient::new(copy.clone(), signer(Sr25519Keyring::Alice));
    let admin = Sr25519Keyring::Bob;
    let deletion = Commitment::deletion(H256::repeat_byte(3), Sequence(1));
    let payload = CommitmentPayload::new(bucket, deletion).encode();
    let claim = ChallengeResponse::Deleted {
        new_mmr_root: deletion.mmr_root,
        new_start_seq: deletion.start_seq,
        admin: account(admin),
        admin_signature: sign(admin, &payload),
    };
    let judged = provider.dry_run(id, &claim).await;
    if cfg!(commitment_nonce) {
        let error = judged.unwrap_err();
        assert!(matches!(error, ChainError::Unsupported(_)), "{error}");
        return;
    }
    let judged = judged.unwrap();
    assert!(matches!(judged, DryRunResult::Refused(_)), "{judged:?}");
    let register = Submission::Provider(ProviderCall::Register {
        multiaddr: "/dns4/b.example/tcp/443".to_owned(),
        public_key: RegisteredKey::from(account(admin).0),
        stake: STAKE,
    });
    let registering = MetadataClient::new(copy, signer(admin));
    registering.submit(register).await.unwrap();
    let judged = provider.dry_run(id, &claim).await.unwrap();
    assert_eq!(judged, DryRunResult::Accepted);
}

async fn live() {
    let chain = OpenBlock::new();
    let provider = MetadataClient::new(chain.clone(), signer(Sr25519Keyring::Alice));
    let (alice, bob) = (account(Sr25519Keyring::Alice), account(Sr25519Keyring::Bob));
    assert_eq!(provider.account(), alice);
    // Before anybody is registered, the deployed runtime shows no clock.
    let first = provider.best_head().await.unwrap();
    let at = first.hash;
    let limits = provider.limits(at).await.unwrap();
    assert_eq!(limits.challenge_period, 28_800);

    // It registers, and offers terms.
    let before = provider.funds(at).await.unwrap();
    let address = "/dns4/a.example/tcp/443".to_owned();
    let register = Submission::Provider(ProviderCall::Register {
        multiaddr: address.clone(),
        public_key: RegisteredKey::from(alice.0),
        stake: STAKE,
    });
    let fee = provider.fee(&register).await.unwrap();
    provider.submit(register).await.unwrap();
    let after = provider.funds(at).await.unwrap();
    assert_eq!(after.held, STAKE);
    assert!(before.spendable - after.spendable >= STAKE + fee);
    // A new record is open to everybody: `NEW_SETTINGS` of `cairn-lifecycle`, and of the simulated
    // chain, by which a setup closes it.
    let record = provider.provider(at).await.unwrap().unwrap();
    let open = ProviderSettings {
        min_duration: 0,
        max_duration: u32::MAX,
        price_per_byte: 0,
        accepting_primary: true,
        replica_sync_price: None,
        accepting_extensions: true,
        max_capacity: 0,
    };
    assert_eq!(record.settings, open);
    let settings = ProviderSettings {
        min_duration: 10,
        max_duration: 100_000,
        price_per_byte: 1,
        accepting_primary: true,
        replica_sync_price: None,
        accepting_extensions: true,
        max_capacity: 1_000,
    };
    let update = Submission::Provider(ProviderCall::UpdateSettings(settings));
    provider.submit(update).await.unwrap();
    let record = provider.provider(at).await.unwrap().unwrap();
    assert_eq!((record.stake, record.settings), (STAKE, settings));
    assert_eq!(record.endpoint, address.as_bytes());

    // Bob redeems terms, which makes a bucket.
    let provider = MetadataClient::new(chain.clone(), signer(Sr25519Keyring::Alice));
    let head = provider.best_head().await.unwrap();
    let own_clock = chain.run(crate::StorageProvider::current_anchor_block);
    assert_eq!(head.anchor, own_clock);
    let rules = provider.terms_rules(at).await.unwrap();
    let terms = AgreementTerms {
        owner: bob,
        max_bytes: 500,
        duration: 1_000,
        price_per_byte: 1,
        valid_until: head.anchor + rules.request_timeout / 2,
        nonce: 1,
        bucket: BucketTarget::New,
        replica: None,
    };
    let signature = sign(Sr25519Keyring::Alice, terms.signing_hash().as_bytes());
    let mut redeem = ([50_u8, 17], alice, terms, signature).encode();
    if cfg!(challenger_tiers) {
        redeem.push(0);
    }
    chain.call(Sr25519Keyring::Bob, &redeem);
    let [bucket] = provider.buckets(at).await.unwrap()[..] else {
        panic!("one bucket");
    };
    let info = provider.bucket(at, bucket).await.unwrap().unwrap();
    assert!(info.may_checkpoint(&bob) && !info.may_checkpoint(&alice));
    assert_eq!(info.primary_index_of(&alice), Some(0));
    let agreements = provider.agreements(at).await.unwrap();
    assert_eq!(agreements.len(), 1);
    assert_eq!(agreements[0].1.max_bytes, 500);
    assert_eq!(info.primary_providers[0].agreement, Some(agreements[0].1));
    let rules = provider.terms_rules(at).await.unwrap();
    assert!(rules.nonces.check(1).is_err() && rules.nonces.check(2).is_ok());

    // Charlie challenges a signed commitment.
    let (commitment, answer) = proof();
    let nonce = match limits.payload {
        PayloadFormat::V1 => None,
        PayloadFormat::V2 { .. } => Some(u64::from(head.anchor)),
        PayloadFormat::Unknown => panic!("the payload is unknown"),
    };
    assert_eq!(nonce.is_some(), cfg!(commitment_nonce));
    let payload = CommitmentPayload {
        bucket_id: bucket,
        commitment,
        nonce,
    };
    let signed = sign(Sr25519Keyring::Alice, &payload.encode());
    let location = ChunkLocation {
        leaf_index: LeafIndex(0),
        chunk_index: ChunkIndex(0),
    };
    let mut challenge = ([50_u8, 42], bucket, alice).encode();
    if cfg!(deployed) {
        // It takes no leaf count, and checks the signature with none.
        let payload = CommitmentPayload::new(
            bucket,
            Commitment::deletion(commitment.mmr_root, commitment.start_seq),
        );
        let signed = sign(Sr25519Keyring::Alice, &payload.encode());
        let root = (commitment.mmr_root, commitment.start_seq);
        challenge.extend((root, location, signed).encode());
    } else {
        challenge.extend((commitment, location).encode());
        if let Some(nonce) = nonce {
            challenge.extend(nonce.encode());
        }
        challenge.extend(signed.encode());
    }
    chain.call(Sr25519Keyring::Charlie, &challenge);
    let open = provider
        .open_challenges(at)
        .await
        .unwrap()
        .complete()
        .unwrap();
    let [challenged] = open[..] else {
        panic!("{open:?}");
    };
    assert_eq!(challenged.id.deadline, head.anchor + 28_800);
    assert_eq!((challenged.bucket_id, challenged.provider), (bucket, alice));
    assert_eq!(challenged.mmr_root, commitment.mmr_root);
    assert_eq!(challenged.location, location);
    assert_eq!(challenged.asked_at, head.anchor);
    let leaf_count = limits.strict_leaf_binding.then_some(commitment.leaf_count);
    assert_eq!(challenged.leaf_count, leaf_count);

    // The chain judges answers before they are sent.
    let id: ChallengeId = challenged.id;
    let judged = provider.dry_run(id, &answer).await.unwrap();
    assert_eq!(judged, DryRunResult::Accepted);
    let ChallengeResponse::Proof {
        mmr_proof,
        chunk_proof,
        ..
    } = answer.clone()
    else {
        unreachable!();
    };
    let wrong = ChallengeResponse::Proof {
        chunk_data: b"something else".to_vec(),
        mmr_proof,
        chunk_proof,
    };
    let judged = provider.dry_run(id, &wrong).await.unwrap();
    let refusal = match limits.wrong_answers_slash {
        true => ResponseRefusal::Slashable(Some(SlashReason::InvalidProof)),
        false => ResponseRefusal::Rejected("InvalidChallengeProof".to_owned()),
    };
    assert_eq!(judged, DryRunResult::Refused(refusal));
    let absent = ChallengeId {
        deadline: id.deadline,
        index: id.index + 1,
    };
    let judged = provider.dry_run(absent, &answer).await.unwrap();
    let none = DryRunResult::Refused(ResponseRefusal::NoSuchChallenge);
    assert_eq!(judged, none);

    assert_deletions_are_judged(&chain, id, bucket).await;

    // The right one is sent, and defends.
    let response = Box::new(answer);
    provider
        .submit(Submission::Response { id, response })
        .await
        .unwrap();
    let outcomes = provider.outcomes(at).await.unwrap();
    assert_eq!(
        outcomes,
        [Outcome::Defended {
            id,
            provider: alice
        }]
    );
    let open = provider.open_challenges(at).await.unwrap();
    assert_eq!(open.complete().unwrap(), []);

    // Bob, an admin, checkpoints what Alice signed.
    let writer = MetadataClient::new(chain.clone(), signer(Sr25519Keyring::Bob));
    let checkpoint = Submission::Checkpoint {
        bucket,
        commitment,
        window: None,
        nonce,
        signatures: vec![(alice, signed.clone())],
    };
    writer.submit(checkpoint).await.unwrap();
    let info = provider.bucket(at, bucket).await.unwrap().unwrap();
    let snapshot = info.snapshot.unwrap();
    assert_eq!(snapshot.commitment, commitment);
    assert!(snapshot.signed_by(0));
    assert_eq!(snapshot.checkpoint_block, head.anchor);
    let outcomes = provider.outcomes(at).await.unwrap();
    let checkpointed = Outcome::Checkpointed {
        bucket_id: bucket,
        mmr_root: commitment.mmr_root,
    };
    assert_eq!(outcomes[1], checkpointed);
}
