//! The folders, base paths and programs of the scenario.

use super::Scenario;
use crate::chain::{Chain, account};
use crate::error::{DemoError, io};
use crate::process::{self, free_port};
use crate::signed_roots::SignedRoots;
use cairn_primitives::{BucketId, H256};
use serde::Deserialize;
use sp_core::{Pair, sr25519};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The time limit for a program to answer after its start.
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// Files per commit, which makes several signed roots for each bucket.
const COMMIT_EVERY: &str = "7";

/// New leaves before a checkpoint is submitted. The default would take hours.
const CHECKPOINT_LEAVES: &str = "1";

/// The programs, the folder for all data, and the chain's settings.
pub(super) struct Environment {
    cairn: PathBuf,
    devnode: PathBuf,
    folder: PathBuf,
    block_ms: String,
    /// `old` or `strict`.
    rules: &'static str,
}

/// A provider's base path, and its signed roots.
pub(super) struct LocalProvider {
    cairn: PathBuf,
    base: PathBuf,
    suri: String,
    signed_roots: Vec<SignedRoots>,
}

#[derive(Deserialize)]
struct PruneDryRun {
    payload: String,
    leaf_count: u64,
}

fn text(path: &Path) -> Result<&str, DemoError> {
    path.to_str()
        .ok_or_else(|| DemoError::Unexpected(format!("{} is not UTF-8", path.display())))
}

impl Environment {
    pub(super) fn new(play: &Scenario) -> Result<Self, DemoError> {
        std::fs::create_dir_all(&play.folder).map_err(io("make", &play.folder))?;
        Ok(Self {
            cairn: play.cairn.clone(),
            devnode: play.devnode.clone(),
            folder: play.folder.clone(),
            block_ms: play.scale.block_ms.to_string(),
            rules: if play.scale.strict { "strict" } else { "old" },
        })
    }

    pub(super) fn local_provider(&self, name: &str) -> Result<LocalProvider, DemoError> {
        Ok(LocalProvider {
            cairn: self.cairn.clone(),
            base: self.folder.join(name),
            suri: String::new(),
            signed_roots: Vec::new(),
        })
    }

    /// Starts the node, and then the provider that follows it.
    pub(super) async fn start_all(
        &self,
        local_providers: &[LocalProvider; 2],
    ) -> Result<RunningPrograms, DemoError> {
        let mut running = RunningPrograms {
            node: None,
            standalone: None,
            node_port: free_port()?,
            standalone_port: free_port()?,
        };
        running.start_missing(self, local_providers).await?;
        Ok(running)
    }

    fn start_node(
        &self,
        local_provider: &LocalProvider,
        port: u16,
    ) -> Result<process::RunningProcess, DemoError> {
        let chain = self.folder.join("chain");
        let port = port.to_string();
        let args = [
            "run",
            "--base-path",
            text(&chain)?,
            "--rpc-port",
            &port,
            "--block-ms",
            &self.block_ms,
            "--chain",
            self.rules,
            "--cairn",
            text(&local_provider.base)?,
            "--suri",
            &local_provider.suri,
            "--cairn-checkpoint-leaves",
            CHECKPOINT_LEAVES,
        ];
        let log = self.folder.join("node.log");
        process::RunningProcess::start("the node", &self.devnode, &args, &log)
    }

    fn start_standalone(
        &self,
        local_provider: &LocalProvider,
        node_url: &str,
        port: u16,
    ) -> Result<process::RunningProcess, DemoError> {
        let port = port.to_string();
        let args = [
            "--base-path",
            text(&local_provider.base)?,
            "run",
            "--chain",
            node_url,
            "--rpc-port",
            &port,
            "--prometheus-port",
            "0",
            "--checkpoint-leaves",
            CHECKPOINT_LEAVES,
            "--allow-private-endpoints",
        ];
        let log = self.folder.join("standalone.log");
        process::RunningProcess::start("the standalone provider", &self.cairn, &args, &log)
    }
}

impl LocalProvider {
    fn run(&self, args: &[&str], input: &str) -> Result<String, DemoError> {
        let args = [&["--base-path", text(&self.base)?, "--json"], args].concat();
        process::run(&self.cairn, &args, input)
    }

    /// Inserts the key, creates the buckets and stores the files.
    pub(super) fn set_up(&mut self, suri: &str, hands: &[Vec<PathBuf>]) -> Result<(), DemoError> {
        std::fs::create_dir_all(&self.base).map_err(io("make", &self.base))?;
        self.suri = suri.into();
        self.run(&["key", "insert"], suri)?;
        for bucket in 0..hands.len() {
            self.run(&["bucket", "create", &bucket.to_string()], "")?;
            self.signed_roots.push(SignedRoots::default());
        }
        self.store(hands)
    }

    /// Stores files in the buckets.
    pub(super) fn store(&mut self, hands: &[Vec<PathBuf>]) -> Result<(), DemoError> {
        for (bucket, hand) in hands.iter().enumerate() {
            let mut list = String::new();
            for file in hand {
                list.push_str(text(file)?);
                list.push('\n');
            }
            let id = bucket.to_string();
            let args = [
                "put",
                &id,
                "--commit-every",
                COMMIT_EVERY,
                "--files-from",
                "-",
            ];
            let printed = self.run(&args, &list)?;
            if let Some(signed_roots) = self.signed_roots.get_mut(bucket) {
                signed_roots.add(&printed)?;
            }
        }
        Ok(())
    }

    /// Prunes the first third of each bucket, with the admin's signature.
    pub(super) fn prune(&mut self, admin: &sr25519::Pair) -> Result<(), DemoError> {
        for (bucket, signed_roots) in self.signed_roots.iter().enumerate() {
            let before = (signed_roots.leaves() / 3).to_string();
            let id = bucket.to_string();
            let shown = self.run(
                &["bucket", "prune", &id, "--before", &before, "--dry-run"],
                "",
            )?;
            let to_sign: PruneDryRun = serde_json::from_str(shown.trim())
                .map_err(|error| DemoError::Unreadable(error.to_string()))?;
            let payload = hex::decode(to_sign.payload.trim_start_matches("0x"))
                .map_err(|error| DemoError::Unreadable(error.to_string()))?;
            let signature = hex::encode(admin.sign(&payload).0);
            let admin = hex::encode(account(admin).0);
            let leaf_count = to_sign.leaf_count.to_string();
            self.run(
                &[
                    "bucket",
                    "prune",
                    &id,
                    "--before",
                    &before,
                    "--admin",
                    &admin,
                    "--signature",
                    &signature,
                    "--leaf-count",
                    &leaf_count,
                ],
                "",
            )?;
        }
        Ok(())
    }

    pub(super) fn signed_roots(&self, bucket: BucketId) -> Result<&SignedRoots, DemoError> {
        usize::try_from(bucket.0)
            .ok()
            .and_then(|place| self.signed_roots.get(place))
            .ok_or_else(|| DemoError::Unexpected(format!("there is no bucket {bucket}")))
    }

    /// Returns the newest signed root of each bucket.
    pub(super) fn newest_roots(&self) -> Vec<(BucketId, H256)> {
        (0..)
            .map(BucketId)
            .zip(&self.signed_roots)
            .filter_map(|(bucket, signed_roots)| Some((bucket, signed_roots.newest()?)))
            .collect()
    }
}

/// The running programs.
pub(super) struct RunningPrograms {
    node: Option<process::RunningProcess>,
    standalone: Option<process::RunningProcess>,
    node_port: u16,
    standalone_port: u16,
}

impl RunningPrograms {
    pub(super) fn node_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.node_port)
    }

    pub(super) fn standalone_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.standalone_port)
    }

    /// Fails if one of the programs has ended by itself.
    pub(super) fn check(&mut self) -> Result<(), DemoError> {
        for program in [&mut self.node, &mut self.standalone].into_iter().flatten() {
            program.check()?;
        }
        Ok(())
    }

    /// Returns the ends of their logs.
    pub(super) fn log_tails(&self) -> String {
        [&self.node, &self.standalone]
            .into_iter()
            .flatten()
            .map(process::RunningProcess::log_tail)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Connects to the node, as soon as it answers.
    pub(super) async fn chain(&mut self) -> Result<Chain, DemoError> {
        let begun = Instant::now();
        loop {
            match Chain::connect(&self.node_url()).await {
                Ok(chain) => return Ok(chain),
                Err(error) if begun.elapsed() > START_TIMEOUT => return Err(error),
                Err(_) => {}
            }
            self.check()?;
            // A program does not signal when it begins to listen.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(super) fn kill_standalone(&mut self) -> Result<(), DemoError> {
        self.standalone
            .take()
            .map_or(Ok(()), process::RunningProcess::kill)
    }

    pub(super) fn stop_node(&mut self) -> Result<(), DemoError> {
        self.node
            .take()
            .map_or(Ok(()), process::RunningProcess::stop)
    }

    /// Starts the programs that do not run, the node first.
    pub(super) async fn start_missing(
        &mut self,
        stage: &Environment,
        local_providers: &[LocalProvider; 2],
    ) -> Result<(), DemoError> {
        let [loaded, alone] = local_providers;
        if self.node.is_none() {
            self.node = Some(stage.start_node(loaded, self.node_port)?);
        }
        self.chain().await?;
        if self.standalone.is_none() {
            let port = self.standalone_port;
            self.standalone = Some(stage.start_standalone(alone, &self.node_url(), port)?);
        }
        Ok(())
    }

    /// Stops both programs, the provider first.
    pub(super) fn stop_all(mut self) -> Result<(), DemoError> {
        self.standalone
            .take()
            .map_or(Ok(()), process::RunningProcess::stop)?;
        self.stop_node()
    }
}
