//! Paths to files: in which file an item is defined, through re-exports and globs.

use crate::source::{Binding, FileId, ModuleId, Modules};
use std::collections::BTreeSet;

/// A module or an item that a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// A module.
    Module(ModuleId),
    /// An item, or something within one, by the file that defines the item.
    Item(FileId),
}

/// The names that were followed already, against re-exports in a circle.
type Followed = BTreeSet<(ModuleId, String)>;

impl Modules {
    /// Returns the files that define the items at a path, as seen from a module. There are several
    /// where a name stands for, say, a type and a function, and none where it stands for a module
    /// or for something of another crate.
    pub(crate) fn files_of(&self, from: ModuleId, path: &[String]) -> BTreeSet<FileId> {
        self.resolve(from, path, &mut Followed::new())
            .into_iter()
            .filter_map(|target| match target {
                Target::Item(file) => Some(file),
                Target::Module(_) => None,
            })
            .collect()
    }

    fn resolve(
        &self,
        from: ModuleId,
        path: &[String],
        followed: &mut Followed,
    ) -> BTreeSet<Target> {
        let Some((first, rest)) = path.split_first() else {
            return BTreeSet::new();
        };
        let mut targets = match first.as_str() {
            "crate" | "$crate" => BTreeSet::from([Target::Module(self.root())]),
            "self" => BTreeSet::from([Target::Module(from)]),
            "super" => self
                .module(from)
                .parent
                .map(Target::Module)
                .into_iter()
                .collect(),
            name => self.named(from, name, followed),
        };
        for segment in rest {
            let inner: BTreeSet<Target> = targets
                .iter()
                .filter_map(|target| match target {
                    Target::Module(module) => Some(*module),
                    Target::Item(_) => None,
                })
                .flat_map(|module| match segment.as_str() {
                    "super" => self
                        .module(module)
                        .parent
                        .map(Target::Module)
                        .into_iter()
                        .collect(),
                    "self" => BTreeSet::from([Target::Module(module)]),
                    name => self.named(module, name, followed),
                })
                .collect();
            if inner.is_empty() {
                // A variant or an associated item: it belongs to the item before it.
                targets.retain(|target| matches!(target, Target::Item(_)));
                return targets;
            }
            targets = inner;
        }
        targets
    }

    /// Returns what a name stands for in a module.
    fn named(&self, module: ModuleId, name: &str, followed: &mut Followed) -> BTreeSet<Target> {
        if !followed.insert((module, name.to_owned())) {
            return BTreeSet::new();
        }
        let data = self.module(module);
        let mut targets = BTreeSet::new();
        for binding in data.names.get(name).into_iter().flatten() {
            match binding {
                Binding::Module(id) => {
                    targets.insert(Target::Module(*id));
                }
                Binding::Item => {
                    targets.insert(Target::Item(data.file));
                }
                Binding::Import(path) => targets.extend(self.resolve(module, path, followed)),
            }
        }
        if targets.is_empty() && !data.names.contains_key(name) {
            for glob in &data.globs {
                for target in self.resolve(module, glob, followed) {
                    if let Target::Module(inside) = target {
                        targets.extend(self.named(inside, name, followed));
                    }
                }
            }
        }
        if targets.is_empty() && data.macro_names.contains(name) {
            targets.insert(Target::Item(data.file));
        }
        followed.remove(&(module, name.to_owned()));
        targets
    }
}
