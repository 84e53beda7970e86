//! The buckets, by the running provider or from the base path.

use crate::backend::{Backend, Remote};
use crate::data_dir;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::provider_args::open_provider;
use cairn_bucket::{BasePath, read_bounded};
use cairn_engine::Access;
use cairn_engine::layout::CHAIN_FILE;
use cairn_lifecycle::doctor::{BasePathChain, RunningProvider, Store};
use cairn_primitives::{BucketId, H256};
use cairn_provider::{BucketStatus, DutyKind};
use cairn_rpc_api::{BucketStatusInfo, ProviderApiClient};
use codec::DecodeAll;
use std::path::Path;

/// Buckets per page of the index.
const PAGE_SIZE: usize = 1000;
/// A bound on the size of the file that names the chain, in bytes.
const MAX_CHAIN_BYTES: u64 = 256;

type Running = Option<Result<RunningProvider, String>>;

/// Reads the buckets: over the RPC if a provider runs, otherwise in the base path.
pub(super) fn look_at_store(globals: &Globals) -> (Result<Store, String>, Running) {
    match globals.backend(Access::ReadWrite) {
        Ok(Backend::Local(base)) => (
            read_base(base).map_err(|failure| message_of(&failure)),
            None,
        ),
        Ok(Backend::Remote(remote)) => match ask(&remote, globals) {
            Ok((store, running)) => (Ok(store), Some(Ok(running))),
            Err(failure) => (Err(message_of(&failure)), Some(Err(message_of(&failure)))),
        },
        // The base path is locked by a provider that does not answer, or cannot be read.
        Err(failure) => {
            let is_missing = matches!(&failure, Failure::BasePath(_));
            let reason = message_of(&failure);
            (Err(reason.clone()), (!is_missing).then_some(Err(reason)))
        }
    }
}

fn message_of(failure: &Failure) -> String {
    crate::advice::joined(failure, failure.advice())
}

fn read_base(base: BasePath) -> Result<Store, Failure> {
    let provider = open_provider(base)?;
    let mut store = Store {
        signing_off: provider.signing_off_reason(),
        let_go: provider.buckets_with_tombstones()?.into_iter().collect(),
        chain: match provider.own_genesis() {
            Some(genesis) => BasePathChain::Of(genesis),
            None => BasePathChain::NoneYet,
        },
        duties: provider
            .index()
            .duties(DutyKind::Challenge)
            .ok()
            .map(|duties| u64::try_from(duties.len()).unwrap_or(u64::MAX)),
        ..Store::default()
    };
    let mut after = None;
    loop {
        let page = provider.page(after, PAGE_SIZE)?;
        let Some((last, _)) = page.last() else {
            return Ok(store);
        };
        after = Some(*last);
        for (id, record) in page {
            store.buckets.push(id);
            count_unprovable(&mut store, id, record.unprovable_leaves());
            match record.status {
                BucketStatus::Sound => {}
                BucketStatus::Quarantined(reason) => store.quarantined.push((id, reason)),
                BucketStatus::Lost => store.lost.push(id),
            }
        }
    }
}

/// Records the number of leaves that cannot be proven, or that it is not known.
fn count_unprovable(store: &mut Store, id: BucketId, leaves: Option<u64>) {
    match leaves {
        None => store.uncounted.push(id),
        Some(0) => {}
        Some(leaves) => store.unprovable.push((id, leaves)),
    }
}

/// Reads the chain of a base path that a running provider has locked, from its file: the RPC does
/// not tell it.
fn chain_in_file(base: &Path) -> BasePathChain {
    let read = read_bounded(&base.join(CHAIN_FILE), MAX_CHAIN_BYTES);
    let bytes = read.ok().flatten().unwrap_or_default();
    // Version, genesis hash, and the longest challenge period.
    match <(u8, H256, u32)>::decode_all(&mut bytes.as_slice()) {
        Ok((1, genesis, _)) => BasePathChain::Of(genesis),
        _ => BasePathChain::Unknown,
    }
}

fn ask(remote: &Remote, globals: &Globals) -> Result<(Store, RunningProvider), Failure> {
    let client = &remote.client;
    let own = remote.has_own_base_path();
    let base = data_dir::base_path(globals.base_path.as_ref()).ok();
    let base = base.filter(|_| own);
    let status = client.request(|rpc| async move { rpc.status().await })?;
    let health = client.request(|rpc| async move { rpc.health().await })?;
    let ids = |buckets: &[cairn_rpc_api::U64OrHex]| -> Vec<BucketId> {
        buckets.iter().map(|bucket| BucketId(bucket.0)).collect()
    };
    let mut store = Store {
        signing_off: health.signing_off,
        let_go: ids(&status.let_go),
        missing_roots: Some(ids(&status.missing_promises)),
        chain: base.map_or(BasePathChain::Unknown, |base| chain_in_file(&base)),
        ..Store::default()
    };
    client.for_each_bucket(|info| {
        let id = BucketId(info.bucket.0);
        store.buckets.push(id);
        let leaves = info.unprovable_leaves.map(|leaves| leaves.0);
        count_unprovable(&mut store, id, leaves);
        match info.standing {
            BucketStatusInfo::Sound | BucketStatusInfo::Learning => {}
            BucketStatusInfo::Quarantined => {
                let reason = "the provider's log has the reason".to_owned();
                store.quarantined.push((id, reason));
            }
            BucketStatusInfo::Lost => store.lost.push(id),
        }
        Ok(())
    })?;
    let running = RunningProvider {
        url: client.url().to_owned(),
        not_ready: health.not_ready_because,
        open: health.open_challenges.0,
        alarmed: health.alarmed_challenges.0,
        nearest_deadline: health.nearest_deadline.0,
    };
    Ok((store, running))
}
