//! Signed extrinsics, their nonces, and their statuses.

use super::metadata::{
    CHECKPOINT_INDEX, Made, PALLET_INDEX, PROVIDER_CHECKPOINT_INDEX, RESPOND_INDEX,
};
use super::node::{FakeNode, refusal};
use super::*;
use cairn_chain::Progress;
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::{Commitment, LeafCount, MerkleProof, MmrProof};
use codec::{Compact, Input};
use serde_json::json;
use sp_core::{Blake2Hasher, Hasher, Pair, sr25519};

/// The decoded parts of an extrinsic.
struct Apart {
    account: [u8; 32],
    signature: [u8; 64],
    era: [u8; 2],
    nonce: u32,
    call: Vec<u8>,
}

fn apart(extrinsic: &[u8]) -> Apart {
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
    Apart {
        account,
        signature: Decode::decode(input).unwrap(),
        era: Decode::decode(input).unwrap(),
        nonce: Compact::<u32>::decode(input).unwrap().0,
        call: input.to_vec(),
    }
}

impl Apart {
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
async fn an_answer_with_a_full_chunk_is_signed_whole_under_its_names_place() {
    let node = FakeNode::new(Made::default());
    node.makes(20);
    node.finalizes(10);
    node.has_nonce(70);
    let client = connected(&node).await;
    let submission = answer(&client, 262_144);
    let ticket = client.submit(submission.clone()).await.unwrap();
    let [sent] = node.submitted().try_into().unwrap();
    assert_eq!(ticket.hash, Blake2Hasher::hash(&sent));
    let extrinsic = apart(&sent);
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
async fn where_finality_lags_far_behind_an_extrinsic_is_born_in_the_best_block() {
    let node = FakeNode::new(Made::default());
    node.makes(40);
    node.finalizes(10);
    let client = connected(&node).await;
    client.submit(answer(&client, 1)).await.unwrap();
    let extrinsic = apart(&node.submitted()[0]);
    assert!(extrinsic.is_signed(1, node.hash(0), node.hash(40)));
}

#[tokio::test]
async fn a_checkpoint_is_another_call_in_a_window() {
    let node = FakeNode::new(Made::default());
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
        .map(|sent| apart(sent).call)
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
async fn many_in_flight_have_a_nonce_each_and_a_gap_is_filled_first() {
    let node = FakeNode::new(Made::default());
    node.has_nonce(5);
    let client = connected(&node).await;
    let mut tickets = Vec::new();
    for _ in 0..4 {
        // The node's next nonce does not count them yet.
        tickets.push(client.submit(answer(&client, 1)).await.unwrap());
    }
    node.tells(1, json!("dropped"));
    let told: Vec<_> = tickets.remove(1).progress.collect().await;
    assert!(matches!(&told[..], [Progress::Gone(_)]));
    tickets.push(client.submit(answer(&client, 1)).await.unwrap());
    tickets.push(client.submit(answer(&client, 1)).await.unwrap());
    let nonces: Vec<_> = node
        .submitted()
        .iter()
        .map(|sent| apart(sent).nonce)
        .collect();
    assert_eq!(nonces, [5, 6, 7, 8, 6, 9]);
}

#[tokio::test]
async fn a_nonce_that_somebody_else_has_taken_is_passed_over() {
    let node = FakeNode::new(Made::default());
    node.has_nonce(5);
    let client = connected(&node).await;
    node.refuses(refusal(1014, "Priority is too low"));
    node.refuses(refusal(1013, "Transaction is already imported"));
    let _ticket = client.submit(answer(&client, 1)).await.unwrap();
    assert_eq!(apart(&node.submitted()[0]).nonce, 7);
    // The number of attempts is limited, and other errors are not retried.
    for _ in 0..=NONCES_TRIED {
        node.refuses(refusal(1014, "Priority is too low"));
    }
    let error = client.submit(answer(&client, 1)).await.unwrap_err();
    assert!(error.to_string().contains("Priority is too low"), "{error}");
    node.refuses(refusal(1010, "Invalid Transaction"));
    let error = client.submit(answer(&client, 1)).await.unwrap_err();
    assert!(matches!(error, ChainError::NotTaken(_)), "{error}");
    assert!(error.is_passing());
    // A refused extrinsic holds no nonce.
    let _another = client.submit(answer(&client, 1)).await.unwrap();
    assert_eq!(apart(&node.submitted()[1]).nonce, 5);
}

#[tokio::test]
async fn a_node_that_tells_no_next_nonce_is_asked_for_the_chains() {
    let node = FakeNode::new(Made::default());
    node.has_nonce(9);
    node.tells_no_nonce();
    let client = connected(&node).await;
    client.submit(answer(&client, 1)).await.unwrap();
    assert_eq!(apart(&node.submitted()[0]).nonce, 9);
}

#[tokio::test]
async fn what_becomes_of_an_extrinsic_is_told_to_its_end() {
    let node = FakeNode::new(Made::default());
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
        node.tells(0, status);
    }
    let told: Vec<_> = ticket.progress.collect().await;
    assert_eq!(
        told,
        [
            Progress::InBlock(one),
            Progress::Retracted(one),
            Progress::InBlock(two),
            Progress::Finalized(two),
        ]
    );
    for (nth, status) in [json!("invalid"), json!({"usurped": one})]
        .into_iter()
        .enumerate()
    {
        let ticket = client.submit(answer(&client, 1)).await.unwrap();
        node.tells(nth + 1, status);
        let told: Vec<_> = ticket.progress.collect().await;
        assert!(matches!(&told[..], [Progress::Gone(_)]), "{told:?}");
    }
}

#[tokio::test]
async fn a_lost_node_says_nothing_of_an_extrinsic() {
    let node = FakeNode::new(Made::default());
    let client = connected(&node).await;
    let lost = client.submit(answer(&client, 1)).await.unwrap();
    let late = client.submit(answer(&client, 1)).await.unwrap();
    node.tells(1, json!({"finalityTimeout": H256::zero()}));
    assert_eq!(late.progress.collect::<Vec<_>>().await, []);
    node.goes_down();
    assert_eq!(lost.progress.collect::<Vec<_>>().await, []);
}

#[tokio::test]
async fn l10_an_urgent_answer_bids_what_the_operator_allows_where_the_chain_takes_tips() {
    for (with_tips, tip) in [(true, 0u128), (true, 70_000), (false, 70_000)] {
        let node = FakeNode::new(Made {
            with_tips,
            ..Made::default()
        });
        let client = connected(&node).await.with_urgent_tip(tip);
        client.submit(answer(&client, 1)).await.unwrap();
        client.submit_urgently(answer(&client, 1)).await.unwrap();
        for (extrinsic, bid) in node.submitted().iter().zip([0, tip]) {
            let apart = apart(extrinsic);
            let input = &mut apart.call.as_slice();
            if with_tips {
                assert_eq!(Compact::<u128>::decode(input).unwrap().0, bid);
            }
            assert_eq!(input[..2], [PALLET_INDEX, RESPOND_INDEX]);
        }
    }
}
