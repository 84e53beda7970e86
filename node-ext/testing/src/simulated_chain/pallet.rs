//! The rules of the real pallet in each of its variants, over plain maps. The limits say which
//! rules hold.

use cairn_chain::{Funds, RegistrationRules, ReplicaAgreement};
use cairn_primitives::challenge::{
    AccountId, ChallengeId, ChallengeResponse, ChunkLocation, MultiSignature, SlashReason,
};
use cairn_primitives::checkpoint::{BucketSnapshot, CheckpointProposal, REPLICA_PRIMES, leader};
use cairn_primitives::onchain::{
    Agreement, BucketInfo, Limits, OpenChallenge, Outcome, PayloadFormat, PrimarySignature,
    ProviderInfo, ProviderSettings, RegisteredKey, ResponseRefusal,
};
use cairn_primitives::terms::ReplayWindow;
use cairn_primitives::{
    BucketId, Commitment, CommitmentPayload, H256, Sequence, chain_rule, verify,
};
use codec::Encode;
use sp_core::{Pair, ed25519, sr25519};
use std::collections::{BTreeMap, BTreeSet};

/// A challenge to open.
#[derive(Clone, Copy, Debug)]
pub struct NewChallenge {
    /// The challenged provider.
    pub provider: AccountId,
    /// The account that challenges.
    pub challenger: AccountId,
    /// The bucket.
    pub bucket: BucketId,
    /// The commitment that is challenged.
    pub commitment: Commitment,
    /// The leaf and the chunk that are asked for.
    pub location: ChunkLocation,
    /// The period in anchor blocks, if it is not the chain's.
    pub period: Option<u32>,
}

/// The result of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Defended.
    Defended {
        /// The anchor block of the answer.
        at: u32,
    },
    /// Lost, with the stake.
    Slashed(SlashReason),
}

/// The terms that every provider offers.
const SETTINGS: ProviderSettings = ProviderSettings {
    min_duration: 1,
    max_duration: u32::MAX,
    price_per_byte: 0,
    accepting_primary: true,
    replica_sync_price: None,
    accepting_extensions: true,
    max_capacity: 0,
};

/// The rules for providers' records: those of the real chain, with periods that a test can
/// reach.
const REGISTRATION: RegistrationRules = RegistrationRules {
    min_stake: 1_000,
    min_stake_per_byte: 1,
    max_multiaddr_bytes: 128,
    deregister_notice: 50,
    settlement_period: 20,
    anchor_block_millis: Some(6_000),
};

/// The spendable balance of accounts: a thousand units of twelve decimals.
const BALANCE: u128 = 1_000_000_000_000_000;

/// The pallet's storage at one block.
#[derive(Clone, Debug)]
pub struct Pallet {
    /// Limits that the chain holds a provider to.
    pub limits: Limits,
    /// Rules for providers' records.
    pub registration: RegistrationRules,
    /// The current anchor block.
    pub anchor: u32,
    /// Registered providers, by account.
    pub providers: BTreeMap<[u8; 32], ProviderInfo>,
    /// Buckets, by id.
    pub buckets: BTreeMap<BucketId, BucketInfo>,
    /// The spendable balance of every account that has another one than [`Pallet::new`] gives.
    pub balances: BTreeMap<[u8; 32], u128>,
    /// The fee of an extrinsic for each of its bytes.
    pub fee_per_byte: u128,
    /// Agreements of replicas, by bucket and account.
    pub replicas: BTreeMap<(BucketId, [u8; 32]), Agreement>,
    /// The terms of these agreements, by bucket and account.
    pub replica_terms: BTreeMap<(BucketId, [u8; 32]), ReplicaAgreement>,
    /// Nonces of terms that are redeemed, by provider.
    pub nonces: BTreeMap<[u8; 32], ReplayWindow>,
    /// The most anchor blocks for which terms may be valid.
    pub request_timeout: u32,
    /// The least stake for each byte that a provider's agreements add up to.
    pub min_stake_per_byte: u128,
    /// Open challenges, by id.
    pub open: BTreeMap<ChallengeId, OpenChallenge>,
    /// Open challenges whose rows do not decode.
    pub unreadable: BTreeSet<ChallengeId>,
    /// Results of challenges, by id. Where ids shift, the last result under an id.
    pub resolved: BTreeMap<ChallengeId, Resolution>,
    /// The challenges that ended, with their results, in that order.
    pub ended: Vec<(OpenChallenge, Resolution)>,
}

impl Pallet {
    /// Returns a pallet without providers and buckets.
    pub fn new(limits: Limits, anchor: u32) -> Self {
        Self {
            limits,
            registration: REGISTRATION,
            anchor,
            providers: BTreeMap::new(),
            buckets: BTreeMap::new(),
            balances: BTreeMap::new(),
            fee_per_byte: 10_000_000,
            replicas: BTreeMap::new(),
            replica_terms: BTreeMap::new(),
            nonces: BTreeMap::new(),
            request_timeout: 3_600,
            min_stake_per_byte: 0,
            open: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            resolved: BTreeMap::new(),
            ended: Vec::new(),
        }
    }

    /// Returns the funds of an account: with a provider's stake on hold.
    pub fn funds_of(&self, account: &AccountId) -> Funds {
        let held = self.providers.get(&account.0).map_or(0, |info| info.stake);
        let spendable = self.balances.get(&account.0).copied();
        Funds {
            spendable: spendable.unwrap_or(BALANCE),
            held,
        }
    }

    /// Registers a provider that has lost nothing yet.
    pub fn register(&mut self, account: AccountId, key: RegisteredKey) {
        let info = ProviderInfo {
            key,
            endpoint: vec![],
            stake: 1_000,
            committed_bytes: 0,
            settings: SETTINGS,
            defended: 0,
            lost: 0,
            deregister_at: None,
        };
        self.providers.insert(account.0, info);
    }

    /// Slashes for challenges that were due before this anchor block.
    pub fn begin_block(&mut self, anchor: u32) -> Vec<Outcome> {
        self.anchor = anchor;
        let first_kept = ChallengeId {
            deadline: anchor,
            index: 0,
        };
        let kept = self.open.split_off(&first_kept);
        let overdue = std::mem::replace(&mut self.open, kept);
        overdue
            .into_values()
            .map(|challenge| self.resolve(&challenge, Err(SlashReason::Timeout)))
            .collect()
    }

    /// Opens a challenge.
    pub fn challenge(&mut self, ask: &NewChallenge) {
        let period = ask.period.unwrap_or(self.limits.challenge_period);
        let deadline = self.anchor + period;
        let of_deadline = ChallengeId { deadline, index: 0 }..=ChallengeId {
            deadline,
            index: u16::MAX,
        };
        let open = self.open.range(of_deadline.clone()).map(|(id, _)| *id);
        // Where ids shift, they are positions among what is open.
        let ended = self.resolved.range(of_deadline).map(|(id, _)| *id);
        let index = open
            .chain(ended.filter(|_| !self.limits.challenge_ids_shift))
            .map(|id| id.index + 1)
            .max()
            .unwrap_or(0);
        if u32::from(index) >= self.limits.challenges_per_deadline {
            return;
        }
        let id = ChallengeId { deadline, index };
        let challenge = OpenChallenge {
            id,
            bucket_id: ask.bucket,
            provider: ask.provider,
            challenger: ask.challenger,
            mmr_root: ask.commitment.mmr_root,
            start_seq: ask.commitment.start_seq,
            leaf_count: (self.limits.strict_leaf_binding).then_some(ask.commitment.leaf_count),
            location: ask.location,
            asked_at: self.anchor,
        };
        self.open.insert(id, challenge);
    }

    /// Judges an answer without applying it.
    pub fn judge(
        &self,
        account: AccountId,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<OpenChallenge, ResponseRefusal> {
        let challenge = self
            .open
            .get(&id)
            .filter(|challenge| challenge.provider == account && self.anchor <= id.deadline)
            .ok_or(ResponseRefusal::NoSuchChallenge)?;
        let (holds, reason) = match response {
            ChallengeResponse::Proof { .. } => {
                (self.proves(challenge, response), SlashReason::InvalidProof)
            }
            ChallengeResponse::Deleted { .. } => (
                self.is_deleted(challenge, response),
                SlashReason::InvalidDeletionClaim,
            ),
            ChallengeResponse::Superseded => (
                self.is_superseded(challenge),
                SlashReason::InvalidSupersededClaim,
            ),
        };
        match holds {
            true => Ok(*challenge),
            false if self.limits.wrong_answers_slash => {
                Err(ResponseRefusal::Slashable(Some(reason)))
            }
            false => Err(ResponseRefusal::Rejected(format!("{reason:?}"))),
        }
    }

    fn proves(&self, challenge: &OpenChallenge, response: &ChallengeResponse) -> bool {
        let ChallengeResponse::Proof {
            chunk_data,
            mmr_proof,
            chunk_proof,
        } = response
        else {
            return false;
        };
        let (profile, root) = (self.limits.profile, &challenge.mmr_root);
        let location = challenge.location;
        let chunk = chain_rule::chunk(
            profile,
            profile.chunk(chunk_data),
            location.chunk_index,
            chunk_proof,
            &mmr_proof.leaf.data_root,
        );
        let leaf = match challenge.leaf_count {
            Some(count) if self.limits.strict_leaf_binding => {
                verify::mmr_proof(profile, mmr_proof, location.leaf_index, count, root).is_ok()
            }
            _ => chain_rule::mmr_proof(profile, mmr_proof, root).is_ok(),
        };
        chunk.is_ok() && leaf
    }

    fn is_deleted(&self, challenge: &OpenChallenge, response: &ChallengeResponse) -> bool {
        let ChallengeResponse::Deleted {
            new_mmr_root,
            new_start_seq,
            admin,
            admin_signature,
        } = response
        else {
            return false;
        };
        let deletion = Commitment::deletion(*new_mmr_root, *new_start_seq);
        let payload = CommitmentPayload::new(challenge.bucket_id, deletion).encode();
        let bucket = self.buckets.get(&challenge.bucket_id);
        bucket.is_some_and(|bucket| bucket.is_admin(admin))
            && challenge
                .sequence()
                .is_some_and(|sequence| sequence < *new_start_seq)
            && is_valid_signature(admin_signature, &admin.0.into(), &payload)
    }

    fn is_superseded(&self, challenge: &OpenChallenge) -> bool {
        let bucket = self.buckets.get(&challenge.bucket_id);
        bucket
            .zip(challenge.sequence())
            .is_some_and(|(bucket, sequence)| bucket.supersedes(&challenge.mmr_root, sequence))
    }

    /// Applies an answer, and returns the outcome. An answer to no open challenge is an
    /// error, which costs a fee only.
    pub fn respond(
        &mut self,
        account: AccountId,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<Outcome, ResponseRefusal> {
        let judged = self.judge(account, id, response);
        let verdict = match judged {
            Ok(_) => Ok(()),
            Err(ResponseRefusal::Slashable(Some(reason))) => Err(reason),
            Err(refusal) => return Err(refusal),
        };
        let challenge = self.open.remove(&id);
        let challenge = challenge.ok_or(ResponseRefusal::NoSuchChallenge)?;
        if self.limits.challenge_ids_shift {
            self.close_gap(id);
        }
        Ok(self.resolve(&challenge, verdict))
    }

    /// Moves the later challenges of a deadline one position to the front.
    fn close_gap(&mut self, gap: ChallengeId) {
        let later: Vec<_> = self
            .open
            .range(gap..)
            .map(|(id, _)| *id)
            .take_while(|id| id.deadline == gap.deadline)
            .collect();
        for id in later {
            if let Some(mut challenge) = self.open.remove(&id) {
                challenge.id.index -= 1;
                self.open.insert(challenge.id, challenge);
            }
        }
    }

    fn resolve(&mut self, challenge: &OpenChallenge, verdict: Result<(), SlashReason>) -> Outcome {
        let (id, provider) = (challenge.id, challenge.provider);
        let info = self.providers.get_mut(&provider.0);
        match verdict {
            Ok(()) => {
                if let Some(info) = info {
                    info.defended += 1;
                }
                let at = self.anchor;
                self.end(challenge, Resolution::Defended { at });
                Outcome::Defended { id, provider }
            }
            Err(reason) => {
                if let Some(info) = info {
                    info.lost += 1;
                    info.stake = 0;
                }
                self.end(challenge, Resolution::Slashed(reason));
                // The oldest chains do not tell the reason.
                let reason = self.limits.wrong_answers_slash.then_some(reason);
                Outcome::Slashed {
                    id,
                    provider,
                    reason,
                }
            }
        }
    }

    fn end(&mut self, challenge: &OpenChallenge, resolution: Resolution) {
        self.resolved.insert(challenge.id, resolution);
        self.ended.push((*challenge, resolution));
    }

    /// Applies a checkpoint, or returns the rule that it breaks.
    pub fn checkpoint(
        &mut self,
        submitter: AccountId,
        bucket_id: BucketId,
        commitment: Commitment,
        window: Option<u64>,
        signatures: &[PrimarySignature],
    ) -> Result<Outcome, &'static str> {
        let anchor = self.anchor;
        let bucket = self
            .buckets
            .get_mut(&bucket_id)
            .ok_or("there is no such bucket")?;
        if bucket
            .frozen_start_seq
            .is_some_and(|frozen: Sequence| commitment.start_seq < frozen)
        {
            return Err("it starts before the frozen sequence");
        }
        let payloads = match window {
            None if !bucket.may_checkpoint(&submitter) => {
                return Err("who submits is neither writer nor admin");
            }
            None => payloads(self.limits.payload, bucket_id, commitment, anchor),
            Some(window) => {
                let rule = bucket.window.ok_or("the bucket has no windows")?;
                if rule.window_of(anchor) != Some(window) {
                    return Err("that window is not the present one");
                }
                if bucket.last_window.is_some_and(|last| last >= window) {
                    return Err("the window has its checkpoint");
                }
                let place = bucket
                    .primary_index_of(&submitter)
                    .ok_or("who submits is no primary provider")?;
                let primaries = u32::try_from(bucket.primary_providers.len()).unwrap();
                let elected = leader(bucket_id, window, primaries);
                if rule.is_leader_only(anchor) && elected != u32::try_from(place).ok() {
                    return Err("the leader's grace has not passed");
                }
                vec![CheckpointProposal::new(bucket_id, commitment, window).encode()]
            }
        };
        let mut signers = vec![0; bucket.primary_providers.len().div_ceil(8)];
        for (account, signature) in signatures {
            let place = bucket.primary_index_of(account);
            let place = place.ok_or("a signer is no primary provider")?;
            let key = bucket.primary_providers[place].key.as_ref();
            let key = key.ok_or("a signer has no key")?;
            let is_valid = |payload: &Vec<u8>| is_valid_signature(signature, key, payload);
            if !payloads.iter().any(is_valid) {
                return Err("a signature does not hold");
            }
            let (byte, bit): (&mut u8, u8) = (&mut signers[place / 8], 1 << (place % 8));
            if *byte & bit != 0 {
                return Err("a signer is named twice");
            }
            *byte |= bit;
        }
        if u32::try_from(signatures.len()).unwrap() < bucket.min_providers {
            return Err("too few primary providers signed");
        }
        bucket.snapshot = Some(BucketSnapshot {
            commitment,
            checkpoint_block: anchor,
            primary_signers: signers,
        });
        bucket.historical_roots = new_historical_roots(anchor, commitment.mmr_root);
        if window.is_some() {
            bucket.last_window = window;
        }
        Ok(Outcome::Checkpointed {
            bucket_id,
            mmr_root: commitment.mmr_root,
        })
    }
}

fn new_historical_roots(block: u32, root: H256) -> Vec<(u32, u32, H256)> {
    REPLICA_PRIMES
        .iter()
        .map(|prime| (*prime, block / prime, root))
        .collect()
}

/// Returns the payloads that count for a commitment: with each nonce that is young enough, on
/// chains whose payloads have one. The real chain takes the nonce as an argument.
fn payloads(
    format: PayloadFormat,
    bucket: BucketId,
    commitment: Commitment,
    anchor: u32,
) -> Vec<Vec<u8>> {
    match format {
        PayloadFormat::V1 | PayloadFormat::Unknown => {
            vec![CommitmentPayload::new(bucket, commitment).encode()]
        }
        PayloadFormat::V2 { max_age } => (anchor.saturating_sub(max_age)..=anchor)
            .map(|nonce| CommitmentPayload::with_nonce(bucket, commitment, nonce.into()).encode())
            .collect(),
    }
}

/// Returns whether a signature by a key over these bytes is valid. Supports the two
/// schemes that tests use.
pub(crate) fn is_valid_signature(
    signature: &MultiSignature,
    key: &RegisteredKey,
    bytes: &[u8],
) -> bool {
    let Ok(key) = <[u8; 32]>::try_from(key.0.as_slice()) else {
        return false;
    };
    match signature {
        MultiSignature::Sr25519(signature) => sr25519::Pair::verify(
            &sr25519::Signature::from_raw(*signature),
            bytes,
            &sr25519::Public::from_raw(key),
        ),
        MultiSignature::Ed25519(signature) => ed25519::Pair::verify(
            &ed25519::Signature::from_raw(*signature),
            bytes,
            &ed25519::Public::from_raw(key),
        ),
        MultiSignature::Ecdsa(_) | MultiSignature::Eth(_) => false,
    }
}
