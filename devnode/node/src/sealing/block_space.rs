//! Space in blocks: a proposer that leaves the pool's extrinsics out of blocks, as happens to
//! those that pay less than enough others.

use cairn_devnode_runtime::OpaqueBlock;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use sp_consensus::{Environment, ProposeArgs, Proposer};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// All blocks have space.
const ALL: u32 = u32::MAX;

/// The number of blocks from now on that have space for extrinsics.
#[derive(Clone, Debug)]
pub(super) struct BlockSpace(Arc<AtomicU32>);

impl BlockSpace {
    pub(super) fn unlimited() -> Self {
        Self(Arc::new(AtomicU32::new(ALL)))
    }

    /// Limits the blocks; `None` for no limit.
    pub(super) fn limit(&self, blocks: Option<u32>) {
        self.0.store(blocks.unwrap_or(ALL), Ordering::SeqCst);
    }

    /// Returns whether the next block has space.
    fn take(&self) -> bool {
        let taken = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
                ALL => Some(ALL),
                blocks => blocks.checked_sub(1),
            });
        taken.is_ok()
    }
}

/// Creates proposers that fill a block only if it has space.
pub(super) struct LimitedEnvironment<E> {
    pub(super) inner: E,
    pub(super) space: BlockSpace,
}

impl<E> Environment<OpaqueBlock> for LimitedEnvironment<E>
where
    E: Environment<OpaqueBlock>,
{
    type Proposer = LimitedProposer<E::Proposer>;
    type CreateProposer = BoxFuture<'static, Result<Self::Proposer, E::Error>>;
    type Error = E::Error;

    fn init(
        &mut self,
        parent: &<OpaqueBlock as sp_runtime::traits::Block>::Header,
    ) -> Self::CreateProposer {
        let space = self.space.clone();
        let created = self.inner.init(parent);
        created
            .map_ok(|inner| LimitedProposer { inner, space })
            .boxed()
    }
}

/// Proposes a block, without extrinsics if there is no space.
pub(super) struct LimitedProposer<P> {
    inner: P,
    space: BlockSpace,
}

impl<P: Proposer<OpaqueBlock>> Proposer<OpaqueBlock> for LimitedProposer<P> {
    type Error = P::Error;
    type Proposal = P::Proposal;

    fn propose(self, mut args: ProposeArgs<OpaqueBlock>) -> Self::Proposal {
        if !self.space.take() {
            // The inherents do not count.
            args.block_size_limit = Some(0);
        }
        self.inner.propose(args)
    }
}
