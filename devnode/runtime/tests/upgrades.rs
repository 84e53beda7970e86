//! A chain is upgraded from each variant of the runtime to the next, in one state, with
//! challenges open. The runtimes run natively here; the code that a chain executes is the same.

#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use cairn_devnode_runtime as current;
use cairn_devnode_runtime_deployed as deployed;
use cairn_devnode_runtime_leaf_binding as leaf_binding;
use cairn_devnode_runtime_nonce as nonce;
use codec::Encode;
use frame_support::assert_ok;
use sp_core::{H256, Pair, sr25519};
use sp_io::hashing::blake2_256;
use sp_runtime::traits::{Dispatchable, Header as _};
use sp_runtime::{AccountId32, BuildStorage, Digest, MultiSignature};

const CHUNK: &[u8] = b"the only chunk";
/// The period of challenges, in anchor blocks.
const PERIOD: u32 = 500;

fn pair(name: &str) -> sr25519::Pair {
    sr25519::Pair::from_string(&format!("//{name}"), None).unwrap()
}

fn account(name: &str) -> AccountId32 {
    AccountId32::new(pair(name).public().0)
}

/// The tree of one leaf with one chunk: its leaf's encoding, and its root.
fn tree() -> (Vec<u8>, H256) {
    let length = CHUNK.len() as u64;
    let leaf = (blake2_256(CHUNK), length, length).encode();
    let root = H256(blake2_256(&leaf));
    (leaf, root)
}

/// Declares what is done with a runtime, which is the same code with other types.
macro_rules! runtime {
    ($runtime:ident) => {
        pub(super) use crate::$runtime::pallet_storage_provider as pallet;
        pub(super) use crate::$runtime::*;
        use crate::*;

        /// Begins a block, and with it an upgrade, if the last one was of another runtime.
        pub(super) fn begin(number: u32) {
            let parent = System::parent_hash();
            let header = Header::new(
                number,
                H256::zero(),
                H256::zero(),
                parent,
                Digest::default(),
            );
            Executive::initialize_block(&header);
            // The first extrinsic, as bytes of the pallet's call: its type is not exported.
            let set = [
                vec![2u8, 0u8],
                codec::Compact(u64::from(number) * 2_000).encode(),
            ];
            let call = codec::Decode::decode(&mut &set.concat()[..]).unwrap();
            let set = UncheckedExtrinsic::new_bare(call);
            Executive::apply_extrinsic(set).unwrap().unwrap();
        }

        pub(super) fn dispatch(name: &str, call: impl Into<RuntimeCall>) {
            let origin = RuntimeOrigin::signed(account(name));
            assert_ok!(call.into().dispatch(origin));
        }

        /// The honest answer to every challenge here.
        pub(super) fn proof() -> pallet::types::ChallengeResponse<Runtime> {
            use codec::Decode;
            let leaf = tree().0;
            pallet::types::ChallengeResponse::Proof {
                chunk_data: CHUNK.to_vec().try_into().unwrap(),
                mmr_proof: pallet::types::MmrProof {
                    peaks: vec![tree().1],
                    leaf: pallet::types::MmrLeaf::decode(&mut &leaf[..]).unwrap(),
                    leaf_proof: Default::default(),
                },
                chunk_proof: Default::default(),
            }
        }

        /// Answers a challenge, and returns whether it was defended.
        pub(super) fn respond(deadline: u32, index: u16) -> bool {
            System::reset_events();
            let challenge_id = pallet::types::ChallengeId { deadline, index };
            let response = proof();
            let call = pallet::Call::respond_to_challenge {
                challenge_id,
                response,
            };
            dispatch("Bob", call);
            System::events().into_iter().any(|record| {
                matches!(
                    record.event,
                    RuntimeEvent::StorageProvider(pallet::Event::ChallengeDefended { .. })
                )
            })
        }
    };
}

mod d {
    runtime!(deployed);
}
mod n {
    runtime!(nonce);
}
mod c {
    runtime!(current);
}
#[expect(dead_code, reason = "no challenge is answered after the last upgrade")]
mod l {
    runtime!(leaf_binding);
}

/// A chain of the deployed runtime, with Bob's agreement with Alice, a checkpoint that he
/// signed, and four open challenges of Charlie.
fn deployed_chain() -> sp_io::TestExternalities {
    let parameters = d::genesis::Parameters {
        challenge_timeout: Some(PERIOD),
        ..Default::default()
    };
    let genesis = d::genesis::development(parameters);
    let mut chain = sp_io::TestExternalities::new(genesis.build_storage().unwrap());
    chain.execute_with(|| {
        d::begin(1);
        d::dispatch(
            "Bob",
            d::pallet::Call::register_provider {
                multiaddr: b"/ip4/127.0.0.1/tcp/1".to_vec().try_into().unwrap(),
                public_key: account("Bob").encode().try_into().unwrap(),
                stake: 2_000 * d::UNIT,
            },
        );
        let terms = d::pallet::types::AgreementTerms {
            owner: account("Alice"),
            max_bytes: 1_000,
            duration: 10_000,
            price_per_byte: 1,
            valid_until: 100,
            nonce: 1,
            bucket_id: None,
            replica_params: None,
        };
        let context = d::pallet::types::PRIMARY_TERM_CONTEXT;
        let hash = blake2_256(&[context, &terms.encode()].concat());
        d::dispatch(
            "Alice",
            d::pallet::Call::establish_storage_agreement {
                provider: account("Bob"),
                terms,
                sig: MultiSignature::Sr25519(pair("Bob").sign(&hash)),
            },
        );
        let (_, mmr_root) = tree();
        let message = (1u8, 0u64, mmr_root, 0u64, 1u64).encode();
        let signature = MultiSignature::Sr25519(pair("Bob").sign(&message));
        d::dispatch(
            "Alice",
            d::pallet::Call::checkpoint {
                bucket_id: 0,
                mmr_root,
                start_seq: 0,
                leaf_count: 1,
                signatures: vec![(account("Bob"), signature)].try_into().unwrap(),
            },
        );
        for _ in 0..4 {
            d::dispatch(
                "Charlie",
                d::pallet::Call::challenge_checkpoint {
                    bucket_id: 0,
                    provider: account("Bob"),
                    leaf_index: 0,
                    chunk_index: 0,
                },
            );
        }
        d::Executive::finalize_block();
    });
    chain
}

#[test]
fn open_challenges_survive_until_the_step_that_drops_them() {
    deployed_chain().execute_with(|| {
        d::begin(2);
        assert!(d::respond(1 + PERIOD, 0));
        d::Executive::finalize_block();

        n::begin(3);
        // What was left of the period after the last block of the old runtime is now counted in
        // the relay chain's blocks.
        let deadline = n::StorageProvider::current_anchor_block() + PERIOD - 1;
        let open: Vec<_> = n::pallet::Challenges::<n::Runtime>::iter_keys().collect();
        assert_eq!(open.len(), 3, "{open:?}");
        assert!(open.iter().all(|(due, _)| *due == deadline), "{open:?}");
        assert!(n::respond(deadline, 1));
        n::Executive::finalize_block();

        c::begin(4);
        let row = c::pallet::Providers::<c::Runtime>::get(account("Bob")).unwrap();
        assert_eq!(row.stats.challenges_received_authorized, 4);
        let bucket = c::pallet::Buckets::<c::Runtime>::get(0).unwrap();
        assert_eq!(bucket.snapshot.unwrap().commitment.mmr_root, tree().1);
        assert!(c::respond(deadline, 0));
        c::Executive::finalize_block();

        l::begin(5);
        let open = l::pallet::Challenges::<l::Runtime>::iter_keys().count();
        assert_eq!(open, 0);
        assert_eq!(
            l::pallet::PendingChallenges::<l::Runtime>::get(account("Bob")),
            0
        );
        let row = l::pallet::Providers::<l::Runtime>::get(account("Bob")).unwrap();
        assert_eq!(row.stats.challenges_failed, 0);
        let told = l::System::events()
            .into_iter()
            .any(|record| matches!(record.event, l::RuntimeEvent::StorageProvider(_)));
        assert!(!told, "the challenge that was dropped has an event");
    });
}

#[test]
fn rows_do_not_decode_if_their_upgrade_is_skipped() {
    deployed_chain().execute_with(|| {
        n::begin(2);
        let items = vec![(twox_128_of(":SkipMigrations:"), true.encode())];
        let call: n::RuntimeCall = n::frame_system::Call::set_storage { items }.into();
        assert_ok!(call.dispatch(n::RuntimeOrigin::root()));
        n::Executive::finalize_block();

        c::begin(3);
        assert!(c::pallet::Providers::<c::Runtime>::contains_key(account(
            "Bob"
        )));
        assert!(c::pallet::Providers::<c::Runtime>::get(account("Bob")).is_none());
        assert_eq!(c::pallet::Challenges::<c::Runtime>::iter_keys().count(), 4);
        assert_eq!(c::pallet::Challenges::<c::Runtime>::iter().count(), 0);
    });
}

fn twox_128_of(name: &str) -> Vec<u8> {
    sp_io::hashing::twox_128(name.as_bytes()).to_vec()
}
