//! Checks of the provider after each block: its stake, its signatures and its alarms.

use super::describe::describe_signature;
use super::{MAX_LEAVES_CHECKED, MAX_SILENT_CHECKS, World};
use crate::actors::{Actor, STAKE};
use crate::face::Slash;
use crate::game_result::Violation;
use crate::operations;
use crate::signature_log::{KnownSignature, RootKey, root_key};
use cairn_bucket::StateRef;
use cairn_primitives::challenge::{ChunkLocation, SlashReason};
use cairn_primitives::{
    BucketId, ChunkIndex, Commitment, HashingProfile, LeafIndex, chain_rule, chunk_tree,
};

impl World {
    /// Checks for violations.
    pub(super) fn check(&mut self) {
        let false_submission = self.signature_log.lock().false_submission;
        if let Some(reason) = false_submission {
            self.fail(Violation::FalseSubmission { reason });
        }
        let slashed = self.chain.lock().slashes().first().copied();
        if let Some(slash) = slashed {
            self.on_slashed(slash);
        }
        // On older chains, answers and missed windows cost some.
        let (stake, costs) = {
            let chain = self.chain.lock();
            (chain.stake(), !chain.variant.has_visibility())
        };
        if stake.is_some_and(|stake| stake != STAKE) && !costs && slashed.is_none() {
            let what = "the stake is less, without a slash".into();
            self.fail(Violation::Broken { what });
        }
        self.check_alarms();
    }

    /// Decides whether a lost stake is the provider's fault.
    fn on_slashed(&mut self, slash: Slash) {
        let reason = slash.reason;
        let Some(challenge) = self.challenges.get(&slash.id).copied() else {
            let what = "the stake is gone without a known challenge".into();
            return self.fail(Violation::Broken { what });
        };
        let signed_root = (challenge.mmr_root, challenge.start_seq.0);
        // A proof must never be wrong; other answers for destroyed data may be.
        if reason != Some(SlashReason::InvalidProof)
            && !self.exists(challenge.bucket_id, &signed_root)
        {
            self.log_event("the stake is lost, with data that the operator itself had destroyed");
            self.is_void = true;
            return;
        }
        let challenge = format!(
            "bucket {}, tree {}, leaf {} of root {:?}",
            challenge.bucket_id,
            challenge.start_seq,
            challenge.location.leaf_index,
            challenge.mmr_root
        );
        self.fail(Violation::StakeLost { reason, challenge });
    }

    /// Returns true if the data of a signed root is in the base path, its newest backup, or a
    /// folder that the operator moved away.
    pub(super) fn exists(&self, bucket: BucketId, key: &RootKey) -> bool {
        let in_backup = self.backups.last();
        let moved = self.moved_buckets.get(&bucket).into_iter().flatten();
        self.contents.holds(bucket, key)
            || in_backup.is_some_and(|image| image.contents.holds(bucket, key))
            || self
                .unmounted
                .as_ref()
                .is_some_and(|away| away.contents.holds(bucket, key))
            || moved
                .into_iter()
                .any(|one| !one.contents.damaged && one.contents.signed_roots.contains(key))
    }

    /// Checks each new signature: it must not contradict one that the provider can know of, and
    /// must be provable.
    pub(super) fn note_signatures(&mut self) {
        let new = self.signature_log.lock().take_new();
        for signed in new {
            if self.copied_since.is_some() {
                let what = format!("{} by an unaccepted copy", describe_signature(&signed));
                self.fail(Violation::Contradiction { what });
            }
            let before = {
                let signature_log = self.signature_log.lock();
                signature_log
                    .contradiction(&signed, |before| self.is_known_signature(before))
                    .cloned()
            };
            self.contents.record_signature(&signed);
            if let Some(before) = before {
                let what = format!(
                    "{} and {}",
                    describe_signature(&before),
                    describe_signature(&signed)
                );
                self.fail(Violation::Contradiction { what });
            }
            self.check_leaves(&signed);
        }
    }

    /// Returns true if the provider can know that it signed something: from its folder, its index,
    /// or the chain.
    fn is_known_signature(&self, signed: &KnownSignature) -> bool {
        let (bucket, key) = (signed.bucket, root_key(&signed.commitment));
        if let Some(window) = signed.window {
            return self.contents.windows.contains(&(bucket, window, key));
        }
        let on_chain = self.chain.lock().reported_rows().bucket(bucket);
        let is_on_chain = on_chain
            .and_then(|row| row.signed_by(&Actor::Us.account()).cloned())
            .is_some_and(|snapshot| snapshot.commitment == signed.commitment);
        let noted = self.contents.newest_signed.get(&bucket) == Some(&key);
        self.contents.holds(bucket, &key) || noted || is_on_chain
    }

    /// Checks that each leaf of a new signature can be answered.
    fn check_leaves(&mut self, signed: &KnownSignature) {
        let shelf = self.contents.buckets.get(&signed.bucket);
        if shelf.is_some_and(|shelf| shelf.damaged) {
            return;
        }
        if let Err(why) = self.check_all_leaves(signed.bucket, &signed.commitment) {
            let what = format!("{}: {why}", describe_signature(signed));
            self.fail(Violation::Unanswerable { what });
        }
    }

    /// Checks that each leaf of a commitment can be answered as the chain requires. Succeeds if no
    /// provider runs.
    fn check_all_leaves(&self, bucket: BucketId, commitment: &Commitment) -> Result<(), String> {
        let Some(process) = &self.process else {
            return Ok(());
        };
        let at = StateRef::RootOf {
            root: commitment.mmr_root,
            tree: commitment.start_seq,
        };
        for leaf in 0..commitment.leaf_count.get().min(MAX_LEAVES_CHECKED) {
            let location = ChunkLocation {
                leaf_index: LeafIndex(leaf),
                chunk_index: ChunkIndex(0),
            };
            let of_leaf = |why: String| format!("leaf {leaf}: {why}");
            let answered = process.provider().answer(bucket, at, location);
            let answer = answered.map_err(|error| of_leaf(error.to_string()))?;
            chain_rule::proof_response(
                HashingProfile::Plain,
                answer.chunk_data(),
                answer.mmr_proof(),
                answer.chunk_proof(),
                chunk_tree::slot(location.chunk_index, answer.leaf().data_size),
                &commitment.mmr_root,
            )
            .map_err(|refusal| of_leaf(refusal.to_string()))?;
        }
        Ok(())
    }

    /// Checks that the provider raises an alarm if the chain holds it to something missing.
    fn check_alarms(&mut self) {
        let Some(process) = &self.process else { return };
        {
            // The provider cannot know what the node does not report.
            let chain = self.chain.lock();
            let reported = chain.reported_head().number;
            if reported == self.last_checked || !chain.node.failing.is_empty() {
                return;
            }
            self.last_checked = reported;
        }
        let buckets = self.chain.lock().bucket_count();
        let mut silent = None;
        for id in (0..buckets).map(BucketId) {
            let row = self.chain.lock().reported_rows().bucket(id);
            let snapshot = row.and_then(|row| row.signed_by(&Actor::Us.account()).cloned());
            let is_here = snapshot.as_ref().is_none_or(|snapshot| {
                let shelf = self.contents.buckets.get(&id);
                shelf.is_some_and(|shelf| {
                    shelf.damaged || shelf.signed_roots.contains(&root_key(&snapshot.commitment))
                })
            });
            if is_here || operations::alarm_about(process, id).is_some() {
                self.silent_checks.remove(&id);
                continue;
            }
            let checks = self.silent_checks.entry(id).or_default();
            *checks += 1;
            if *checks > MAX_SILENT_CHECKS {
                silent = snapshot.map(|snapshot| (id, snapshot.commitment));
            }
        }
        if let Some((id, commitment)) = silent {
            // A copy may have leaves that were signed after it was made; then the signature is
            // recorded again from the chain.
            if self.check_all_leaves(id, &commitment).is_ok() {
                let shelf = self.contents.buckets.entry(id).or_default();
                shelf.signed_roots.insert(root_key(&commitment));
                return;
            }
            let what = format!(
                "the snapshot of bucket {id} has our bit, but its {} leaves from {} are not here",
                commitment.leaf_count, commitment.start_seq
            );
            self.fail(Violation::NoAlarm { what });
        }
    }
}
