//! The rules of the real pallet for replicas: a confirmation is of a root that the chain knows, at
//! most once in an interval, and is paid.

use super::client::SimulatedClient;
use super::pallet::{Pallet, is_valid_signature};
use async_trait::async_trait;
use cairn_chain::{
    ChainError, LastSync, ReplicaAgreement, ReplicaClient, SyncConfirmation, SyncRoots, SyncVerdict,
};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::{BucketId, H256};
use codec::Encode;

impl Pallet {
    /// Confirms what a replica has, or returns the pallet's error.
    pub fn confirm_sync(
        &mut self,
        by: AccountId,
        confirmation: &SyncConfirmation,
    ) -> Result<(), &'static str> {
        let info = self.providers.get(&by.0).ok_or("ProviderNotFound")?;
        let payload = confirmation.roots.encode();
        if !is_valid_signature(&confirmation.signature, &info.key, &payload) {
            return Err("InvalidSignature");
        }
        let bucket = self
            .buckets
            .get(&confirmation.bucket)
            .ok_or("BucketNotFound")?;
        let current = bucket.snapshot.as_ref().map(|last| last.commitment);
        let known: Vec<Option<H256>> = {
            let root = current.map(|commitment| commitment.mmr_root);
            let primes = cairn_primitives::checkpoint::REPLICA_PRIMES.into_iter();
            let historical = primes.map(|prime| {
                let mut roots = bucket.historical_roots.iter();
                roots.find(|(of, ..)| *of == prime).map(|(.., root)| *root)
            });
            std::iter::once(root).chain(historical).collect()
        };
        let anchor = self.anchor;
        let key = (confirmation.bucket, by.0);
        let row = self.replica_terms.get_mut(&key).ok_or("NotReplica")?;
        if let Some(last) = row.last_sync
            && anchor < last.block.saturating_add(row.min_sync_interval)
        {
            return Err("SyncTooFrequent");
        }
        let root = matching(&known, &confirmation.roots).ok_or("InvalidSyncRoot")?;
        if row
            .last_sync
            .is_some_and(|last| last.commitment.mmr_root == root)
        {
            return Err("InvalidSyncRoot");
        }
        let left = row.sync_balance.checked_sub(row.sync_price);
        row.sync_balance = left.ok_or("InsufficientSyncBalance")?;
        row.last_sync = Some(match current {
            Some(commitment) if commitment.mmr_root == root => LastSync {
                commitment,
                block: anchor,
            },
            // The range of a historical root is not known.
            _ => LastSync::of_root(root, anchor),
        });
        Ok(())
    }

    /// Adds an agreement of an account as a replica.
    pub fn add_replica(&mut self, id: BucketId, account: AccountId, row: ReplicaAgreement) {
        self.replica_terms.insert((id, account.0), row);
    }
}

fn matching(known: &[Option<H256>], claimed: &SyncRoots) -> Option<H256> {
    let mut pairs = known.iter().zip(claimed);
    let matched = pairs.find(|(known, claimed)| claimed.is_some() && known == claimed);
    matched.and_then(|(known, _)| *known)
}

#[async_trait]
impl ReplicaClient for SimulatedClient {
    async fn replica_agreements(
        &self,
        at: H256,
    ) -> Result<Vec<(BucketId, ReplicaAgreement)>, ChainError> {
        self.check_method("replica_agreements")?;
        self.read_block(at, |block| {
            let rows = block.state.replica_terms.iter();
            let own = rows.filter(|((_, account), _)| *account == self.account.0);
            own.map(|((id, _), row)| (*id, *row)).collect()
        })
    }

    async fn judge_sync(&self, confirmation: &SyncConfirmation) -> Result<SyncVerdict, ChainError> {
        self.check_method("confirm_replica_sync")?;
        let chain = self.chain.lock();
        if !chain.offers_dry_run {
            return Ok(SyncVerdict::NotOffered);
        }
        let mut state = Pallet::clone(&chain.best().state);
        Ok(match state.confirm_sync(self.account, confirmation) {
            Ok(()) => SyncVerdict::Accepted,
            Err(name) => SyncVerdict::Refused(name.to_owned()),
        })
    }
}
