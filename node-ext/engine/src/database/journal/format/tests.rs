//! The bytes of a journal: intact, torn, and with any part changed.

use super::*;
use proptest::prelude::*;

fn salt() -> Salt {
    Salt([7; 16])
}

fn file(payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut file = header(5, salt()).to_vec();
    for (number, payload) in payloads.iter().enumerate() {
        let marks = Marks::default();
        write_record(&mut file, salt(), number as u64, marks, payload);
    }
    file
}

fn numbers(file: &[u8]) -> (Vec<u64>, u64, u64) {
    let mut reader = Reader::new(file).unwrap();
    let mut numbers = vec![];
    while let Some(record) = reader.next_record().unwrap() {
        numbers.push(record.number);
    }
    (numbers, reader.skipped(), reader.end_of_last())
}

#[test]
fn a_damaged_record_hides_no_other_and_a_torn_end_none() {
    let payloads: Vec<_> = (1..5u8).map(|seed| vec![seed; 50]).collect();
    let whole = file(&payloads);
    let each = (whole.len() - FILE_HEADER_BYTES) / 4;
    assert_eq!(numbers(&whole), (vec![0, 1, 2, 3], 0, whole.len() as u64));
    for at in FILE_HEADER_BYTES..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x11;
        let hit = ((at - FILE_HEADER_BYTES) / each) as u64;
        let left: Vec<_> = (0..4).filter(|number| *number != hit).collect();
        let (found, skipped, _) = numbers(&damaged);
        assert_eq!(found, left, "byte {at}");
        let is_last = hit == 3;
        assert_eq!(skipped, if is_last { 0 } else { each as u64 }, "byte {at}");
    }
    for cut in 0..=whole.len() - FILE_HEADER_BYTES {
        let torn = &whole[..FILE_HEADER_BYTES + cut];
        let (found, skipped, end) = numbers(torn);
        assert_eq!((found.len(), skipped), (cut / each, 0));
        assert_eq!(end as usize, FILE_HEADER_BYTES + cut / each * each);
    }
}

/// A client's chunk contains a record, and the record around it is torn.
#[test]
fn no_bytes_inside_a_record_pass_for_one() {
    let mut forged = vec![];
    write_record(&mut forged, Salt([0; 16]), 99, Marks::default(), b"");
    let mut torn = file(&[vec![1], forged.clone()]);
    torn.truncate(torn.len() - RECORD_TRAILER_BYTES);
    assert_eq!(numbers(&torn).0, [0]);
    // Only the salt prevents clients from doing the same.
    let mut inside = vec![];
    write_record(&mut inside, salt(), 99, Marks::default(), b"");
    let mut torn = file(&[vec![1], inside]);
    torn.truncate(torn.len() - RECORD_TRAILER_BYTES);
    assert_eq!(numbers(&torn).0, [0, 99]);
}

#[test]
fn changes_round_trip() {
    let mut changes = Changes::default();
    changes.put(Family::Tree, b"l12345678", &[1; 48]);
    changes.put(Family::Tree, b"n12345678", &[2; 32]);
    changes.put(Family::Content, b"c", &[3; 1023]);
    changes.put(Family::Content, b"c", &[3; 1024]);
    changes.delete(Family::Tree, b"rx");
    changes.delete(Family::Content, b"ix");
    changes.delete_range(Family::Tree, b"l0", b"l9");
    let mut record = vec![];
    write_record(&mut record, salt(), 1, Marks::default(), changes.bytes());
    let (record, _) = Record::parse(&record, salt()).unwrap();
    let read: Vec<_> = record.changes().collect();
    let (key, value) = (&b"l12345678"[..], &[1; 48][..]);
    assert_eq!(
        read,
        [
            Change::Put {
                family: Family::Tree,
                key,
                value
            },
            Change::Put {
                family: Family::Content,
                key: b"c",
                value: &[3; 1023]
            },
            Change::Delete {
                family: Family::Tree,
                key: b"rx"
            },
            Change::DeleteRange {
                family: Family::Tree,
                from: b"l0",
                to: b"l9"
            },
        ]
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_their_end(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        changes in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let (found, ..) = numbers(&[&header(5, salt())[..], &bytes].concat());
        prop_assert!(found.is_empty());
        numbers(&bytes);
        let mut record = vec![];
        write_record(&mut record, salt(), 1, Marks::default(), &changes);
        let (record, _) = Record::parse(&record, salt()).unwrap();
        prop_assert!(record.changes().count() <= changes.len());
    }
}
