//! Cycles of a small directed graph.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A directed graph: for each node, the nodes that it has an edge to.
pub(crate) type Graph<N> = BTreeMap<N, BTreeSet<N>>;

/// Nodes that all reach each other, and the shortest cycles through them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Component<N> {
    /// The nodes, at least two, in ascending order.
    pub(crate) nodes: BTreeSet<N>,
    /// For each node one of the shortest cycles through it, each cycle once, from its lowest node.
    pub(crate) cycles: Vec<Vec<N>>,
}

/// Returns the strongly connected components of more than one node, by their lowest node.
pub(crate) fn components<N: Copy + Ord>(graph: &Graph<N>) -> Vec<Component<N>> {
    let mut found: Vec<Component<N>> = Vec::new();
    for &node in graph.keys() {
        let Some(cycle) = shortest_cycle(graph, node) else {
            continue;
        };
        let cycle = from_lowest(cycle);
        match found
            .iter_mut()
            .find(|component| component.nodes.contains(&node))
        {
            Some(component) if component.cycles.contains(&cycle) => {}
            Some(component) => component.cycles.push(cycle),
            None => {
                let nodes = reached(graph, node)
                    .into_iter()
                    .filter(|&other| reached(graph, other).contains(&node))
                    .collect();
                found.push(Component {
                    nodes,
                    cycles: vec![cycle],
                });
            }
        }
    }
    found
}

/// Returns a shortest path from a node back to it, over other nodes; the node comes first and is
/// not repeated.
fn shortest_cycle<N: Copy + Ord>(graph: &Graph<N>, start: N) -> Option<Vec<N>> {
    let mut came_from = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for &next in graph.get(&node).into_iter().flatten() {
            if next == start && node != start {
                let mut cycle = vec![node];
                let mut at = node;
                while let Some(&before) = came_from.get(&at) {
                    cycle.push(before);
                    at = before;
                }
                cycle.reverse();
                return Some(cycle);
            }
            if next != start && !came_from.contains_key(&next) {
                came_from.insert(next, node);
                queue.push_back(next);
            }
        }
    }
    None
}

/// Returns the nodes that a node reaches, itself among them.
fn reached<N: Copy + Ord>(graph: &Graph<N>, start: N) -> BTreeSet<N> {
    let mut seen = BTreeSet::from([start]);
    let mut open = vec![start];
    while let Some(node) = open.pop() {
        for &next in graph.get(&node).into_iter().flatten() {
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    seen
}

/// Rotates a cycle to begin with its lowest node.
fn from_lowest<N: Copy + Ord>(mut cycle: Vec<N>) -> Vec<N> {
    let lowest = cycle
        .iter()
        .enumerate()
        .min_by_key(|(_, node)| **node)
        .map_or(0, |(at, _)| at);
    cycle.rotate_left(lowest);
    cycle
}

#[cfg(test)]
mod tests {
    use super::{Graph, components};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn graph(edges: &[(u8, u8)]) -> Graph<u8> {
        let mut graph = Graph::new();
        for &(from, to) in edges {
            graph.entry(from).or_default().insert(to);
        }
        graph
    }

    #[test]
    fn an_edge_to_itself_is_no_cycle() {
        assert_eq!(components(&graph(&[(1, 1), (1, 2)])), []);
    }

    #[test]
    fn two_cycles_through_one_node_are_one_component() {
        let found = components(&graph(&[(1, 2), (2, 3), (3, 2), (2, 1), (3, 4)]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].nodes, BTreeSet::from([1, 2, 3]));
        assert_eq!(found[0].cycles, [vec![1, 2], vec![2, 3]]);
    }

    #[test]
    fn cycles_apart_are_two_components() {
        let found = components(&graph(&[(1, 2), (2, 1), (2, 3), (3, 4), (4, 3)]));
        assert_eq!(found.len(), 2);
    }

    /// The lengths of the shortest paths of at least one edge, by relaxing every pair.
    fn distances(graph: &Graph<u8>, nodes: u8) -> Vec<Vec<Option<usize>>> {
        let edge = |a: u8, b: u8| a != b && graph.get(&a).is_some_and(|to| to.contains(&b));
        let mut far: Vec<Vec<Option<usize>>> = (0..nodes)
            .map(|a| (0..nodes).map(|b| edge(a, b).then_some(1)).collect())
            .collect();
        for via in 0..usize::from(nodes) {
            for a in 0..usize::from(nodes) {
                for b in 0..usize::from(nodes) {
                    if let (Some(first), Some(second)) = (far[a][via], far[via][b]) {
                        let known = far[a][b].unwrap_or(usize::MAX);
                        far[a][b] = Some(known.min(first + second));
                    }
                }
            }
        }
        far
    }

    proptest! {
        #[test]
        fn components_and_cycles_are_those_of_all_pairs(
            edges in proptest::collection::vec((0_u8..8, 0_u8..8), 0..24),
        ) {
            let graph = graph(&edges);
            let far = distances(&graph, 8);
            let found = components(&graph);
            for a in 0..8_u8 {
                let own = found.iter().find(|component| component.nodes.contains(&a));
                let round = far[usize::from(a)][usize::from(a)];
                prop_assert_eq!(own.is_some(), round.is_some());
                let Some(own) = own else { continue };
                for b in 0..8_u8 {
                    let both = far[usize::from(a)][usize::from(b)].is_some()
                        && far[usize::from(b)][usize::from(a)].is_some();
                    prop_assert_eq!(own.nodes.contains(&b), both);
                }
                let shortest = own.cycles.iter().filter(|c| c.contains(&a)).map(Vec::len).min();
                prop_assert_eq!(shortest, round);
            }
            for cycle in found.iter().flat_map(|component| &component.cycles) {
                for (from, to) in cycle.iter().zip(cycle.iter().cycle().skip(1)) {
                    prop_assert!(graph[from].contains(to));
                }
            }
        }
    }
}
