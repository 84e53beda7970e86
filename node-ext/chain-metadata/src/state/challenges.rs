//! The open challenges against an account.
//!
//! The map has no index by provider, so all of it is read, in pages. A row that does not
//! decode is another's only if the account is not among its bytes: an account is encoded as
//! its 32 bytes in any layout.

use super::ChainState;
use crate::blocks::Block;
use crate::calls::account as account_value;
use crate::capability::Capability;
use crate::features::ChallengeLayout;
use crate::node::NodeState;
use crate::rows;
use crate::storage::StorageItem;
use crate::value::{Mismatch, Value};
use cairn_chain::{ChainError, OpenChallenges};
use cairn_primitives::H256;
use cairn_primitives::challenge::{AccountId, ChallengeId};
use cairn_primitives::onchain::OpenChallenge;
use futures::future::try_join;
use std::sync::atomic::Ordering;

/// Each question of this number reads all rows, whatever the chain counts.
const FULL_SCAN_INTERVAL: u32 = 32;

impl<S: NodeState> ChainState<S> {
    /// Returns the open challenges against an account.
    pub async fn open_challenges(
        &self,
        at: H256,
        account: AccountId,
    ) -> Result<OpenChallenges, ChainError> {
        let block = self.block(at).await?;
        block.layout.require(Capability::ReadChallenges)?;
        let counted = self.counted(&block, account).await?;
        if counted == Some(0) {
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
            own: 0,
        };
        let mut keys = self.page(&block, &item, None, 0).await?;
        let mut so_far = keys.len();
        while let Some(last) = keys.last().cloned() {
            // The next page is asked for together with the rows of this one.
            let rows = self.values(&block, keys.clone());
            let next = self.page(&block, &item, Some(last), so_far);
            let (rows, next) = try_join(rows, next).await?;
            for (key, row) in keys.iter().zip(rows) {
                if let Some(row) = row {
                    scan.add(key, &row);
                }
            }
            if counted.is_some_and(|counted| scan.own >= counted) {
                break;
            }
            so_far = so_far.saturating_add(next.len());
            keys = next;
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

    /// Returns the open challenges against an account as the chain counts them, if that is to
    /// be believed.
    ///
    /// It is believed only after a scan that found none: a runtime that has just begun to
    /// count may have challenges from before, and counts later ones only. And now and then all
    /// rows are read anyway, since a wrong count would cost the stake.
    async fn counted(&self, block: &Block, account: AccountId) -> Result<Option<u32>, ChainError> {
        let Ok(item) = block.layout.item("PendingChallenges") else {
            return Ok(None);
        };
        let scanned = self.counted_from.lock().clone();
        if scanned.is_none_or(|(id, of)| id != block.layout.id || of != account) {
            return Ok(None);
        }
        let nth = self.scans.fetch_add(1, Ordering::Relaxed);
        if nth % FULL_SCAN_INTERVAL == FULL_SCAN_INTERVAL - 1 {
            return Ok(None);
        }
        let key = [account_value(&account)];
        let pending = self.row(block, item, &key, rows::number_32).await?;
        Ok(Some(pending.unwrap_or(0)))
    }
}

struct Scan<'r> {
    item: StorageItem<'r>,
    layout: ChallengeLayout,
    account: AccountId,
    period: u32,
    open: Vec<OpenChallenge>,
    unreadable: Option<ChainError>,
    /// The account's challenges so far, readable or not.
    own: u32,
}

impl Scan<'_> {
    /// Adds the account's challenges in a row.
    fn add(&mut self, key: &[u8], row: &[u8]) {
        match self.read(key, row) {
            Ok(read) => {
                let own = read.into_iter().filter(|one| one.provider == self.account);
                for one in own {
                    self.own = self.own.saturating_add(1);
                    self.open.push(one);
                }
            }
            Err(Mismatch(why)) => {
                let error = self.item.undecodable(key, why);
                if row.windows(32).any(|bytes| bytes == self.account.0) {
                    tracing::error!(%error, "A CHALLENGE AGAINST THIS PROVIDER CANNOT BE READ");
                    self.own = self.own.saturating_add(1);
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
