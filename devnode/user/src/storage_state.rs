//! The storage pallet's state, and what was answered.

use crate::UserError;
use crate::block::STORAGE;
use crate::chain::Chain;
use crate::keys::AccountId;
use crate::storage_pallet::Commitment;
use crate::values::{self, number_in, small};
use scale_info::TypeDef;
use subxt::dynamic::{self, Value};

impl Chain {
    /// Returns the anchor block: the clock of deadlines and agreements.
    ///
    /// # Errors
    ///
    /// [`UserError::Node`], [`UserError::Metadata`].
    pub async fn anchor(&self) -> Result<u32, UserError> {
        const API: &str = "StorageProviderApi";
        const METHOD: &str = "current_anchor_block";
        let at = self.now().await?;
        let metadata = at.metadata();
        let has_clock = metadata
            .runtime_api_trait_by_name(API)
            .is_some_and(|api| api.method_by_name(METHOD).is_some());
        if !has_clock {
            return u32::try_from(at.block_number())
                .map_err(|error| UserError::node("tell its height", error));
        }
        let call = dynamic::runtime_api_call::<Vec<Value>, u32>(API, METHOD, Vec::new());
        let anchor = at.runtime_apis().call(call).await;
        anchor.map_err(|error| UserError::metadata(METHOD, error))
    }

    /// Returns a provider's row.
    ///
    /// # Errors
    ///
    /// As of [`Self::storage`].
    pub async fn provider(&self, account: AccountId) -> Result<Option<Value>, UserError> {
        let keys = vec![values::account(account)];
        self.storage(STORAGE, "Providers", keys).await
    }

    /// Returns a provider's stake: 0 if it is slashed, or not registered.
    ///
    /// # Errors
    ///
    /// As of [`Self::storage`].
    pub async fn stake(&self, account: AccountId) -> Result<u128, UserError> {
        let provider = self.provider(account).await?;
        provider.map_or(Ok(0), |provider| number_in(&provider, "stake"))
    }

    /// Returns a bucket's row.
    ///
    /// # Errors
    ///
    /// As of [`Self::storage`].
    pub async fn bucket(&self, id: u64) -> Result<Option<Value>, UserError> {
        let keys = vec![Value::u128(id.into())];
        self.storage(STORAGE, "Buckets", keys).await
    }

    /// Returns the commitment of a bucket's last checkpoint.
    ///
    /// # Errors
    ///
    /// As of [`Self::storage`].
    pub async fn snapshot(&self, id: u64) -> Result<Option<Commitment>, UserError> {
        let Some(bucket) = self.bucket(id).await? else {
            return Ok(None);
        };
        let Some(snapshot) = values::some(values::inside(&bucket, "snapshot")?) else {
            return Ok(None);
        };
        // In one field, or flat.
        let commitment = values::inside(snapshot, "commitment").unwrap_or(snapshot);
        Ok(Some(Commitment {
            mmr_root: values::bytes32(values::inside(commitment, "mmr_root")?)?,
            start_seq: small(commitment, "start_seq")?,
            leaf_count: small(commitment, "leaf_count")?,
        }))
    }

    /// Returns the number of open challenges of a provider.
    ///
    /// # Errors
    ///
    /// As of [`Self::entries`]: also if one of them does not decode.
    pub async fn open_challenges(&self, provider: AccountId) -> Result<usize, UserError> {
        let mut open = 0usize;
        for (keys, value) in self.entries(STORAGE, "Challenges", Vec::new()).await? {
            // A list of all of a deadline, or one.
            let rows = match keys.len() {
                1 => values::items(&value),
                _ => vec![&value],
            };
            for row in rows {
                if values::bytes32(values::inside(row, "provider")?)? == provider {
                    open = open.saturating_add(1);
                }
            }
        }
        Ok(open)
    }

    /// Returns the kind of each answer that the chain accepted since a block, such as `Proof`.
    ///
    /// # Errors
    ///
    /// As of [`Self::block`].
    pub async fn accepted_answers(&self, since: u32) -> Result<Vec<String>, UserError> {
        let mut kinds = Vec::new();
        for (number, event) in self.storage_events(since, "ChallengeDefended").await? {
            let place = event
                .extrinsic
                .and_then(|place| usize::try_from(place).ok());
            let place = place
                .ok_or_else(|| UserError::Unexpected("a hook accepted an answer".to_owned()))?;
            kinds.push(self.answer_kind(number, place).await?);
        }
        Ok(kinds)
    }

    async fn answer_kind(&self, number: u32, place: usize) -> Result<String, UserError> {
        let failed = |error: &dyn std::fmt::Display| UserError::metadata("an answer", error);
        let executed_by = self.at(number.saturating_sub(1)).await?;
        let bytes = self.body(number).await?;
        let bytes = bytes.get(place).cloned().unwrap_or_default();
        let decoded = executed_by.extrinsics().from_bytes(vec![bytes]).await;
        let extrinsic = decoded
            .iter()
            .next()
            .ok_or_else(|| failed(&"there is none"))?
            .map_err(|error| failed(&error))?;
        let field = extrinsic
            .iter_call_data_fields()
            .find(|field| field.name() == "response")
            .ok_or_else(|| failed(&"the extrinsic has none"))?;
        let metadata = executed_by.metadata();
        let answer = metadata.types().resolve(field.type_id());
        let Some(TypeDef::Variant(answers)) = answer.map(|answer| &answer.type_def) else {
            return Err(failed(&"its type is no enum"));
        };
        let index = field.bytes().first();
        let mut variants = answers.variants.iter();
        variants
            .find(|variant| Some(&variant.index) == index)
            .map(|variant| variant.name.clone())
            .ok_or_else(|| failed(&"its type has no such variant"))
    }
}
