//! Flags for a provider's resources, and how a command opens a provider.

use crate::failure::Failure;
use crate::quantity;
use cairn_bucket::BasePath;
use cairn_provider::{BudgetRequest, OnCopy, Provider, ProviderOptions, ScrubPlan};
use clap::Args;

/// Resource limits of a provider. The defaults fit the limits of the process.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct ProviderArgs {
    /// Buckets open at once [default: as many as the process limits allow, at most 512]
    #[arg(long, value_name = "N")]
    max_open: Option<u32>,
    /// Memory for caches, unflushed writes and open buckets: 512MiB, 2GiB [default: a quarter of
    /// the machine's memory, at most 2 GiB]
    #[arg(long, value_name = "SIZE", value_parser = quantity::parse_bytes)]
    memory: Option<u64>,
}

impl ProviderArgs {
    fn budget(self, connections: u32) -> BudgetRequest {
        BudgetRequest {
            max_open: self.max_open,
            memory_bytes: self.memory,
            connections,
        }
    }

    /// Returns true if neither flag was given.
    pub(crate) const fn is_default(self) -> bool {
        self.max_open.is_none() && self.memory.is_none()
    }

    /// Opens a provider, and waits until it has indexed all its buckets.
    pub(crate) fn open_indexed(self, base: BasePath) -> Result<Provider, Failure> {
        let provider = self.open_with(base, false)?;
        provider.wait_until_indexed();
        Ok(provider)
    }

    /// Opens a provider for the lifetime of the process: it indexes and scrubs its
    /// buckets in the background. Reserves one descriptor for each of `connections`.
    pub(crate) fn open_service(
        self,
        base: BasePath,
        connections: u32,
        on_copy: OnCopy,
    ) -> Result<Provider, Failure> {
        let options = ProviderOptions {
            budget: self.budget(connections),
            reindex_on_demand: false,
            allow_read_only: true,
            on_copy,
            scrub: Some(ScrubPlan::default()),
        };
        Ok(Provider::open(base, options)?)
    }

    fn open_with(self, base: BasePath, reindex_on_demand: bool) -> Result<Provider, Failure> {
        let options = ProviderOptions {
            budget: self.budget(0),
            reindex_on_demand,
            allow_read_only: false,
            on_copy: OnCopy::Refuse,
            scrub: None,
        };
        Ok(Provider::open(base, options)?)
    }
}

/// Opens a provider for a single command.
pub(crate) fn open_provider(base: BasePath) -> Result<Provider, Failure> {
    ProviderArgs::default().open_with(base, true)
}
