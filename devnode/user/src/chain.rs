//! A chain behind a node: its finalized blocks, their events, and the storage at them.

use crate::block::{Block, Event};
use crate::{UserError, transport};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use subxt::backend::LegacyBackend;
use subxt::client::{ClientAtBlock, OnlineClientAtBlockImpl};
use subxt::config::RpcConfigFor;
use subxt::dynamic::{self, Value};
use subxt::events::Phase;
use subxt::ext::scale_value::Composite;
use subxt::rpcs::methods::LegacyRpcMethods;
use subxt::utils::H256;
use subxt::{OnlineClient, PolkadotConfig};

/// The client at a block.
pub(crate) type AtBlock = ClientAtBlock<PolkadotConfig, OnlineClientAtBlockImpl<PolkadotConfig>>;

/// The entries of a map: the keys of each, and its value.
pub type Entries = Vec<(Vec<Value>, Value)>;

/// A chain. Everything is read from finalized blocks.
pub struct Chain {
    pub(crate) client: OnlineClient<PolkadotConfig>,
    pub(crate) rpc: LegacyRpcMethods<RpcConfigFor<PolkadotConfig>>,
    blocks: Mutex<BTreeMap<u32, Arc<Block>>>,
    /// The next nonce of each account. Locked while an extrinsic is signed and submitted.
    pub(crate) nonces: tokio::sync::Mutex<HashMap<[u8; 32], u64>>,
}

impl Chain {
    /// Connects to a node's WebSocket.
    ///
    /// # Errors
    ///
    /// [`UserError::Node`] if there is none.
    pub async fn connect(url: &str) -> Result<Self, UserError> {
        let rpc = transport::connect(url).await?;
        let backend = LegacyBackend::builder().build(rpc.clone());
        let client = OnlineClient::from_backend(Arc::new(backend))
            .await
            .map_err(|error| UserError::node("tell its genesis", error))?;
        Ok(Self {
            client,
            rpc: LegacyRpcMethods::new(rpc),
            blocks: Mutex::default(),
            nonces: tokio::sync::Mutex::default(),
        })
    }

    /// Returns the hash of the first block.
    pub fn genesis(&self) -> [u8; 32] {
        self.client.genesis_hash().0
    }

    /// Returns the number of the last finalized block.
    ///
    /// # Errors
    ///
    /// [`UserError::Node`].
    pub async fn finalized(&self) -> Result<u32, UserError> {
        let head = self.rpc.chain_get_finalized_head().await;
        let head = head.map_err(|error| UserError::node("tell its finalized head", error))?;
        self.number(head).await
    }

    async fn number(&self, hash: H256) -> Result<u32, UserError> {
        let header = self.rpc.chain_get_header(Some(hash)).await;
        header
            .map_err(|error| UserError::node("read a header", error))?
            .and_then(|header| u32::try_from(header.number).ok())
            .ok_or_else(|| UserError::node("read a header", "it has none of that hash"))
    }

    /// Returns the runtime's spec version at the last finalized block.
    ///
    /// # Errors
    ///
    /// [`UserError::Node`].
    pub async fn spec_version(&self) -> Result<u32, UserError> {
        Ok(self.now().await?.spec_version())
    }

    /// Returns the spec version of the runtime in a block's state, which executes the next one.
    ///
    /// # Errors
    ///
    /// [`UserError::Node`].
    pub async fn spec_version_at(&self, number: u32) -> Result<u32, UserError> {
        Ok(self.at(number).await?.spec_version())
    }

    /// Waits for a finalized block after `number`, and returns the number of the last one.
    ///
    /// # Errors
    ///
    /// [`UserError::Node`] if the connection is lost.
    pub async fn finalized_after(&self, number: u32) -> Result<u32, UserError> {
        // Subscribes before it asks, so that no block is missed.
        let heads = self.rpc.chain_subscribe_finalized_heads().await;
        let mut heads = heads.map_err(|error| UserError::node("subscribe to blocks", error))?;
        loop {
            let last = self.finalized().await?;
            if last > number {
                return Ok(last);
            }
            heads
                .next()
                .await
                .ok_or_else(|| UserError::node("follow blocks", "the connection is lost"))?
                .map_err(|error| UserError::node("follow blocks", error))?;
        }
    }

    /// Returns a finalized block.
    ///
    /// # Errors
    ///
    /// [`UserError::Node`] if there is none of that number, and [`UserError::Metadata`] if its
    /// events cannot be decoded.
    pub async fn block(&self, number: u32) -> Result<Arc<Block>, UserError> {
        if let Some(known) = self.blocks.lock().get(&number) {
            return Ok(known.clone());
        }
        let block = Arc::new(self.read_block(number).await?);
        self.blocks.lock().insert(number, block.clone());
        Ok(block)
    }

    async fn read_block(&self, number: u32) -> Result<Block, UserError> {
        let at = self.at(number).await?;
        let body = self.body(number).await?;
        Ok(Block {
            number,
            hash: at.block_hash().0,
            extrinsics: body
                .iter()
                .map(|extrinsic| sp_crypto_hashing::blake2_256(extrinsic))
                .collect(),
            events: self.read_events(number, &at).await?,
        })
    }

    /// Returns the extrinsics of a block.
    pub(crate) async fn body(&self, number: u32) -> Result<Vec<Vec<u8>>, UserError> {
        let failed = |error: &dyn std::fmt::Display| UserError::node("read a block", error);
        let at = self.at(number).await?.block_hash();
        let body = self.rpc.chain_get_block(Some(at)).await;
        let body = body
            .map_err(|error| failed(&error))?
            .ok_or_else(|| failed(&"it has none of that hash"))?;
        let extrinsics = body.block.extrinsics.into_iter();
        Ok(extrinsics.map(|extrinsic| extrinsic.0).collect())
    }

    /// Decodes a block's events with the runtime that executed it, which the block may have
    /// replaced.
    async fn read_events(&self, number: u32, at: &AtBlock) -> Result<Vec<Event>, UserError> {
        let failed = |error: &dyn std::fmt::Display| UserError::metadata("an event", error);
        let executed_by = self.at(number.saturating_sub(1)).await?;
        let raw = at.events().fetch().await.map_err(|error| failed(&error))?;
        let decoded = executed_by.events().from_bytes(raw.bytes().to_vec());
        let mut events = Vec::new();
        for event in decoded.iter() {
            let event = event.map_err(|error| failed(&error))?;
            let fields: Composite<()> = event
                .decode_fields_unchecked_as()
                .map_err(|error| failed(&error))?;
            events.push(Event {
                pallet: event.pallet_name().to_owned(),
                name: event.event_name().to_owned(),
                extrinsic: match event.phase() {
                    Phase::ApplyExtrinsic(place) => Some(place),
                    _ => None,
                },
                fields: fields.into(),
                bytes: event.field_bytes().to_vec(),
            });
        }
        Ok(events)
    }

    /// Returns the events of the storage pallet with a name since a block, with the number of
    /// each one's block.
    ///
    /// # Errors
    ///
    /// As of [`Self::block`].
    pub async fn storage_events(
        &self,
        since: u32,
        name: &str,
    ) -> Result<Vec<(u32, Event)>, UserError> {
        let mut found = Vec::new();
        for number in since.max(1)..=self.finalized().await? {
            let block = self.block(number).await?;
            let named = block.events.iter().filter(|event| event.is_storage(name));
            found.extend(named.map(|event| (number, event.clone())));
        }
        Ok(found)
    }

    /// Returns a value of the storage at the last finalized block. A map wants its keys.
    ///
    /// # Errors
    ///
    /// [`UserError::Metadata`] if there is no such item, or its value does not decode.
    pub async fn storage(
        &self,
        pallet: &str,
        item: &str,
        keys: Vec<Value>,
    ) -> Result<Option<Value>, UserError> {
        let name = || format!("{pallet}.{item}");
        let at = self.now().await?;
        let address = dynamic::storage::<Vec<Value>, Value>(pallet, item);
        let value = at.storage().try_fetch(address, keys).await;
        let value = value.map_err(|error| UserError::metadata(name(), error))?;
        value
            .map(|value| value.decode())
            .transpose()
            .map_err(|error| UserError::metadata(name(), error))
    }

    /// Returns the entries of a map at the last finalized block, of those whose first keys
    /// are given.
    ///
    /// # Errors
    ///
    /// As of [`Self::storage`].
    pub async fn entries(
        &self,
        pallet: &str,
        item: &str,
        keys: Vec<Value>,
    ) -> Result<Entries, UserError> {
        let name = || format!("{pallet}.{item}");
        let at = self.now().await?;
        let address = dynamic::storage::<Vec<Value>, Value>(pallet, item);
        let found = at.storage().iter(address, keys).await;
        let mut found = found.map_err(|error| UserError::metadata(name(), error))?;
        let mut entries = Vec::new();
        while let Some(entry) = found.next().await {
            let entry = entry.map_err(|error| UserError::metadata(name(), error))?;
            let keys = entry
                .key()
                .and_then(|key| key.decode())
                .map_err(|error| UserError::metadata(name(), error))?;
            let value = entry
                .value()
                .decode()
                .map_err(|error| UserError::metadata(name(), error))?;
            entries.push((keys, value));
        }
        Ok(entries)
    }

    /// Returns the raw value of a key at the last finalized block.
    ///
    /// # Errors
    ///
    /// [`UserError::Node`].
    pub async fn raw(&self, key: &[u8]) -> Result<Option<Vec<u8>>, UserError> {
        let at = self.now().await?.block_hash();
        let value = self.rpc.state_get_storage(key, Some(at)).await;
        value.map_err(|error| UserError::node("read the state", error))
    }

    /// Returns a constant of a pallet, as the metadata has it.
    ///
    /// # Errors
    ///
    /// [`UserError::Metadata`] if there is none.
    pub async fn constant(&self, pallet: &str, name: &str) -> Result<Value, UserError> {
        let constant = dynamic::constant::<Value>(pallet, name);
        let value = self.now().await?.constants().entry(constant);
        value.map_err(|error| UserError::metadata(format!("{pallet}.{name}"), error))
    }

    /// Returns the client at the last finalized block.
    pub(crate) async fn now(&self) -> Result<AtBlock, UserError> {
        let at = self.client.at_current_block().await;
        at.map_err(|error| UserError::node("tell its runtime", error))
    }

    pub(crate) async fn at(&self, number: u32) -> Result<AtBlock, UserError> {
        let at = self.client.at_block(number).await;
        at.map_err(|error| UserError::node("tell its runtime", error))
    }
}
