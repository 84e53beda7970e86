//! The folders, base paths and programs of the scenario.

use super::Scenario;
use crate::error::{DemoError, io};
use crate::process::{self, free_port};
use crate::signed_roots::SignedRoots;
use cairn_devnode_user::{Chain, Commitment, Key};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The time limit for a program to answer after its start.
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// Files per commit, which makes several signed roots for each bucket.
const COMMIT_EVERY: &str = "7";

/// The programs, the folder for all data, and the chain's settings.
pub(super) struct Environment {
    cairn: PathBuf,
    devnode: PathBuf,
    folder: PathBuf,
    block_ms: String,
    /// The variant of the chain.
    variant: String,
}

/// A provider's base path, and its signed roots.
pub(super) struct LocalProvider {
    cairn: PathBuf,
    base: PathBuf,
    suri: String,
    /// Its first bucket; the others follow.
    first_bucket: u64,
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
            variant: play.variant.clone(),
        })
    }

    /// Returns a provider whose buckets have ids from `first_bucket`.
    pub(super) fn local_provider(&self, name: &str, first_bucket: u64) -> LocalProvider {
        LocalProvider {
            cairn: self.cairn.clone(),
            base: self.folder.join(name),
            suri: String::new(),
            first_bucket,
            signed_roots: Vec::new(),
        }
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
            &self.variant,
            "--cairn",
            text(&local_provider.base)?,
            "--suri",
            &local_provider.suri,
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
        for (bucket, _) in (self.first_bucket..).zip(hands) {
            self.run(&["bucket", "create", &bucket.to_string()], "")?;
            self.signed_roots.push(SignedRoots::default());
        }
        self.store(hands)
    }

    /// Stores files in the buckets.
    pub(super) fn store(&mut self, hands: &[Vec<PathBuf>]) -> Result<(), DemoError> {
        for (place, hand) in hands.iter().enumerate() {
            let mut list = String::new();
            for file in hand {
                list.push_str(text(file)?);
                list.push('\n');
            }
            let id = self.bucket(place).to_string();
            let args = [
                "put",
                &id,
                "--commit-every",
                COMMIT_EVERY,
                "--files-from",
                "-",
            ];
            let printed = self.run(&args, &list)?;
            if let Some(signed_roots) = self.signed_roots.get_mut(place) {
                signed_roots.add(&printed)?;
            }
        }
        Ok(())
    }

    /// Prunes the first third of each bucket, with the admin's signature.
    pub(super) fn prune(&self, admin: &Key) -> Result<(), DemoError> {
        for (place, signed_roots) in self.signed_roots.iter().enumerate() {
            let before = (signed_roots.leaves() / 3).to_string();
            let id = self.bucket(place).to_string();
            let shown = self.run(
                &["bucket", "prune", &id, "--before", &before, "--dry-run"],
                "",
            )?;
            let to_sign: PruneDryRun = serde_json::from_str(shown.trim())
                .map_err(|error| DemoError::Unreadable(error.to_string()))?;
            let payload = hex::decode(to_sign.payload.trim_start_matches("0x"))
                .map_err(|error| DemoError::Unreadable(error.to_string()))?;
            let signature = hex::encode(admin.sign(&payload).bytes);
            let admin = hex::encode(admin.account());
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

    /// Returns the id of a bucket by its place among this provider's.
    fn bucket(&self, place: usize) -> u64 {
        let place = u64::try_from(place).unwrap_or(u64::MAX);
        self.first_bucket.saturating_add(place)
    }

    /// Returns the buckets, with the signed roots of each.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (u64, &SignedRoots)> {
        (self.first_bucket..).zip(&self.signed_roots)
    }

    /// Returns the newest commitment of each bucket.
    pub(super) fn newest_commitments(&self) -> impl Iterator<Item = (u64, &Commitment)> {
        self.buckets()
            .filter_map(|(bucket, signed_roots)| Some((bucket, signed_roots.newest()?)))
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

    /// Returns the URLs of the providers' RPC: the node serves that of the provider in it.
    pub(super) fn provider_urls(&self) -> [String; 2] {
        let standalone = format!("ws://127.0.0.1:{}", self.standalone_port);
        [self.node_url(), standalone]
    }

    /// Returns the providers' endpoints, as they are registered.
    pub(super) fn endpoints(&self) -> [String; 2] {
        [self.node_port, self.standalone_port].map(|port| format!("/ip4/127.0.0.1/tcp/{port}"))
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
                Err(error) if begun.elapsed() > START_TIMEOUT => return Err(error.into()),
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
