//! Calls and signed extrinsics: their bytes, their extensions, their lifetime, and what is
//! refused.

use super::*;
use crate::MetadataClient;
use crate::testing::{CHECKPOINT_INDEX, PALLET_INDEX, PROVIDER_CHECKPOINT_INDEX, RESPOND_INDEX};
use cairn_chain::{ChainClient, ChainError, ProviderCall, Submission};
use cairn_keys::{KeyFolder, Signer};
use cairn_primitives::challenge::{ChallengeId, ChallengeResponse, MultiSignature};
use cairn_primitives::onchain::{ProviderSettings, RegisteredKey};
use cairn_primitives::{
    BucketId, Commitment, H256, LeafCount, MerkleProof, MmrLeaf, MmrProof, Sequence,
};
use codec::{Compact, Decode, Encode, Input};
use node::hash_of;
use sp_core::{Blake2Hasher, Hasher, Pair, sr25519};

const ID: ChallengeId = ChallengeId {
    deadline: 30_000,
    index: 3,
};
const SIGNATURE: MultiSignature = MultiSignature::Sr25519([6; 64]);

fn signer() -> Signer {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyFolder::new(folder.path().join("keystore"));
    keys.insert("//Alice").unwrap();
    keys.signer(None).unwrap()
}

fn client(node: &MemoryNode) -> MetadataClient<MemoryNode> {
    MetadataClient::new(node.clone(), signer())
}

fn commitment() -> Commitment {
    Commitment {
        mmr_root: H256::repeat_byte(1),
        start_seq: Sequence(2),
        leaf_count: LeafCount::new(5).unwrap(),
    }
}

fn proof(chunk: usize) -> ChallengeResponse {
    let path = MerkleProof {
        siblings: vec![H256::repeat_byte(4), H256::repeat_byte(5)],
        path: vec![true, false],
    };
    ChallengeResponse::Proof {
        chunk_data: vec![7; chunk],
        mmr_proof: MmrProof {
            peaks: vec![H256::repeat_byte(2)],
            leaf: MmrLeaf {
                data_root: H256::repeat_byte(3),
                data_size: 6,
                total_size: 8,
            },
            leaf_proof: path.clone(),
        },
        chunk_proof: path,
    }
}

fn deleted() -> ChallengeResponse {
    ChallengeResponse::Deleted {
        new_mmr_root: H256::repeat_byte(1),
        new_start_seq: Sequence(9),
        admin: CHALLENGER,
        admin_signature: SIGNATURE,
    }
}

fn answer(response: ChallengeResponse) -> Submission {
    Submission::Response {
        id: ID,
        response: Box::new(response),
    }
}

fn checkpoint(window: Option<u64>, nonce: Option<u64>) -> Submission {
    Submission::Checkpoint {
        bucket: BucketId(3),
        commitment: commitment(),
        window,
        nonce,
        signatures: vec![(OURS, SIGNATURE), (OTHER, SIGNATURE)],
    }
}

/// The decoded parts of an extrinsic.
struct Sent {
    account: [u8; 32],
    signature: [u8; 64],
    era: [u8; 2],
    nonce: u32,
    tip: u128,
    call: Vec<u8>,
}

impl Sent {
    fn decode(extrinsic: &[u8]) -> Self {
        let input = &mut &extrinsic[..];
        let length = Compact::<u32>::decode(input).unwrap().0 as usize;
        assert_eq!(length, input.len());
        assert_eq!(
            input.read_byte().unwrap(),
            0x84,
            "a signed one of version 4"
        );
        assert_eq!(input.read_byte().unwrap(), 0, "an account's id");
        let account = Decode::decode(input).unwrap();
        assert_eq!(input.read_byte().unwrap(), 1, "sr25519");
        let sent = Self {
            account,
            signature: Decode::decode(input).unwrap(),
            era: Decode::decode(input).unwrap(),
            nonce: Compact::<u32>::decode(input).unwrap().0,
            tip: Compact::<u128>::decode(input).unwrap().0,
            call: vec![],
        };
        assert_eq!(input.read_byte().unwrap(), 0, "no hash of the metadata");
        Self {
            call: input.to_vec(),
            ..sent
        }
    }

    /// Returns whether it is signed for a birth block.
    fn is_signed(&self, birth: H256) -> bool {
        let tip = Compact(self.tip).encode();
        let extra = [
            self.era.to_vec(),
            Compact(self.nonce).encode(),
            tip,
            vec![0],
        ]
        .concat();
        // The versions, the genesis, the birth, and no hash of the metadata.
        let implicit = (1_u32, 1_u32, hash_of(0), birth, None::<[u8; 32]>).encode();
        let mut payload = [self.call.clone(), extra, implicit].concat();
        if payload.len() > 256 {
            payload = Blake2Hasher::hash(&payload).as_bytes().to_vec();
        }
        sr25519::Pair::verify(
            &sr25519::Signature::from_raw(self.signature),
            payload,
            &sr25519::Public::from_raw(self.account),
        )
    }
}

/// Submits, and returns the call that the chain gets.
async fn call_of(options: Options, submission: Submission) -> Result<Vec<u8>, ChainError> {
    let node = MemoryNode::new(options);
    client(&node).submit(submission).await?;
    let sent = Sent::decode(&node.0.lock().submitted[0]);
    assert!(sent.is_signed(hash_of(0)));
    Ok(sent.call)
}

#[tokio::test]
async fn a_full_chunk_is_answered_with_the_bytes_that_the_chain_decodes() {
    for options in VARIANTS {
        let call = call_of(options, answer(proof(262_144))).await.unwrap();
        let arguments = (ID, proof(262_144)).encode();
        let expected = [vec![PALLET_INDEX, RESPOND_INDEX], arguments].concat();
        assert!(call == expected, "{options:?}");
    }
}

#[tokio::test]
async fn a_deletion_is_claimed_unless_the_chain_wants_a_nonce_for_it() {
    for options in [Options::DEPLOYED, Options::CURRENT, Options::LEAF_BINDING] {
        let call = call_of(options, answer(deleted())).await.unwrap();
        let arguments = (ID, deleted()).encode();
        assert_eq!(
            call,
            [vec![PALLET_INDEX, RESPOND_INDEX], arguments].concat()
        );
    }
    let error = call_of(Options::NONCE, answer(deleted()))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("needs a field `nonce`"),
        "{error}"
    );
    // A proof is answered there all the same.
    call_of(Options::NONCE, answer(proof(1))).await.unwrap();
}

#[tokio::test]
async fn a_checkpoint_has_the_arguments_of_its_variant() {
    let pairs = vec![(OURS, SIGNATURE), (OTHER, SIGNATURE)];
    let flat = (BucketId(3), commitment());
    for options in [Options::DEPLOYED, Options::CURRENT, Options::LEAF_BINDING] {
        let call = call_of(options, checkpoint(None, None)).await.unwrap();
        let arguments = (flat, &pairs).encode();
        let expected = [vec![PALLET_INDEX, CHECKPOINT_INDEX], arguments].concat();
        assert_eq!(call, expected);
    }
    let call = call_of(Options::NONCE, checkpoint(None, Some(77)))
        .await
        .unwrap();
    let arguments = (flat, 77_u64, &pairs).encode();
    let expected = [vec![PALLET_INDEX, CHECKPOINT_INDEX], arguments].concat();
    assert_eq!(call, expected);
    // A payload of the other form is not submitted.
    let error = call_of(Options::NONCE, checkpoint(None, None))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("needs a field `nonce`"),
        "{error}"
    );
    let error = call_of(Options::CURRENT, checkpoint(None, Some(7)))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("has no field `nonce`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_window_has_a_call_of_its_own_where_there_is_one() {
    let pairs = vec![(OURS, SIGNATURE), (OTHER, SIGNATURE)];
    let arguments = (BucketId(3), commitment(), 12_u64, &pairs).encode();
    let expected = [vec![PALLET_INDEX, PROVIDER_CHECKPOINT_INDEX], arguments].concat();
    for options in [Options::DEPLOYED, Options::NONCE] {
        let call = call_of(options, checkpoint(Some(12), None)).await.unwrap();
        assert_eq!(call, expected);
    }
    let error = call_of(Options::CURRENT, checkpoint(Some(12), None))
        .await
        .unwrap_err();
    let why = "there is no call StorageProvider.provider_checkpoint";
    assert_eq!(error, ChainError::Unsupported(why.to_owned()));
}

#[tokio::test]
async fn each_call_of_a_providers_life_is_encoded() {
    let settings = ProviderSettings {
        min_duration: 1,
        max_duration: 2,
        price_per_byte: 3,
        accepting_primary: true,
        replica_sync_price: Some(4),
        accepting_extensions: false,
        max_capacity: 5,
    };
    let address = "/dns4/a.example/tcp/443".to_owned();
    let key = RegisteredKey::from([5; 32]);
    let bucket = BucketId(3);
    for (call, index, arguments) in [
        (
            ProviderCall::Register {
                multiaddr: address.clone(),
                public_key: key.clone(),
                stake: 9,
            },
            0,
            (&address, &key, 9_u128).encode(),
        ),
        (ProviderCall::AddStake(9), 1, 9_u128.encode()),
        (ProviderCall::AnnounceDeregister, 2, vec![]),
        (ProviderCall::UpdateSettings(settings), 3, settings.encode()),
        (
            ProviderCall::SetExtensionsBlocked {
                bucket,
                blocked: true,
            },
            4,
            (bucket, true).encode(),
        ),
        (
            ProviderCall::UpdateMultiaddr(address.clone()),
            5,
            address.encode(),
        ),
        (ProviderCall::CompleteDeregister, 6, vec![]),
        (ProviderCall::CancelDeregister, 7, vec![]),
        (
            ProviderCall::ClaimExpiredAgreement(bucket),
            26,
            bucket.encode(),
        ),
    ] {
        let sent = call_of(Options::CURRENT, Submission::Provider(call))
            .await
            .unwrap();
        assert_eq!(sent, [vec![PALLET_INDEX, index], arguments].concat());
    }
}

#[tokio::test]
async fn an_extrinsic_lives_for_256_blocks_from_the_finalized_one() {
    let node = MemoryNode::new(Options::CURRENT);
    for _ in 0..400 {
        node.next_block(|_| ());
    }
    node.0.lock().finalized = 300;
    node.0.lock().next_nonce = 70;
    client(&node).submit(answer(proof(1))).await.unwrap();
    let submitted = node.0.lock().submitted.clone();
    let sent = Sent::decode(&submitted[0]);
    assert_eq!(sent.nonce, 70);
    // A period of 2^8 in the low bits, and the phase 300 % 256 above them.
    assert_eq!(u16::from_le_bytes(sent.era), 7 | 44 << 4);
    assert!(sent.is_signed(hash_of(300)));
    // With finality that lags by more than half of it, it starts at the best block.
    node.0.lock().finalized = 200;
    client(&node).submit(answer(proof(1))).await.unwrap();
    let submitted = node.0.lock().submitted.clone();
    let sent = Sent::decode(&submitted[1]);
    assert_eq!(u16::from_le_bytes(sent.era), 7 | 144 << 4);
    assert!(sent.is_signed(hash_of(400)));
    assert!(!sent.is_signed(hash_of(200)));
}

#[tokio::test]
async fn an_extension_that_adds_something_unknown_is_refused_by_name() {
    let options = Options {
        has_unknown_extension: true,
        ..Options::CURRENT
    };
    let error = call_of(options, answer(proof(1))).await.unwrap_err();
    let why = "Cairn does not know the transaction extension `VerifyLunarPhase`";
    assert_eq!(error, ChainError::Unsupported(why.to_owned()));
}

#[tokio::test]
async fn what_is_not_understood_of_an_answer_is_refused_by_name() {
    let refused = Options {
        has_chunk_range: true,
        ..Options::CURRENT
    };
    let error = call_of(refused, answer(proof(1))).await.unwrap_err();
    assert!(error.to_string().contains("`ChunkOutOfRange`"), "{error}");

    // A field of a challenge that nobody knows: the chain judges, or nobody does.
    let unknown = Options {
        has_unknown_field: true,
        ..Options::CURRENT
    };
    let without = Options {
        dry_run_arguments: 0,
        ..unknown
    };
    let error = call_of(without, answer(proof(1))).await.unwrap_err();
    assert!(error.to_string().contains("a field `mood`"), "{error}");

    let node = MemoryNode::new(unknown);
    let chain = client(&node);
    node.answer_bytes("DryRunApi_dry_run_call", vec![1, 0]);
    let error = chain.submit(answer(proof(1))).await.unwrap_err();
    assert!(error.to_string().contains("NotOffered"), "{error}");
    assert!(node.0.lock().submitted.is_empty());
    let defended = [vec![50, 20], (ID, chain.account(), 4_u32).encode()].concat();
    let accepted = [vec![0, 0, 0, 4], defended, vec![0]].concat();
    node.answer_bytes("DryRunApi_dry_run_call", accepted);
    chain.submit(answer(proof(1))).await.unwrap();
    assert_eq!(node.0.lock().submitted.len(), 1);
}

#[tokio::test]
async fn a_fee_is_asked_for_the_extrinsic_that_would_be_sent() {
    let node = MemoryNode::new(Options::CURRENT);
    node.answer("TransactionPaymentApi_query_info", &(5_u32, 0_u8, 321_u128));
    let chain = client(&node);
    assert_eq!(chain.fee(&answer(proof(900))).await.unwrap(), 321);
    let called = node.0.lock().called.clone();
    let (_, arguments) = called.last().unwrap();
    chain.submit(answer(proof(900))).await.unwrap();
    let sent = node.0.lock().submitted[0].clone();
    // The length of the real one, and at the end that length.
    assert_eq!(arguments.len(), sent.len() + 4);
    assert!(arguments.ends_with(&(sent.len() as u32).encode()));
}

#[tokio::test]
async fn a_client_without_a_key_asks_and_cannot_submit() {
    let node = MemoryNode::new(Options::CURRENT);
    let chain = MetadataClient::watching(node.clone(), OTHER);
    assert_eq!(chain.account(), OTHER);
    assert!(chain.best_head().await.is_ok());
    let error = chain.submit(answer(proof(1))).await.unwrap_err();
    assert!(matches!(error, ChainError::NoKey { .. }), "{error}");
}

#[tokio::test]
async fn taken_nonces_are_skipped_up_to_a_limit() {
    let node = MemoryNode::new(Options::CURRENT);
    let chain = client(&node);
    node.0.lock().taken_nonces = 8;
    chain.submit(answer(proof(1))).await.unwrap();
    assert_eq!(Sent::decode(&node.0.lock().submitted[0]).nonce, 8);
    node.0.lock().taken_nonces = 9;
    let error = chain.submit(answer(proof(1))).await.unwrap_err();
    assert!(matches!(error, ChainError::PoolRejected(_)), "{error}");
}
