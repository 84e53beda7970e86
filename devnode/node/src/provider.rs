//! The storage provider that a node loads: its folder, its keys and its configuration.

use crate::NodeError;
use cairn_node_ext::rpc::CosignerLimits;
use cairn_node_ext::{BasePath, ExtensionConfig, KEY_TYPE, OnCopy, Provider, ScrubPlan, Signer};
use sp_core::{Pair, sr25519};
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
    /// The secret of the key that the chain has registered for it, if that is not its
    /// account's.
    pub commitments_suri: Option<String>,
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

    /// Returns the provider's keys, and inserts those that are given into the keystore.
    pub(crate) fn keys(&self, keystore: &KeystorePtr) -> Result<ProviderKeys, NodeError> {
        let account = match &self.suri {
            Some(suri) => insert_key(keystore, suri)?,
            None => match keystore.sr25519_public_keys(KEY_TYPE).as_slice() {
                [key] => *key,
                keys => return Err(NodeError::WhichAccount { found: keys.len() }),
            },
        };
        let commitments = match &self.commitments_suri {
            Some(suri) => insert_key(keystore, suri)?,
            None => account,
        };
        let signer = |key| Signer::new(keystore.clone(), key);
        Ok(ProviderKeys {
            account: signer(account),
            commitments: signer(commitments),
        })
    }
}

/// The keys of a provider.
pub(crate) struct ProviderKeys {
    /// That of its account, which signs extrinsics.
    pub(crate) account: Signer,
    /// That which the chain has registered for it, and which signs commitments.
    pub(crate) commitments: Signer,
}

/// Inserts a secret into the keystore, until the node stops.
fn insert_key(keystore: &KeystorePtr, suri: &str) -> Result<sr25519::Public, NodeError> {
    // Checked here, since the keystore does not report the cause.
    sr25519::Pair::from_string(suri, None).map_err(|e| NodeError::Secret(format!("{e:?}")))?;
    // `insert` does nothing in a keystore without a folder, but reports success.
    keystore
        .sr25519_generate_new(KEY_TYPE, Some(suri))
        .map_err(|e| NodeError::Keystore(e.to_string()))
}
