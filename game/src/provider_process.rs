//! The provider's process: its base path and its workers, which the game starts, stops and kills.
//!
//! Everything runs on one thread, and blocking work on one more, in the order of submission; so a
//! script plays the same each time.

use crate::accomplice::Accomplice;
use crate::actors::Actor;
use crate::client::GameClient;
use crate::node::Activity;
use cairn_bucket::BasePath;
use cairn_gadget::{
    ChallengeConfig, CheckpointConfig, Clock, Extension, ExtensionConfig, ExtensionHandle,
    RetentionConfig, SignedRootConfig,
};
use cairn_keys::{KEY_TYPE, Signer};
use cairn_provider::{BudgetRequest, OnCopy, Provider, ProviderOptions};
use sp_core::sr25519;
use sp_keystore::Keystore;
use sp_keystore::testing::MemoryKeystore;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, yield_now};

/// The number of rounds without activity after which the provider counts as idle.
const IDLE_ROUNDS: u32 = 4;
/// A time longer than any game.
const NEVER: Duration = Duration::from_secs(36_000);
/// The number of rounds after which the provider counts as stuck.
const MAX_ROUNDS: u32 = 20_000;

/// A running process of the provider.
pub(crate) struct ProviderProcess {
    pub(crate) handle: ExtensionHandle,
    pub(crate) chain: Arc<GameClient>,
    pub(crate) signer: Signer,
    task: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
    activity: Activity,
}

/// Counts the polls of a future.
struct CountedPolls<F> {
    inner: Pin<Box<F>>,
    activity: Activity,
}

impl<F: Future> Future for CountedPolls<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.activity.fetch_add(1, Ordering::Relaxed);
        self.inner.as_mut().poll(context)
    }
}

/// Builds a runtime with one thread, and one more for blocking work.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .max_blocking_threads(1)
        .build()
        .unwrap()
}

/// Returns a signer with the provider's key in memory.
pub(crate) fn signer() -> Signer {
    let keystore = MemoryKeystore::new();
    let (suri, public) = (
        format!("0x{}", hex(&Actor::Us.seed())),
        sr25519::Public::from_raw(Actor::Us.account().0),
    );
    keystore.insert(KEY_TYPE, &suri, &public.0).unwrap();
    Signer::new(Arc::new(keystore), public)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The workers' configuration: short waits, since a game is short, and no timer that could fire
/// within one.
fn config() -> ExtensionConfig {
    ExtensionConfig {
        challenges: ChallengeConfig {
            resubmit_after: 4,
            stale_after: NEVER,
            tick_interval: NEVER,
            ..ChallengeConfig::default()
        },
        checkpoints: CheckpointConfig {
            leaves: 2,
            age: 3,
            stagger: 1,
            retry: 2,
            submission_timeout: 8,
            refresh: 1,
            answer_timeout: NEVER,
            ..CheckpointConfig::default()
        },
        retention: RetentionConfig {
            interval: 0,
            min_wait: Duration::ZERO,
        },
        signed_roots: SignedRootConfig { interval: 2 },
        ..ExtensionConfig::default()
    }
}

impl ProviderProcess {
    /// Starts the provider over a base path.
    pub(crate) fn start(
        runtime: &Runtime,
        base: &Path,
        chain: GameClient,
        activity: Activity,
        accomplice: Accomplice,
        clock: Clock,
        on_copy: OnCopy,
    ) -> Result<Self, String> {
        let base = BasePath::create(base).map_err(|error| error.to_string())?;
        let options = ProviderOptions {
            budget: BudgetRequest {
                max_open: Some(4),
                memory_bytes: Some(128 << 20),
                connections: 0,
            },
            on_copy,
            reindex_on_demand: false,
            scrub: None,
            ..ProviderOptions::default()
        };
        let provider = Provider::open(base, options).map_err(|error| error.to_string())?;
        provider.wait_until_indexed();
        let chain = Arc::new(chain);
        let signer = signer();
        let extension = Extension::new(
            chain.clone(),
            Arc::new(provider),
            signer.clone(),
            Arc::new(accomplice),
            config(),
        );
        let extension = extension.map_err(|error| error.to_string())?;
        let extension = extension.with_clock(clock);
        let handle = extension.handle();
        let (stop, stopped) = oneshot::channel();
        let run = CountedPolls {
            inner: Box::pin(extension.run(async move { drop(stopped.await) })),
            activity: activity.clone(),
        };
        let task = runtime.spawn(run);
        Ok(Self {
            handle,
            chain,
            signer,
            task,
            stop: Some(stop),
            activity,
        })
    }

    pub(crate) fn provider(&self) -> &Provider {
        &self.handle.provider
    }

    /// Runs the provider until it is idle, or for at most `steps` rounds. Returns true if it is
    /// idle.
    pub(crate) fn run_until_idle(&self, runtime: &Runtime, steps: Option<u32>) -> bool {
        runtime.block_on(async {
            let (mut quiet, mut rounds) = (0, 0);
            while quiet < IDLE_ROUNDS {
                if steps.is_some_and(|steps| rounds >= steps) {
                    return false;
                }
                let before = self.activity.load(Ordering::Relaxed);
                yield_now().await;
                // Queued behind all earlier blocking work.
                tokio::task::spawn_blocking(|| ()).await.unwrap();
                if steps.is_none() {
                    yield_now().await;
                    yield_now().await;
                }
                let now = self.activity.load(Ordering::Relaxed);
                quiet = if before == now { quiet + 1 } else { 0 };
                rounds += 1;
                assert!(rounds < MAX_ROUNDS, "the workers never become idle");
            }
            true
        })
    }

    /// Returns true if the workers have stopped by themselves.
    pub(crate) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Shuts the workers down, as a signal does, and then the rest.
    pub(crate) fn stop(mut self, runtime: &Runtime) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        runtime.block_on(async {
            if let Err(panic) = (&mut self.task).await {
                std::panic::resume_unwind(panic.into_panic());
            }
        });
        self.wait_until_dropped(runtime);
    }

    /// Aborts the process. The disk afterwards is not what a killed process would have left, so the
    /// caller must have copied it before.
    pub(crate) fn abort(mut self, runtime: &Runtime) {
        self.task.abort();
        runtime.block_on(async {
            if let Err(ended) = (&mut self.task).await
                && ended.is_panic()
            {
                std::panic::resume_unwind(ended.into_panic());
            }
        });
        self.wait_until_dropped(runtime);
    }

    fn wait_until_dropped(self, runtime: &Runtime) {
        let Self { handle, .. } = self;
        let provider = Arc::downgrade(&handle.provider);
        drop(handle);
        runtime.block_on(async {
            for _ in 0..1_000 {
                yield_now().await;
                tokio::task::spawn_blocking(|| ()).await.unwrap();
                if provider.strong_count() == 0 {
                    return;
                }
            }
            panic!("the provider is still referenced after its workers have stopped");
        });
    }
}
