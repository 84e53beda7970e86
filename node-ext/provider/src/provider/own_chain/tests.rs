//! The two copies of the base path's chain: either may be lost, and a conflict between
//! them is detected.

use super::*;
use crate::index::DutyKind;
use crate::provider::ProviderOptions;
use cairn_bucket::BasePath;
use cairn_engine::layout::INDEX_DIR;

fn open(path: &Path) -> Provider {
    let base = BasePath::create(path).unwrap();
    Provider::open(base, ProviderOptions::default()).unwrap()
}

fn genesis(of: u8) -> H256 {
    H256::repeat_byte(of)
}

#[test]
fn s2_the_chain_survives_the_loss_of_index_or_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(CHAIN_FILE);
    let provider = open(folder.path());
    assert_eq!(provider.own_genesis(), None);
    provider.follow(genesis(1), OnOtherChain::Refuse).unwrap();
    assert_eq!(provider.longest_period(500), 500);
    assert_eq!(provider.longest_period(20), 500);
    drop(provider);

    std::fs::remove_dir_all(folder.path().join(INDEX_DIR)).unwrap();
    let provider = open(folder.path());
    assert_eq!(provider.own_genesis(), Some(genesis(1)));
    assert_eq!(provider.longest_period(20), 500);
    drop(provider);

    // The lost copy is restored.
    std::fs::remove_file(&file).unwrap();
    let provider = open(folder.path());
    assert_eq!(provider.own_genesis(), Some(genesis(1)));
    drop(provider);
    assert!(file.exists());

    std::fs::write(&file, b"not what it was").unwrap();
    let provider = open(folder.path());
    let refused = provider.follow(genesis(2), OnOtherChain::Refuse);
    assert!(matches!(refused, Err(ProviderError::OtherChain { .. })));
    assert_eq!(provider.longest_period(20), 500);
}

#[test]
fn s2_another_base_paths_index_loses_its_chain_data() {
    let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    for (folder, chain) in [(&one, 1), (&other, 2)] {
        let provider = open(folder.path());
        provider
            .follow(genesis(chain), OnOtherChain::Refuse)
            .unwrap();
        provider.index().mark_fresh().unwrap();
        let row = (b"7".to_vec(), Some(vec![chain]));
        let index = provider.index();
        index.write_duties(DutyKind::Retention, &[row]).unwrap();
    }
    let index = one.path().join(INDEX_DIR);
    std::fs::remove_dir_all(&index).unwrap();
    std::fs::rename(other.path().join(INDEX_DIR), &index).unwrap();
    let provider = open(one.path());
    assert_eq!(provider.own_genesis(), Some(genesis(1)));
    assert_eq!(provider.index().duties(DutyKind::Retention).unwrap(), []);
    assert_eq!(provider.index().duties(DutyKind::Window).unwrap().len(), 1);
}

#[test]
fn s6e_a_new_base_path_treats_earlier_windows_as_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let provider = open(folder.path());
    // There is no bucket yet, but its key may have been registered long ago.
    let windows = provider.index().duties(DutyKind::Window).unwrap();
    assert_eq!(windows, [(vec![], None::<u32>.encode())]);
}

/// The state on disk: the chain in the file, the chain in the index, and the chain of the
/// index's rows.
type OnDisk = (Option<u8>, Option<u8>, Option<u8>);

/// Searches all histories of a base path, breadth first: it restarts, follows either
/// chain with or without adopting it, and loses its file or index or gets those of
/// another base path.
#[test]
fn s2_no_history_mixes_the_data_of_two_chains() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(&folder.path().join(INDEX_DIR)).unwrap();
    let file = folder.path().join(CHAIN_FILE);
    let row = |of| (b"7".to_vec(), Some(vec![of]));
    let chain = |of| BoundChain {
        genesis: genesis(of),
        longest_period: 0,
    };
    let put = |on_disk: OnDisk| {
        let (in_file, in_index, rows) = on_disk;
        match in_file {
            Some(of) => std::fs::write(&file, (VERSION, chain(of)).encode()).unwrap(),
            None => _ = std::fs::remove_file(&file),
        }
        index.remove_chain_data().unwrap();
        match in_index {
            Some(of) => index.set_own_chain(&chain(of)).unwrap(),
            None => index.set_meta(CHAIN_KEY, b"").unwrap(),
        }
        if let Some(of) = rows {
            index.write_duties(DutyKind::Retention, &[row(of)]).unwrap();
        }
    };
    let get = || -> OnDisk {
        let of = |chain: Option<BoundChain>| chain.map(|chain| chain.genesis.0[0]);
        let rows = index.duties(DutyKind::Retention).unwrap();
        (
            of(read(&file).unwrap()),
            of(index.own_chain().unwrap()),
            rows.first().map(|(_, value)| value[0]),
        )
    };
    let start: OnDisk = (None, None, None);
    let mut seen = std::collections::HashSet::from([start]);
    let mut to_see = std::collections::VecDeque::from([start]);
    while let Some(before) = to_see.pop_front() {
        let (in_file, in_index, rows) = before;
        let mut after = vec![
            (None, in_index, rows),
            (in_file, None, None),
            // The index or the file of another base path.
            (in_file, Some(2), Some(2)),
            (Some(2), in_index, rows),
        ];
        for of in [1, 2] {
            for on_other in [OnOtherChain::Refuse, OnOtherChain::Adopt] {
                put(before);
                let mut kept = ChainBinding::load(folder.path(), &index).unwrap();
                let known = kept.chain.map(|chain| chain.genesis.0[0]);
                let followed = kept.follow(genesis(of), on_other, &index).unwrap();
                let case = format!("{before:?}, follows {of}, {on_other:?}");
                let refuses =
                    known.is_some_and(|known| known != of) && on_other == OnOtherChain::Refuse;
                assert_eq!(followed.is_err(), refuses, "{case}");
                let (in_file, in_index, rows) = get();
                if followed.is_ok() {
                    // Both copies name the chain, and the other chain's rows are gone.
                    assert_eq!((in_file, in_index), (Some(of), Some(of)), "{case}");
                    // Rows without a chain's name come from versions that did not
                    // record it, so their chain is unknown.
                    let is_named = before.0.is_some() || before.1.is_some();
                    assert!(
                        rows.is_none_or(|rows| rows == of || !is_named),
                        "{case}: {rows:?}"
                    );
                    index.write_duties(DutyKind::Retention, &[row(of)]).unwrap();
                    after.push(get());
                } else {
                    after.push((in_file, in_index, rows));
                }
            }
        }
        for next in after {
            if seen.insert(next) {
                to_see.push_back(next);
            }
        }
    }
    assert!(seen.len() > 8, "{}", seen.len());
}
