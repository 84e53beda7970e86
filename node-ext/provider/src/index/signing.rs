//! The signing gate's durable state: the chain's rules, and the buckets for which the
//! operator allows signing in spite of unprovable leaves. Without it, less is signed.

use super::{Index, IndexError, damaged, parse_bucket_key};
use cairn_engine::Table;
use cairn_keys::ChainRules;
use cairn_primitives::BucketId;
use codec::{DecodeAll, Encode};
use std::collections::HashMap;

const RULES_KEY: &[u8] = b"chain-rules";
/// The key prefix of buckets for which signing is allowed although some of their leaves
/// cannot be proven.
const UNPROVABLE_PREFIX: &[u8] = b"sign-unprovable/";

fn unprovable_key(id: BucketId) -> Vec<u8> {
    [UNPROVABLE_PREFIX, &id.0.to_be_bytes()].concat()
}

impl Index {
    /// Returns the chain's rules, if they are known.
    pub(crate) fn chain_rules(&self) -> Result<Option<ChainRules>, IndexError> {
        self.db
            .get(Table::Meta, RULES_KEY)?
            .map(|value| {
                ChainRules::decode_all(&mut &*value).map_err(|_| damaged("the chain's rules"))
            })
            .transpose()
    }

    /// Stores the chain's rules, durably.
    pub(crate) fn set_chain_rules(&self, rules: ChainRules) -> Result<(), IndexError> {
        let mut batch = self.db.batch();
        batch.put(Table::Meta, RULES_KEY, &rules.encode());
        Ok(self.db.write(batch, true)?)
    }

    /// Returns the buckets for which signing is allowed although this number of their
    /// leaves cannot be proven.
    pub(crate) fn allowed_unprovable(&self) -> Result<HashMap<BucketId, u64>, IndexError> {
        let mut allowed = HashMap::new();
        for entry in self.db.scan_from(Table::Meta, UNPROVABLE_PREFIX)? {
            let (key, value) = entry?;
            let Some(id) = key.strip_prefix(UNPROVABLE_PREFIX) else {
                break;
            };
            let parsed = parse_bucket_key(id).zip(u64::decode_all(&mut &*value).ok());
            let (id, leaves) = parsed.ok_or_else(|| damaged("what is signed unprovable"))?;
            allowed.insert(id, leaves);
        }
        Ok(allowed)
    }

    /// Allows signing for a bucket although this number of its leaves cannot be proven;
    /// `None` withdraws that. Durable.
    pub(crate) fn set_allowed_unprovable(
        &self,
        id: BucketId,
        leaves: Option<u64>,
    ) -> Result<(), IndexError> {
        let mut batch = self.db.batch();
        let key = unprovable_key(id);
        match leaves {
            Some(leaves) => batch.put(Table::Meta, &key, &leaves.encode()),
            None => batch.delete(Table::Meta, &key),
        }
        Ok(self.db.write(batch, true)?)
    }
}
