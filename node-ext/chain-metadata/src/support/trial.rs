//! Tries each capability on a runtime: each reader on a sample, and each call once.

use crate::calls;
use crate::capability::{Capability, Support};
use crate::extrinsic;
use crate::features::{AnchorSource, ChallengeLayout, Features, Payload};
use crate::names::PALLET;
use crate::runtime::Runtime;
use crate::storage::StorageItem;
use crate::value::{Mismatch, Value, decode_all, sample};
use crate::{dry_run, events, funds, rows, terms};
use cairn_chain::{ProviderCall, Submission};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse, MultiSignature};
use cairn_primitives::onchain::{ProviderSettings, RegisteredKey};
use cairn_primitives::{
    BucketId, Commitment, H256, LeafCount, MerkleProof, MmrLeaf, MmrProof, Sequence,
};

/// Tries everything on a runtime.
pub(crate) fn try_all(runtime: &Runtime) -> Vec<(Capability, Support)> {
    let Some(features) = &runtime.features else {
        let why = match runtime.metadata.pallet_by_name(PALLET) {
            Some(_) => format!("there is no storage {PALLET}.Challenges"),
            None => format!("there is no pallet {PALLET}"),
        };
        let missing = Support::NotOffered(why);
        let mut all: Vec<_> = Capability::NEEDED
            .into_iter()
            .map(|capability| (capability, missing.clone()))
            .collect();
        for capability in [
            Capability::ClaimDeleted,
            Capability::ClaimSuperseded,
            Capability::Checkpoint,
            Capability::Windows,
            Capability::Register,
            Capability::Terms,
        ] {
            all.push((capability, missing.clone()));
        }
        all.retain(|(capability, _)| *capability != Capability::Extrinsics);
        all.push((Capability::Extrinsics, judged(extrinsic::try_on(runtime))));
        all.push((Capability::Funds, judged(funds::try_on(runtime))));
        return all;
    };
    let trial = Trial { runtime, features };
    vec![
        (Capability::Follow, judged(trial.follow())),
        (Capability::ReadChallenges, judged(trial.read_challenges())),
        (Capability::Answer, judged(trial.answer())),
        (Capability::ClaimDeleted, judged(trial.claim_deleted())),
        (
            Capability::ClaimSuperseded,
            judged(trial.respond(&ChallengeResponse::Superseded)),
        ),
        (Capability::DryRun, trial.dry_run()),
        (Capability::Outcomes, judged(trial.outcomes())),
        (Capability::Sign, judged(trial.sign())),
        (Capability::Buckets, judged(trial.buckets())),
        (Capability::Checkpoint, judged(trial.checkpoint())),
        (Capability::Windows, trial.windows()),
        (Capability::Register, judged(trial.register())),
        (Capability::Terms, judged(trial.terms())),
        (Capability::Extrinsics, judged(extrinsic::try_on(runtime))),
        (Capability::Funds, judged(funds::try_on(runtime))),
        (Capability::Fees, judged(funds::try_fees_on(runtime))),
    ]
}

fn judged(tried: Result<(), Mismatch>) -> Support {
    match tried {
        Ok(()) => Support::Supported,
        Err(Mismatch(why)) => Support::Refused(why),
    }
}

fn refuse(why: impl Into<String>) -> Result<(), Mismatch> {
    Err(Mismatch(why.into()))
}

/// Returns an answer of the shape that every proof has.
fn proof() -> ChallengeResponse {
    let path = MerkleProof {
        siblings: vec![H256::zero()],
        path: vec![true],
    };
    ChallengeResponse::Proof {
        chunk_data: vec![0],
        mmr_proof: MmrProof {
            peaks: vec![H256::zero()],
            leaf: MmrLeaf::default(),
            leaf_proof: path.clone(),
        },
        chunk_proof: path,
    }
}

const SIGNATURE: MultiSignature = MultiSignature::Sr25519([0; 64]);
const ACCOUNT: AccountId = AccountId([0; 32]);
const COMMITMENT: Commitment = Commitment {
    mmr_root: H256([0; 32]),
    start_seq: Sequence(0),
    leaf_count: LeafCount::ZERO,
};

struct Trial<'r> {
    runtime: &'r Runtime,
    features: &'r Features,
}

impl Trial<'_> {
    /// Reads a sample row of an item.
    fn row<T>(
        &self,
        item: &str,
        read: impl FnOnce(&Value<'_>) -> Result<T, Mismatch>,
    ) -> Result<(), Mismatch> {
        let item = StorageItem::find(&self.runtime.metadata, PALLET, item)?;
        let named = |why: String| Mismatch(format!("{PALLET}.{}: {why}", item.name()));
        let bytes = sample(self.runtime.metadata.types(), item.value_type());
        let bytes = bytes.map_err(|Mismatch(why)| named(why))?;
        let value = item
            .decode(&bytes)
            .map_err(|error| named(error.to_string()))?;
        read(&value).map_err(|Mismatch(why)| named(why))?;
        Ok(())
    }

    fn keys(&self, item: &str, count: usize) -> Result<(), Mismatch> {
        let item = StorageItem::find(&self.runtime.metadata, PALLET, item)?;
        if item.key_count() != count {
            return refuse(format!(
                "{PALLET}.{} has {} keys instead of {count}",
                item.name(),
                item.key_count()
            ));
        }
        item.require_readable_keys()
    }

    fn number(&self, constant: &str) -> Result<(), Mismatch> {
        let value = self.runtime.constant(PALLET, constant)?;
        value.number::<u32>().map(|_| ())
    }

    fn respond(&self, response: &ChallengeResponse) -> Result<(), Mismatch> {
        let id = ChallengeId {
            deadline: 0,
            index: 0,
        };
        extrinsic::encode_call(self.runtime, &calls::respond(id, response)).map(|_| ())
    }

    fn submission(&self, submission: &Submission) -> Result<(), Mismatch> {
        extrinsic::encode_submission(self.runtime, submission).map(|_| ())
    }

    fn follow(&self) -> Result<(), Mismatch> {
        if self.features.anchor == AnchorSource::State {
            StorageItem::find(&self.runtime.metadata, "System", "Number")?;
            self.row("Providers", rows::registered_at)?;
        }
        self.number("ChallengeTimeout")?;
        self.number("MaxChunkSize")?;
        self.number("MaxPrimaryProviders")?;
        self.row("Providers", |row| rows::provider(row, 0))
    }

    fn read_challenges(&self) -> Result<(), Mismatch> {
        let id = ChallengeId {
            deadline: 0,
            index: 0,
        };
        let challenge = |value: &Value<'_>| rows::challenge(value, id, 0);
        match self.features.challenges {
            ChallengeLayout::ListPerDeadline => {
                self.keys("Challenges", 1)?;
                self.row("Challenges", |rows| rows.each(challenge))
            }
            ChallengeLayout::RowPerChallenge => {
                self.keys("Challenges", 2)?;
                self.row("Challenges", challenge)
            }
        }
    }

    fn answer(&self) -> Result<(), Mismatch> {
        if let Some(unknown) = self.features.unknown_answers.first() {
            return refuse(format!(
                "the chain knows an answer `{unknown}`, which Cairn does not"
            ));
        }
        if self.features.leaf_has_chunk_count {
            return refuse("leaves have a field `chunk_count`, which Cairn does not know");
        }
        // The chain judges by a field that Cairn does not know. So let the chain judge.
        if let (Some(unknown), Support::NotOffered(_) | Support::Refused(_)) = (
            self.features.unknown_challenge_fields.first(),
            self.dry_run(),
        ) {
            return refuse(format!(
                "challenges have a field `{unknown}`, which Cairn does not know, and there is no \
                 dry run to judge an answer by"
            ));
        }
        self.read_challenges()?;
        self.respond(&proof())
    }

    fn claim_deleted(&self) -> Result<(), Mismatch> {
        self.respond(&ChallengeResponse::Deleted {
            new_mmr_root: H256::zero(),
            new_start_seq: Sequence(0),
            admin: ACCOUNT,
            admin_signature: SIGNATURE,
        })
    }

    fn dry_run(&self) -> Support {
        match self.features.dry_run_arguments {
            None => {
                Support::NotOffered("there is no runtime API DryRunApi::dry_run_call".to_owned())
            }
            Some(_) => judged(dry_run::try_on(self.runtime, ACCOUNT, &proof())),
        }
    }

    fn outcomes(&self) -> Result<(), Mismatch> {
        let types = self.runtime.metadata.types();
        let item = StorageItem::find(&self.runtime.metadata, "System", "Events")?;
        events::record_type(self.runtime, item)?;
        let pallet = self.runtime.metadata.pallet_by_name(PALLET);
        let variants = pallet.and_then(|pallet| pallet.event_variants());
        for needed in [
            "ChallengeDefended",
            "ChallengeSlashed",
            "BucketCheckpointed",
        ] {
            let known = variants.and_then(|all| all.iter().find(|event| event.name == needed));
            let Some(known) = known else {
                return refuse(format!("there is no event {PALLET}.{needed}"));
            };
            let mut encoded = Vec::new();
            for field in &known.fields {
                encoded.push((field, sample(types, field.ty.id)?));
            }
            let mut fields = Vec::new();
            for (field, bytes) in &encoded {
                let value = decode_all(types, field.ty.id, bytes);
                let value = value.map_err(|error| Mismatch(error.to_string()))?;
                fields.push((field.name.as_deref().unwrap_or(""), value));
            }
            events::outcome(&Value::wrap(PALLET, Value::Variant(needed, fields)))
                .map_err(|Mismatch(why)| Mismatch(format!("event {PALLET}.{needed}: {why}")))?;
        }
        Ok(())
    }

    fn sign(&self) -> Result<(), Mismatch> {
        if self.features.agreement_bound {
            return refuse("commitments name an agreement, which Cairn does not know");
        }
        match self.features.payload {
            Payload::V1 => {}
            Payload::V2 => self.number("MaxNonceAge")?,
            Payload::Unknown => {
                return refuse("the payload of a commitment cannot be told from the metadata");
            }
        }
        self.row("Providers", rows::key_and_endpoint)
    }

    fn buckets(&self) -> Result<(), Mismatch> {
        self.keys("StorageAgreements", 2)?;
        self.keys("Buckets", 1)?;
        self.keys("Providers", 1)?;
        self.row("Buckets", rows::bucket)?;
        self.row("Providers", rows::key_and_endpoint)?;
        self.row("StorageAgreements", rows::agreement)
    }

    fn checkpoint_in(&self, window: Option<u64>) -> Submission {
        Submission::Checkpoint {
            bucket: BucketId(0),
            commitment: COMMITMENT,
            window,
            nonce: match (window, self.features.payload) {
                (None, Payload::V2) => Some(0),
                _ => None,
            },
            signatures: vec![(ACCOUNT, SIGNATURE)],
        }
    }

    fn checkpoint(&self) -> Result<(), Mismatch> {
        self.submission(&self.checkpoint_in(None))
    }

    fn windows(&self) -> Support {
        if !self.features.windows {
            return Support::NotOffered("the runtime has no windows for checkpoints".to_owned());
        }
        judged(
            self.submission(&self.checkpoint_in(Some(0)))
                .and_then(|()| self.row("CheckpointConfigs", rows::window)),
        )
    }

    fn terms(&self) -> Result<(), Mismatch> {
        self.number("RequestTimeout")?;
        let stake = self.runtime.constant(PALLET, "MinStakePerByte")?;
        stake.number::<u128>()?;
        self.row("ProviderReplayStates", terms::replay_window)?;
        terms::try_on(self.runtime)
    }

    fn register(&self) -> Result<(), Mismatch> {
        let settings = ProviderSettings {
            min_duration: 0,
            max_duration: 0,
            price_per_byte: 0,
            accepting_primary: true,
            replica_sync_price: None,
            accepting_extensions: true,
            max_capacity: 0,
        };
        for call in [
            ProviderCall::Register {
                multiaddr: String::new(),
                public_key: RegisteredKey::from([0; 32]),
                stake: 0,
            },
            ProviderCall::AddStake(0),
            ProviderCall::UpdateSettings(settings),
            ProviderCall::UpdateMultiaddr(String::new()),
            ProviderCall::AnnounceDeregister,
            ProviderCall::CompleteDeregister,
            ProviderCall::CancelDeregister,
            ProviderCall::ClaimExpiredAgreement(BucketId(0)),
            ProviderCall::SetExtensionsBlocked {
                bucket: BucketId(0),
                blocked: true,
            },
        ] {
            self.submission(&Submission::Provider(call))?;
        }
        Ok(())
    }
}
