//! What a provider may take, as it is said on the command line.

use crate::amount;
use crate::failure::Failure;
use cairn_node_ext::{BasePath, BudgetRequest, OnCopy, Provider, ProviderOptions, ScrubPlan};
use clap::Args;

/// Bounds of a provider; without them, what fits in what the process is allowed.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct ProviderArgs {
    /// Buckets that may be open at once [default: as many as fit, at most 512]
    #[arg(long, value_name = "N")]
    max_open: Option<u32>,
    /// Memory for caches, unflushed writes and open buckets: 512MiB, 2GiB [default: a quarter of
    /// the machine's, at most 2 GiB]
    #[arg(long, value_name = "SIZE", value_parser = amount::bytes)]
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

    /// Whether none is given.
    pub(crate) const fn is_usual(self) -> bool {
        self.max_open.is_none() && self.memory.is_none()
    }

    /// Puts a base path to work, and waits until all its buckets are known.
    pub(crate) fn start(self, base: BasePath) -> Result<Provider, Failure> {
        let provider = self.open_on(base, false)?;
        provider.wait_until_known();
        Ok(provider)
    }

    /// Puts a base path to work for as long as the process lives: buckets are
    /// learned of in the background, and read again without end. So many
    /// connections have descriptors set aside.
    pub(crate) fn serve(
        self,
        base: BasePath,
        connections: u32,
        on_copy: OnCopy,
    ) -> Result<Provider, Failure> {
        let options = ProviderOptions {
            budget: self.budget(connections),
            on_demand: false,
            answer_at_least: true,
            on_copy,
            scrub: Some(ScrubPlan::default()),
        };
        Ok(Provider::open(base, options)?)
    }

    fn open_on(self, base: BasePath, on_demand: bool) -> Result<Provider, Failure> {
        let options = ProviderOptions {
            budget: self.budget(0),
            on_demand,
            answer_at_least: false,
            on_copy: OnCopy::Refuse,
            scrub: None,
        };
        Ok(Provider::open(base, options)?)
    }
}

/// Puts a base path to work for one thing.
pub(crate) fn start_on(base: BasePath) -> Result<Provider, Failure> {
    ProviderArgs::default().open_on(base, true)
}
