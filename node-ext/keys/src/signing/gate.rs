//! The signing gate: decides whether anything may be signed for a bucket. A decision
//! uses only memory; it neither reads nor syncs.
//!
//! The operator states how the chain hashes, since no chain does. Without that, the
//! provider signs for buckets with plain hashing, which the deployed pallets verify. Once
//! it has read its chain's limits, these count too.

use super::{ChainRules, Permit, Signer, SigningRefused};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::onchain::PayloadFormat;
use cairn_primitives::{BucketId, HashingProfile};
use parking_lot::RwLock;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The reason for signing nothing new until the first comparison with the chain.
const NOT_YET_COMPARED: &str = "this provider's signatures on chain have not yet been compared with its \
     buckets: try again once it has reached its node";

/// The reason for signing nothing new for a bucket that could not be compared with the chain.
const BUCKET_NOT_COMPARED: &str = "the chain's rows of this bucket cannot be read, so this provider's \
     signatures on chain could not be compared with it";

/// The facts about a bucket that the gate decides on.
#[derive(Clone, Debug)]
pub struct SigningFacts {
    bucket: BucketId,
    profile: HashingProfile,
    /// Leaves of its current tree whose proofs the chain cannot verify.
    unprovable: Result<u64, String>,
    quarantine: Option<String>,
}

impl SigningFacts {
    /// Creates the facts of a bucket: its hashing profile, the number of leaves of its
    /// current tree whose proofs the chain cannot verify (or why they could not be
    /// counted), and the reason of its quarantine, if any.
    pub const fn new(
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

/// The signing gate of one provider.
#[derive(Debug)]
pub struct Gate {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    rules: Option<ChainRules>,
    /// The payload that the chain expects, as of an anchor block.
    payload: Option<(PayloadFormat, u32)>,
    /// True if the first comparison with the chain is still to come.
    is_uncompared: bool,
    /// Buckets that the last comparison with the chain could not compare.
    uncompared_buckets: BTreeSet<BucketId>,
    /// The reasons why signing is off, by cause.
    off_reasons: BTreeMap<&'static str, String>,
    /// Buckets for which the operator allows signing although this number of their
    /// leaves cannot be proven.
    allowed_unprovable: HashMap<BucketId, u64>,
}

impl Gate {
    /// Creates a gate with the rules and exceptions that the index keeps. Only the
    /// provider creates one: a second gate would bypass the first.
    pub fn new(rules: Option<ChainRules>, allowed_unprovable: HashMap<BucketId, u64>) -> Self {
        let state = State {
            rules,
            allowed_unprovable,
            ..State::default()
        };
        Self {
            state: RwLock::new(state),
        }
    }

    /// Checks that a new commitment may be signed for a bucket now.
    ///
    /// # Errors
    ///
    /// [`SigningRefused`] with the reason.
    pub fn judge(&self, facts: &SigningFacts) -> Result<(), SigningRefused> {
        let state = self.state.read();
        let uncompared = match facts.bucket {
            _ if state.is_uncompared => Some(NOT_YET_COMPARED),
            bucket if state.uncompared_buckets.contains(&bucket) => Some(BUCKET_NOT_COMPARED),
            _ => None,
        };
        drop(state);
        if let Some(reason) = uncompared {
            let reason = reason.into();
            return Err(SigningRefused::Off { reason });
        }
        self.judge_repeat(facts)
    }

    /// Checks that a commitment which was signed before may be signed again. That
    /// commits to nothing new, so it does not wait for the comparison with the chain.
    fn judge_repeat(&self, facts: &SigningFacts) -> Result<(), SigningRefused> {
        let bucket = facts.bucket;
        let state = self.state.read();
        if let Some(reason) = state.off_reasons.values().next() {
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
                return Err(SigningRefused::UnreadableFlags { bucket, reason });
            }
        };
        let allowed_unprovable = state.allowed_unprovable.get(&bucket).copied().unwrap_or(0);
        if leaves > allowed_unprovable {
            return Err(SigningRefused::Unprovable { bucket, leaves });
        }
        Ok(())
    }

    /// Checks that a bucket with this hashing profile could ever be signed for.
    ///
    /// # Errors
    ///
    /// [`SigningRefused`] with the reason.
    pub fn judge_hashing(
        &self,
        bucket: BucketId,
        profile: HashingProfile,
    ) -> Result<(), SigningRefused> {
        self.state.read().judge_hashing(bucket, profile)
    }

    /// Returns a permit to sign for a bucket with the key of `signer`.
    ///
    /// # Errors
    ///
    /// As [`Gate::judge`].
    pub fn permit<'s>(
        &self,
        facts: &SigningFacts,
        signer: &'s Signer,
    ) -> Result<Permit<'s>, SigningRefused> {
        self.judge(facts)?;
        Ok(self.new_permit(facts, signer))
    }

    /// Returns a permit to repeat an earlier signature for a bucket with the key of
    /// `signer`.
    ///
    /// # Errors
    ///
    /// As [`Gate::judge`], except that it does not wait for the comparison with the
    /// chain.
    pub fn permit_repeat<'s>(
        &self,
        facts: &SigningFacts,
        signer: &'s Signer,
    ) -> Result<Permit<'s>, SigningRefused> {
        self.judge_repeat(facts)?;
        Ok(self.new_permit(facts, signer))
    }

    fn new_permit<'s>(&self, facts: &SigningFacts, signer: &'s Signer) -> Permit<'s> {
        Permit {
            bucket: facts.bucket,
            nonce: self.payload_nonce(),
            signer,
        }
    }

    /// Sets the payload that the chain expects, as of an anchor block.
    pub fn set_payload(&self, format: PayloadFormat, anchor: u32) {
        self.state.write().payload = Some((format, anchor));
    }

    /// Returns the payload that the chain expects: version 1 before the chain was read.
    pub fn payload_format(&self) -> PayloadFormat {
        let payload = self.state.read().payload;
        payload.map_or(PayloadFormat::V1, |(format, _)| format)
    }

    /// Returns the nonce of a payload that is signed now, if the chain expects one.
    pub fn payload_nonce(&self) -> Option<u64> {
        let (format, anchor) = self.state.read().payload?;
        format.nonce_at(anchor)
    }

    /// Sets whether the comparison with the chain is still to come. Nothing new is
    /// signed until then.
    pub fn set_uncompared(&self, is_uncompared: bool) {
        self.state.write().is_uncompared = is_uncompared;
    }

    /// Replaces the buckets that could not be compared with the chain. Nothing new is
    /// signed for them.
    pub fn set_uncompared_buckets(&self, buckets: BTreeSet<BucketId>) {
        self.state.write().uncompared_buckets = buckets;
    }

    /// Returns the chain's rules, if they are known.
    pub fn rules(&self) -> Option<ChainRules> {
        self.state.read().rules
    }

    /// Replaces the chain's rules. Returns whether they changed.
    pub fn set_rules(&self, rules: ChainRules) -> bool {
        let mut state = self.state.write();
        let is_new = state.rules != Some(rules);
        state.rules = Some(rules);
        is_new
    }

    /// Turns all signing off until [`Gate::turn_on`] is called with the same cause.
    pub fn turn_off(&self, cause: &'static str, reason: String) {
        self.state.write().off_reasons.insert(cause, reason);
    }

    /// Removes the cause for which signing was turned off.
    pub fn turn_on(&self, cause: &'static str) {
        self.state.write().off_reasons.remove(cause);
    }

    /// Returns the reason why signing is off as a whole, if it is.
    pub fn off_reason(&self) -> Option<String> {
        let state = self.state.read();
        let off = state.off_reasons.values().next().cloned();
        off.or_else(|| state.is_uncompared.then(|| NOT_YET_COMPARED.into()))
    }

    /// Allows signing for a bucket although this number of its leaves cannot be
    /// proven; `None` withdraws that.
    pub fn allow_unprovable(&self, bucket: BucketId, leaves: Option<u64>) {
        let allowed_unprovable = &mut self.state.write().allowed_unprovable;
        match leaves {
            Some(leaves) => allowed_unprovable.insert(bucket, leaves),
            None => allowed_unprovable.remove(&bucket),
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
        // Content is cut into chunks of one length, whatever the chain's limit is.
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

    fn facts(profile: HashingProfile, unprovable: u64, quarantine: Option<&str>) -> SigningFacts {
        SigningFacts {
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
        /// Compares the gate with the same rules in one expression.
        #[test]
        fn the_gate_requires_every_rule(
            profile in profiles(),
            rules in proptest::option::of((profiles(), prop_oneof![
                Just(CHUNK), Just(CHUNK - 1), Just(u32::MAX), any::<u32>()
            ], any::<bool>())),
            unprovable in 0u64..4,
            allowed_unprovable in proptest::option::of(0u64..4),
            is_quarantined: bool,
            off in proptest::collection::btree_set(0usize..2, 0..3),
            is_uncompared: bool,
        ) {
            let rules = rules.map(|(profile, chunk_bytes, is_from_chain)| ChainRules {
                profile,
                chunk_bytes,
                is_from_chain,
            });
            let gate = Gate::new(rules, HashMap::new());
            gate.allow_unprovable(ID, allowed_unprovable);
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
                && (unprovable == 0 || allowed_unprovable.is_some_and(|allowed_unprovable| allowed_unprovable >= unprovable));
            gate.set_uncompared(is_uncompared);
            prop_assert_eq!(gate.judge(&facts).is_ok(), may && !is_uncompared);
            prop_assert_eq!(gate.judge_repeat(&facts).is_ok(), may);
            prop_assert_eq!(gate.off_reason().is_some(), is_uncompared || !off.is_empty());
            gate.set_uncompared(false);
            for cause in off {
                gate.turn_on(["one", "two"][cause]);
            }
            prop_assert_eq!(gate.off_reason(), None);
        }
    }

    #[test]
    fn nothing_new_is_signed_for_a_bucket_that_was_not_compared() {
        let gate = Gate::new(None, HashMap::new());
        let bad = facts(HashingProfile::Plain, 0, None);
        let good = SigningFacts {
            bucket: BucketId(8),
            ..bad.clone()
        };
        gate.set_uncompared_buckets(BTreeSet::from([ID]));
        let refused = gate.judge(&bad).unwrap_err().to_string();
        assert!(refused.contains("rows of this bucket"), "{refused}");
        assert_eq!(gate.judge_repeat(&bad), Ok(()));
        assert_eq!((gate.judge(&good), gate.off_reason()), (Ok(()), None));
        gate.set_uncompared_buckets(BTreeSet::new());
        assert_eq!(gate.judge(&bad), Ok(()));
    }

    #[test]
    fn each_refusal_names_its_reason() {
        let gate = Gate::new(None, HashMap::new());
        let refused = |facts: &SigningFacts| gate.judge(facts).unwrap_err().to_string();
        let tagged = facts(HashingProfile::Tagged, 0, None);
        assert!(refused(&tagged).contains("does not yet know how"));
        let flagged = facts(HashingProfile::Plain, 3, None);
        assert!(refused(&flagged).contains("3 of its leaves"));
        gate.set_rules(ChainRules {
            profile: HashingProfile::Plain,
            chunk_bytes: CHUNK - 1,
            is_from_chain: true,
        });
        assert!(refused(&tagged).contains("plain hashing alone"));
        assert!(refused(&flagged).contains("at most 262143 bytes"));
        gate.turn_off("chain", "it is another chain".into());
        assert_eq!(refused(&flagged), "signing is off: it is another chain");
    }
}
