//! The open challenges against an account.
//!
//! The map has no index by provider, so all of it is read, in pages. A row that does not
//! decode is another's only if the account is not among its bytes: an account is encoded as
//! its 32 bytes in any layout.

use super::ChainState;
use crate::blocks::Block;
use crate::calls::account as account_value;
use crate::features::ChallengeLayout;
use crate::node::NodeState;
use crate::rows;
use crate::storage::StorageItem;
use crate::support::Capability;
use crate::value::{Mismatch, Value};
use cairn_chain::{ChainError, OpenChallenges};
use cairn_primitives::H256;
use cairn_primitives::challenge::{AccountId, ChallengeId};
use cairn_primitives::onchain::OpenChallenge;

impl<S: NodeState> ChainState<S> {
    /// Returns the open challenges against an account.
    pub async fn open_challenges(
        &self,
        at: H256,
        account: AccountId,
    ) -> Result<OpenChallenges, ChainError> {
        let block = self.block(at).await?;
        block.layout.require(Capability::ReadChallenges)?;
        if self.has_none_pending(&block, account).await? {
            return Ok(OpenChallenges::default());
        }
        let anchor = self.anchor(&block).await?;
        let period = self.constant(&block, "ChallengeTimeout").await?;
        let item = block.layout.item("Challenges")?;
        let mut scan = Scan {
            item,
            layout: block.layout.features()?.challenges,
            account,
            period,
            open: Vec::new(),
            unreadable: None,
        };
        let (mut after, mut so_far) = (None, 0_usize);
        loop {
            let keys = self.page(&block, &item, after, so_far).await?;
            let Some(last) = keys.last().cloned() else {
                break;
            };
            so_far = so_far.saturating_add(keys.len());
            let rows = self.values(&block, keys.clone()).await?;
            for (key, row) in keys.iter().zip(rows) {
                if let Some(row) = row {
                    scan.add(key, &row);
                }
            }
            after = Some(last);
        }
        let Scan {
            open: mut challenges,
            unreadable,
            ..
        } = scan;
        if challenges.is_empty() && unreadable.is_none() {
            *self.counted_from.lock() = Some((block.layout.id.clone(), account));
        }
        challenges.retain(|challenge| challenge.id.deadline >= anchor);
        challenges.sort_by_key(|challenge| challenge.id);
        Ok(OpenChallenges {
            challenges,
            unreadable,
        })
    }

    /// Returns whether the chain counts no open challenge against an account.
    ///
    /// The count is believed only after a scan that found none: a runtime that has just begun
    /// to count may have challenges from before, and counts later ones only.
    async fn has_none_pending(
        &self,
        block: &Block,
        account: AccountId,
    ) -> Result<bool, ChainError> {
        let Ok(item) = block.layout.item("PendingChallenges") else {
            return Ok(false);
        };
        let scanned = self.counted_from.lock().clone();
        if scanned.is_none_or(|(id, of)| id != block.layout.id || of != account) {
            return Ok(false);
        }
        let key = [account_value(&account)];
        let pending = self.row(block, item, &key, rows::number_32).await?;
        Ok(pending.unwrap_or(0) == 0)
    }
}

struct Scan<'r> {
    item: StorageItem<'r>,
    layout: ChallengeLayout,
    account: AccountId,
    period: u32,
    open: Vec<OpenChallenge>,
    unreadable: Option<ChainError>,
}

impl Scan<'_> {
    /// Adds the account's challenges in a row.
    fn add(&mut self, key: &[u8], row: &[u8]) {
        match self.read(key, row) {
            Ok(read) => {
                let own = read.into_iter().filter(|one| one.provider == self.account);
                self.open.extend(own);
            }
            Err(Mismatch(why)) => {
                let error = self.item.undecodable(key, why);
                if row.windows(32).any(|bytes| bytes == self.account.0) {
                    tracing::error!(%error, "A CHALLENGE AGAINST THIS PROVIDER CANNOT BE READ");
                    self.unreadable.get_or_insert(error);
                } else {
                    tracing::debug!(%error, "a challenge against another provider cannot be read");
                }
            }
        }
    }

    fn read(&self, key: &[u8], row: &[u8]) -> Result<Vec<OpenChallenge>, Mismatch> {
        let parts = self.item.parts_of(key)?;
        let value = self.item.decode(row);
        let value = value.map_err(|error| Mismatch(error.to_string()))?;
        match (self.layout, parts.as_slice()) {
            (ChallengeLayout::ListPerDeadline, [deadline]) => {
                let deadline = deadline.number()?;
                let rows = value.list()?.iter().enumerate();
                rows.map(|(place, row)| {
                    let index = u16::try_from(place)
                        .map_err(|_| Mismatch(format!("place {place} is no index")))?;
                    self.challenge(row, ChallengeId { deadline, index })
                })
                .collect()
            }
            (ChallengeLayout::RowPerChallenge, [deadline, index]) => {
                let id = ChallengeId {
                    deadline: deadline.number()?,
                    index: index.number()?,
                };
                Ok(vec![self.challenge(&value, id)?])
            }
            _ => Err(Mismatch("its key has another form".to_owned())),
        }
    }

    fn challenge(&self, row: &Value<'_>, id: ChallengeId) -> Result<OpenChallenge, Mismatch> {
        rows::challenge(row, id, id.deadline.saturating_sub(self.period))
    }
}
