//! The record of a pending call survives every call, and no file makes it panic.

use super::fixture::ACCOUNT;
use super::rules::call;
use crate::{Effect, Facts, Journal, JournalError, PendingCall};
use cairn_chain::ProviderCall;
use cairn_primitives::H256;
use cairn_testing::{LIMITS, SimulatedChain};
use futures::executor::block_on;
use proptest::prelude::*;

const GENESIS: H256 = H256::repeat_byte(4);

fn facts() -> Facts {
    let chain = SimulatedChain::new(LIMITS);
    chain.advance();
    block_on(Facts::read(&*chain.client(ACCOUNT))).unwrap()
}

fn record_path(folder: &std::path::Path) -> std::path::PathBuf {
    let lock = std::fs::read_dir(folder).unwrap().next().unwrap();
    lock.unwrap().path().with_extension("")
}

#[test]
fn a_record_of_another_account_or_chain_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), GENESIS, ACCOUNT).unwrap();
    let call = ProviderCall::AddStake(1);
    let pending = PendingCall::new(&call, Effect::of(&call, &facts()), 7);
    journal.record(&pending).unwrap();
    let path = record_path(folder.path());
    let text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in [
        ("account 0x07", "account 0x08"),
        ("genesis 0x04", "genesis 0x05"),
        ("block 7", "block x"),
    ] {
        assert!(text.contains(from), "{text}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let error = journal.pending();
        assert!(
            matches!(error, Err(JournalError::Unreadable { .. })),
            "{error:?}"
        );
    }
    std::fs::write(&path, text).unwrap();
    assert_eq!(journal.pending().unwrap(), Some(pending));
    journal.clear().unwrap();
    assert_eq!(journal.pending().unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_recorded_is_read_again(call in call(), block: u32) {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), GENESIS, ACCOUNT).unwrap();
        let pending = PendingCall::new(&call, Effect::of(&call, &facts()), block);
        journal.record(&pending).unwrap();
        prop_assert_eq!(journal.pending().unwrap(), Some(pending));
    }

    #[test]
    fn any_file_is_a_record_or_refused(bytes: Vec<u8>, effect in "[0-9a-f]{0,80}") {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), GENESIS, ACCOUNT).unwrap();
        let path = record_path(folder.path());
        std::fs::write(&path, bytes).unwrap();
        let _ = journal.pending();
        let (genesis, account) = ("04".repeat(32), "07".repeat(32));
        let text = format!(
            "cairn-call 1\ngenesis 0x{genesis}\naccount 0x{account}\nblock 1\ncall x\neffect 0x{effect}\n"
        );
        std::fs::write(&path, text).unwrap();
        match journal.pending() {
            Ok(Some(pending)) => prop_assert_eq!(pending.block, 1),
            Ok(None) => prop_assert!(false, "the record is overlooked"),
            Err(error) => {
                let is_refusal = matches!(error, JournalError::Unreadable { .. });
                prop_assert!(is_refusal, "another error");
            }
        }
    }
}
