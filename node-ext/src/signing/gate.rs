//! What the gate asks before it lets a signature through. All of it is in
//! memory: nothing is read or synced for a decision.
//!
//! Before any chain was seen, buckets that hash plain are signed for, as the
//! deployed pallet verifies, and others only where the operator has said how the
//! chain of this base path hashes. Once the chain has spoken, its word alone
//! counts.

use super::{ChainRules, Permit, Signer, SigningRefused};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::{BucketId, HashingProfile};
use parking_lot::RwLock;
use std::collections::{BTreeMap, HashMap};

/// Why nothing new is signed at first.
const UNCOMPARED: &str = "what the chain has of this provider's signatures is being compared with \
     what is here: ask again once the provider has reached its node";

/// What decides about a bucket.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    bucket: BucketId,
    profile: HashingProfile,
    /// Leaves of its current tree that the chain cannot verify answers for.
    unprovable: Result<u64, String>,
    quarantine: Option<String>,
}

impl Facts {
    /// Those of a bucket: how it hashes, how many leaves of its current tree the chain
    /// cannot verify answers for (or why they could not be counted), and why the bucket
    /// is in quarantine, where it is.
    pub(crate) const fn new(
        bucket: BucketId,
        profile: HashingProfile,
        unprovable: Result<u64, String>,
        quarantine: Option<String>,
    ) -> Self {
        Self {
            bucket,
            profile,
            unprovable,
            quarantine,
        }
    }
}

/// Decides for one provider what is signed.
#[derive(Debug)]
pub(crate) struct Gate {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    rules: Option<ChainRules>,
    /// Whether the chain has still to be compared with what is here.
    is_uncompared: bool,
    /// Why signing is off as a whole, by who has turned it off.
    off: BTreeMap<&'static str, String>,
    /// Buckets that the operator has signed for although this number of their leaves
    /// cannot be proven.
    allowed: HashMap<BucketId, u64>,
}

impl Gate {
    /// A gate that knows what an earlier process has kept. Only the provider makes
    /// one: a second gate would sign past the first.
    pub(crate) fn new(rules: Option<ChainRules>, allowed: HashMap<BucketId, u64>) -> Self {
        let state = State {
            rules,
            allowed,
            ..State::default()
        };
        Self {
            state: RwLock::new(state),
        }
    }

    /// Whether anything may be signed for a bucket now.
    ///
    /// # Errors
    ///
    /// [`SigningRefused`], with what to do.
    pub(crate) fn judge(&self, facts: &Facts) -> Result<(), SigningRefused> {
        if self.state.read().is_uncompared {
            let reason = UNCOMPARED.into();
            return Err(SigningRefused::Off { reason });
        }
        self.judge_again(facts)
    }

    /// Whether what was signed of a bucket before may be signed again, which says
    /// nothing new.
    fn judge_again(&self, facts: &Facts) -> Result<(), SigningRefused> {
        let bucket = facts.bucket;
        let state = self.state.read();
        if let Some(reason) = state.off.values().next() {
            let reason = reason.clone();
            return Err(SigningRefused::Off { reason });
        }
        if let Some(reason) = &facts.quarantine {
            let reason = reason.clone();
            return Err(SigningRefused::Quarantined { bucket, reason });
        }
        state.judge_hashing(bucket, facts.profile)?;
        let leaves = match &facts.unprovable {
            Ok(leaves) => *leaves,
            Err(reason) => {
                let reason = reason.clone();
                return Err(SigningRefused::Unread { bucket, reason });
            }
        };
        let allowed = state.allowed.get(&bucket).copied().unwrap_or(0);
        if leaves > allowed {
            return Err(SigningRefused::Unprovable { bucket, leaves });
        }
        Ok(())
    }

    /// Whether a bucket that hashes so could ever be signed for.
    ///
    /// # Errors
    ///
    /// [`SigningRefused`], with what to do.
    pub(crate) fn judge_hashing(
        &self,
        bucket: BucketId,
        profile: HashingProfile,
    ) -> Result<(), SigningRefused> {
        self.state.read().judge_hashing(bucket, profile)
    }

    /// Leave to sign for a bucket, by the key of `signer`.
    ///
    /// # Errors
    ///
    /// As [`Gate::judge`].
    pub(crate) fn permit<'s>(
        &self,
        facts: &Facts,
        signer: &'s Signer,
    ) -> Result<Permit<'s>, SigningRefused> {
        self.judge(facts)?;
        Ok(Permit {
            bucket: facts.bucket,
            signer,
        })
    }

    /// Leave to sign again what was signed of a bucket before, by the key of `signer`.
    ///
    /// # Errors
    ///
    /// As [`Gate::judge`], but for what the chain has still to be asked.
    pub(crate) fn permit_again<'s>(
        &self,
        facts: &Facts,
        signer: &'s Signer,
    ) -> Result<Permit<'s>, SigningRefused> {
        self.judge_again(facts)?;
        Ok(Permit {
            bucket: facts.bucket,
            signer,
        })
    }

    /// Lets nothing new through until the chain has been compared with what is here.
    pub(crate) fn set_uncompared(&self, is_uncompared: bool) {
        self.state.write().is_uncompared = is_uncompared;
    }

    /// What is known of the chain.
    pub(crate) fn rules(&self) -> Option<ChainRules> {
        self.state.read().rules
    }

    /// Takes what is known of the chain from now on. Returns whether it is new.
    pub(crate) fn set_rules(&self, rules: ChainRules) -> bool {
        let mut state = self.state.write();
        let is_new = state.rules != Some(rules);
        state.rules = Some(rules);
        is_new
    }

    /// Lets nothing through, no matter who asks, until `cause` is taken back.
    pub(crate) fn turn_off(&self, cause: &'static str, reason: String) {
        self.state.write().off.insert(cause, reason);
    }

    /// Takes back what `cause` had against signing.
    pub(crate) fn turn_on(&self, cause: &'static str) {
        self.state.write().off.remove(cause);
    }

    /// Why signing is off as a whole, where it is.
    pub(crate) fn off(&self) -> Option<String> {
        let state = self.state.read();
        let off = state.off.values().next().cloned();
        off.or_else(|| state.is_uncompared.then(|| UNCOMPARED.into()))
    }

    /// Lets a bucket through although this number of its leaves cannot be proven;
    /// without a number, no more.
    pub(crate) fn allow_unprovable(&self, bucket: BucketId, leaves: Option<u64>) {
        let allowed = &mut self.state.write().allowed;
        match leaves {
            Some(leaves) => allowed.insert(bucket, leaves),
            None => allowed.remove(&bucket),
        };
    }
}

impl State {
    fn judge_hashing(&self, bucket: BucketId, has: HashingProfile) -> Result<(), SigningRefused> {
        let Some(rules) = self.rules else {
            return match has {
                HashingProfile::Plain => Ok(()),
                HashingProfile::Tagged => Err(SigningRefused::UnknownHashing { bucket, has }),
            };
        };
        if rules.profile != has {
            let chain = rules.profile;
            return Err(SigningRefused::OtherHashing { bucket, has, chain });
        }
        // Trees are cut at one length, whatever the chain would take.
        let is_enough = usize::try_from(rules.chunk_bytes).is_ok_and(|most| most >= CHUNK_BYTES);
        if !is_enough {
            return Err(SigningRefused::ChunkLimit {
                bucket,
                chain: rules.chunk_bytes,
                ours: CHUNK_BYTES,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: BucketId = BucketId(7);
    const CHUNK: u32 = 262_144;

    fn facts(profile: HashingProfile, unprovable: u64, quarantine: Option<&str>) -> Facts {
        Facts {
            bucket: ID,
            profile,
            unprovable: Ok(unprovable),
            quarantine: quarantine.map(str::to_owned),
        }
    }

    fn profiles() -> impl Strategy<Value = HashingProfile> {
        prop_oneof![Just(HashingProfile::Plain), Just(HashingProfile::Tagged)]
    }

    proptest! {
        /// Against the same in one expression.
        #[test]
        fn nothing_passes_but_what_every_rule_lets(
            profile in profiles(),
            rules in proptest::option::of((profiles(), prop_oneof![
                Just(CHUNK), Just(CHUNK - 1), Just(u32::MAX), any::<u32>()
            ], any::<bool>())),
            unprovable in 0u64..4,
            allowed in proptest::option::of(0u64..4),
            is_quarantined: bool,
            off in proptest::collection::btree_set(0usize..2, 0..3),
            is_uncompared: bool,
        ) {
            let rules = rules.map(|(profile, chunk_bytes, by_chain)| ChainRules {
                profile,
                chunk_bytes,
                by_chain,
            });
            let gate = Gate::new(rules, HashMap::new());
            gate.allow_unprovable(ID, allowed);
            for cause in &off {
                gate.turn_off(["one", "two"][*cause], "as the test has it".into());
            }
            let facts = facts(profile, unprovable, is_quarantined.then_some("as the test has it"));
            let may = off.is_empty()
                && !is_quarantined
                && match rules {
                    None => profile == HashingProfile::Plain,
                    Some(rules) => rules.profile == profile && rules.chunk_bytes >= CHUNK,
                }
                && (unprovable == 0 || allowed.is_some_and(|allowed| allowed >= unprovable));
            gate.set_uncompared(is_uncompared);
            prop_assert_eq!(gate.judge(&facts).is_ok(), may && !is_uncompared);
            prop_assert_eq!(gate.judge_again(&facts).is_ok(), may);
            prop_assert_eq!(gate.off().is_some(), is_uncompared || !off.is_empty());
            gate.set_uncompared(false);
            for cause in off {
                gate.turn_on(["one", "two"][cause]);
            }
            prop_assert_eq!(gate.off(), None);
        }
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let gate = Gate::new(None, HashMap::new());
        let refused = |facts: &Facts| gate.judge(facts).unwrap_err().to_string();
        let tagged = facts(HashingProfile::Tagged, 0, None);
        assert!(refused(&tagged).contains("--chain-hashing"));
        let flagged = facts(HashingProfile::Plain, 3, None);
        assert!(refused(&flagged).contains("`cairn bucket sign-unprovable 7`"));
        gate.set_rules(ChainRules {
            profile: HashingProfile::Plain,
            chunk_bytes: CHUNK - 1,
            by_chain: true,
        });
        assert!(refused(&tagged).contains("plain hashing alone"));
        assert!(refused(&flagged).contains("at most 262143 bytes"));
        gate.turn_off("chain", "it is another chain".into());
        assert_eq!(refused(&flagged), "signing is off: it is another chain");
    }
}
