//! The opponent's moves on chain.

use super::World;
use crate::accomplice::ask;
use crate::actors::Actor;
use crate::calls::Call;
use crate::operations;
use crate::signature_log::{KnownSignature, root_key};
use cairn_chain::Submission;
use cairn_gadget::CheckpointRequest;
use cairn_primitives::challenge::{ChallengeResponse, ChunkLocation, MultiSignature, Role};
use cairn_primitives::onchain::PrimarySignature;
use cairn_primitives::{BucketId, ChunkIndex, LeafIndex};

impl World {
    pub(super) fn call(&mut self, who: Actor, call: Call) {
        self.chain.lock().call(who, &call);
    }

    pub(super) fn member(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let (by, who, role) = match b % 6 {
            0 => (Actor::Admin, Actor::Deputy, Some(Role::Admin)),
            1 => (Actor::Admin, Actor::Admin, None),
            2 => (Actor::Deputy, Actor::Admin, Some(Role::Admin)),
            3 => (Actor::Admin, Actor::Stranger, Some(Role::Writer)),
            4 => (Actor::Admin, Actor::Us, Some(Role::Writer)),
            _ => (Actor::Admin, Actor::Us, None),
        };
        self.log_event(format!("bucket {id}: {by:?} makes {who:?} {role:?}"));
        let call = match role {
            Some(role) => Call::SetMember(id, who.account(), role),
            None => Call::RemoveMember(id, who.account()),
        };
        self.call(by, call);
    }

    pub(super) fn freeze(&mut self, a: u8) {
        let bucket = self.bucket(a);
        self.call(Actor::Admin, Call::Freeze(bucket));
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

    /// Returns our signature and the accomplice's, of those that are primary providers now.
    fn sign_by_primaries(
        &self,
        request: &CheckpointRequest,
        ours: &MultiSignature,
    ) -> Vec<PrimarySignature> {
        let row = self.chain.lock().rows().bucket(request.bucket());
        let accomplice = Actor::Accomplice.sign_bytes(&request.signed_bytes());
        let both = [
            (Actor::Us.account(), ours.clone()),
            (Actor::Accomplice.account(), accomplice),
        ];
        let Some(row) = row else { return Vec::new() };
        let now = both
            .into_iter()
            .filter(|(who, _)| row.place_of(who).is_some());
        now.collect()
    }

    fn checkpoint_call(&self, signed: &KnownSignature) -> Call {
        Call::Checkpoint {
            bucket: signed.bucket,
            commitment: signed.commitment,
            nonce: signed.nonce,
            signatures: self.sign_by_primaries(&signed.request(), &signed.signature),
        }
    }

    /// Submits an earlier signed commitment as the checkpoint, as a bucket's admin may.
    pub(super) fn submit_old(&mut self, signed: &KnownSignature, is_told: bool) {
        if is_told {
            let words = super::describe::describe_signature(signed);
            self.log_event(format!("{words}, is submitted as the checkpoint"));
        }
        let call = self.checkpoint_call(signed);
        self.call(Actor::Admin, call);
    }

    /// Lets the admin collect a signature of the newest commitment, and submit it.
    pub(super) fn collect(&mut self, a: u8) {
        let id = self.bucket(a);
        let Some(process) = &self.process else { return };
        let signed = operations::sign_again(process, id);
        self.record_signed(id, signed);
        let all = self.signature_log.lock().all.clone();
        let newest = all
            .iter()
            .rev()
            .find(|one| one.bucket == id && one.window.is_none());
        if let Some(signed) = newest {
            self.submit_old(signed, true);
        }
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
        let row = self.chain.lock().rows().bucket(bucket);
        let Some((snapshot, nonce)) = row.and_then(|row| Some((row.snapshot?, row.nonce))) else {
            return;
        };
        let all = self.signature_log.lock().all.clone();
        let of_it = |one: &&KnownSignature| {
            (one.bucket, one.commitment, one.nonce, one.window)
                == (bucket, snapshot.commitment, nonce, None)
        };
        let Some(signed) = all.iter().find(of_it) else {
            return;
        };
        let signatures = self.sign_by_primaries(&signed.request(), &signed.signature);
        self.log_event(format!("the checkpoint of bucket {bucket} is extended"));
        self.call(Actor::Admin, Call::ExtendCheckpoint { bucket, signatures });
    }

    pub(super) fn submit_window(&mut self, a: u8) {
        let id = self.bucket(a);
        let all = self.signature_log.lock().all.clone();
        let of_window = |one: &&KnownSignature| one.bucket == id && one.window.is_some();
        let Some(signed) = all.iter().rev().find(of_window) else {
            return;
        };
        let Some(window) = signed.window else { return };
        let call = Call::ProviderCheckpoint {
            bucket: id,
            commitment: signed.commitment,
            window,
            signatures: self.sign_by_primaries(&signed.request(), &signed.signature),
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
        let (anchor, windows, variant) = {
            let chain = self.chain.lock();
            let windows = chain.reported_rows().window(id);
            (chain.reported_head().anchor, windows, chain.variant)
        };
        let current = windows.and_then(|windows| windows.window_of(anchor));
        let current = current.filter(|_| b < 200);
        let window = current.map(|current| current + u64::from(b % 2));
        let nonce = (variant.has_nonce() && window.is_none()).then_some(anchor.into());
        let request = CheckpointRequest::new(id, commitment, window).with_nonce(nonce);
        let countersigner = process.handle.countersigner.clone();
        let asked = ask(request);
        let signed = self.runtime.block_on(countersigner.countersign(&asked));
        match signed {
            Ok(signature) => {
                self.log_event(format!(
                    "the accomplice is given a signature, window {window:?}"
                ));
                self.signature_log.lock().record(&request, &signature);
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
        let row = self.chain.lock().rows().bucket(bucket);
        let Some(snapshot) = row.and_then(|row| row.snapshot) else {
            return;
        };
        let commitment = snapshot.commitment;
        if !self.exists(bucket, &root_key(&commitment)) {
            return self.log_event("data that the operator destroyed is not challenged");
        }
        let location = self.location(commitment.leaf_count.get(), b);
        self.log_event(format!(
            "a challenge of the checkpoint of bucket {bucket}, leaf {}",
            location.leaf_index
        ));
        let call = Call::ChallengeCheckpoint {
            bucket,
            provider: Actor::Us.account(),
            location,
        };
        self.call(challenger(b), call);
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
        let call = Call::ChallengeOffchain {
            bucket: signed.bucket,
            provider: Actor::Us.account(),
            commitment: signed.commitment,
            nonce: signed.nonce,
            location,
            signature: signed.signature.clone(),
        };
        self.call(challenger(b), call);
    }

    pub(super) fn challenge_some(&mut self, a: u8, b: u8) {
        let all = self.signature_log.lock().commitments();
        if !all.is_empty() {
            let signed = all[usize::from(a) % all.len()].clone();
            self.challenge_signed(&signed, b);
        }
    }

    /// Front-runs the pool: returns calls that would make the provider's pending answers wrong.
    pub(super) fn front_run(&mut self) -> Vec<(Actor, Call)> {
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
                        calls.push((Actor::Admin, self.checkpoint_call(signed)));
                    }
                }
                ChallengeResponse::Deleted { .. } => {
                    self.log_event("the opponent sees `Deleted` and changes the admins before it");
                    let deputy = Actor::Deputy.account();
                    calls.push((Actor::Admin, Call::SetMember(bucket, deputy, Role::Admin)));
                    let leave = Call::RemoveMember(bucket, Actor::Admin.account());
                    calls.push((Actor::Admin, leave));
                }
                ChallengeResponse::Proof { .. } => {}
            }
        }
        calls
    }
}

/// Returns the challenger: a stranger, or one whom each bucket lets challenge.
fn challenger(b: u8) -> Actor {
    match b % 2 {
        0 => Actor::Stranger,
        _ => Actor::Admin,
    }
}
