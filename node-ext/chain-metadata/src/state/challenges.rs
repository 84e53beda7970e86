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
use crate::node::{NodeState, RuntimeId};
use crate::rows;
use crate::storage::StorageItem;
use crate::value::{Mismatch, Value};
use cairn_chain::{ChainError, OpenChallenges};
use cairn_primitives::H256;
use cairn_primitives::challenge::{AccountId, ChallengeId};
use cairn_primitives::onchain::OpenChallenge;
use futures::future::try_join;

/// The number of blocks after which all rows are read again, whatever the chain counts.
const FULL_SCAN_INTERVAL: u32 = 32;

/// The experience with the chain's count of challenges against an account.
#[derive(Debug)]
pub(super) struct CountRecord {
    runtime: RuntimeId,
    account: AccountId,
    trust: CountTrust,
}

/// The trust in the chain's count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CountTrust {
    /// It was true in the block of this number, where all rows were read last.
    TrueAt(u32),
    /// There were more challenges than it counted. Later counts of this runtime are not believed.
    Wrong,
}

impl<S: NodeState> ChainState<S> {
    /// Returns the open challenges against an account.
    ///
    /// Each request to the node has a timeout of its own: anybody can open challenges against
    /// himself, and reading hundreds of thousands takes minutes.
    pub async fn open_challenges(
        &self,
        at: H256,
        account: AccountId,
    ) -> Result<OpenChallenges, ChainError> {
        let block = self.block(at).await?;
        block.layout.require(Capability::ReadChallenges)?;
        let number = self.within(self.node.header(at)).await?.number;
        let count = self.count(&block, account).await?;
        let believed = count.filter(|_| self.believes_count(&block, account, number));
        if believed == Some(0) {
            return Ok(OpenChallenges::default());
        }
        let earliest = match self.anchor(&block).await {
            Ok(anchor) => anchor.earliest,
            Err(error) if error.is_transient() => return Err(error),
            // Overdue ones are in the list then. The chain rejects their answers.
            Err(_) => 0,
        };
        let period = self.challenge_period(&block).await?;
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
            if believed.is_some_and(|count| scan.own >= count) {
                break;
            }
            so_far = so_far.saturating_add(next.len());
            keys = next;
        }
        let Scan {
            open: mut challenges,
            unreadable,
            own,
            ..
        } = scan;
        if let Some(count) = count.filter(|count| believed.is_none() || own > *count) {
            self.compare_count(&block, account, number, (own, count));
        }
        challenges.retain(|challenge| challenge.id.deadline >= earliest);
        challenges.sort_by_key(|challenge| challenge.id);
        Ok(OpenChallenges {
            challenges,
            unreadable,
        })
    }

    /// Returns the number of open challenges against an account as the chain counts them, if it
    /// does so in a form that can be read.
    async fn count(&self, block: &Block, account: AccountId) -> Result<Option<u32>, ChainError> {
        let Ok(item) = block.layout.item("PendingChallenges") else {
            return Ok(None);
        };
        let key = [account_value(&account)];
        match self.row(block, item, &key, rows::number_32).await {
            Ok(count) => Ok(Some(count.unwrap_or(0))),
            Err(error) if error.is_transient() => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Returns whether the chain's count is to be believed in the block of a number.
    ///
    /// It is believed only after a scan that found none: a runtime that has just begun to
    /// count may have challenges from before, and counts later ones only. And in some blocks, for
    /// anybody who asks, all rows are read anyway, since a wrong count would cost the stake.
    fn believes_count(&self, block: &Block, account: AccountId, number: u32) -> bool {
        let record = self.count_record.lock();
        let record = record
            .as_ref()
            .filter(|record| record.is_of(block, account));
        match record.map(|record| record.trust) {
            None | Some(CountTrust::Wrong) => false,
            Some(CountTrust::TrueAt(last)) => {
                // Heads may leave out every block of the first kind.
                let is_due = number % FULL_SCAN_INTERVAL == FULL_SCAN_INTERVAL - 1
                    || number.saturating_sub(last) >= FULL_SCAN_INTERVAL;
                !is_due
            }
        }
    }

    /// Compares the chain's count with the account's challenges in all rows of the same block, or
    /// in some if these are more already.
    fn compare_count(
        &self,
        block: &Block,
        account: AccountId,
        number: u32,
        (own, count): (u32, u32),
    ) {
        let mut record = self.count_record.lock();
        let before = record
            .as_ref()
            .filter(|record| record.is_of(block, account))
            .map(|record| record.trust);
        let trust = match before {
            Some(CountTrust::Wrong) => CountTrust::Wrong,
            _ if own > count => {
                tracing::warn!(
                    own,
                    count,
                    "the chain counts fewer challenges against this provider than there are: all \
                     challenges are read in each block from now on"
                );
                CountTrust::Wrong
            }
            None if own > 0 => return,
            None | Some(CountTrust::TrueAt(_)) => CountTrust::TrueAt(number),
        };
        *record = Some(CountRecord {
            runtime: block.layout.id.clone(),
            account,
            trust,
        });
    }
}

impl CountRecord {
    fn is_of(&self, block: &Block, account: AccountId) -> bool {
        self.runtime == block.layout.id && self.account == account
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
