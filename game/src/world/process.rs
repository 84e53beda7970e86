//! Starting, stopping and running the provider.

use super::World;
use crate::accomplice::Accomplice;
use crate::chain::Chain;
use crate::client::GameClient;
use crate::game_result::Violation;
use crate::operations;
use crate::provider_process::ProviderProcess;
use cairn_primitives::BucketId;
use cairn_provider::OnCopy;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

impl World {
    /// Starts the provider on its own chain.
    pub(super) fn start(&mut self) {
        self.start_on(self.chain.clone(), OnCopy::Refuse);
    }

    pub(super) fn start_on(&mut self, chain: Arc<Mutex<Chain>>, on_copy: OnCopy) {
        assert!(self.process.is_none(), "the provider runs already");
        let is_killed = Arc::new(AtomicBool::new(false));
        self.is_killed = is_killed.clone();
        let client = GameClient::new(
            chain,
            self.signature_log.clone(),
            self.activity.clone(),
            is_killed.clone(),
        );
        let accomplice = || Accomplice {
            signature_log: self.signature_log.clone(),
            mirror: self.mirror.clone(),
            is_killed: is_killed.clone(),
        };
        let (began, passed) = (self.began, self.elapsed_seconds.clone());
        let clock = move || began + Duration::from_secs(passed.load(Ordering::Relaxed));
        let clock = Arc::new(clock);
        match ProviderProcess::start(
            &self.runtime,
            &self.base,
            client,
            self.activity.clone(),
            accomplice(),
            clock,
            on_copy,
        ) {
            Ok(process) => self.process = Some(process),
            Err(error) => self.log_event(format!("the provider does not start: {error}")),
        }
        self.run_until_idle();
    }

    /// Shuts the provider down, as an operator does.
    pub(super) fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop(&self.runtime);
        }
        self.note_signatures();
        self.chain.lock().drop_subscriptions();
        self.other.lock().drop_subscriptions();
    }

    /// Runs the provider until it is idle.
    pub(super) fn run_until_idle(&mut self) {
        if let Some(process) = &self.process {
            process.run_until_idle(&self.runtime, None);
            if process.has_ended() {
                let what = "the workers have stopped by themselves".into();
                self.fail(Violation::Broken { what });
            }
        }
        self.note_signatures();
        self.update_mirror();
    }

    /// Updates what the accomplice knows of the provider's buckets.
    pub(super) fn update_mirror(&mut self) {
        let Some(process) = &self.process else { return };
        let buckets = self.chain.lock().bucket_count();
        let newest = (0..buckets).map(BucketId).filter_map(|id| {
            let (newest, _) = operations::newest(process, id)?;
            Some((id, newest))
        });
        *self.mirror.lock() = newest.collect();
    }
}
