//! The opponent's moves on chain.

use super::{PERIOD, World, create_bucket_call};
use crate::accomplice::ask;
use crate::operations;
use crate::runtime::{Actor, Chainlet};
use crate::signature_log::{KnownSignature, root_key};
use cairn_chain::Submission;
use cairn_gadget::CheckpointRequest;
use cairn_primitives::challenge::{ChallengeResponse, ChunkLocation, MultiSignature, Role};
use cairn_primitives::onchain::{CheckpointWindow, PrimarySignature};
use cairn_primitives::{BucketId, ChunkIndex, LeafIndex};
use pallet_storage_provider::Call;

/// The windows of buckets that have windows.
const WINDOW: CheckpointWindow = CheckpointWindow {
    interval: 6,
    grace: 2,
};

impl World {
    fn call(&mut self, who: Actor, call: Call<Chainlet>) {
        self.chain.lock().call(who, call);
    }

    pub(super) fn create_on_chain(&mut self, a: u8, b: u8) {
        let (min, window) = (1 + u32::from(a % 4 == 3), b.is_multiple_of(3));
        if self.chain.lock().bucket_count() >= 4 {
            return;
        }
        self.log_event(format!(
            "a bucket on chain, of {min} signers{}",
            match window {
                true => ", with windows",
                false => "",
            }
        ));
        self.call(
            Actor::Admin,
            create_bucket_call(min, window.then_some(WINDOW)),
        );
    }

    fn make_agreement(&mut self, id: BucketId, who: Actor, blocks: u32) {
        let expires_at = self.chain.lock().best().anchor + blocks;
        self.log_event(format!(
            "{who:?} and bucket {id}: an agreement to {expires_at}"
        ));
        let request = Call::request_agreement {
            bucket: id,
            provider: who.id(),
            max_bytes: 1 << 30,
            expires_at,
        };
        self.call(Actor::Admin, request);
        self.call(who, Call::accept_agreement { bucket: id });
    }

    pub(super) fn agree(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        // An operator only agrees to buckets that are here.
        let Some(process) = &self.process else { return };
        if operations::newest(process, id).is_none_or(|(_, is_sound)| !is_sound) {
            return;
        }
        if operations::has_released(process, id) {
            return self.log_event(format!(
                "the operator does not agree to bucket {id}: something signed of it was released"
            ));
        }
        self.make_agreement(id, Actor::Us, 10 + 10 * u32::from(b % 8));
    }

    pub(super) fn accomplice_agrees(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        self.make_agreement(id, Actor::Accomplice, 40 + 10 * u32::from(b % 8));
    }

    pub(super) fn end_agreement(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let who = match b % 4 {
            0 => Actor::Accomplice,
            _ => Actor::Us,
        };
        self.log_event(format!(
            "the agreement of {who:?} with bucket {id} is ended"
        ));
        let call = Call::end_agreement {
            bucket: id,
            provider: who.id(),
        };
        self.call(Actor::Admin, call);
    }

    pub(super) fn member(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let (by, who, role) = match b % 4 {
            0 => (Actor::Admin, Actor::Deputy, Some(Role::Admin)),
            1 => (Actor::Deputy, Actor::Admin, None),
            2 => (Actor::Deputy, Actor::Admin, Some(Role::Admin)),
            _ => (Actor::Admin, Actor::Stranger, Some(Role::Writer)),
        };
        self.log_event(format!("bucket {id}: {by:?} makes {who:?} {role:?}"));
        let call = Call::set_member {
            bucket: id,
            who: who.id(),
            role,
        };
        self.call(by, call);
    }

    pub(super) fn freeze(&mut self, a: u8) {
        let bucket = self.bucket(a);
        self.call(Actor::Admin, Call::freeze_bucket { bucket });
    }

    pub(super) fn some_blocks(&mut self, a: u8, b: u8) {
        for number in 0..=a % 8 {
            if self.is_over() {
                return;
            }
            // On a parachain the anchor block may jump or stand still.
            let step = match (b, number) {
                (240.., 0) => 3,
                (230..240, 0) => 0,
                _ => 1,
            };
            self.block(step);
        }
    }

    pub(super) fn wait_out(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let place = |info: &cairn_primitives::onchain::BucketInfo| {
            let place = info.primary_index_of(&Actor::Us.account())?;
            info.primary_providers.get(place)?.agreement
        };
        let info = self.chain.lock().bucket(id);
        let now = self.chain.lock().best().anchor;
        let over = info.as_ref().and_then(place);
        let over = over.map_or(now, |agreement| agreement.expires_at);
        let until = over + PERIOD + 3 + u32::from(b % 4);
        self.log_event(format!("blocks to {until}"));
        while self.chain.lock().best().anchor < until && !self.is_over() {
            self.block(1);
        }
    }

    /// Returns our signature and the accomplice's, at their current positions.
    fn sign_at_positions(
        &self,
        request: CheckpointRequest,
        ours: &MultiSignature,
    ) -> Vec<PrimarySignature> {
        let info = self.chain.lock().bucket(request.bucket());
        let mut signatures = Vec::new();
        let Some(info) = info else { return signatures };
        let place = |who: Actor| {
            info.primary_index_of(&who.account())
                .and_then(|place| u32::try_from(place).ok())
        };
        signatures.extend(place(Actor::Us).map(|place| (place, ours.clone())));
        let other = Actor::Accomplice.sign_bytes(&request.signed_bytes());
        signatures.extend(place(Actor::Accomplice).map(|place| (place, other)));
        signatures
    }

    fn checkpoint_call(&self, signed: &KnownSignature) -> Call<Chainlet> {
        let request = CheckpointRequest::new(signed.bucket, signed.commitment, None);
        Call::checkpoint {
            bucket: signed.bucket,
            commitment: signed.commitment,
            signatures: self.sign_at_positions(request, &signed.signature),
        }
    }

    /// Submits an earlier signed commitment as the checkpoint.
    pub(super) fn submit_old(&mut self, signed: &KnownSignature, is_told: bool) {
        if is_told {
            let words = super::describe::describe_signature(signed);
            self.log_event(format!("{words}, is submitted as the checkpoint"));
        }
        let call = self.checkpoint_call(signed);
        self.call(Actor::Stranger, call);
    }

    pub(super) fn submit_some_old(&mut self, a: u8, _b: u8) {
        let all = self.signature_log.lock().commitments();
        if !all.is_empty() {
            let signed = all[usize::from(a) % all.len()].clone();
            self.submit_old(&signed, true);
        }
    }

    pub(super) fn extend(&mut self, a: u8) {
        let bucket = self.bucket(a);
        let snapshot = self
            .chain
            .lock()
            .bucket(bucket)
            .and_then(|info| info.snapshot);
        let Some(snapshot) = snapshot else { return };
        let all = self.signature_log.lock().commitments();
        let of_it =
            |one: &&KnownSignature| one.bucket == bucket && one.commitment == snapshot.commitment;
        let Some(signed) = all.iter().find(of_it) else {
            return;
        };
        let request = CheckpointRequest::new(bucket, signed.commitment, None);
        let signatures = self.sign_at_positions(request, &signed.signature);
        self.log_event(format!("the checkpoint of bucket {bucket} is extended"));
        self.call(
            Actor::Stranger,
            Call::extend_checkpoint { bucket, signatures },
        );
    }

    pub(super) fn submit_window(&mut self, a: u8) {
        let id = self.bucket(a);
        let all = self.signature_log.lock().all.clone();
        let of_window = |one: &&KnownSignature| one.bucket == id && one.window.is_some();
        let Some(signed) = all.iter().rev().find(of_window) else {
            return;
        };
        let Some(window) = signed.window else { return };
        let request = CheckpointRequest::new(id, signed.commitment, Some(window));
        let call = Call::provider_checkpoint {
            bucket: id,
            commitment: signed.commitment,
            window,
            signatures: self.sign_at_positions(request, &signed.signature),
        };
        self.log_event(format!(
            "{} is submitted by the accomplice",
            super::describe::describe_signature(signed)
        ));
        self.call(Actor::Accomplice, call);
    }

    /// Lets the accomplice request a signature: of the newest or an old commitment, for this
    /// window, the next, or none.
    pub(super) fn request_signature(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let Some(process) = &self.process else { return };
        let old = self.signature_log.lock().commitments();
        let old: Vec<_> = old.into_iter().filter(|one| one.bucket == id).collect();
        let commitment = match b % 3 {
            0 if !old.is_empty() => old[usize::from(b / 3) % old.len()].commitment,
            _ => match operations::newest(process, id) {
                Some((newest, _)) => newest,
                None => return,
            },
        };
        let info = self.chain.lock().reported_bucket(id);
        let anchor = self.chain.lock().reported_head().anchor;
        let current = info
            .and_then(|info| info.window)
            .and_then(|window| window.window_of(anchor));
        let window = current.map(|current| current + u64::from(b % 2));
        let request = CheckpointRequest::new(id, commitment, window);
        let countersigner = process.handle.countersigner.clone();
        let asked = ask(request);
        let signed = self.runtime.block_on(countersigner.countersign(&asked));
        match signed {
            Ok(signature) => {
                self.log_event(format!(
                    "the accomplice is given a signature, window {window:?}"
                ));
                self.signature_log
                    .lock()
                    .record(id, commitment, window, &signature);
            }
            Err(refusal) => self.log_event(format!("the accomplice is refused: {refusal}")),
        }
        self.run_until_idle();
    }

    fn location(&self, leaves: u64, number: u8) -> ChunkLocation {
        ChunkLocation {
            leaf_index: LeafIndex(u64::from(number) % leaves.max(1)),
            // With one chunk all numbers select it; with two the last bit decides.
            chunk_index: ChunkIndex(u64::from(number >> 6)),
        }
    }

    pub(super) fn challenge_snapshot(&mut self, bucket: BucketId, b: u8) {
        let snapshot = self
            .chain
            .lock()
            .bucket(bucket)
            .and_then(|info| info.snapshot);
        let Some(snapshot) = snapshot else { return };
        let commitment = snapshot.commitment;
        if !self.exists(bucket, &root_key(&commitment)) {
            return self.log_event("data that the operator destroyed is not challenged");
        }
        let location = self.location(commitment.leaf_count.get(), b);
        self.log_event(format!(
            "a challenge of the checkpoint of bucket {bucket}, leaf {}",
            location.leaf_index
        ));
        let call = Call::challenge_checkpoint {
            bucket,
            provider: Actor::Us.id(),
            location,
        };
        self.call(Actor::Stranger, call);
    }

    pub(super) fn challenge_signed(&mut self, signed: &KnownSignature, b: u8) {
        if !self.exists(signed.bucket, &root_key(&signed.commitment)) {
            return self.log_event("data that the operator destroyed is not challenged");
        }
        let location = self.location(signed.commitment.leaf_count.get(), b);
        self.log_event(format!(
            "a challenge of {}, leaf {}",
            super::describe::describe_signature(signed),
            location.leaf_index
        ));
        let call = Call::challenge_offchain {
            bucket: signed.bucket,
            provider: Actor::Us.id(),
            commitment: signed.commitment,
            location,
            signature: signed.signature.clone(),
        };
        self.call(Actor::Stranger, call);
    }

    pub(super) fn challenge_some(&mut self, a: u8, b: u8) {
        let all = self.signature_log.lock().commitments();
        if !all.is_empty() {
            let signed = all[usize::from(a) % all.len()].clone();
            self.challenge_signed(&signed, b);
        }
    }

    /// Front-runs the pool: returns calls that would make the provider's pending answers wrong.
    pub(super) fn front_run(&mut self) -> Vec<(Actor, Call<Chainlet>)> {
        let seen: Vec<_> = self.chain.lock().pool().cloned().collect();
        let mut calls = Vec::new();
        for submission in seen {
            let Submission::Response { id, response } = submission else {
                continue;
            };
            let Some(challenge) = self.challenges.get(&id).copied() else {
                continue;
            };
            let bucket = challenge.bucket_id;
            match *response {
                ChallengeResponse::Superseded => {
                    let all = self.signature_log.lock().commitments();
                    let asked = all.iter().find(|one| {
                        one.bucket == bucket && one.commitment.mmr_root == challenge.mmr_root
                    });
                    if let Some(signed) = asked {
                        self.log_event("the opponent sees `Superseded` and front-runs it");
                        calls.push((Actor::Stranger, self.checkpoint_call(signed)));
                    }
                }
                ChallengeResponse::Deleted { .. } => {
                    self.log_event("the opponent sees `Deleted` and changes the admins before it");
                    let member = |who: Actor, role| Call::set_member {
                        bucket,
                        who: who.id(),
                        role,
                    };
                    calls.push((Actor::Admin, member(Actor::Deputy, Some(Role::Admin))));
                    calls.push((Actor::Deputy, member(Actor::Admin, None)));
                }
                ChallengeResponse::Proof { .. } => {}
            }
        }
        calls
    }
}
