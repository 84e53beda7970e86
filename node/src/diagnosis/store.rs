//! The buckets, by the running provider or from the base path.

use crate::backend::Backend;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::provider_args::open_provider;
use crate::remote::Client;
use cairn_bucket::BasePath;
use cairn_engine::Access;
use cairn_lifecycle::doctor::{RunningProvider, Store};
use cairn_primitives::BucketId;
use cairn_provider::{BucketStatus, DutyKind};
use cairn_rpc_api::{BucketStatusInfo, ProviderApiClient};

/// Buckets per page of the index.
const PAGE_SIZE: usize = 1000;

type Running = Option<Result<RunningProvider, String>>;

/// Reads the buckets: over the RPC if a provider runs, otherwise in the base path.
pub(super) fn look_at_store(globals: &Globals) -> (Result<Store, String>, Running) {
    match globals.backend(Access::ReadWrite) {
        Ok(Backend::Local(base)) => (
            read_base(base).map_err(|failure| message_of(&failure)),
            None,
        ),
        Ok(Backend::Remote(remote)) => match ask(&remote.client) {
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
        genesis: provider.own_genesis(),
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
            let leaves = record.unprovable_leaves().unwrap_or_default();
            if leaves > 0 {
                store.unprovable.push((id, leaves));
            }
            match record.status {
                BucketStatus::Sound => {}
                BucketStatus::Quarantined(reason) => store.quarantined.push((id, reason)),
                BucketStatus::Lost => store.lost.push(id),
            }
        }
    }
}

fn ask(client: &Client) -> Result<(Store, RunningProvider), Failure> {
    let status = client.request(|rpc| async move { rpc.status().await })?;
    let health = client.request(|rpc| async move { rpc.health().await })?;
    let ids = |buckets: &[cairn_rpc_api::U64OrHex]| -> Vec<BucketId> {
        buckets.iter().map(|bucket| BucketId(bucket.0)).collect()
    };
    let mut store = Store {
        signing_off: health.signing_off,
        let_go: ids(&status.let_go),
        missing_roots: ids(&status.missing_promises),
        ..Store::default()
    };
    client.for_each_bucket(|info| {
        let id = BucketId(info.bucket.0);
        store.buckets.push(id);
        if let Some(leaves) = info.unprovable_leaves.filter(|leaves| leaves.0 > 0) {
            store.unprovable.push((id, leaves.0));
        }
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
