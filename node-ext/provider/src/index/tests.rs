//! The content counts compared with a simple model: a set for each bucket.

use super::*;
use crate::index::content::DedupReport;
use cairn_primitives::H256;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

impl Index {
    /// Makes all writes fail, or succeed again.
    pub(crate) fn fail_writes(&self, fail: bool) {
        self.db
            .fail_writes
            .store(fail, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Index {
    /// Leaves the index as a version without places would have written it.
    pub(crate) fn remove_places(&self) {
        let mut batch = self.db.batch();
        batch.delete(Table::Meta, places::COMPLETE_KEY);
        for table in [Table::Nodes, Table::Places] {
            for entry in self.db.scan_from(table, &[]).unwrap() {
                batch.delete(table, &entry.unwrap().0);
            }
        }
        self.db.write(batch, true).unwrap();
    }
}

fn length_of(hash: u8) -> u32 {
    u32::from(hash) * 10 + 1
}

fn change(hash: u8, added: bool) -> ContentChange {
    ContentChange::Chunk {
        hash: H256::repeat_byte(hash),
        length: added.then(|| length_of(hash)),
    }
}

type Model = BTreeMap<u64, BTreeSet<u8>>;

fn expected_report(model: &Model) -> DedupReport {
    let bytes = |hashes: &mut dyn Iterator<Item = u8>| {
        hashes.fold((0, 0), |(count, bytes), hash| {
            (count + 1, bytes + u64::from(length_of(hash)))
        })
    };
    let (chunks, all) = bytes(&mut model.values().flatten().copied());
    let distinct: BTreeSet<_> = model.values().flatten().copied().collect();
    let (distinct_chunks, distinct_bytes) = bytes(&mut distinct.into_iter());
    DedupReport {
        chunks,
        bytes: all,
        distinct_chunks,
        distinct_bytes,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn content_counts_match_a_model_of_sets(
        steps in proptest::collection::vec(
            (0u64..4, proptest::collection::vec((0u8..8, any::<bool>()), 0..6)),
            1..20,
        ),
        forgotten in 0u64..4,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let mut index = Index::open(&path).unwrap();
        let mut model = Model::new();
        for (id, changes) in &steps {
            for (hash, added) in changes {
                let held = model.entry(*id).or_default();
                if *added { held.insert(*hash); } else { held.remove(hash); }
            }
            let changes = changes.iter().map(|(hash, added)| change(*hash, *added)).collect();
            let record = BucketRecord::unknown(BucketStatus::Sound);
            index.write(BucketId(*id), || Some(Note { record, changes })).unwrap();
            prop_assert_eq!(index.dedup(), expected_report(&model));
        }
        index.remove_content(BucketId(forgotten)).unwrap();
        model.remove(&forgotten);
        drop(index);
        index = Index::open(&path).unwrap();
        prop_assert_eq!(index.dedup(), expected_report(&model));
        for hash in 0..8 {
            let holders = model.values().filter(|held| held.contains(&hash)).count();
            prop_assert_eq!(index.holders(&H256::repeat_byte(hash)).unwrap(), holders as u64);
            let places: Vec<_> = model
                .iter()
                .filter(|(_, held)| held.contains(&hash))
                .map(|(id, _)| BucketId(*id))
                .collect();
            prop_assert_eq!(index.places(&H256::repeat_byte(hash), 9).unwrap(), places);
        }
    }

    #[test]
    fn decode_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(record) = BucketRecord::decode_all(&mut &bytes[..]) {
            prop_assert_eq!(record.encode(), bytes);
        }
    }
}

#[test]
fn a_node_has_its_places_before_those_of_a_chunk_with_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(&folder.path().join("index")).unwrap();
    let hash = H256::repeat_byte(3);
    let write = |id, changes: Vec<_>| {
        let record = BucketRecord::unknown(BucketStatus::Sound);
        index
            .write(BucketId(id), || Some(Note { record, changes }))
            .unwrap();
    };
    let node = |is_held| vec![ContentChange::Node { hash, is_held }];
    write(1, vec![change(3, true)]);
    write(2, node(true));
    assert_eq!(index.places(&hash, 9).unwrap(), [BucketId(2), BucketId(1)]);
    assert_eq!(index.places(&hash, 1).unwrap(), [BucketId(2)]);
    // Nodes are not counted as chunks.
    assert_eq!(index.holders(&hash).unwrap(), 1);
    write(1, node(true));
    write(1, node(false));
    write(2, node(false));
    assert_eq!(index.places(&hash, 9).unwrap(), [BucketId(1)]);
    write(2, node(true));
    index.remove_content(BucketId(1)).unwrap();
    index.remove_content(BucketId(2)).unwrap();
    assert_eq!(index.places(&hash, 9).unwrap(), []);
}

#[test]
fn a_record_round_trips() {
    let record = BucketRecord {
        fingerprint: Some(7),
        peaks: vec![H256::repeat_byte(1); 3],
        signed: Some(cairn_bucket::SignedRoot {
            commitment: BucketRecord::unknown(BucketStatus::Lost).commitment,
            signed_ms: 12,
        }),
        ..BucketRecord::unknown(BucketStatus::Quarantined("for a reason".into()))
    };
    // In the form of an earlier version, and in the current form.
    for flagged in [None, Some(0), Some(3)] {
        let record = BucketRecord {
            flagged,
            ..record.clone()
        };
        let bytes = record.encode();
        assert_eq!(BucketRecord::decode_all(&mut &bytes[..]), Ok(record));
        assert!(BucketRecord::decode_all(&mut &bytes[..bytes.len() - 1]).is_err());
    }
}
