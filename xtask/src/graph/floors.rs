//! Floors of a graph without loops, and its edges without those that follow from others.

use crate::cycles::Graph;
use std::collections::{BTreeMap, BTreeSet};

/// Returns for each node the length of the longest way down from it. The graph has no loop.
pub(crate) fn floors<'n>(graph: &Graph<&'n str>) -> BTreeMap<&'n str, usize> {
    let mut floors: BTreeMap<&str, usize> = graph.keys().map(|&node| (node, 0)).collect();
    // Without loops, a way is shorter than the number of nodes.
    for _ in 0..graph.len() {
        for (node, below) in graph {
            let highest = below.iter().filter_map(|used| floors.get(used)).max();
            floors.insert(node, highest.map_or(0, |floor| floor + 1));
        }
    }
    floors
}

/// Returns the graph without the edges whose end is reached by other edges too. The graph has no
/// loop.
pub(crate) fn reduced<'n>(graph: &Graph<&'n str>) -> Graph<&'n str> {
    let reaches = |from: &str| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = graph.get(from).into_iter().flatten().copied().collect();
        while let Some(node) = open.pop() {
            if seen.insert(node) {
                open.extend(graph.get(node).into_iter().flatten());
            }
        }
        seen
    };
    graph
        .iter()
        .map(|(&node, used)| {
            let follows: BTreeSet<&str> = used.iter().flat_map(|&other| reaches(other)).collect();
            (
                node,
                used.iter()
                    .filter(|end| !follows.contains(*end))
                    .copied()
                    .collect(),
            )
        })
        .collect()
}
