//! Moves of clients and the operator on buckets.

use super::World;
use crate::actors::Actor;
use crate::foreign_bucket::{self, ForeignBucket};
use crate::operations;
use cairn_bucket::BucketConfig;
use cairn_engine::layout::Deletion;
use cairn_gadget::CheckpointRequest;
use cairn_keys::SignedCommitment;
use cairn_primitives::{BucketId, Commitment, CommitmentPayload, HashingProfile, Sequence};

/// The size of a leaf of two chunks.
const TWO_CHUNKS: usize = (1 << 18) + 9;

impl World {
    /// Returns content that no other leaf has.
    fn content(&mut self, is_long: bool) -> Vec<u8> {
        self.content_count += 1;
        let mut content = format!("content {}", self.content_count).into_bytes();
        if is_long {
            content.resize(TWO_CHUNKS, 7);
        }
        content
    }

    pub(super) fn record_signed(&mut self, id: BucketId, signed: Result<SignedCommitment, String>) {
        match signed {
            Ok(signed) => {
                let commitment = signed.payload.commitment;
                self.log_event(format!(
                    "bucket {id}: {} leaves from {} are signed",
                    commitment.leaf_count, commitment.start_seq
                ));
                let request = CheckpointRequest::Commitment(signed.payload);
                self.signature_log
                    .lock()
                    .record(&request, &signed.signature);
            }
            Err(refused) => self.log_event(format!("bucket {id}: refused: {refused}")),
        }
        self.run_until_idle();
    }

    pub(super) fn put(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let count = 1 + usize::from(b % 3);
        let contents: Vec<_> = (0..count).map(|_| self.content(b == 200)).collect();
        let Some(process) = &self.process else { return };
        let signed = operations::put(process, id, &contents);
        self.record_signed(id, signed);
    }

    pub(super) fn put_unsigned(&mut self, a: u8) {
        let id = self.bucket(a);
        let content = self.content(false);
        let Some(process) = &self.process else { return };
        match operations::put_unsigned(process, id, &[content]) {
            Ok(newest) => self.log_event(format!("bucket {id}: {} leaves", newest.leaf_count)),
            Err(refused) => self.log_event(format!("bucket {id}: refused: {refused}")),
        }
        self.run_until_idle();
    }

    pub(super) fn put_offline(&mut self, a: u8) {
        if !self.can_add_faults() {
            return;
        }
        let id = self.bucket(a);
        let content = self.content(false);
        self.stop();
        let signer = crate::provider_process::signer();
        let signed = operations::put_offline(&self.base, &signer, id, &content);
        self.start();
        self.record_signed(id, signed);
    }

    pub(super) fn stranger_asks(&mut self, a: u8) {
        let id = self.bucket(a);
        let Some(process) = &self.process else { return };
        let signed = operations::sign_again(process, id);
        self.record_signed(id, signed);
    }

    pub(super) fn prune(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let Some(process) = &self.process else { return };
        let (start, count) = operations::leaves(process, id);
        if count.get() == 0 {
            return;
        }
        let before = Sequence(start.0 + 1 + u64::from(b >> 1) % count.get());
        let admin = b
            .is_multiple_of(2)
            .then_some(|deletion: Commitment| Deletion {
                admin: Actor::Admin.account(),
                signature: Actor::Admin.sign(&CommitmentPayload::new(id, deletion)),
            });
        let by = if admin.is_some() {
            "an admin"
        } else {
            "the operator"
        };
        match operations::prune(process, id, before, admin) {
            Ok(_) => self.log_event(format!("bucket {id}: pruned before {before} by {by}")),
            Err(refused) => self.log_event(format!("bucket {id}: not pruned: {refused}")),
        }
        self.run_until_idle();
    }

    pub(super) fn create_bucket(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let profile = match b % 4 {
            1 => HashingProfile::Tagged,
            _ => HashingProfile::Plain,
        };
        let config = BucketConfig {
            profile,
            ..BucketConfig::default()
        };
        let Some(process) = &self.process else { return };
        match operations::create(process, id, config) {
            Ok(()) => {
                self.contents.buckets.entry(id).or_default();
                self.log_event(format!("bucket {id} is created, {profile}"));
            }
            Err(refused) => self.log_event(format!("bucket {id} is not created: {refused}")),
        }
        self.run_until_idle();
    }

    pub(super) fn import(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let what = ForeignBucket::ALL[usize::from(b) % ForeignBucket::ALL.len()];
        let (scratch, content) = (self.scratch("foreign"), self.content(false));
        if self.process.is_none() || crate::copies::bucket_folder(&self.base, id).exists() {
            return;
        }
        let folder = foreign_bucket::make(&scratch, id, what, &content);
        let Some(process) = &self.process else { return };
        match operations::import(process, &folder) {
            Ok(_) => {
                self.contents.buckets.entry(id).or_default();
                self.log_event(format!("bucket {id} is imported, {what:?}"));
            }
            Err(refused) => {
                self.log_event(format!("bucket {id}, {what:?}, is not imported: {refused}"))
            }
        }
        crate::copies::remove(&scratch);
        self.run_until_idle();
    }

    pub(super) fn delete(&mut self, a: u8) {
        let id = self.bucket(a);
        let Some(process) = &self.process else { return };
        match operations::delete(process, &self.runtime, id) {
            // Its signed roots stay on record: nobody forced anything.
            Ok(()) => self.log_event(format!("bucket {id} is deleted")),
            Err(refused) => self.log_event(format!("bucket {id} is not deleted: {refused}")),
        }
        self.run_until_idle();
    }
}
