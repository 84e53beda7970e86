//! The features of a runtime's storage pallet, each read from the metadata by itself: none
//! implies another.

use crate::names::{API, PALLET};
use crate::storage::StorageItem;
use scale_info::form::PortableForm;
use scale_info::{PortableRegistry, TypeDef, TypeDefPrimitive};
use serde::Serialize;
use subxt_metadata::Metadata;

/// The most newtypes and lists around a type that are looked into.
const MAX_WRAPPERS: usize = 16;

/// The layout of the open challenges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChallengeLayout {
    /// A list for each deadline: an answer renumbers the later ones.
    ListPerDeadline,
    /// A row for each deadline and index.
    RowPerChallenge,
}

/// The part of the commitment's size that a challenge keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeafBinding {
    /// Nothing: proofs are bound to the root alone.
    Unbound,
    /// The leaf count, as a field of its own.
    LeafCount,
    /// The whole commitment.
    Commitment,
}

/// The payload that a provider signs for a commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Payload {
    /// Version 1.
    V1,
    /// Version 2, with a nonce.
    V2,
    /// Not known.
    Unknown,
}

/// Where the anchor block comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnchorSource {
    /// The runtime tells it.
    RuntimeApi,
    /// One of two numbers in the state, told apart by the values of rows.
    State,
}

/// The runtimes of one family that chains are known to run. A name for people: nothing is
/// decided by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// As deployed first: lists of challenges, windows, wrong answers fail.
    Deployed,
    /// With nonces in commitments.
    Nonce,
    /// As developed now.
    Current,
    /// With leaf counts in challenges.
    LeafBinding,
    /// Another mixture of features.
    Other,
}

/// The features of a runtime's storage pallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Features {
    /// The layout of open challenges.
    pub challenges: ChallengeLayout,
    /// The part of the commitment's size that a challenge keeps.
    pub leaf_binding: LeafBinding,
    /// The payload of commitments.
    pub payload: Payload,
    /// Variants of an answer that Cairn does not know.
    pub unknown_answers: Vec<String>,
    /// Fields of a challenge that Cairn does not know.
    pub unknown_challenge_fields: Vec<String>,
    /// True if a leaf in a proof has a field `chunk_count`.
    pub leaf_has_chunk_count: bool,
    /// Where the anchor block comes from.
    pub anchor: AnchorSource,
    /// True if a wrong answer is slashed, or may be.
    pub wrong_answers_slash: bool,
    /// True if providers checkpoint in windows.
    pub windows: bool,
    /// True if a call names agreements in commitments, which Cairn does not know.
    pub agreement_bound: bool,
    /// The number of arguments of a dry run, if the runtime offers one.
    pub dry_run_arguments: Option<usize>,
}

impl Features {
    /// Detects the features. `None` without the storage pallet and its challenges.
    pub(crate) fn detect(metadata: &Metadata) -> Option<Self> {
        let look = Look { metadata };
        let challenges = StorageItem::find(metadata, PALLET, "Challenges").ok()?;
        let challenge = look.fields_within(challenges.value_type());
        let has = |fields: &[&str], name: &str| fields.contains(&name);
        let checkpoint = look.arguments("checkpoint");
        let answer = look.answer();
        let leaf = look.leaf();
        let leaf_binding = match (has(&challenge, "leaf_count"), has(&challenge, "commitment")) {
            (true, _) => LeafBinding::LeafCount,
            (false, true) => LeafBinding::Commitment,
            (false, false) => LeafBinding::Unbound,
        };
        let slashes_with_reason = look.event_has("ChallengeSlashed", "reason");
        let errs = look.has_error("InvalidChallengeProof");
        Some(Self {
            challenges: match challenges.key_count() {
                1 => ChallengeLayout::ListPerDeadline,
                _ => ChallengeLayout::RowPerChallenge,
            },
            leaf_binding,
            payload: look.payload(&checkpoint),
            unknown_answers: unknown(&answer, &["Proof", "Deleted", "Superseded"]),
            unknown_challenge_fields: unknown(&challenge, &crate::rows::CHALLENGE_FIELDS),
            leaf_has_chunk_count: has(&leaf, "chunk_count"),
            anchor: match look.tells_anchor() {
                true => AnchorSource::RuntimeApi,
                false => AnchorSource::State,
            },
            // In doubt they do.
            wrong_answers_slash: slashes_with_reason || !errs,
            windows: !look.arguments("provider_checkpoint").is_empty()
                && StorageItem::find(metadata, PALLET, "CheckpointConfigs").is_ok(),
            agreement_bound: look.any_call_names("agreement_id"),
            dry_run_arguments: look.dry_run_arguments(),
        })
    }

    /// Returns the variant that has these features.
    pub fn variant(&self) -> Variant {
        use ChallengeLayout::{ListPerDeadline, RowPerChallenge};
        let is_understood = self.unknown_answers.is_empty()
            && self.unknown_challenge_fields.is_empty()
            && !self.leaf_has_chunk_count
            && !self.agreement_bound;
        match (self.challenges, self.payload, self.leaf_binding) {
            _ if !is_understood => Variant::Other,
            (ListPerDeadline, Payload::V1, LeafBinding::Unbound) => Variant::Deployed,
            (_, Payload::V2, LeafBinding::Unbound) => Variant::Nonce,
            (RowPerChallenge, Payload::V1, LeafBinding::Unbound) => Variant::Current,
            (RowPerChallenge, Payload::V1, _) => Variant::LeafBinding,
            _ => Variant::Other,
        }
    }
}

fn unknown(names: &[&str], known: &[&str]) -> Vec<String> {
    let new = names.iter().filter(|name| !known.contains(name));
    new.map(|name| (*name).to_owned()).collect()
}

struct Look<'m> {
    metadata: &'m Metadata,
}

impl<'m> Look<'m> {
    fn types(&self) -> &'m PortableRegistry {
        self.metadata.types()
    }

    fn definition(&self, ty: u32) -> Option<&'m TypeDef<PortableForm>> {
        self.types().resolve(ty).map(|ty| &ty.type_def)
    }

    /// Returns the type within newtypes and lists.
    fn unwrapped(&self, ty: u32) -> Option<&'m TypeDef<PortableForm>> {
        let mut ty = ty;
        for _ in 0..MAX_WRAPPERS {
            let def = self.definition(ty)?;
            ty = match def {
                TypeDef::Sequence(sequence) => sequence.type_param.id,
                TypeDef::Composite(composite) => match composite.fields.as_slice() {
                    [only] if only.name.is_none() => only.ty.id,
                    _ => return Some(def),
                },
                _ => return Some(def),
            };
        }
        None
    }

    /// Returns the fields of the struct within newtypes and lists.
    fn fields_within(&self, ty: u32) -> Vec<&'m str> {
        match self.unwrapped(ty) {
            Some(TypeDef::Composite(composite)) => {
                composite.fields.iter().filter_map(name_of).collect()
            }
            _ => Vec::new(),
        }
    }

    fn call(&self, name: &str) -> Option<&'m scale_info::Variant<PortableForm>> {
        self.metadata
            .pallet_by_name(PALLET)?
            .call_variants()?
            .iter()
            .find(|call| call.name == name)
    }

    fn arguments(&self, call: &str) -> Vec<&'m str> {
        let fields = self.call(call).map(|call| call.fields.iter());
        fields.into_iter().flatten().filter_map(name_of).collect()
    }

    fn argument(&self, call: &str, name: &str) -> Option<u32> {
        let field = self
            .call(call)?
            .fields
            .iter()
            .find(|field| field.name.as_deref() == Some(name));
        field.map(|field| field.ty.id)
    }

    fn any_call_names(&self, argument: &str) -> bool {
        let calls = ["checkpoint", "extend_checkpoint", "challenge_offchain"];
        calls
            .iter()
            .any(|call| self.arguments(call).contains(&argument))
    }

    /// Returns the variants of an answer.
    fn answer(&self) -> Vec<&'m str> {
        let response = self.argument("respond_to_challenge", "response");
        match response.and_then(|ty| self.unwrapped(ty)) {
            Some(TypeDef::Variant(answers)) => answers
                .variants
                .iter()
                .map(|one| one.name.as_str())
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the fields of a leaf in a proof.
    fn leaf(&self) -> Vec<&'m str> {
        let response = self.argument("respond_to_challenge", "response");
        let Some(TypeDef::Variant(answers)) = response.and_then(|ty| self.unwrapped(ty)) else {
            return Vec::new();
        };
        let named = |fields: &'m [scale_info::Field<PortableForm>], name: &str| {
            fields
                .iter()
                .find(|field| field.name.as_deref() == Some(name))
        };
        let proof = answers
            .variants
            .iter()
            .find(|answer| answer.name == "Proof");
        let mmr_proof = proof.and_then(|proof| named(&proof.fields, "mmr_proof"));
        let Some(TypeDef::Composite(mmr_proof)) =
            mmr_proof.and_then(|field| self.unwrapped(field.ty.id))
        else {
            return Vec::new();
        };
        let leaf = named(&mmr_proof.fields, "leaf");
        leaf.map_or_else(Vec::new, |leaf| self.fields_within(leaf.ty.id))
    }

    /// Decides the payload. The call, the snapshot and the challenge of a signed commitment
    /// must agree on the nonce, and know no argument that Cairn does not.
    fn payload(&self, checkpoint: &[&str]) -> Payload {
        let offchain = self.arguments("challenge_offchain");
        let is_known = unknown(checkpoint, &CHECKPOINT_ARGUMENTS).is_empty()
            && unknown(&offchain, &OFFCHAIN_ARGUMENTS).is_empty()
            && !checkpoint.is_empty();
        let nonces = [
            checkpoint.contains(&"nonce"),
            offchain.contains(&"nonce"),
            self.snapshot_has_nonce(),
        ];
        match nonces {
            _ if !is_known => Payload::Unknown,
            [false, false, false] => Payload::V1,
            [true, true, true] => Payload::V2,
            _ => Payload::Unknown,
        }
    }

    fn snapshot_has_nonce(&self) -> bool {
        let buckets = StorageItem::find(self.metadata, PALLET, "Buckets");
        let bucket = buckets
            .ok()
            .and_then(|item| self.unwrapped(item.value_type()));
        let Some(TypeDef::Composite(bucket)) = bucket else {
            return false;
        };
        let snapshot = bucket
            .fields
            .iter()
            .find(|field| field.name.as_deref() == Some("snapshot"));
        let option = snapshot.and_then(|field| self.definition(field.ty.id));
        let Some(TypeDef::Variant(option)) = option else {
            return false;
        };
        let some = option
            .variants
            .iter()
            .find(|variant| variant.name == "Some");
        let inner = some.and_then(|some| some.fields.first());
        inner.is_some_and(|inner| {
            self.fields_within(inner.ty.id)
                .contains(&"commitment_nonce")
        })
    }

    fn event_has(&self, event: &str, field: &str) -> bool {
        let pallet = self.metadata.pallet_by_name(PALLET);
        let events = pallet.and_then(|pallet| pallet.event_variants());
        let event = events.and_then(|all| all.iter().find(|known| known.name == event));
        event.is_some_and(|event| {
            event
                .fields
                .iter()
                .any(|f| f.name.as_deref() == Some(field))
        })
    }

    fn has_error(&self, name: &str) -> bool {
        let pallet = self.metadata.pallet_by_name(PALLET);
        let errors = pallet.and_then(|pallet| pallet.error_variants());
        errors.is_some_and(|errors| errors.iter().any(|error| error.name == name))
    }

    /// Returns whether the API tells the anchor block. Another chain's API of the same name
    /// has other methods.
    fn tells_anchor(&self) -> bool {
        let api = self.metadata.runtime_api_trait_by_name(API);
        let method = api.and_then(|api| api.method_by_name("current_anchor_block"));
        method.is_some_and(|method| {
            let number = self.definition(method.output_ty());
            method.inputs().len() == 0
                && matches!(number, Some(TypeDef::Primitive(TypeDefPrimitive::U32)))
        })
    }

    fn dry_run_arguments(&self) -> Option<usize> {
        let api = self.metadata.runtime_api_trait_by_name("DryRunApi")?;
        Some(api.method_by_name("dry_run_call")?.inputs().len())
    }
}

fn name_of(field: &scale_info::Field<PortableForm>) -> Option<&str> {
    field.name.as_deref()
}

/// The arguments of `checkpoint` that Cairn knows.
const CHECKPOINT_ARGUMENTS: [&str; 7] = [
    "bucket_id",
    "commitment",
    "mmr_root",
    "start_seq",
    "leaf_count",
    "nonce",
    "signatures",
];

/// The arguments of `challenge_offchain` that Cairn knows.
const OFFCHAIN_ARGUMENTS: [&str; 11] = [
    "bucket_id",
    "provider",
    "commitment",
    "mmr_root",
    "start_seq",
    "leaf_count",
    "nonce",
    "target",
    "leaf_index",
    "chunk_index",
    "provider_signature",
];
