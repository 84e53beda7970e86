//! A bucket with what other items say of its primary providers.

use super::ChainState;
use super::agreements::prolonged;
use crate::blocks::Block;
use crate::calls::account as account_value;
use crate::capability::Capability;
use crate::node::NodeState;
use crate::rows::{self, BucketRow};
use crate::runtime::unsupported;
use crate::value::{Mismatch, Value};
use cairn_chain::ChainError;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{BucketInfo, CheckpointWindow, PrimaryProvider};
use cairn_primitives::{BucketId, H256};

impl<S: NodeState> ChainState<S> {
    /// Returns a bucket.
    pub async fn bucket(
        &self,
        at: H256,
        bucket: BucketId,
    ) -> Result<Option<BucketInfo>, ChainError> {
        let block = self.block(at).await?;
        block.layout.require(Capability::Buckets)?;
        let item = block.layout.item("Buckets")?;
        let key = [Value::Number(bucket.0.into())];
        let Some(row) = self.row(&block, item, &key, rows::bucket).await? else {
            return Ok(None);
        };
        let (window, last_window) = self.window(&block, bucket).await?;
        let primary_providers = self.primaries(&block, bucket, &row).await?;
        let BucketRow {
            members,
            min_providers,
            frozen_start_seq,
            snapshot,
            historical_roots,
            ..
        } = row;
        Ok(Some(BucketInfo {
            members,
            min_providers,
            primary_providers,
            frozen_start_seq,
            snapshot,
            historical_roots,
            window,
            last_window,
        }))
    }

    /// Reads the records and agreements of a bucket's primary providers at once.
    async fn primaries(
        &self,
        block: &Block,
        bucket: BucketId,
        row: &BucketRow,
    ) -> Result<Vec<PrimaryProvider>, ChainError> {
        let providers = block.layout.item("Providers")?;
        let agreements = block.layout.item("StorageAgreements")?;
        let number = Value::Number(bucket.0.into());
        let mut keys = Vec::new();
        for account in &row.primary_providers {
            let account = account_value(account);
            let agreement = [number.clone(), account.clone()];
            keys.push(providers.key(&[account]).map_err(unsupported)?);
            keys.push(agreements.key(&agreement).map_err(unsupported)?);
        }
        let values = self.values(block, keys.clone()).await?;
        let uncertainty = self.uncertainty(block).await?;
        let mut primaries = Vec::new();
        let pairs = keys.chunks_exact(2).zip(values.chunks_exact(2));
        for (account, (keys, values)) in row.primary_providers.iter().zip(pairs) {
            let ([provider_key, agreement_key], [provider, agreement]) = (keys, values) else {
                continue;
            };
            let registered = match provider {
                Some(bytes) => Some(providers.read(provider_key, bytes, rows::key_and_endpoint)?),
                None => None,
            };
            let agreement = match agreement {
                Some(bytes) => {
                    let agreement = agreements.read(agreement_key, bytes, rows::agreement)?;
                    Some(prolonged(agreement, uncertainty))
                }
                None => None,
            };
            let (key, endpoint) = registered.unzip();
            primaries.push(PrimaryProvider {
                account: *account,
                key,
                endpoint: endpoint.unwrap_or_default(),
                agreement,
            });
        }
        Ok(primaries)
    }

    /// Returns a bucket's window and the last window with a checkpoint, on chains with windows.
    async fn window(
        &self,
        block: &Block,
        bucket: BucketId,
    ) -> Result<(Option<CheckpointWindow>, Option<u64>), ChainError> {
        if block.layout.require(Capability::Windows).is_err() {
            return Ok((None, None));
        }
        let key = [Value::Number(bucket.0.into())];
        let configs = block.layout.item("CheckpointConfigs")?;
        let configured = self.row(block, configs, &key, rows::window).await?;
        let (interval, grace) = match configured {
            Some(Some(own)) => own,
            Some(None) => return Ok((None, None)),
            // Without a row, a bucket has the default windows.
            None => (
                self.constant(block, "DefaultCheckpointInterval").await?,
                self.constant(block, "DefaultCheckpointGrace").await?,
            ),
        };
        let last = block.layout.item("LastCheckpointWindow")?;
        let last = self.row(block, last, &key, rows::number_64).await?;
        let window = (interval > 0).then_some(CheckpointWindow { interval, grace });
        Ok((window, last))
    }

    /// Returns the buckets of an account's agreements with their keys.
    pub(super) async fn agreement_keys(
        &self,
        block: &Block,
        account: AccountId,
    ) -> Result<Vec<(BucketId, Vec<u8>)>, ChainError> {
        let item = block.layout.item("StorageAgreements")?;
        let (mut after, mut so_far) = (None, 0_usize);
        let mut own = Vec::new();
        loop {
            let keys = self.page(block, &item, after, so_far).await?;
            let Some(last) = keys.last().cloned() else {
                break;
            };
            so_far = so_far.saturating_add(keys.len());
            for key in keys {
                let parts = item.parts_of(&key).and_then(|parts| match &*parts {
                    [bucket, provider] => {
                        Ok((bucket.number().map(BucketId)?, rows::account(provider)?))
                    }
                    _ => Err(Mismatch("its key has another form".to_owned())),
                });
                let (bucket, provider) =
                    parts.map_err(|Mismatch(why)| item.undecodable(&key, why))?;
                if provider == account {
                    own.push((bucket, key));
                }
            }
            after = Some(last);
        }
        own.sort_by_key(|(bucket, _)| bucket.0);
        Ok(own)
    }
}
