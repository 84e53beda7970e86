//! A stand-in for the pallet that knows the relay chain's numbers.
//!
//! There is no relay chain here: its number goes up by one for every three blocks. A root
//! call can let it jump, as it does after a parachain stalled, or let more blocks share one
//! number. The number of a block is set by its first extrinsic. So hooks at the beginning of
//! a block still see the number before, as on a parachain.

pub use pallet::*;

use frame_support::traits::OnTimestampSet;
use sp_runtime::traits::BlockNumberProvider;

/// The first relay block's number by default: far from the chain's own, as real ones are.
const FIRST_RELAY_BLOCK: u32 = 25_000_000;
/// Blocks that share a relay block by default: 2 seconds each of 6.
const PACE: u32 = 3;

/// The pallet's storage and calls.
#[frame_support::pallet]
#[expect(
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "in what the macros write: names of pallets and indices of calls that there are"
)]
pub mod pallet {
    use super::{FIRST_RELAY_BLOCK, PACE};
    use crate::parameters::Parameters;
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;

    /// The configuration by the runtime.
    #[pallet::config]
    pub trait Config: frame_system::Config {}

    /// The pallet.
    #[pallet::pallet]
    pub struct Pallet<T>(_);

    /// The relay chain's number of the last block.
    #[pallet::storage]
    pub type LastRelayChainBlockNumber<T> = StorageValue<_, u32, ValueQuery>;

    /// The number of blocks that share a relay block.
    #[pallet::storage]
    pub type BlocksPerRelayBlock<T> = StorageValue<_, u32, ValueQuery>;

    /// The number of blocks so far that have the last relay chain's number.
    #[pallet::storage]
    pub type BlocksOfLastNumber<T> = StorageValue<_, u32, ValueQuery>;

    /// The genesis configuration.
    #[pallet::genesis_config]
    pub struct GenesisConfig<T: Config> {
        /// The relay chain's number of the first block.
        pub relay_block: u32,
        /// The number of blocks that share a relay block.
        pub blocks_per_relay_block: u32,
        /// Periods and prices that differ from the chain's.
        pub parameters: Parameters,
        /// Marks the runtime type.
        #[serde(skip)]
        pub config: PhantomData<T>,
    }

    impl<T: Config> Default for GenesisConfig<T> {
        fn default() -> Self {
            Self {
                relay_block: FIRST_RELAY_BLOCK,
                blocks_per_relay_block: PACE,
                parameters: Parameters::default(),
                config: PhantomData,
            }
        }
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            LastRelayChainBlockNumber::<T>::put(self.relay_block);
            BlocksPerRelayBlock::<T>::put(self.blocks_per_relay_block);
            self.parameters.set();
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Lets the relay chain's number jump by a number of blocks. By root.
        #[pallet::call_index(0)]
        #[pallet::weight(T::DbWeight::get().reads_writes(1, 1))]
        pub fn jump(origin: OriginFor<T>, blocks: u32) -> DispatchResult {
            ensure_root(origin)?;
            LastRelayChainBlockNumber::<T>::mutate(|last| *last = last.saturating_add(blocks));
            Ok(())
        }

        /// Sets the number of blocks that share a relay block. By root.
        #[pallet::call_index(1)]
        #[pallet::weight(T::DbWeight::get().writes(1))]
        pub fn set_pace(origin: OriginFor<T>, blocks_per_relay_block: u32) -> DispatchResult {
            ensure_root(origin)?;
            BlocksPerRelayBlock::<T>::put(blocks_per_relay_block);
            Ok(())
        }
    }
}

impl<T: Config> OnTimestampSet<u64> for Pallet<T> {
    fn on_timestamp_set(_moment: u64) {
        let blocks = BlocksOfLastNumber::<T>::get();
        if blocks < BlocksPerRelayBlock::<T>::get() {
            BlocksOfLastNumber::<T>::put(blocks.saturating_add(1));
        } else {
            LastRelayChainBlockNumber::<T>::mutate(|last| *last = last.saturating_add(1));
            BlocksOfLastNumber::<T>::put(1);
        }
    }
}

impl<T: Config> BlockNumberProvider for Pallet<T> {
    type BlockNumber = u32;

    fn current_block_number() -> u32 {
        LastRelayChainBlockNumber::<T>::get()
    }
}
