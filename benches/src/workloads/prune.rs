//! W10: a prune of the first half of a bucket, compared with hashing the rest.

use super::Setup;
use crate::Fallible;
use crate::data::Pieces;
use crate::figures::{Bound, Section, Table, Target};
use crate::peers::{Cairn, Peer};
use crate::stats::{Samples, Summary, count};
use crate::stores::PROFILE;
use cairn_primitives::mmr::Frontier;
use cairn_primitives::{LeafIndex, MmrLeaf, Sequence};

const ROUNDS: usize = 5;

pub(super) fn run(setup: &Setup) -> Fallible<Section> {
    let leaves: u64 = setup.choose(20_000, 100_000);
    let half = leaves / 2;
    let pieces = Pieces::new()?;
    let mut pruned = Samples::default();
    let mut hashed = Samples::default();
    for _ in 0..ROUNDS {
        let folder = setup.scratch("prune")?;
        let mut cairn = Cairn::create(&folder.path().join("cairn"), &pieces)?;
        cairn.fill(&pieces, leaves)?;
        let survivors = (half..leaves)
            .map(|index| Ok(cairn.0.leaf(LeafIndex(index))?))
            .collect::<Fallible<Vec<_>>>()?;
        let root = hashed.time(|| hash(&survivors))?.root();
        let done = pruned.time(|| Ok(cairn.0.prune(Sequence(half), None)?))?;
        if done.commitment.mmr_root != root {
            return Err("pruning and hashing give different roots".into());
        }
    }
    let (ours, bare) = (pruned.summary()?, hashed.summary()?);
    let head = ["what"].into_iter().chain(Summary::HEAD);
    let mut table = Table::new(&format!("{} remaining leaves:", count(half)), head);
    for (name, summary) in [
        ("cairn: prune, durably", ours),
        ("hash the leaves and their tree", bare),
    ] {
        table.row([name.to_owned()].into_iter().chain(summary.cells()));
    }
    Ok(Section {
        id: "W10",
        title: "Pruning",
        method: format!(
            "A new bucket of {} leaves each time, of which the first half is dropped; in turns with \
             hashing the remaining leaves, which are in memory, and all nodes above them, \
             without writing.",
            count(leaves)
        ),
        targets: vec![Target {
            aim: "a prune, over hashing the remaining leaves",
            bound: Bound::AtMost(1.5),
            measured: ours.p50 / bare.p50,
            unit: "",
        }],
        tables: vec![table],
        plots: vec![],
        remarks: vec![
            "A prune also reads the leaves, writes the nodes of the new tree and syncs them."
                .into(),
        ],
    })
}

fn hash(leaves: &[MmrLeaf]) -> Fallible<Frontier> {
    let mut frontier = Frontier::empty(PROFILE);
    for leaf in leaves {
        frontier
            .append(PROFILE.leaf(leaf), |position, hash| {
                std::hint::black_box((position, hash));
            })
            .ok_or("the tree is full")?;
    }
    Ok(frontier)
}
