//! The opponent's moves on chain.

use super::{PERIOD, World, open_call};
use crate::accomplice::ask;
use crate::book::{Signed, key};
use crate::runtime::{Chainlet, Who};
use crate::tool;
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
    fn call(&mut self, who: Who, call: Call<Chainlet>) {
        self.chain.lock().call(who, call);
    }

    pub(super) fn open(&mut self, a: u8, b: u8) {
        let (min, window) = (1 + u32::from(a % 4 == 3), b.is_multiple_of(3));
        if self.chain.lock().buckets() >= 4 {
            return;
        }
        self.tell(format!(
            "a bucket on chain, of {min} signers{}",
            match window {
                true => ", with windows",
                false => "",
            }
        ));
        self.call(Who::Admin, open_call(min, window.then_some(WINDOW)));
    }

    fn make_agreement(&mut self, id: BucketId, who: Who, blocks: u32) {
        let expires_at = self.chain.lock().best().anchor + blocks;
        self.tell(format!(
            "{who:?} and bucket {id}: an agreement to {expires_at}"
        ));
        let request = Call::request_agreement {
            bucket: id,
            provider: who.id(),
            max_bytes: 1 << 30,
            expires_at,
        };
        self.call(Who::Admin, request);
        self.call(who, Call::accept_agreement { bucket: id });
    }

    pub(super) fn agree(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        // An operator only agrees to buckets that are here.
        let Some(house) = &self.house else { return };
        if tool::newest(house, id).is_none_or(|(_, is_sound)| !is_sound) {
            return;
        }
        if tool::has_let_go(house, id) {
            return self.tell(format!(
                "the operator does not agree to bucket {id}: something signed of it was released"
            ));
        }
        self.make_agreement(id, Who::Us, 10 + 10 * u32::from(b % 8));
    }

    pub(super) fn agree_too(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        self.make_agreement(id, Who::Accomplice, 40 + 10 * u32::from(b % 8));
    }

    pub(super) fn end(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let who = match b % 4 {
            0 => Who::Accomplice,
            _ => Who::Us,
        };
        self.tell(format!(
            "the agreement of {who:?} with bucket {id} is ended"
        ));
        let call = Call::end_agreement {
            bucket: id,
            provider: who.id(),
        };
        self.call(Who::Admin, call);
    }

    pub(super) fn member(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let (by, who, role) = match b % 4 {
            0 => (Who::Admin, Who::Deputy, Some(Role::Admin)),
            1 => (Who::Deputy, Who::Admin, None),
            2 => (Who::Deputy, Who::Admin, Some(Role::Admin)),
            _ => (Who::Admin, Who::Stranger, Some(Role::Writer)),
        };
        self.tell(format!("bucket {id}: {by:?} makes {who:?} {role:?}"));
        let call = Call::set_member {
            bucket: id,
            who: who.id(),
            role,
        };
        self.call(by, call);
    }

    pub(super) fn freeze(&mut self, a: u8) {
        let bucket = self.bucket(a);
        self.call(Who::Admin, Call::freeze_bucket { bucket });
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

    pub(super) fn outlast(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let place = |info: &cairn_primitives::onchain::BucketInfo| {
            let place = info.place_of(&Who::Us.account())?;
            info.primary_providers.get(place)?.agreement
        };
        let info = self.chain.lock().bucket(id);
        let now = self.chain.lock().best().anchor;
        let over = info.as_ref().and_then(place);
        let over = over.map_or(now, |agreement| agreement.expires_at);
        let until = over + PERIOD + 3 + u32::from(b % 4);
        self.tell(format!("blocks to {until}"));
        while self.chain.lock().best().anchor < until && !self.is_over() {
            self.block(1);
        }
    }

    /// Returns our signature and the accomplice's, at their current positions.
    fn at_places(
        &self,
        request: CheckpointRequest,
        ours: &MultiSignature,
    ) -> Vec<PrimarySignature> {
        let info = self.chain.lock().bucket(request.bucket());
        let mut signatures = Vec::new();
        let Some(info) = info else { return signatures };
        let place = |who: Who| {
            info.place_of(&who.account())
                .and_then(|place| u32::try_from(place).ok())
        };
        signatures.extend(place(Who::Us).map(|place| (place, ours.clone())));
        let other = Who::Accomplice.sign_bytes(&request.signed_bytes());
        signatures.extend(place(Who::Accomplice).map(|place| (place, other)));
        signatures
    }

    fn checkpoint_call(&self, signed: &Signed) -> Call<Chainlet> {
        let request = CheckpointRequest::new(signed.bucket, signed.commitment, None);
        Call::checkpoint {
            bucket: signed.bucket,
            commitment: signed.commitment,
            signatures: self.at_places(request, &signed.signature),
        }
    }

    /// Submits an earlier signed commitment as the checkpoint.
    pub(super) fn bring(&mut self, signed: &Signed, is_told: bool) {
        if is_told {
            let words = super::words_of(signed);
            self.tell(format!("{words}, is submitted as the checkpoint"));
        }
        let call = self.checkpoint_call(signed);
        self.call(Who::Stranger, call);
    }

    pub(super) fn bring_some(&mut self, a: u8, _b: u8) {
        let all = self.book.lock().commitments();
        if !all.is_empty() {
            let signed = all[usize::from(a) % all.len()].clone();
            self.bring(&signed, true);
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
        let all = self.book.lock().commitments();
        let of_it = |one: &&Signed| one.bucket == bucket && one.commitment == snapshot.commitment;
        let Some(signed) = all.iter().find(of_it) else {
            return;
        };
        let request = CheckpointRequest::new(bucket, signed.commitment, None);
        let signatures = self.at_places(request, &signed.signature);
        self.tell(format!("the checkpoint of bucket {bucket} is extended"));
        self.call(
            Who::Stranger,
            Call::extend_checkpoint { bucket, signatures },
        );
    }

    pub(super) fn bring_window(&mut self, a: u8) {
        let id = self.bucket(a);
        let all = self.book.lock().all.clone();
        let of_window = |one: &&Signed| one.bucket == id && one.window.is_some();
        let Some(signed) = all.iter().rev().find(of_window) else {
            return;
        };
        let Some(window) = signed.window else { return };
        let request = CheckpointRequest::new(id, signed.commitment, Some(window));
        let call = Call::provider_checkpoint {
            bucket: id,
            commitment: signed.commitment,
            window,
            signatures: self.at_places(request, &signed.signature),
        };
        self.tell(format!(
            "{} is submitted by the accomplice",
            super::words_of(signed)
        ));
        self.call(Who::Accomplice, call);
    }

    /// Lets the accomplice request a signature: of the newest or an old commitment, for this
    /// window, the next, or none.
    pub(super) fn ask_sign(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let Some(house) = &self.house else { return };
        let old = self.book.lock().commitments();
        let old: Vec<_> = old.into_iter().filter(|one| one.bucket == id).collect();
        let commitment = match b % 3 {
            0 if !old.is_empty() => old[usize::from(b / 3) % old.len()].commitment,
            _ => match tool::newest(house, id) {
                Some((newest, _)) => newest,
                None => return,
            },
        };
        let info = self.chain.lock().bucket_as_told(id);
        let anchor = self.chain.lock().told().anchor;
        let current = info
            .and_then(|info| info.window)
            .and_then(|window| window.window_of(anchor));
        let window = current.map(|current| current + u64::from(b % 2));
        let request = CheckpointRequest::new(id, commitment, window);
        let desk = house.handle.desk.clone();
        let asked = ask(request);
        let signed = self.runtime.block_on(desk.countersign(&asked));
        match signed {
            Ok(signature) => {
                self.tell(format!(
                    "the accomplice is given a signature, window {window:?}"
                ));
                self.book.lock().seen(id, commitment, window, &signature);
            }
            Err(refusal) => self.tell(format!("the accomplice is refused: {refusal}")),
        }
        self.settle();
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
        if !self.exists(bucket, &key(&commitment)) {
            return self.tell("data that the operator destroyed is not challenged");
        }
        let location = self.location(commitment.leaf_count.get(), b);
        self.tell(format!(
            "a challenge of the checkpoint of bucket {bucket}, leaf {}",
            location.leaf_index
        ));
        let call = Call::challenge_checkpoint {
            bucket,
            provider: Who::Us.id(),
            location,
        };
        self.call(Who::Stranger, call);
    }

    pub(super) fn challenge_signed(&mut self, signed: &Signed, b: u8) {
        if !self.exists(signed.bucket, &key(&signed.commitment)) {
            return self.tell("data that the operator destroyed is not challenged");
        }
        let location = self.location(signed.commitment.leaf_count.get(), b);
        self.tell(format!(
            "a challenge of {}, leaf {}",
            super::words_of(signed),
            location.leaf_index
        ));
        let call = Call::challenge_offchain {
            bucket: signed.bucket,
            provider: Who::Us.id(),
            commitment: signed.commitment,
            location,
            signature: signed.signature.clone(),
        };
        self.call(Who::Stranger, call);
    }

    pub(super) fn challenge_some(&mut self, a: u8, b: u8) {
        let all = self.book.lock().commitments();
        if !all.is_empty() {
            let signed = all[usize::from(a) % all.len()].clone();
            self.challenge_signed(&signed, b);
        }
    }

    /// Front-runs the pool: returns calls that would make the provider's pending answers wrong.
    pub(super) fn in_front_of_the_pool(&mut self) -> Vec<(Who, Call<Chainlet>)> {
        let seen: Vec<_> = self.chain.lock().pool().cloned().collect();
        let mut calls = Vec::new();
        for submission in seen {
            let Submission::Response { id, response } = submission else {
                continue;
            };
            let Some(challenge) = self.asked.get(&id).copied() else {
                continue;
            };
            let bucket = challenge.bucket_id;
            match *response {
                ChallengeResponse::Superseded => {
                    let all = self.book.lock().commitments();
                    let asked = all.iter().find(|one| {
                        one.bucket == bucket && one.commitment.mmr_root == challenge.mmr_root
                    });
                    if let Some(signed) = asked {
                        self.tell("the opponent sees `Superseded` and front-runs it");
                        calls.push((Who::Stranger, self.checkpoint_call(signed)));
                    }
                }
                ChallengeResponse::Deleted { .. } => {
                    self.tell("the opponent sees `Deleted` and changes the admins before it");
                    let member = |who: Who, role| Call::set_member {
                        bucket,
                        who: who.id(),
                        role,
                    };
                    calls.push((Who::Admin, member(Who::Deputy, Some(Role::Admin))));
                    calls.push((Who::Deputy, member(Who::Admin, None)));
                }
                ChallengeResponse::Proof { .. } => {}
            }
        }
        calls
    }
}
