//! Use between sibling modules, each taken with all that it encloses.

use super::edges::{Edges, Mention};
use crate::cycles::{Component, Graph, components};
use crate::source::{FileId, Modules};
use std::collections::BTreeMap;

/// A mention and the two files: the one that it is in, and the one that defines the item.
pub(crate) type FileEdge = (FileId, FileId, Mention);

/// Which sibling uses which, and by which edges between files. A module is named by its file.
#[derive(Default)]
struct Siblings {
    graph: Graph<FileId>,
    edges: BTreeMap<(FileId, FileId), Vec<FileEdge>>,
}

/// A loop between child modules of one module.
pub(crate) struct Loop {
    /// The file of the enclosing module.
    pub(crate) parent: FileId,
    /// The files of the modules that use each other, at least two.
    pub(crate) modules: Vec<FileId>,
    /// Shortest cycles: for each step, the edges between files that make it.
    pub(crate) cycles: Vec<Vec<Vec<FileEdge>>>,
}

/// Finds the loops between sibling modules. Edges between a module and one that encloses it are
/// left out.
pub(crate) fn loops(modules: &Modules, edges: &Edges) -> Vec<Loop> {
    let mut families: BTreeMap<FileId, Siblings> = BTreeMap::new();
    for (&(from, to), mention) in edges {
        let (left, right) = (modules.way_to(from), modules.way_to(to));
        let shared = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
        let parent = shared.checked_sub(1).and_then(|last| left.get(last));
        if let (Some(&parent), Some(&user), Some(&used)) =
            (parent, left.get(shared), right.get(shared))
        {
            let family = families.entry(parent).or_default();
            family.graph.entry(user).or_default().insert(used);
            family
                .edges
                .entry((user, used))
                .or_default()
                .push((from, to, mention.clone()));
        }
    }
    families
        .into_iter()
        .flat_map(|(parent, family)| {
            components(&family.graph)
                .into_iter()
                .map(|component| family.spell_out(parent, component))
                .collect::<Vec<_>>()
        })
        .collect()
}

impl Siblings {
    fn spell_out(&self, parent: FileId, component: Component<FileId>) -> Loop {
        let steps = |cycle: &Vec<FileId>| {
            cycle
                .iter()
                .zip(cycle.iter().cycle().skip(1))
                .map(|(&from, &to)| self.edges.get(&(from, to)).cloned().unwrap_or_default())
                .collect()
        };
        Loop {
            parent,
            cycles: component.cycles.iter().map(steps).collect(),
            modules: component.nodes.into_iter().collect(),
        }
    }
}
