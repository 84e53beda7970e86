//! Tests of the simulated chain itself: if it judged wrongly, tests on it would prove
//! nothing.

use super::*;
use cairn_chain::{
    ChainClient, ChainError, DryRunResult, ExtrinsicStatus, OpenChallenges, Submission,
    SubmittedExtrinsic,
};
use cairn_primitives::challenge::{
    ChallengeId, ChallengeResponse, ChunkLocation, MultiSignature, Role, SlashReason,
};
use cairn_primitives::checkpoint::{CheckpointProposal, leader};
use cairn_primitives::onchain::{
    BucketInfo, CheckpointWindow, PrimaryProvider, RegisteredKey, ResponseRefusal,
};
use cairn_primitives::{BucketId, ChunkIndex, Commitment, CommitmentPayload, LeafIndex, Sequence};
use futures::executor::block_on;
use futures::{FutureExt, StreamExt};
use sp_core::{Pair, sr25519};

const OURS: AccountId = AccountId([1; 32]);
const ID: BucketId = BucketId(7);

fn key(seed: &str) -> sr25519::Pair {
    sr25519::Pair::from_string(seed, None).unwrap()
}

fn bucket_with(primaries: &[(AccountId, sr25519::Pair)]) -> BucketInfo {
    let primary = |(account, pair): &(AccountId, sr25519::Pair)| PrimaryProvider {
        account: *account,
        key: Some(RegisteredKey::from(pair.public().0)),
        endpoint: vec![],
        agreement: None,
    };
    BucketInfo {
        members: vec![(AccountId(key("//Admin").public().0), Role::Admin)],
        min_providers: 2,
        primary_providers: primaries.iter().map(primary).collect(),
        frozen_start_seq: None,
        snapshot: None,
        historical_roots: vec![],
        window: None,
        last_window: None,
    }
}

/// Creates a chain on which the first leaf of a bucket is challenged at its root of two
/// leaves.
fn chain_with_challenge(limits: Limits) -> (SimulatedChain, MemoryBucket, ChallengeId) {
    let chain = SimulatedChain::new(limits);
    let mut bucket = MemoryBucket::new(limits.profile);
    for content in [b"one", b"two", b"six"] {
        bucket.commit(content.to_vec());
    }
    chain.edit(|pallet| {
        pallet.register(OURS, RegisteredKey::from(key("//Alice").public().0));
        pallet.buckets.insert(ID, bucket_with(&[]));
    });
    chain.challenge(NewChallenge {
        provider: OURS,
        challenger: AccountId([9; 32]),
        bucket: ID,
        commitment: bucket.commitment_at(2),
        location: at(0),
        period: Some(8),
    });
    chain.advance();
    let id = *chain.finalized().open.keys().next().unwrap();
    assert_eq!(id.deadline, chain.best_head().anchor + 8);
    (chain, bucket, id)
}

fn at(leaf: u64) -> ChunkLocation {
    ChunkLocation {
        leaf_index: LeafIndex(leaf),
        chunk_index: ChunkIndex(0),
    }
}

fn proof(bucket: &MemoryBucket, commitment: Commitment, leaf: u64) -> ChallengeResponse {
    let answer = bucket.answer(commitment.mmr_root, commitment.start_seq, at(leaf));
    answer.unwrap().into_response()
}

fn submit(
    client: &SimulatedClient,
    id: ChallengeId,
    response: ChallengeResponse,
) -> SubmittedExtrinsic {
    let response = Box::new(response);
    block_on(client.submit(Submission::Response { id, response })).unwrap()
}

#[test]
fn both_rules_accept_an_answer_at_the_challenged_root() {
    for strict_leaf_binding in [false, true] {
        for profile in [HashingProfile::Plain, HashingProfile::Tagged] {
            let limits = Limits {
                strict_leaf_binding,
                profile,
                ..LIMITS
            };
            let (chain, bucket, id) = chain_with_challenge(limits);
            let client = chain.client(OURS);
            let response = proof(&bucket, bucket.commitment_at(2), 0);
            let verdict = block_on(client.dry_run(id, &response)).unwrap();
            assert_eq!(verdict, DryRunResult::Accepted);
            let ticket = submit(&client, id, response);
            let (block, final_one) = (chain.add_block(), chain.add_block());
            chain.finalize_to(final_one.number);
            let progress: Vec<_> = block_on(ticket.statuses.collect());
            let expected = [
                ExtrinsicStatus::InBlock(block.hash),
                ExtrinsicStatus::Finalized(block.hash),
            ];
            assert_eq!(progress, expected);
            let state = chain.finalized();
            let at = block.anchor;
            assert_eq!(state.resolved[&id], Resolution::Defended { at });
            assert_eq!(state.providers[&OURS.0].defended, 1);
            let outcomes = block_on(client.outcomes(block.hash)).unwrap();
            assert_eq!(outcomes, [Outcome::Defended { id, provider: OURS }]);
            assert!(chain.submission_record().wrong.is_empty());
        }
    }
}

#[test]
fn only_the_new_rule_slashes_for_another_leafs_proof() {
    for (strict_leaf_binding, holds) in [(false, true), (true, false)] {
        let limits = Limits {
            strict_leaf_binding,
            ..LIMITS
        };
        let (chain, bucket, id) = chain_with_challenge(limits);
        let response = proof(&bucket, bucket.commitment_at(2), 1);
        assert_eq!(chain.best().judge(OURS, id, &response).is_ok(), holds);
    }
}

#[test]
fn wrong_answers_and_silence_are_slashed() {
    type Wrong = fn(&MemoryBucket) -> ChallengeResponse;
    let superseded: Wrong = |_| ChallengeResponse::Superseded;
    let newest: Wrong = |bucket| proof(bucket, bucket.commitment(), 0);
    let deleted: Wrong = |bucket| deletion(bucket, "//Mallory");
    let cases = [
        (newest, SlashReason::InvalidProof),
        (superseded, SlashReason::InvalidSupersededClaim),
        (deleted, SlashReason::InvalidDeletionClaim),
    ];
    for (wrong, reason) in cases {
        let (chain, bucket, id) = chain_with_challenge(LIMITS);
        submit(&chain.client(OURS), id, wrong(&bucket));
        chain.advance();
        let state = chain.finalized();
        assert_eq!(state.resolved[&id], Resolution::Slashed(reason));
        assert_eq!(state.providers[&OURS.0].stake, 0);
        let refusal = ResponseRefusal::Slashable(Some(reason));
        assert_eq!(
            chain.submission_record().wrong,
            [(id, refusal.clone()), (id, refusal)]
        );
    }
    let (chain, bucket, id) = chain_with_challenge(LIMITS);
    for _ in 0..8 {
        chain.add_block();
    }
    let response = proof(&bucket, bucket.commitment_at(2), 0);
    assert!(
        chain.best().judge(OURS, id, &response).is_ok(),
        "the deadline is included"
    );
    chain.add_block();
    let slashed = Resolution::Slashed(SlashReason::Timeout);
    assert_eq!(chain.best().resolved[&id], slashed);
}

fn deletion(bucket: &MemoryBucket, signer: &str) -> ChallengeResponse {
    let (root, from) = (bucket.commitment().mmr_root, Sequence(1));
    let payload = CommitmentPayload::new(ID, Commitment::deletion(root, from)).encode();
    let pair = key(signer);
    ChallengeResponse::Deleted {
        new_mmr_root: root,
        new_start_seq: from,
        admin: AccountId(pair.public().0),
        admin_signature: MultiSignature::Sr25519(pair.sign(&payload).0),
    }
}

#[test]
fn valid_claims_are_accepted() {
    let (chain, bucket, id) = chain_with_challenge(LIMITS);
    let response = deletion(&bucket, "//Admin");
    assert!(chain.best().judge(OURS, id, &response).is_ok());
    let commitment = bucket.commitment();
    chain.edit(move |pallet| {
        pallet.buckets.get_mut(&ID).unwrap().min_providers = 0;
        let admin = AccountId(key("//Admin").public().0);
        let taken = pallet.checkpoint(admin, ID, commitment, None, &[]);
        assert!(taken.is_ok());
    });
    chain.add_block();
    let superseded = ChallengeResponse::Superseded;
    assert!(chain.best().judge(OURS, id, &superseded).is_ok());
}

#[test]
fn a_reorganisation_retracts_only_unfinalized_answers() {
    let (chain, bucket, id) = chain_with_challenge(LIMITS);
    let client = chain.client(OURS);
    let response = proof(&bucket, bucket.commitment_at(2), 0);
    let mut ticket = submit(&client, id, response.clone());
    let first = chain.add_block();
    assert_eq!(chain.retract(9), 1);
    assert!(chain.best().open.contains_key(&id));
    let second = chain.advance();
    assert_eq!(chain.retract(9), 0);
    for expected in [
        ExtrinsicStatus::InBlock(first.hash),
        ExtrinsicStatus::Retracted(first.hash),
        ExtrinsicStatus::InBlock(second.hash),
        ExtrinsicStatus::Finalized(second.hash),
    ] {
        assert_eq!(block_on(ticket.statuses.next()), Some(expected));
    }
    assert_eq!(chain.submission_record().included[&id], 2);
    // A second answer has no effect.
    submit(&client, id, response);
    chain.advance();
    assert_eq!(chain.finalized().providers[&OURS.0].defended, 1);
}

#[test]
fn the_pool_delays_drops_expires_and_rejects() {
    let (chain, bucket, id) = chain_with_challenge(LIMITS);
    let client = chain.client(OURS);
    let response = || proof(&bucket, bucket.commitment_at(2), 0);
    chain.with_pool(|pool| pool.submissions_to_reject = 1);
    let refused = block_on(client.submit(Submission::Response {
        id,
        response: Box::new(response()),
    }));
    assert!(matches!(refused, Err(ChainError::PoolRejected(_))));

    chain.with_pool(|pool| pool.delay = 1);
    let late = submit(&client, id, response());
    chain.add_block();
    assert!(!chain.submission_record().included.contains_key(&id));
    chain.with_pool(|pool| pool.drop_all(Some("dropped")));
    let progress: Vec<_> = block_on(late.statuses.collect());
    assert_eq!(progress, [ExtrinsicStatus::Dropped("dropped".into())]);

    chain.with_pool(|pool| (pool.delay, pool.longevity) = (5, 1));
    let outlived = submit(&client, id, response());
    chain.add_block();
    let progress: Vec<_> = block_on(outlived.statuses.collect());
    assert!(matches!(&progress[..], [ExtrinsicStatus::Dropped(_)]));

    chain.with_pool(|pool| (pool.delay, pool.longevity) = (0, 0));
    let mut silent = submit(&client, id, response());
    chain.with_pool(|pool| pool.drop_all(None));
    chain.add_block();
    assert_eq!(silent.statuses.next().now_or_never(), None);
    submit(&client, id, response());
    let twice = BlockPlan {
        include_twice: true,
        ..BlockPlan::default()
    };
    let head = chain.add_block_with(twice);
    let at = head.anchor;
    assert_eq!(
        chain.best().resolved.get(&id),
        Some(&Resolution::Defended { at })
    );
    assert_eq!(chain.submission_record().included[&id], 2);
}

#[test]
fn a_disconnected_client_must_subscribe_again() {
    let (chain, bucket, id) = chain_with_challenge(LIMITS);
    let client = chain.client(OURS);
    let heads = block_on(client.finalized_heads()).unwrap();
    let ticket = submit(&client, id, proof(&bucket, bucket.commitment_at(2), 0));
    let before = chain.finalized_head();
    client.disconnect();
    let after = chain.advance();
    assert_eq!(block_on(heads.collect::<Vec<_>>()), [before]);
    assert_eq!(block_on(ticket.statuses.collect::<Vec<_>>()), []);
    let refused = block_on(client.limits(after.hash));
    assert!(matches!(refused, Err(ChainError::Unreachable(_))));
    client.connect();
    let mut heads = block_on(client.finalized_heads()).unwrap();
    assert_eq!(block_on(heads.next()), Some(after));
    assert_eq!(
        block_on(client.open_challenges(after.hash)).unwrap(),
        OpenChallenges::default()
    );
    for _ in 0..2 * MAX_KEPT_BLOCKS {
        chain.advance();
    }
    let forgotten = block_on(client.limits(after.hash));
    assert!(matches!(forgotten, Err(ChainError::NoSuchBlock { .. })));
}

#[test]
fn a_window_accepts_one_checkpoint_by_the_right_provider() {
    let accounts = [AccountId([1; 32]), AccountId([2; 32])];
    let keys = [key("//Alice"), key("//Bob")];
    let primaries: Vec<_> = accounts.into_iter().zip(keys.clone()).collect();
    let mut pallet = Pallet::new(LIMITS, 1);
    let window = CheckpointWindow {
        interval: 10,
        grace: 3,
    };
    let info = BucketInfo {
        window: Some(window),
        frozen_start_seq: Some(Sequence(2)),
        ..bucket_with(&primaries)
    };
    pallet.buckets.insert(ID, info);
    let mut memory = MemoryBucket::new(HashingProfile::Plain);
    for content in [b"one", b"two", b"six"] {
        memory.commit(content.to_vec());
    }
    let frozen_out = memory.commitment();
    let commitment = memory.prune(Sequence(2));
    let signed = |window: u64, commitment| {
        let payload = CheckpointProposal::new(ID, commitment, window).encode();
        let sign = |(account, pair): (AccountId, &sr25519::Pair)| {
            (account, MultiSignature::Sr25519(pair.sign(&payload).0))
        };
        accounts
            .into_iter()
            .zip(&keys)
            .map(sign)
            .collect::<Vec<_>>()
    };
    let place = usize::try_from(leader(ID, 2, 2).unwrap()).unwrap();
    let (leading, other) = (accounts[place], accounts[1 - place]);
    pallet.begin_block(20);
    let all = signed(2, commitment);
    let refused = [
        (
            other,
            2,
            commitment,
            all.clone(),
            "the leader's grace has not passed",
        ),
        (
            leading,
            1,
            commitment,
            signed(1, commitment),
            "that window is not the present one",
        ),
        (
            leading,
            2,
            commitment,
            signed(1, commitment),
            "a signature does not hold",
        ),
        (
            leading,
            2,
            commitment,
            all[..1].to_vec(),
            "too few primary providers signed",
        ),
        (
            leading,
            2,
            commitment,
            vec![all[0].clone(); 2],
            "a signer is named twice",
        ),
        (
            leading,
            2,
            frozen_out,
            signed(2, frozen_out),
            "it starts before the frozen sequence",
        ),
    ];
    for (by, window, commitment, signatures, reason) in refused {
        let taken = pallet.checkpoint(by, ID, commitment, Some(window), &signatures);
        assert_eq!(taken, Err(reason));
    }
    let mut by_leader = pallet.clone();
    assert!(
        by_leader
            .checkpoint(leading, ID, commitment, Some(2), &all)
            .is_ok()
    );
    pallet.begin_block(23);
    assert!(
        pallet
            .checkpoint(other, ID, commitment, Some(2), &all)
            .is_ok()
    );
    let again = pallet.checkpoint(leading, ID, commitment, Some(2), &all);
    assert_eq!(again, Err("the window has its checkpoint"));
    let info = &pallet.buckets[&ID];
    let snapshot = info.snapshot.as_ref().unwrap();
    assert_eq!(
        (snapshot.commitment, snapshot.checkpoint_block),
        (commitment, 23)
    );
    assert!(snapshot.signed_by(0) && snapshot.signed_by(1) && !snapshot.signed_by(2));
    assert_eq!(info.historical_roots[1], (7, 3, commitment.mmr_root));
}

#[test]
fn outside_of_windows_only_writers_and_admins_submit_checkpoints() {
    let keys = [key("//Alice")];
    let mut pallet = Pallet::new(LIMITS, 1);
    let info = BucketInfo {
        min_providers: 1,
        ..bucket_with(&[(OURS, keys[0].clone())])
    };
    pallet.buckets.insert(ID, info);
    let mut memory = MemoryBucket::new(HashingProfile::Plain);
    let commitment = memory.commit(b"one".to_vec());
    let payload = CommitmentPayload::new(ID, commitment).encode();
    let signature = MultiSignature::Sr25519(keys[0].sign(&payload).0);
    let all = [(OURS, signature)];
    let writer = AccountId([7; 32]);
    for (role, may) in [
        (Role::Reader, false),
        (Role::Writer, true),
        (Role::Admin, true),
    ] {
        pallet.buckets.get_mut(&ID).unwrap().members = vec![(writer, role)];
        let by_provider = pallet.checkpoint(OURS, ID, commitment, None, &all);
        assert_eq!(by_provider, Err("who submits is neither writer nor admin"));
        let by_member = pallet.checkpoint(writer, ID, commitment, None, &all);
        assert_eq!(by_member.is_ok(), may, "{role:?}");
    }
}

#[test]
fn on_the_oldest_chain_an_answer_renumbers_the_later_challenges() {
    let limits = Limits {
        wrong_answers_slash: false,
        challenge_ids_shift: true,
        ..LIMITS
    };
    let (chain, bucket, first) = chain_with_challenge(limits);
    let ours = chain.client(OURS);
    let proven = |chain: &SimulatedChain, id: ChallengeId| {
        let challenge = chain.finalized().open[&id];
        let location = challenge.location;
        let answer = bucket.answer(challenge.mmr_root, challenge.start_seq, location);
        answer.unwrap().into_response()
    };
    let original = chain.finalized().open[&first];
    let commitment = bucket.commitment();
    chain.edit(move |pallet| {
        let anchor = pallet.anchor;
        for _ in 0..2 {
            pallet.challenge(&NewChallenge {
                provider: OURS,
                challenger: original.challenger,
                bucket: ID,
                commitment,
                location: original.location,
                period: Some(first.deadline - anchor),
            });
        }
    });
    chain.advance();
    let second = ChallengeId { index: 1, ..first };
    let third = ChallengeId { index: 2, ..first };
    let indices = |chain: &SimulatedChain| -> Vec<u16> {
        chain.finalized().open.keys().map(|id| id.index).collect()
    };
    assert_eq!(indices(&chain), [0, 1, 2]);
    // A wrong answer costs a fee.
    submit(&ours, third, ChallengeResponse::Superseded);
    chain.advance();
    assert_eq!(indices(&chain), [0, 1, 2]);
    assert!(chain.finalized().ended.is_empty());
    let response = proven(&chain, second);
    submit(&ours, second, response);
    chain.advance();
    assert_eq!(indices(&chain), [0, 1]);
    assert_eq!(chain.finalized().ended.len(), 1);
    assert_eq!(chain.finalized().providers[&OURS.0].stake, 1_000);
}
