//! The storage provider that a node loads: its folder, its account and its configuration.

use crate::NodeError;
use cairn_devnode_runtime::{AccountId, KEY_TYPE};
use cairn_node_ext::rpc::CosignerLimits;
use cairn_node_ext::{BasePath, ExtensionConfig, OnCopy, Provider, ScrubPlan};
use sp_core::Pair;
use sp_keystore::KeystorePtr;
use std::path::PathBuf;

/// The options of a storage provider.
#[derive(Clone, Debug, Default)]
pub struct ProviderOptions {
    /// The folder of its buckets.
    pub base_path: PathBuf,
    /// The secret of its account, to insert into the keystore. Without it, the keystore's
    /// only key of type `stor` is its account.
    pub suri: Option<String>,
    /// The configuration of its schedulers.
    pub extension: ExtensionConfig,
    /// The policy for a folder that is a copy.
    pub on_copy: OnCopy,
}

impl ProviderOptions {
    /// Opens the provider in its folder, which is created if missing, with a background
    /// scrub.
    pub(crate) fn open(&self) -> Result<Provider, NodeError> {
        let base = BasePath::create(&self.base_path).map_err(NodeError::cairn)?;
        let options = cairn_node_ext::ProviderOptions {
            on_copy: self.on_copy,
            scrub: Some(ScrubPlan::default()),
            ..Default::default()
        };
        Provider::open(base, options).map_err(NodeError::cairn)
    }

    /// Configures requests to other primary providers: on a development chain they are on
    /// this machine, whose addresses are refused by default.
    pub(crate) fn cosigners(&self) -> CosignerLimits {
        CosignerLimits {
            allow_private: true,
            ..CosignerLimits::default()
        }
    }

    /// Returns the provider's account, and inserts its key into the keystore if given.
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

/// Inserts a provider's secret into the keystore, until the node stops. Returns its
/// account.
pub(crate) fn insert_key(keystore: &KeystorePtr, suri: &str) -> Result<AccountId, NodeError> {
    // Checked here, since the keystore does not report the cause.
    sp_core::sr25519::Pair::from_string(suri, None)
        .map_err(|e| NodeError::Secret(format!("{e:?}")))?;
    // `insert` does nothing in a keystore without a folder, but reports success.
    let public = keystore
        .sr25519_generate_new(KEY_TYPE, Some(suri))
        .map_err(|e| NodeError::Keystore(e.to_string()))?;
    Ok(public.into())
}
