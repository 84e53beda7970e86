//! The client against a fake node in memory: queries, submissions, lost connections and
//! runtime upgrades.

mod metadata;
mod node;
mod submitting;

use super::*;
use cairn_keys::KeyFolder;
use cairn_primitives::challenge::{ChunkLocation, SlashReason};
use cairn_primitives::{ChunkIndex, LeafIndex, Sequence};
use metadata::MetadataOptions;
use node::FakeNode;

/// A timeout that only expires in the test of timeouts.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) fn signer() -> Signer {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyFolder::new(folder.path().join("keystore"));
    keys.insert("//Alice").unwrap();
    keys.signer(None).unwrap()
}

async fn connect(node: &FakeNode) -> Result<SubxtClient, ChainError> {
    SubxtClient::connect_with(Box::new(node.clone()), signer(), TIMEOUT).await
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
async fn queries_name_their_block_and_decode_our_types() {
    let node = FakeNode::new(MetadataOptions::default());
    node.make_blocks(3);
    let client = connected(&node).await;
    let open = vec![challenge(&client)];
    node.set_answer("open_challenges", &open);
    let at = node.hash(2);
    assert_eq!(client.open_challenges(at).await.unwrap(), open);
    assert_eq!(
        node.calls_of("open_challenges"),
        [(client.account().encode(), at)]
    );
    node.set_answer("bucket", &None::<BucketInfo>);
    assert_eq!(client.bucket(at, BucketId(7)).await.unwrap(), None);
    assert_eq!(node.calls_of("bucket"), [(7u64.encode(), at)]);
}

#[tokio::test]
async fn a_runtime_without_the_pallet_is_refused() {
    let node = FakeNode::new(MetadataOptions {
        without_pallet: true,
        ..MetadataOptions::default()
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
async fn a_runtime_with_another_answer_type_is_refused() {
    let node = FakeNode::new(MetadataOptions {
        with_other_calls: true,
        ..MetadataOptions::default()
    });
    let text = connect(&node).await.unwrap_err().to_string();
    let fault = "StorageProvider.respond_to_challenge takes other arguments";
    assert!(text.contains(fault), "{fault} in {text}");
    // Calls that answering does not need are not listed.
    assert!(!text.contains("checkpoint"), "{text}");
}

#[tokio::test]
async fn s5_a_runtime_without_optional_methods_is_accepted() {
    let made = MetadataOptions {
        without_windows: true,
        missing_methods: &["outcomes", "bucket", "buckets_of"],
        with_longer_provider_info: true,
        ..MetadataOptions::default()
    };
    let node = FakeNode::new(made);
    let client = connected(&node).await;
    let at = node.hash(0);
    let open = vec![challenge(&client)];
    node.set_answer("open_challenges", &open);
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
async fn s5_each_method_needed_for_answers_is_required() {
    for needed in ["anchor_block", "limits", "open_challenges"] {
        let missing_methods: &'static [&'static str] = Box::leak(Box::new([needed]));
        let node = FakeNode::new(MetadataOptions {
            missing_methods,
            ..MetadataOptions::default()
        });
        let text = connect(&node).await.unwrap_err().to_string();
        assert!(text.contains(needed), "{text}");
    }
}

#[tokio::test]
async fn s5_an_odd_row_does_not_hide_the_others() {
    let node = FakeNode::new(MetadataOptions::default());
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
    node.set_answer_bytes("StorageProviderApi_open_challenges", bytes);
    let open = client.open_challenges(node.hash(0)).await.unwrap();
    let missing_methods = OpenChallenge {
        leaf_count: None,
        ..first
    };
    assert_eq!(open, [missing_methods, first]);
}

#[tokio::test]
async fn s12_the_best_block_has_its_anchor() {
    let node = FakeNode::new(MetadataOptions::default());
    node.make_blocks(9);
    node.finalize(2);
    let client = connected(&node).await;
    let best = Head {
        hash: node.hash(9),
        number: 9,
        anchor: 100,
    };
    assert_eq!(client.best_head().await.unwrap(), best);
}

#[tokio::test]
async fn a_client_of_an_absent_node_connects_later() {
    let node = FakeNode::new(MetadataOptions::default());
    node.disconnect();
    let client = SubxtClient::with_connector(Box::new(node.clone()), signer(), TIMEOUT);
    assert!(client.ensure_connected().await.unwrap_err().is_transient());
    assert_eq!(client.genesis(), None);
    node.reconnect();
    client.ensure_connected().await.unwrap();
    assert_eq!(client.genesis(), Some(node.hash(0)));
}

#[tokio::test]
async fn a_response_of_another_form_is_refused() {
    let node = FakeNode::new(MetadataOptions::default());
    let client = connected(&node).await;
    let at = node.hash(0);
    for bytes in [vec![4], [vec![0], vec![1]].concat(), vec![0xff; 40]] {
        node.set_answer_bytes("StorageProviderApi_open_challenges", bytes);
        let error = client.open_challenges(at).await.unwrap_err();
        assert!(matches!(error, ChainError::Unsupported(_)), "{error}");
    }
}

#[tokio::test]
async fn a_pruned_block_is_distinguished_from_a_lost_node() {
    let node = FakeNode::new(MetadataOptions::default());
    let client = connected(&node).await;
    node.set_answer("outcomes", &Vec::<Outcome>::new());
    let error = client.outcomes(H256::repeat_byte(1)).await.unwrap_err();
    assert!(matches!(error, ChainError::NoSuchBlock { .. }), "{error}");
    assert!(error.is_transient());
    node.disconnect();
    let error = client.outcomes(node.hash(0)).await.unwrap_err();
    assert!(matches!(error, ChainError::Unreachable(_)), "{error}");
    node.reconnect();
    assert!(client.outcomes(node.hash(0)).await.is_ok());
    assert_eq!(node.connect_count(), 2);
}

#[tokio::test]
async fn a_silent_node_times_out() {
    let node = FakeNode::new(MetadataOptions::default());
    let limit = Duration::from_millis(20);
    let client = SubxtClient::connect_with(Box::new(node.clone()), signer(), TIMEOUT).await;
    let client = SubxtClient {
        response_timeout: limit,
        ..client.unwrap()
    };
    node.stop_answering();
    let id = challenge(&client).id;
    let response = ChallengeResponse::Superseded;
    let submission = Submission::Response {
        id,
        response: Box::new(response.clone()),
    };
    for error in [
        client.limits(node.hash(0)).await.unwrap_err(),
        client.dry_run(id, &response).await.unwrap_err(),
        client.submit(submission).await.unwrap_err(),
        client.finalized_heads().await.err().unwrap(),
    ] {
        assert!(error.to_string().contains("no answer within 0.02 s"));
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn dry_runs_use_the_best_block_where_offered() {
    let node = FakeNode::new(MetadataOptions::default());
    node.make_blocks(2);
    let client = connected(&node).await;
    let id = challenge(&client).id;
    let response = ChallengeResponse::Superseded;
    let wrong = ResponseRefusal::Slashable(SlashReason::InvalidSupersededClaim);
    for (answer, verdict) in [
        (Ok(()), DryRunResult::Accepted),
        (Err(wrong), DryRunResult::Refused(wrong)),
    ] {
        node.set_answer("judge_response", &answer);
        assert_eq!(client.dry_run(id, &response).await.unwrap(), verdict);
    }
    let arguments = (client.account(), id, &response).encode();
    assert_eq!(
        node.calls_of("judge_response")[0],
        (arguments, node.hash(2))
    );

    let older = FakeNode::new(MetadataOptions {
        without_judge: true,
        ..MetadataOptions::default()
    });
    let client = connected(&older).await;
    let verdict = client.dry_run(id, &response).await.unwrap();
    assert_eq!(verdict, DryRunResult::NotOffered);
    assert!(older.calls_of("judge_response").is_empty());
}

#[tokio::test]
async fn finalized_heads_start_now_and_skip_to_the_newest() {
    let node = FakeNode::new(MetadataOptions::default());
    node.make_blocks(9);
    node.finalize(2);
    let client = connected(&node).await;
    let mut heads = client.finalized_heads().await.unwrap();
    let head = |number, hash, anchor| Head {
        hash,
        number,
        anchor,
    };
    assert_eq!(heads.next().await, Some(head(2, node.hash(2), 100)));
    node.set_answer("anchor_block", &150u32);
    node.finalize(3);
    node.finalize(4);
    node.finalize(6);
    assert_eq!(heads.next().await, Some(head(6, node.hash(6), 150)));
    // A head is not repeated.
    node.finalize(5);
    node.finalize(6);
    node.finalize(7);
    assert_eq!(heads.next().await.unwrap().number, 7);
}

#[tokio::test]
async fn heads_end_with_the_connection_and_can_be_resumed() {
    let node = FakeNode::new(MetadataOptions::default());
    node.make_blocks(3);
    let client = connected(&node).await;
    let mut heads = client.finalized_heads().await.unwrap();
    heads.next().await.unwrap();
    node.disconnect();
    assert_eq!(heads.next().await, None);
    let error = client.finalized_heads().await.err().unwrap();
    assert!(error.to_string().contains("connection refused"), "{error}");
    node.reconnect();
    node.finalize(3);
    let mut heads = client.finalized_heads().await.unwrap();
    assert_eq!(heads.next().await.unwrap().number, 3);
    assert_eq!(node.connect_count(), 2);
}

#[tokio::test]
async fn s2_another_chain_at_the_same_address_is_refused() {
    let node = FakeNode::new(MetadataOptions::default());
    let client = connected(&node).await;
    assert_eq!(client.genesis(), Some(node.hash(0)));
    node.disconnect();
    node.replace_chain();
    node.reconnect();
    let error = client.limits(node.hash(0)).await.unwrap_err();
    let ChainError::OtherChain { expected, found } = error else {
        panic!("{error}");
    };
    assert_eq!(client.genesis(), Some(expected));
    assert_ne!(found, expected);
    assert!(ChainClient::genesis(&client).await.is_err());
}

#[tokio::test]
async fn a_new_runtime_is_loaded_once_and_used_as_far_as_it_fits() {
    let node = FakeNode::new(MetadataOptions::default());
    node.make_blocks(3);
    let client = connected(&node).await;
    let mut heads = client.finalized_heads().await.unwrap();
    heads.next().await.unwrap();
    assert_eq!(node.metadata_reads(), 1);
    node.upgrade_to(
        2,
        MetadataOptions {
            with_other_calls: true,
            ..MetadataOptions::default()
        },
    );
    for number in 1..4 {
        node.finalize(number);
        heads.next().await.unwrap();
    }
    assert_eq!(node.metadata_reads(), 2);
    node.set_answer("buckets_of", &vec![BucketId(1)]);
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
