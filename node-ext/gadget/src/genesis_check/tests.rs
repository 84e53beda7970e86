//! A base path whose node serves another chain.

use super::*;
use crate::network::{ID, open};
use cairn_primitives::blake2_256;
use cairn_provider::DutyKind;
use cairn_testing::{LIMITS, SimulatedChain};
use futures::StreamExt;

const US: AccountId = AccountId([1; 32]);

fn other() -> SimulatedChain {
    SimulatedChain::new(LIMITS).with_genesis(blake2_256(b"another chain"))
}

fn checked(
    chain: &SimulatedChain,
    provider: &Arc<Provider>,
    on_other: OnOtherChain,
) -> GenesisCheckedChain {
    GenesisCheckedChain::new(chain.client(US), provider.clone(), on_other)
}

#[tokio::test]
async fn s2_a_base_path_refuses_another_chain_and_names_both() {
    let folder = tempfile::tempdir().unwrap();
    let provider = open(folder.path());
    let chain = SimulatedChain::new(LIMITS);
    let client = checked(&chain, &provider, OnOtherChain::Refuse);
    assert!(client.finalized_heads().await.is_ok());
    let expected = client.genesis().await.unwrap();
    assert_eq!(provider.own_genesis(), Some(expected));
    drop(client);
    drop(provider);

    // The refusal survives a restart and covers every method.
    let provider = open(folder.path());
    let wrong = checked(&other(), &provider, OnOtherChain::Refuse);
    let found = wrong.genesis().await.unwrap();
    let refused = ChainError::OtherChain { expected, found };
    assert_eq!(wrong.finalized_heads().await.err(), Some(refused.clone()));
    let hash = H256::zero();
    assert_eq!(wrong.limits(hash).await.err(), Some(refused.clone()));
    assert_eq!(wrong.bucket(hash, ID).await.err(), Some(refused.clone()));
    let submission = Submission::Response {
        id: ChallengeId {
            deadline: 1,
            index: 0,
        },
        response: Box::new(ChallengeResponse::Superseded),
    };
    assert_eq!(wrong.submit(submission).await.err(), Some(refused));
    let text = provider.follow(found, OnOtherChain::Refuse).unwrap_err();
    let text = text.to_string();
    for part in [format!("{expected:?}"), format!("{found:?}")] {
        assert!(text.contains(&part), "{text}");
    }
    assert!(text.contains("belongs to the chain"), "{text}");
}

#[tokio::test]
async fn s2_a_replaced_node_of_another_chain_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let provider = open(folder.path());
    let chain = SimulatedChain::new(LIMITS);
    let client = checked(&chain, &provider, OnOtherChain::Refuse);
    let mut heads = client.finalized_heads().await.unwrap();
    assert!(heads.next().await.is_some());
    let _same_address = chain.with_genesis(blake2_256(b"another chain"));
    let refused = client.finalized_heads().await.err().unwrap();
    assert!(
        matches!(refused, ChainError::OtherChain { .. }),
        "{refused}"
    );
    // No other query is passed on either.
    let refused = client.buckets(H256::zero()).await.unwrap_err();
    assert!(
        matches!(refused, ChainError::OtherChain { .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn s2_adopting_another_chain_resets_the_old_chains_state() {
    let folder = tempfile::tempdir().unwrap();
    let provider = open(folder.path());
    let chain = SimulatedChain::new(LIMITS);
    let client = checked(&chain, &provider, OnOtherChain::Refuse);
    drop(client.finalized_heads().await.unwrap());
    let index = provider.index();
    index.mark_fresh().unwrap();
    for kind in [DutyKind::Challenge, DutyKind::Window, DutyKind::Retention] {
        let row = (b"7".to_vec(), Some(vec![1]));
        index.write_duties(kind, &[row]).unwrap();
    }
    assert_eq!(provider.longest_period(90), 90);
    let client = checked(&other(), &provider, OnOtherChain::Adopt);
    drop(client.finalized_heads().await.unwrap());
    assert_eq!(provider.own_genesis(), client.genesis().await.ok());
    for kind in [DutyKind::Challenge, DutyKind::Retention] {
        assert_eq!(index.duties(kind).unwrap(), []);
    }
    // The signatures for the new chain's windows are unknown.
    let past = index.duties(DutyKind::Window).unwrap();
    assert_eq!(past, [(vec![], vec![0])]);
    assert_eq!(provider.longest_period(40), 40);
    // Adopting its own chain again forgets nothing.
    let row = (b"7".to_vec(), Some(vec![1]));
    index.write_duties(DutyKind::Window, &[row]).unwrap();
    drop(client.finalized_heads().await.unwrap());
    assert_eq!(index.duties(DutyKind::Window).unwrap().len(), 2);
}

#[tokio::test]
async fn an_urgent_submission_reaches_the_chain_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let provider = open(folder.path());
    let chain = SimulatedChain::new(LIMITS);
    let client = checked(&chain, &provider, OnOtherChain::Refuse);
    let submission = Submission::Response {
        id: ChallengeId {
            deadline: 1,
            index: 0,
        },
        response: Box::new(ChallengeResponse::Superseded),
    };
    client.submit(submission.clone()).await.unwrap();
    assert_eq!(chain.submission_record().urgent, 0);
    client.submit_urgently(submission).await.unwrap();
    assert_eq!(chain.submission_record().urgent, 1);
}
