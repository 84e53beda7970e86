//! The storage provider that a node loads: where its buckets are, and who it is.

use crate::NodeError;
use cairn_devnode_runtime::{AccountId, KEY_TYPE};
use cairn_node_ext::{BasePath, ExtensionConfig, OnCopy, Provider, ScrubPlan};
use cairn_rpc::CosignerLimits;
use sp_core::Pair;
use sp_keystore::KeystorePtr;
use std::path::PathBuf;

/// A storage provider.
#[derive(Clone, Debug, Default)]
pub struct ProviderOptions {
    /// The folder of its buckets.
    pub base_path: PathBuf,
    /// The secret of its account, to be put into the keystore; without it the
    /// keystore's one key of type `stor` is its account.
    pub suri: Option<String>,
    /// How its schedulers work.
    pub schedule: ExtensionConfig,
    /// Whether it signs from a folder that is a copy of another.
    pub on_copy: OnCopy,
}

impl ProviderOptions {
    /// The provider at its folder, which is made if it is not there; all buckets
    /// are read again in the background.
    pub(crate) fn open(&self) -> Result<Provider, NodeError> {
        let base = BasePath::create(&self.base_path).map_err(NodeError::cairn)?;
        let options = cairn_node_ext::ProviderOptions {
            on_copy: self.on_copy,
            scrub: Some(ScrubPlan::default()),
            ..Default::default()
        };
        Provider::open(base, options).map_err(NodeError::cairn)
    }

    /// How the other primary providers are asked: on a chain for development they
    /// are on one machine, where elsewhere nobody is looked for.
    pub(crate) fn cosigners(&self) -> CosignerLimits {
        CosignerLimits {
            allow_private: true,
            ..CosignerLimits::default()
        }
    }

    /// The provider's account, whose key is in the keystore from now on.
    pub(crate) fn account(&self, keystore: &KeystorePtr) -> Result<AccountId, NodeError> {
        if let Some(suri) = &self.suri {
            return insert_key(keystore, suri);
        }
        let keys = keystore.sr25519_public_keys(KEY_TYPE);
        match keys.as_slice() {
            [key] => Ok((*key).into()),
            keys => Err(NodeError::WhichAccount { found: keys.len() }),
        }
    }
}

/// Puts a provider's secret into the keystore, until the node stops; the account that
/// it is for.
pub(crate) fn insert_key(keystore: &KeystorePtr, suri: &str) -> Result<AccountId, NodeError> {
    // Checked here, since the keystore does not say what is wrong.
    sp_core::sr25519::Pair::from_string(suri, None)
        .map_err(|e| NodeError::Secret(format!("{e:?}")))?;
    // `insert` would do nothing in a keystore without a folder, and say that it did.
    let public = keystore
        .sr25519_generate_new(KEY_TYPE, Some(suri))
        .map_err(|e| NodeError::Keystore(e.to_string()))?;
    Ok(public.into())
}
