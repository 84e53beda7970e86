//! Moves of clients and the operator on buckets.

use super::World;
use crate::foreign::{self, Foreign};
use crate::runtime::Who;
use crate::tool;
use cairn_bucket::BucketConfig;
use cairn_engine::layout::Deletion;
use cairn_keys::SignedCommitment;
use cairn_primitives::{BucketId, Commitment, CommitmentPayload, HashingProfile, Sequence};

/// The size of a leaf of two chunks.
const TWO_CHUNKS: usize = (1 << 18) + 9;

impl World {
    /// Returns content that no other leaf has.
    fn content(&mut self, is_long: bool) -> Vec<u8> {
        self.contents += 1;
        let mut content = format!("content {}", self.contents).into_bytes();
        if is_long {
            content.resize(TWO_CHUNKS, 7);
        }
        content
    }

    fn given(&mut self, id: BucketId, signed: Result<SignedCommitment, String>) {
        match signed {
            Ok(signed) => {
                let commitment = signed.payload.commitment;
                self.tell(format!(
                    "bucket {id}: {} leaves from {} are signed",
                    commitment.leaf_count, commitment.start_seq
                ));
                self.book
                    .lock()
                    .seen(id, commitment, None, &signed.signature);
            }
            Err(refused) => self.tell(format!("bucket {id}: refused: {refused}")),
        }
        self.settle();
    }

    pub(super) fn put(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let count = 1 + usize::from(b % 3);
        let contents: Vec<_> = (0..count).map(|_| self.content(b == 200)).collect();
        let Some(house) = &self.house else { return };
        let signed = tool::put(house, id, &contents);
        self.given(id, signed);
    }

    pub(super) fn put_unsigned(&mut self, a: u8) {
        let id = self.bucket(a);
        let content = self.content(false);
        let Some(house) = &self.house else { return };
        match tool::put_unsigned(house, id, &[content]) {
            Ok(newest) => self.tell(format!("bucket {id}: {} leaves", newest.leaf_count)),
            Err(refused) => self.tell(format!("bucket {id}: refused: {refused}")),
        }
        self.settle();
    }

    pub(super) fn put_offline(&mut self, a: u8) {
        if !self.is_calm() {
            return;
        }
        let id = self.bucket(a);
        let content = self.content(false);
        self.stop();
        let signer = crate::house::signer();
        let signed = tool::put_offline(&self.base, &signer, id, &content);
        self.start();
        self.given(id, signed);
    }

    pub(super) fn stranger_asks(&mut self, a: u8) {
        let id = self.bucket(a);
        let Some(house) = &self.house else { return };
        let signed = tool::newest_signed(house, id);
        self.given(id, signed);
    }

    pub(super) fn prune(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let Some(house) = &self.house else { return };
        let (start, count) = tool::leaves(house, id);
        if count.get() == 0 {
            return;
        }
        let before = Sequence(start.0 + 1 + u64::from(b >> 1) % count.get());
        let admin = b
            .is_multiple_of(2)
            .then_some(|deletion: Commitment| Deletion {
                admin: Who::Admin.account(),
                signature: Who::Admin.sign(&CommitmentPayload::new(id, deletion)),
            });
        let by = if admin.is_some() {
            "an admin"
        } else {
            "the operator"
        };
        match tool::prune(house, id, before, admin) {
            Ok(_) => self.tell(format!("bucket {id}: pruned before {before} by {by}")),
            Err(refused) => self.tell(format!("bucket {id}: not pruned: {refused}")),
        }
        self.settle();
    }

    pub(super) fn keep(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let profile = match b % 4 {
            1 => HashingProfile::Tagged,
            _ => HashingProfile::Plain,
        };
        let config = BucketConfig {
            profile,
            ..BucketConfig::default()
        };
        let Some(house) = &self.house else { return };
        match tool::create(house, id, config) {
            Ok(()) => {
                self.held.buckets.entry(id).or_default();
                self.tell(format!("bucket {id} is created, {profile}"));
            }
            Err(refused) => self.tell(format!("bucket {id} is not created: {refused}")),
        }
        self.settle();
    }

    pub(super) fn import(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let what = Foreign::ALL[usize::from(b) % Foreign::ALL.len()];
        let (scratch, content) = (self.scratch("foreign"), self.content(false));
        if self.house.is_none() || crate::images::folder(&self.base, id).exists() {
            return;
        }
        let folder = foreign::make(&scratch, id, what, &content);
        let Some(house) = &self.house else { return };
        match tool::import(house, &folder) {
            Ok(_) => {
                self.held.buckets.entry(id).or_default();
                self.tell(format!("bucket {id} is imported, {what:?}"));
            }
            Err(refused) => self.tell(format!("bucket {id}, {what:?}, is not imported: {refused}")),
        }
        crate::images::remove(&scratch);
        self.settle();
    }

    pub(super) fn delete(&mut self, a: u8) {
        let id = self.bucket(a);
        let Some(house) = &self.house else { return };
        match tool::delete(house, &self.runtime, id) {
            // Its promises stay on record: nobody forced anything.
            Ok(()) => self.tell(format!("bucket {id} is deleted")),
            Err(refused) => self.tell(format!("bucket {id} is not deleted: {refused}")),
        }
        self.settle();
    }
}
