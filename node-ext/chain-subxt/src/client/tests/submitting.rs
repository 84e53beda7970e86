//! Signed extrinsics, their nonces, and their statuses.

use super::metadata::{
    CHECKPOINT_INDEX, MetadataOptions, PALLET_INDEX, PROVIDER_CHECKPOINT_INDEX, RESPOND_INDEX,
};
use super::node::{FakeNode, refusal};
use super::*;
use cairn_chain::ExtrinsicStatus;
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::{Commitment, LeafCount, MerkleProof, MmrProof};
use codec::{Compact, Input};
use serde_json::json;
use sp_core::{Blake2Hasher, Hasher, Pair, sr25519};

/// The decoded parts of an extrinsic.
struct DecodedExtrinsic {
    account: [u8; 32],
    signature: [u8; 64],
    era: [u8; 2],
    nonce: u32,
    call: Vec<u8>,
}

fn decode_extrinsic(extrinsic: &[u8]) -> DecodedExtrinsic {
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
    DecodedExtrinsic {
        account,
        signature: Decode::decode(input).unwrap(),
        era: Decode::decode(input).unwrap(),
        nonce: Compact::<u32>::decode(input).unwrap().0,
        call: input.to_vec(),
    }
}

impl DecodedExtrinsic {
    fn is_signed(&self, spec_version: u32, genesis: H256, birth: H256) -> bool {
        let extra = [self.era.to_vec(), Compact(self.nonce).encode()].concat();
        let implicit = (spec_version, genesis, birth).encode();
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

fn answer(client: &SubxtClient, chunk: usize) -> Submission {
    Submission::Response {
        id: challenge(client).id,
        response: Box::new(ChallengeResponse::Proof {
            chunk_data: vec![7; chunk],
            mmr_proof: MmrProof {
                peaks: vec![H256::zero()],
                leaf: Default::default(),
                leaf_proof: MerkleProof::default(),
            },
            chunk_proof: MerkleProof::default(),
        }),
    }
}

#[tokio::test]
async fn a_full_chunk_answer_is_signed_whole() {
    let node = FakeNode::new(MetadataOptions::default());
    node.make_blocks(20);
    node.finalize(10);
    node.set_nonce(70);
    let client = connected(&node).await;
    let submission = answer(&client, 262_144);
    let ticket = client.submit(submission.clone()).await.unwrap();
    let [sent] = node.submitted().try_into().unwrap();
    assert_eq!(ticket.hash, Blake2Hasher::hash(&sent));
    let extrinsic = decode_extrinsic(&sent);
    assert_eq!(AccountId(extrinsic.account), client.account());
    assert_eq!(extrinsic.nonce, 70);
    let Submission::Response { id, response } = submission else {
        unreachable!()
    };
    let arguments = (id, response).encode();
    let call = [vec![PALLET_INDEX, RESPOND_INDEX], arguments].concat();
    assert!(extrinsic.call == call);
    // Valid for 64 blocks from the finalized one.
    assert_eq!(extrinsic.era, [5 | 10 << 4, 10 >> 4]);
    assert!(extrinsic.is_signed(1, node.hash(0), node.hash(10)));
    assert!(!extrinsic.is_signed(1, node.hash(0), node.hash(20)));
}

#[tokio::test]
async fn with_lagging_finality_the_era_starts_at_the_best_block() {
    let node = FakeNode::new(MetadataOptions::default());
    node.make_blocks(40);
    node.finalize(10);
    let client = connected(&node).await;
    client.submit(answer(&client, 1)).await.unwrap();
    let extrinsic = decode_extrinsic(&node.submitted()[0]);
    assert!(extrinsic.is_signed(1, node.hash(0), node.hash(40)));
}

#[tokio::test]
async fn a_window_checkpoint_uses_its_own_call() {
    let node = FakeNode::new(MetadataOptions::default());
    let client = connected(&node).await;
    let bucket = BucketId(3);
    let commitment = Commitment {
        mmr_root: H256::repeat_byte(1),
        start_seq: Sequence(2),
        leaf_count: LeafCount::new(5).unwrap(),
    };
    let signatures = vec![(1u32, MultiSignature::Sr25519([6; 64]))];
    for window in [None, Some(12u64)] {
        let checkpoint = Submission::Checkpoint {
            bucket,
            commitment,
            window,
            signatures: signatures.clone(),
        };
        client.submit(checkpoint).await.unwrap();
    }
    let calls: Vec<_> = node
        .submitted()
        .iter()
        .map(|sent| decode_extrinsic(sent).call)
        .collect();
    let arguments = [
        (bucket, commitment, &signatures).encode(),
        (bucket, commitment, 12u64, &signatures).encode(),
    ];
    let [plain, windowed] = arguments;
    assert_eq!(
        calls,
        [
            [vec![PALLET_INDEX, CHECKPOINT_INDEX], plain].concat(),
            [vec![PALLET_INDEX, PROVIDER_CHECKPOINT_INDEX], windowed].concat(),
        ]
    );
}

#[tokio::test]
async fn extrinsics_in_flight_use_distinct_nonces_and_fill_gaps() {
    let node = FakeNode::new(MetadataOptions::default());
    node.set_nonce(5);
    let client = connected(&node).await;
    let mut tickets = Vec::new();
    for _ in 0..4 {
        // The node's next nonce does not count them yet.
        tickets.push(client.submit(answer(&client, 1)).await.unwrap());
    }
    node.send_status(1, json!("dropped"));
    let statuses: Vec<_> = tickets.remove(1).statuses.collect().await;
    assert!(matches!(&statuses[..], [ExtrinsicStatus::Dropped(_)]));
    tickets.push(client.submit(answer(&client, 1)).await.unwrap());
    tickets.push(client.submit(answer(&client, 1)).await.unwrap());
    let nonces: Vec<_> = node
        .submitted()
        .iter()
        .map(|sent| decode_extrinsic(sent).nonce)
        .collect();
    assert_eq!(nonces, [5, 6, 7, 8, 6, 9]);
}

#[tokio::test]
async fn a_taken_nonce_is_skipped() {
    let node = FakeNode::new(MetadataOptions::default());
    node.set_nonce(5);
    let client = connected(&node).await;
    node.refuse_next(refusal(1014, "Priority is too low"));
    node.refuse_next(refusal(1013, "Transaction is already imported"));
    let _ticket = client.submit(answer(&client, 1)).await.unwrap();
    assert_eq!(decode_extrinsic(&node.submitted()[0]).nonce, 7);
    // The number of attempts is limited, and other errors are not retried.
    for _ in 0..=MAX_NONCE_RETRIES {
        node.refuse_next(refusal(1014, "Priority is too low"));
    }
    let error = client.submit(answer(&client, 1)).await.unwrap_err();
    assert!(error.to_string().contains("Priority is too low"), "{error}");
    node.refuse_next(refusal(1010, "Invalid Transaction"));
    let error = client.submit(answer(&client, 1)).await.unwrap_err();
    assert!(matches!(error, ChainError::PoolRejected(_)), "{error}");
    assert!(error.is_transient());
    // A refused extrinsic holds no nonce.
    let _another = client.submit(answer(&client, 1)).await.unwrap();
    assert_eq!(decode_extrinsic(&node.submitted()[1]).nonce, 5);
}

#[tokio::test]
async fn without_a_next_index_the_chains_nonce_is_used() {
    let node = FakeNode::new(MetadataOptions::default());
    node.set_nonce(9);
    node.remove_next_index();
    let client = connected(&node).await;
    client.submit(answer(&client, 1)).await.unwrap();
    assert_eq!(decode_extrinsic(&node.submitted()[0]).nonce, 9);
}

#[tokio::test]
async fn an_extrinsic_is_followed_to_its_final_status() {
    let node = FakeNode::new(MetadataOptions::default());
    let client = connected(&node).await;
    let [one, two] = [H256::repeat_byte(1), H256::repeat_byte(2)];
    let ticket = client.submit(answer(&client, 1)).await.unwrap();
    for status in [
        json!("ready"),
        json!({"broadcast": ["peer"]}),
        json!({"inBlock": one}),
        json!({"retracted": one}),
        json!({"inBlock": two}),
        json!({"finalized": two}),
        json!({"inBlock": one}),
    ] {
        node.send_status(0, status);
    }
    let statuses: Vec<_> = ticket.statuses.collect().await;
    assert_eq!(
        statuses,
        [
            ExtrinsicStatus::InBlock(one),
            ExtrinsicStatus::Retracted(one),
            ExtrinsicStatus::InBlock(two),
            ExtrinsicStatus::Finalized(two),
        ]
    );
    for (nth, status) in [json!("invalid"), json!({"usurped": one})]
        .into_iter()
        .enumerate()
    {
        let ticket = client.submit(answer(&client, 1)).await.unwrap();
        node.send_status(nth + 1, status);
        let statuses: Vec<_> = ticket.statuses.collect().await;
        assert!(
            matches!(&statuses[..], [ExtrinsicStatus::Dropped(_)]),
            "{statuses:?}"
        );
    }
}

#[tokio::test]
async fn a_lost_connection_ends_the_stream_without_a_status() {
    let node = FakeNode::new(MetadataOptions::default());
    let client = connected(&node).await;
    let lost = client.submit(answer(&client, 1)).await.unwrap();
    let late = client.submit(answer(&client, 1)).await.unwrap();
    node.send_status(1, json!({"finalityTimeout": H256::zero()}));
    assert_eq!(late.statuses.collect::<Vec<_>>().await, []);
    node.disconnect();
    assert_eq!(lost.statuses.collect::<Vec<_>>().await, []);
}

#[tokio::test]
async fn l10_an_urgent_answer_has_the_configured_tip() {
    for (with_tips, tip) in [(true, 0u128), (true, 70_000), (false, 70_000)] {
        let node = FakeNode::new(MetadataOptions {
            with_tips,
            ..MetadataOptions::default()
        });
        let client = connected(&node).await.with_urgent_tip(tip);
        client.submit(answer(&client, 1)).await.unwrap();
        client.submit_urgently(answer(&client, 1)).await.unwrap();
        for (extrinsic, bid) in node.submitted().iter().zip([0, tip]) {
            let apart = decode_extrinsic(extrinsic);
            let input = &mut apart.call.as_slice();
            if with_tips {
                assert_eq!(Compact::<u128>::decode(input).unwrap().0, bid);
            }
            assert_eq!(input[..2], [PALLET_INDEX, RESPOND_INDEX]);
        }
    }
}
