//! Decides what becomes of one bucket by its agreement. Pure: it reads and writes nothing.

use super::quota_of;
use super::records::AgreementRecord;
use super::status::{AgreementReport, AgreementState, Unserved};
use cairn_primitives::onchain::Agreement;

/// A bucket as this provider has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LocalBucket {
    /// Its folder is here.
    Present {
        /// Its quota, in bytes charged.
        quota: u64,
        /// The bytes charged, as the index has them.
        charged: u64,
    },
    /// Its folder is missing although it was not deleted.
    Lost,
    /// There is none.
    Missing,
}

/// The facts about one bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct BucketFacts {
    /// The agreement on chain, also if it has expired.
    pub(super) on_chain: Option<Agreement>,
    /// The agreement that a bucket here was last seen with.
    pub(super) known: Option<AgreementRecord>,
    pub(super) local: LocalBucket,
    /// The quota that was last asked for, and the one that was set instead.
    pub(super) applied: Option<(u64, u64)>,
    pub(super) anchor: u32,
    /// True if buckets are made.
    pub(super) creates: bool,
    /// True if agreements were never read before, or the record of this one is damaged, so that it
    /// may be older than the base path.
    pub(super) is_first: bool,
}

/// The action for one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    Create {
        quota: u64,
    },
    SetQuota(u64),
    /// Neither the chain nor the disk has it any more.
    Forget,
}

impl Action {
    pub(super) const fn changes_disk(self) -> bool {
        matches!(self, Self::Create { .. } | Self::SetQuota(_))
    }
}

impl BucketFacts {
    /// Returns the agreement, if it holds.
    fn held(&self) -> Option<Agreement> {
        self.on_chain.filter(|one| one.holds_at(self.anchor))
    }

    /// Returns whether this provider serves the bucket as a replica, or did.
    fn is_replica(&self) -> bool {
        match (self.on_chain, self.known) {
            (Some(agreement), _) => agreement.is_replica,
            (None, Some(known)) => known.agreement.is_replica,
            (None, None) => false,
        }
    }

    /// Returns what to do, and the state of the agreement if that succeeds.
    pub(super) fn plan(&self) -> (Action, AgreementState) {
        let unserved = |why| (Action::Nothing, AgreementState::Unserved(why));
        let Some(held) = self.held() else {
            return self.plan_ended();
        };
        match self.local {
            _ if held.is_replica => (Action::Nothing, AgreementState::Replica),
            LocalBucket::Present { .. } => {
                (self.set_quota(quota_of(&held)), AgreementState::Active)
            }
            LocalBucket::Lost => unserved(Unserved::Lost),
            LocalBucket::Missing if self.known.is_some_and(|known| known.was_here) => {
                unserved(Unserved::Removed)
            }
            LocalBucket::Missing if self.known.is_some() || self.is_first || !self.creates => {
                unserved(Unserved::NotMade)
            }
            LocalBucket::Missing => {
                let quota = quota_of(&held);
                (Action::Create { quota }, AgreementState::Active)
            }
        }
    }

    fn plan_ended(&self) -> (Action, AgreementState) {
        let is_gone = self.on_chain.is_none() && self.local == LocalBucket::Missing;
        let action = match self.local {
            _ if is_gone => Action::Forget,
            // What is stored stays: the quota is then what it is charged.
            LocalBucket::Present { .. } if !self.is_replica() => self.set_quota(0),
            _ => Action::Nothing,
        };
        (action, AgreementState::Ended)
    }

    /// Sets a quota, unless it is set or was found to be below what is stored.
    fn set_quota(&self, wanted: u64) -> Action {
        let LocalBucket::Present { quota, charged } = self.local else {
            return Action::Nothing;
        };
        let is_set = quota == wanted.max(charged) || self.applied == Some((wanted, quota));
        match is_set {
            true => Action::Nothing,
            false => Action::SetQuota(wanted),
        }
    }

    /// Returns the record to keep after the plan was carried out; `None` for no change.
    pub(super) fn record_after(&self, state: &AgreementState) -> Option<AgreementRecord> {
        let is_missing = self.local == LocalBucket::Missing;
        let is_made = !is_missing || *state == AgreementState::Active;
        // A bucket that was not made yet must still be made after a restart. One that may be
        // older than the base path must not.
        if !is_made && self.known.is_none() && !self.is_first {
            return None;
        }
        if self.on_chain.is_none() && is_missing {
            return None;
        }
        let record = AgreementRecord {
            agreement: self.on_chain.or(self.known.map(|known| known.agreement))?,
            has_ended: self.held().is_none(),
            was_here: is_made || self.known.is_some_and(|known| known.was_here),
        };
        (self.known != Some(record)).then_some(record)
    }

    /// Returns the report for operators.
    pub(super) fn report(&self, state: AgreementState) -> AgreementReport {
        let quota = self.held().filter(|held| !held.is_replica);
        let quota = quota.map_or(0, |held| quota_of(&held));
        let charged = match self.local {
            LocalBucket::Present { charged, .. } => charged,
            LocalBucket::Lost | LocalBucket::Missing => 0,
        };
        AgreementReport {
            state,
            agreement: self.on_chain,
            unfilled_bytes: quota.saturating_sub(charged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_primitives::challenge::AccountId;
    use proptest::prelude::*;

    fn agreement(max_bytes: u64, expires_at: u32) -> Agreement {
        Agreement::primary(AccountId([1; 32]), max_bytes, expires_at)
    }

    const EMPTY: LocalBucket = LocalBucket::Present {
        quota: 0,
        charged: 0,
    };

    fn facts(on_chain: Option<Agreement>, local: LocalBucket) -> BucketFacts {
        BucketFacts {
            on_chain,
            known: None,
            local,
            applied: None,
            anchor: 100,
            creates: true,
            is_first: false,
        }
    }

    fn known(agreement: Agreement) -> Option<AgreementRecord> {
        Some(AgreementRecord {
            agreement,
            has_ended: false,
            was_here: true,
        })
    }

    #[test]
    fn a_table_of_plans() {
        let held = agreement(1 << 20, 101);
        let expired = agreement(1 << 20, 100);
        let quota = quota_of(&held);
        let missing = LocalBucket::Missing;
        let unserved = AgreementState::Unserved;
        let replica = Agreement {
            is_replica: true,
            ..held
        };
        let cases = [
            // A new agreement, and one that was made before this base path.
            (
                facts(Some(held), missing),
                Action::Create { quota },
                AgreementState::Active,
            ),
            (
                BucketFacts {
                    creates: false,
                    ..facts(Some(held), missing)
                },
                Action::Nothing,
                unserved(Unserved::NotMade),
            ),
            // The bucket was here, and was deleted or lost.
            (
                BucketFacts {
                    known: known(held),
                    ..facts(Some(held), missing)
                },
                Action::Nothing,
                unserved(Unserved::Removed),
            ),
            (
                facts(Some(held), LocalBucket::Lost),
                Action::Nothing,
                unserved(Unserved::Lost),
            ),
            // The quota is raised, lowered, and left alone.
            (
                facts(Some(held), EMPTY),
                Action::SetQuota(quota),
                AgreementState::Active,
            ),
            (
                facts(
                    Some(held),
                    LocalBucket::Present {
                        quota: u64::MAX,
                        charged: 5,
                    },
                ),
                Action::SetQuota(quota),
                AgreementState::Active,
            ),
            (
                facts(Some(held), LocalBucket::Present { quota, charged: 5 }),
                Action::Nothing,
                AgreementState::Active,
            ),
            // More is stored than is paid for.
            (
                facts(
                    Some(held),
                    LocalBucket::Present {
                        quota: quota + 9,
                        charged: quota + 9,
                    },
                ),
                Action::Nothing,
                AgreementState::Active,
            ),
            (
                BucketFacts {
                    applied: Some((quota, quota + 9)),
                    ..facts(
                        Some(held),
                        LocalBucket::Present {
                            quota: quota + 9,
                            charged: 5,
                        },
                    )
                },
                Action::Nothing,
                AgreementState::Active,
            ),
            // It has ended, with and without its row.
            (
                facts(Some(expired), LocalBucket::Present { quota, charged: 5 }),
                Action::SetQuota(0),
                AgreementState::Ended,
            ),
            (
                BucketFacts {
                    known: known(held),
                    ..facts(
                        None,
                        LocalBucket::Present {
                            quota: 5,
                            charged: 5,
                        },
                    )
                },
                Action::Nothing,
                AgreementState::Ended,
            ),
            (
                facts(Some(expired), missing),
                Action::Nothing,
                AgreementState::Ended,
            ),
            (
                BucketFacts {
                    known: known(held),
                    ..facts(None, missing)
                },
                Action::Forget,
                AgreementState::Ended,
            ),
            // Replicas are left alone.
            (
                facts(Some(replica), missing),
                Action::Nothing,
                AgreementState::Replica,
            ),
            (
                facts(Some(replica), EMPTY),
                Action::Nothing,
                AgreementState::Replica,
            ),
        ];
        for (facts, action, state) in cases {
            assert_eq!(facts.plan(), (action, state), "{facts:?}");
        }
    }

    fn local() -> impl Strategy<Value = LocalBucket> {
        prop_oneof![
            Just(LocalBucket::Missing),
            Just(LocalBucket::Lost),
            (any::<u64>(), any::<u64>())
                .prop_map(|(quota, charged)| LocalBucket::Present { quota, charged }),
        ]
    }

    fn some_agreement() -> impl Strategy<Value = Option<Agreement>> {
        let one = (any::<u64>(), 90u32..110, any::<bool>());
        proptest::option::of(
            one.prop_map(|(max_bytes, expires_at, is_replica)| Agreement {
                is_replica,
                ..agreement(max_bytes, expires_at)
            }),
        )
    }

    proptest! {
        #[test]
        fn a_bucket_is_made_for_a_new_agreement_alone(
            on_chain in some_agreement(),
            was in some_agreement(),
            local in local(),
            creates: bool,
            is_first: bool,
        ) {
            let facts = BucketFacts {
                known: was.and_then(known),
                creates,
                is_first,
                ..facts(on_chain, local)
            };
            let (action, state) = facts.plan();
            let is_new = local == LocalBucket::Missing
                && creates
                && !is_first
                && was.is_none()
                && on_chain.is_some_and(|one| one.holds_at(100) && !one.is_replica);
            prop_assert_eq!(matches!(action, Action::Create { .. }), is_new);
            // Without an agreement that holds, a quota only falls.
            if let (Action::SetQuota(wanted), LocalBucket::Present { quota, charged }) =
                (action, local)
                && state == AgreementState::Ended
            {
                prop_assert_eq!(wanted, 0);
                prop_assert!(quota != charged);
            }
            // A second plan after the first was carried out changes nothing.
            let after = match action {
                Action::SetQuota(wanted) => match local {
                    LocalBucket::Present { charged, .. } => LocalBucket::Present {
                        quota: wanted.max(charged),
                        charged,
                    },
                    other => other,
                },
                Action::Create { quota } => LocalBucket::Present { quota, charged: 0 },
                Action::Nothing | Action::Forget => local,
            };
            let again = BucketFacts {
                local: after,
                known: facts.record_after(&state).or(facts.known),
                ..facts
            };
            prop_assert!(!again.plan().0.changes_disk());
        }
    }
}
