//! The client against a fake node in memory: queries, submissions, lost connections and
//! runtime upgrades.

mod metadata;
mod node;
mod submitting;

use super::*;
use cairn_keys::KeyFolder;
use cairn_primitives::challenge::{ChunkLocation, SlashReason};
use cairn_primitives::{ChunkIndex, LeafIndex, Sequence};
use metadata::Made;
use node::FakeNode;

/// A timeout that only expires in the test of timeouts.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) fn signer() -> Signer {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyFolder::new(folder.path().join("keystore"));
    keys.insert("//Alice").unwrap();
    keys.signer(None).unwrap()
}

async fn connect(node: &FakeNode) -> Result<SubxtClient, ChainError> {
    SubxtClient::connect_by(Box::new(node.clone()), signer(), LIMIT).await
}

async fn connected(node: &FakeNode) -> SubxtClient {
    connect(node).await.unwrap()
}

pub(super) fn challenge(client: &SubxtClient) -> OpenChallenge {
    OpenChallenge {
        id: ChallengeId {
            deadline: 500,
            index: 3,
        },
        bucket_id: BucketId(7),
        provider: client.account(),
        challenger: AccountId([2; 32]),
        mmr_root: H256::repeat_byte(9),
        start_seq: Sequence(0),
        leaf_count: None,
        location: ChunkLocation {
            leaf_index: LeafIndex(1),
            chunk_index: ChunkIndex(2),
        },
        asked_at: 90,
    }
}

#[tokio::test]
async fn a_question_is_asked_at_its_block_and_answered_in_our_types() {
    let node = FakeNode::new(Made::default());
    node.makes(3);
    let client = connected(&node).await;
    let open = vec![challenge(&client)];
    node.answers("open_challenges", &open);
    let at = node.hash(2);
    assert_eq!(client.open_challenges(at).await.unwrap(), open);
    assert_eq!(
        node.asked("open_challenges"),
        [(client.account().encode(), at)]
    );
    node.answers("bucket", &None::<BucketInfo>);
    assert_eq!(client.bucket(at, BucketId(7)).await.unwrap(), None);
    assert_eq!(node.asked("bucket"), [(7u64.encode(), at)]);
}

#[tokio::test]
async fn a_runtime_without_the_pallet_is_refused_with_all_that_is_missing() {
    let node = FakeNode::new(Made {
        without_pallet: true,
        ..Made::default()
    });
    let error = connect(&node).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, ChainError::Unsupported(_)), "{text}");
    for missing in [
        "there is no runtime API StorageProviderApi",
        "there is no pallet StorageProvider",
    ] {
        assert_eq!(text.matches(missing).count(), 1, "{missing} in {text}");
    }
}

#[tokio::test]
async fn a_runtime_that_takes_another_answer_is_refused_by_the_calls_name() {
    let node = FakeNode::new(Made {
        with_other_calls: true,
        ..Made::default()
    });
    let text = connect(&node).await.unwrap_err().to_string();
    let fault = "StorageProvider.respond_to_challenge takes other arguments";
    assert!(text.contains(fault), "{fault} in {text}");
    // Calls that answering does not need are not listed.
    assert!(!text.contains("checkpoint"), "{text}");
}

#[tokio::test]
async fn s5_a_runtime_that_lacks_what_answering_does_not_take_is_connected_to() {
    let made = Made {
        without_windows: true,
        without: &["outcomes", "bucket", "buckets_of"],
        with_more_of_providers: true,
        ..Made::default()
    };
    let node = FakeNode::new(made);
    let client = connected(&node).await;
    let at = node.hash(0);
    let open = vec![challenge(&client)];
    node.answers("open_challenges", &open);
    assert_eq!(client.open_challenges(at).await.unwrap(), open);
    // A method with other types is not called.
    let error = client.provider(at).await.unwrap_err();
    assert!(matches!(error, ChainError::Unsupported(_)), "{error}");
    let submission = Submission::Response {
        id: open[0].id,
        response: Box::new(ChallengeResponse::Superseded),
    };
    client.submit(submission).await.unwrap();
    assert_eq!(node.submitted().len(), 1);
}

#[tokio::test]
async fn s5_each_thing_that_answering_takes_is_needed() {
    for needed in ["anchor_block", "limits", "open_challenges"] {
        let without: &'static [&'static str] = Box::leak(Box::new([needed]));
        let node = FakeNode::new(Made {
            without,
            ..Made::default()
        });
        let text = connect(&node).await.unwrap_err().to_string();
        assert!(text.contains(needed), "{text}");
    }
}

#[tokio::test]
async fn s5_a_row_that_makes_no_sense_does_not_hide_the_others() {
    let node = FakeNode::new(Made::default());
    let client = connected(&node).await;
    let first = OpenChallenge {
        leaf_count: cairn_primitives::LeafCount::new(5),
        ..challenge(&client)
    };
    let mut bytes = vec![first, first].encode();
    // The last field but two of the first row: more leaves than any tree has.
    let row = first.encode().len();
    let behind = 16 + 4;
    bytes[1 + row - behind - 1] = 0xff;
    node.answers_bytes("StorageProviderApi_open_challenges", bytes);
    let open = client.open_challenges(node.hash(0)).await.unwrap();
    let without = OpenChallenge {
        leaf_count: None,
        ..first
    };
    assert_eq!(open, [without, first]);
}

#[tokio::test]
async fn s12_the_best_block_is_told_with_its_anchor() {
    let node = FakeNode::new(Made::default());
    node.makes(9);
    node.finalizes(2);
    let client = connected(&node).await;
    let best = Head {
        hash: node.hash(9),
        number: 9,
        anchor: 100,
    };
    assert_eq!(client.best_head().await.unwrap(), best);
}

#[tokio::test]
async fn a_client_is_made_of_a_node_that_is_away_and_connects_when_it_comes() {
    let node = FakeNode::new(Made::default());
    node.goes_down();
    let client = SubxtClient::by(Box::new(node.clone()), signer(), LIMIT);
    assert!(client.reach().await.unwrap_err().is_passing());
    assert_eq!(client.genesis(), None);
    node.comes_back();
    client.reach().await.unwrap();
    assert_eq!(client.genesis(), Some(node.hash(0)));
}

#[tokio::test]
async fn an_answer_of_another_form_is_refused_and_never_read_in_part() {
    let node = FakeNode::new(Made::default());
    let client = connected(&node).await;
    let at = node.hash(0);
    for bytes in [vec![4], [vec![0], vec![1]].concat(), vec![0xff; 40]] {
        node.answers_bytes("StorageProviderApi_open_challenges", bytes);
        let error = client.open_challenges(at).await.unwrap_err();
        assert!(matches!(error, ChainError::Unsupported(_)), "{error}");
    }
}

#[tokio::test]
async fn a_block_that_is_not_kept_any_more_is_told_from_a_node_that_is_gone() {
    let node = FakeNode::new(Made::default());
    let client = connected(&node).await;
    node.answers("outcomes", &Vec::<Outcome>::new());
    let error = client.outcomes(H256::repeat_byte(1)).await.unwrap_err();
    assert!(matches!(error, ChainError::NoSuchBlock { .. }), "{error}");
    assert!(error.is_passing());
    node.goes_down();
    let error = client.outcomes(node.hash(0)).await.unwrap_err();
    assert!(matches!(error, ChainError::Unreachable(_)), "{error}");
    node.comes_back();
    assert!(client.outcomes(node.hash(0)).await.is_ok());
    assert_eq!(node.dialled(), 2);
}

#[tokio::test]
async fn a_node_that_gives_no_answer_is_waited_for_no_longer_than_the_limit() {
    let node = FakeNode::new(Made::default());
    let limit = Duration::from_millis(20);
    let client = SubxtClient::connect_by(Box::new(node.clone()), signer(), LIMIT).await;
    let client = SubxtClient {
        answer_within: limit,
        ..client.unwrap()
    };
    node.falls_silent();
    let id = challenge(&client).id;
    let response = ChallengeResponse::Superseded;
    let submission = Submission::Response {
        id,
        response: Box::new(response.clone()),
    };
    for error in [
        client.limits(node.hash(0)).await.unwrap_err(),
        client.judge(id, &response).await.unwrap_err(),
        client.submit(submission).await.unwrap_err(),
        client.finalized_heads().await.err().unwrap(),
    ] {
        assert!(error.to_string().contains("no answer within 0.02 s"));
        assert!(error.is_passing());
    }
}

#[tokio::test]
async fn a_chain_that_judges_is_asked_at_its_best_block_and_others_are_not() {
    let node = FakeNode::new(Made::default());
    node.makes(2);
    let client = connected(&node).await;
    let id = challenge(&client).id;
    let response = ChallengeResponse::Superseded;
    let wrong = ResponseRefusal::Slashable(SlashReason::InvalidSupersededClaim);
    for (answer, verdict) in [
        (Ok(()), Verdict::Accepted),
        (Err(wrong), Verdict::Refused(wrong)),
    ] {
        node.answers("judge_response", &answer);
        assert_eq!(client.judge(id, &response).await.unwrap(), verdict);
    }
    let arguments = (client.account(), id, &response).encode();
    assert_eq!(node.asked("judge_response")[0], (arguments, node.hash(2)));

    let older = FakeNode::new(Made {
        without_judge: true,
        ..Made::default()
    });
    let client = connected(&older).await;
    let verdict = client.judge(id, &response).await.unwrap();
    assert_eq!(verdict, Verdict::NotOffered);
    assert!(older.asked("judge_response").is_empty());
}

#[tokio::test]
async fn finalized_heads_begin_with_the_present_one_and_skip_to_the_newest() {
    let node = FakeNode::new(Made::default());
    node.makes(9);
    node.finalizes(2);
    let client = connected(&node).await;
    let mut heads = client.finalized_heads().await.unwrap();
    let head = |number, hash, anchor| Head {
        hash,
        number,
        anchor,
    };
    assert_eq!(heads.next().await, Some(head(2, node.hash(2), 100)));
    node.answers("anchor_block", &150u32);
    node.finalizes(3);
    node.finalizes(4);
    node.finalizes(6);
    assert_eq!(heads.next().await, Some(head(6, node.hash(6), 150)));
    // A head is not repeated.
    node.finalizes(5);
    node.finalizes(6);
    node.finalizes(7);
    assert_eq!(heads.next().await.unwrap().number, 7);
}

#[tokio::test]
async fn heads_end_when_the_node_is_lost_and_asking_again_connects_again() {
    let node = FakeNode::new(Made::default());
    node.makes(3);
    let client = connected(&node).await;
    let mut heads = client.finalized_heads().await.unwrap();
    heads.next().await.unwrap();
    node.goes_down();
    assert_eq!(heads.next().await, None);
    let error = client.finalized_heads().await.err().unwrap();
    assert!(error.to_string().contains("connection refused"), "{error}");
    node.comes_back();
    node.finalizes(3);
    let mut heads = client.finalized_heads().await.unwrap();
    assert_eq!(heads.next().await.unwrap().number, 3);
    assert_eq!(node.dialled(), 2);
}

#[tokio::test]
async fn s2_another_chain_at_the_same_address_is_refused() {
    let node = FakeNode::new(Made::default());
    let client = connected(&node).await;
    assert_eq!(client.genesis(), Some(node.hash(0)));
    node.goes_down();
    node.becomes_another_chain();
    node.comes_back();
    let error = client.limits(node.hash(0)).await.unwrap_err();
    let ChainError::OtherChain { expected, found } = error else {
        panic!("{error}");
    };
    assert_eq!(client.genesis(), Some(expected));
    assert_ne!(found, expected);
    assert!(ChainClient::genesis(&client).await.is_err());
}

#[tokio::test]
async fn a_new_runtime_is_read_once_and_what_it_still_offers_is_used() {
    let node = FakeNode::new(Made::default());
    node.makes(3);
    let client = connected(&node).await;
    let mut heads = client.finalized_heads().await.unwrap();
    heads.next().await.unwrap();
    assert_eq!(node.loaded(), 1);
    node.upgrades_to(
        2,
        Made {
            with_other_calls: true,
            ..Made::default()
        },
    );
    for number in 1..4 {
        node.finalizes(number);
        heads.next().await.unwrap();
    }
    assert_eq!(node.loaded(), 2);
    node.answers("buckets_of", &vec![BucketId(1)]);
    assert_eq!(
        client.buckets(node.hash(3)).await.unwrap(),
        vec![BucketId(1)]
    );
    // An answer in another encoding could be judged as a wrong one.
    let submission = Submission::Response {
        id: challenge(&client).id,
        response: Box::new(ChallengeResponse::Superseded),
    };
    let error = client.submit(submission).await.unwrap_err();
    assert!(matches!(error, ChainError::Unsupported(_)), "{error}");
    assert!(node.submitted().is_empty());
}
