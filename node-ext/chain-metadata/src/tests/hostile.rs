//! Bytes and metadata from a node that lies: bounded, and without a panic.

use super::*;
use crate::node::RuntimeId;
use crate::runtime::Runtime;
use crate::{Description, dry_run, events};
use cairn_primitives::H256;
use cairn_primitives::challenge::ChallengeId;
use codec::Encode;
use proptest::prelude::*;
use std::sync::OnceLock;

const ID: ChallengeId = ChallengeId {
    deadline: 0,
    index: 0,
};

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let id = RuntimeId {
            code: H256::zero(),
            spec_name: "made-up".to_owned(),
            spec_version: 1,
            transaction_version: 1,
        };
        crate::support::load(id, &crate::testing::metadata(Options::CURRENT)).unwrap()
    })
}

fn metadata() -> &'static [u8] {
    static METADATA: OnceLock<Vec<u8>> = OnceLock::new();
    METADATA.get_or_init(|| crate::testing::metadata(Options::CURRENT))
}

#[test]
fn a_list_that_promises_more_than_there_is_takes_no_memory() {
    let promised = [vec![3], u32::MAX.encode()].concat();
    assert!(events::outcomes(runtime(), &promised).is_err());
    dry_run::verdict(runtime(), OURS, ID, &[vec![0, 0, 0], promised].concat());
}

#[test]
fn bytes_that_begin_with_their_own_length_are_no_metadata() {
    assert!(Description::of_metadata(&[1 << 2]).is_err());
    let longer = [codec::Compact(64_u32).encode(), vec![0; 63]].concat();
    assert!(Description::of_metadata(&longer).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_as_any_row(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = events::outcomes(runtime(), &bytes);
        dry_run::verdict(runtime(), OURS, ID, &bytes);
        for pallet in runtime().metadata.pallets() {
            let items = pallet.storage().into_iter().flat_map(|storage| storage.entries());
            for item in items {
                let item = runtime().storage(pallet.name(), item.name()).unwrap();
                let _ = item.decode(&bytes);
                let _ = item.parts_of(&[item.prefix(), bytes.clone()].concat());
                let _ = item.read(&[], &bytes, crate::rows::bucket);
                let _ = item.read(&[], &bytes, |row| crate::rows::provider(row, 0));
                let _ = item.read(&[], &bytes, |row| crate::rows::challenge(row, ID, 0));
            }
        }
    }

    #[test]
    fn changed_metadata_is_refused_or_described(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..24),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = metadata().to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(described) = Description::of_metadata(&bytes) {
            described.missing();
        }
    }

    #[test]
    fn any_bytes_are_no_metadata(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Description::of_metadata(&bytes).is_err());
    }
}
