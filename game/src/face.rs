//! The face of each variant's runtime, which the game executes natively over a block's storage.
//!
//! All that depends on a runtime's own types is here. What the game knows of the state it reads
//! with these types, and not by metadata, which only the provider uses.

mod state;

use state::DEFAULT_WINDOW;
pub(crate) use state::{Rows, challenge_key, item_key, row_key};

use crate::actors::{Actor, UNIT};
use crate::variant::Variant;
use cairn_primitives::challenge::{AccountId, ChallengeId, ChunkLocation, SlashReason};
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::onchain::Agreement;
use cairn_primitives::{BucketId, Commitment, H256, Sequence};
use codec::{Decode, DecodeAll, Encode};
use frame_support::traits::Hooks;
use sp_core::storage::Storage;
use sp_runtime::traits::Dispatchable;
use sp_runtime::{AccountId32, BuildStorage};
use sp_state_machine::BasicExternalities;
use std::sync::OnceLock;

/// The initial balance of each account.
const INITIAL_BALANCE: u128 = 1_000_000 * UNIT;
/// The relay block of a chain that counts in its own blocks.
const FAR_RELAY_BLOCK: u32 = 25_000_000;
/// The version of metadata that the runtimes are asked for.
pub(crate) const METADATA_VERSION: u32 = 15;

/// The periods of a chain, in anchor blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Periods {
    pub(crate) challenge: u32,
    pub(crate) settlement: u32,
    pub(crate) request: u32,
}

/// A bucket's row.
pub(crate) struct BucketRow {
    pub(crate) primary_providers: Vec<AccountId>,
    pub(crate) snapshot: Option<BucketSnapshot>,
    /// The nonce that the snapshot's signers signed.
    pub(crate) nonce: Option<u64>,
}

impl BucketRow {
    /// Returns a provider's place among the primary ones.
    pub(crate) fn place_of(&self, provider: &AccountId) -> Option<usize> {
        self.primary_providers
            .iter()
            .position(|one| one == provider)
    }

    /// Returns the last checkpoint, if a provider signed it.
    pub(crate) fn signed_by(&self, provider: &AccountId) -> Option<&BucketSnapshot> {
        let place = self.place_of(provider)?;
        self.snapshot.as_ref().filter(|last| last.signed_by(place))
    }
}

/// A challenge's row.
#[derive(Clone)]
pub(crate) struct ChallengeRow {
    pub(crate) bucket: BucketId,
    pub(crate) provider: AccountId,
    pub(crate) challenger: AccountId,
    pub(crate) mmr_root: H256,
    pub(crate) start_seq: Sequence,
    pub(crate) location: ChunkLocation,
}

/// A slash. The oldest chain does not tell the reason.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slash {
    pub(crate) id: ChallengeId,
    pub(crate) provider: AccountId,
    pub(crate) reason: Option<SlashReason>,
}

/// A runtime's identity.
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) spec_version: u32,
    pub(crate) transaction_version: u32,
}

/// A variant's runtime. Methods without a storage work on the one that is being executed.
pub(crate) trait Face: Sync {
    fn version(&self) -> Version;
    fn metadata(&self) -> &'static [u8];
    fn genesis(&self, anchor: u32, periods: Periods) -> Storage;

    /// Begins a block.
    fn begin(&self, number: u32, anchor: u32);
    fn dispatch(&self, who: &AccountId, call: &[u8]) -> Result<(), String>;
    /// Ends a block.
    fn finish(&self, number: u32);
    fn slashes(&self) -> Vec<Slash>;
    fn dry_run(&self, arguments: &[u8]) -> Vec<u8>;
    fn fee(&self, arguments: &[u8]) -> Vec<u8>;
    /// Makes a provider a primary one of a bucket, with an agreement.
    fn add_primary(&self, bucket: BucketId, provider: &AccountId, expires_at: u32);

    fn bucket(&self, row: &[u8]) -> Option<BucketRow>;
    /// Returns the stake in a provider's row.
    fn stake(&self, row: &[u8]) -> Option<u128>;
    fn with_key(&self, row: &[u8], key: [u8; 32]) -> Option<Vec<u8>>;
    fn agreement(&self, row: &[u8]) -> Option<Agreement>;
    fn challenge(&self, row: &[u8]) -> Option<ChallengeRow>;
    fn challenges(&self, row: &[u8]) -> Option<Vec<ChallengeRow>>;
}

/// Executes something over a copy of a storage.
pub(crate) fn over_copy<R>(storage: &Storage, execute: impl FnOnce() -> R) -> R {
    BasicExternalities::new(storage.clone()).execute_with(execute)
}

/// Converts between types of one encoding.
fn recode<T: Decode>(value: impl Encode) -> T {
    T::decode_all(&mut &value.encode()[..]).unwrap()
}

fn account(id: &AccountId32) -> AccountId {
    AccountId(*AsRef::<[u8; 32]>::as_ref(id))
}

/// Implements [`Face`] for a runtime. Names in brackets are fields that only some have.
macro_rules! face {
    (
        $(#[$doc:meta])*
        $name:ident, $runtime:ident, relay_clock: $relay_clock:literal,
        slashed: [$($reason:ident)?], snapshot: [$($nonce:ident)?]
    ) => {
        $(#[$doc])*
        pub(crate) struct $name;

        const _: () = {
            use $runtime as runtime;
            use runtime::pallet_storage_provider as pallet;
            use runtime::{Runtime, RuntimeCall, RuntimeEvent, RuntimeOrigin, System};

            fn challenge_row(row: pallet::types::Challenge) -> ChallengeRow {
                ChallengeRow {
                    bucket: BucketId(row.bucket_id),
                    provider: account(&row.provider),
                    challenger: account(&row.challenger),
                    mmr_root: row.mmr_root,
                    start_seq: Sequence(row.start_seq),
                    location: recode(row.target()),
                }
            }

            impl Face for $name {
                fn version(&self) -> Version {
                    Version {
                        name: runtime::VERSION.spec_name.to_string(),
                        spec_version: runtime::VERSION.spec_version,
                        transaction_version: runtime::VERSION.transaction_version,
                    }
                }

                fn metadata(&self) -> &'static [u8] {
                    static METADATA: OnceLock<Vec<u8>> = OnceLock::new();
                    // Constants that the state may change are read from it.
                    METADATA.get_or_init(|| {
                        let metadata = BasicExternalities::default()
                            .execute_with(|| Runtime::metadata_at_version(METADATA_VERSION));
                        metadata.unwrap().to_vec()
                    })
                }

                fn genesis(&self, anchor: u32, periods: Periods) -> Storage {
                    let all = Actor::ALL.map(|who| who.account());
                    let balances = all.map(|who| (AccountId32::new(who.0), INITIAL_BALANCE));
                    let config = runtime::RuntimeGenesisConfig {
                        balances: runtime::pallet_balances::GenesisConfig {
                            balances: balances.to_vec(),
                            ..Default::default()
                        },
                        parachain_system: runtime::parachain::GenesisConfig {
                            relay_block: if $relay_clock { anchor } else { FAR_RELAY_BLOCK },
                            parameters: runtime::genesis::Parameters {
                                challenge_timeout: Some(periods.challenge),
                                settlement_timeout: Some(periods.settlement),
                                request_timeout: Some(periods.request),
                                default_checkpoint_interval: Some(DEFAULT_WINDOW.interval),
                                default_checkpoint_grace: Some(DEFAULT_WINDOW.grace),
                                ..Default::default()
                            },
                            ..Default::default()
                        },
                        ..Default::default()
                    };
                    config.build_storage().unwrap()
                }

                fn begin(&self, number: u32, anchor: u32) {
                    System::reset_events();
                    System::set_block_number(number);
                    runtime::StorageProvider::on_initialize(number);
                    if $relay_clock {
                        // The number of a block is known after its hooks.
                        runtime::parachain::LastRelayChainBlockNumber::<Runtime>::put(anchor);
                    }
                }

                fn dispatch(&self, who: &AccountId, call: &[u8]) -> Result<(), String> {
                    let call = RuntimeCall::decode_all(&mut &call[..]).unwrap();
                    let done = call.dispatch(RuntimeOrigin::signed(AccountId32::new(who.0)));
                    done.map(drop)
                        .map_err(|refused| <&'static str>::from(refused.error).to_owned())
                }

                fn finish(&self, number: u32) {
                    runtime::StorageProvider::on_finalize(number);
                }

                fn slashes(&self) -> Vec<Slash> {
                    let events = System::read_events_no_consensus();
                    let slashes = events.filter_map(|record| match record.event {
                        RuntimeEvent::StorageProvider(pallet::Event::ChallengeSlashed {
                            challenge_id,
                            provider,
                            $($reason,)?
                            ..
                        }) => Some(Slash {
                            id: recode(challenge_id),
                            provider: account(&provider),
                            reason: None $(.or(Some(recode($reason))))?,
                        }),
                        _ => None,
                    });
                    slashes.collect()
                }

                fn dry_run(&self, arguments: &[u8]) -> Vec<u8> {
                    // The version of XCM that follows, where there is one, changes nothing.
                    type Arguments = (runtime::OriginCaller, RuntimeCall);
                    let (origin, call) = Arguments::decode(&mut &arguments[..]).unwrap();
                    System::reset_events();
                    let result = call.dispatch(origin.into());
                    let events = System::read_events_no_consensus();
                    let events: Vec<_> = events.map(|record| record.event).collect();
                    let (ok, no_program, no_forwarded) = (0u8, 0u8, 0u8);
                    (ok, result, events, no_program, no_forwarded).encode()
                }

                fn fee(&self, arguments: &[u8]) -> Vec<u8> {
                    type Arguments = (runtime::UncheckedExtrinsic, u32);
                    let (extrinsic, length) = Arguments::decode_all(&mut &arguments[..]).unwrap();
                    runtime::TransactionPayment::query_info(extrinsic, length).encode()
                }

                fn add_primary(&self, bucket: BucketId, provider: &AccountId, expires_at: u32) {
                    let provider = AccountId32::new(provider.0);
                    pallet::Buckets::<Runtime>::mutate(bucket.0, |row| {
                        let Some(row) = row else { return };
                        if !row.primary_providers.contains(&provider) {
                            row.primary_providers.try_push(provider.clone()).unwrap();
                        }
                        let agreement = pallet::types::StorageAgreement {
                            owner: AccountId32::new(Actor::Admin.account().0),
                            max_bytes: 1 << 20,
                            payment_locked: 0,
                            price_per_byte: 0,
                            expires_at,
                            extensions_blocked: false,
                            role: pallet::types::ProviderRole::Primary,
                            started_at: 0,
                        };
                        pallet::StorageAgreements::<Runtime>::insert(
                            bucket.0, &provider, agreement,
                        );
                    });
                }

                fn bucket(&self, row: &[u8]) -> Option<BucketRow> {
                    let row = pallet::types::Bucket::<Runtime>::decode_all(&mut &row[..]).ok()?;
                    let nonce = None;
                    $(let nonce = nonce.or(row.snapshot.as_ref().map(|last| last.$nonce));)?
                    Some(BucketRow {
                        primary_providers: row.primary_providers.iter().map(account).collect(),
                        snapshot: row.snapshot.map(|last| BucketSnapshot {
                            commitment: recode::<Commitment>(last.commitment()),
                            checkpoint_block: last.checkpoint_block,
                            primary_signers: last.primary_signers.clone(),
                        }),
                        nonce,
                    })
                }

                fn stake(&self, row: &[u8]) -> Option<u128> {
                    type Row = pallet::types::ProviderInfo<Runtime>;
                    Row::decode_all(&mut &row[..]).ok().map(|row| row.stake)
                }

                fn with_key(&self, row: &[u8], key: [u8; 32]) -> Option<Vec<u8>> {
                    type Row = pallet::types::ProviderInfo<Runtime>;
                    let mut row = Row::decode_all(&mut &row[..]).ok()?;
                    row.public_key = key.to_vec().try_into().ok()?;
                    Some(row.encode())
                }

                fn agreement(&self, row: &[u8]) -> Option<Agreement> {
                    let row = pallet::types::StorageAgreement::decode_all(&mut &row[..]).ok()?;
                    Some(Agreement {
                        owner: account(&row.owner),
                        max_bytes: row.max_bytes,
                        expires_at: row.expires_at,
                        is_replica: row.role != pallet::types::ProviderRole::Primary,
                    })
                }

                fn challenge(&self, row: &[u8]) -> Option<ChallengeRow> {
                    let row = pallet::types::Challenge::decode_all(&mut &row[..]);
                    row.ok().map(challenge_row)
                }

                fn challenges(&self, row: &[u8]) -> Option<Vec<ChallengeRow>> {
                    let rows = Vec::<pallet::types::Challenge>::decode_all(&mut &row[..]).ok()?;
                    Some(rows.into_iter().map(challenge_row).collect())
                }
            }
        };
    };
}

face! {
    /// Spec 4_001.
    Deployed, cairn_devnode_runtime_deployed, relay_clock: false, slashed: [], snapshot: []
}
face! {
    /// Spec 4_003.
    Nonce, cairn_devnode_runtime_nonce, relay_clock: true, slashed: [reason],
    snapshot: [commitment_nonce]
}
face! {
    /// Spec 4_008.
    Current, cairn_devnode_runtime, relay_clock: true, slashed: [reason], snapshot: []
}
face! {
    /// Spec 4_009.
    LeafBinding, cairn_devnode_runtime_leaf_binding, relay_clock: true, slashed: [reason],
    snapshot: []
}

impl Variant {
    /// Returns the face of its runtime.
    pub(crate) fn face(self) -> &'static dyn Face {
        match self {
            Self::Deployed => &Deployed,
            Self::Nonce => &Nonce,
            Self::Current => &Current,
            Self::LeafBinding => &LeafBinding,
        }
    }
}
