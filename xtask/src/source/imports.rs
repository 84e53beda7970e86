//! The single imports that a `use` declaration stands for.

use syn::{ItemUse, UseTree, Visibility};

/// One path that a `use` declaration brings in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    /// The path's segments, `super`, `crate` and `self` among them.
    pub(crate) path: Vec<String>,
    /// The name in the importing module; `None` for a glob.
    pub(crate) name: Option<String>,
    /// Line of the path's last segment, from 1.
    pub(crate) line: usize,
}

/// Returns whether a `use` declaration re-exports: `pub use`, `pub(crate) use`, `pub(in …) use`.
pub(crate) fn is_reexport(item: &ItemUse) -> bool {
    match &item.vis {
        Visibility::Inherited => false,
        Visibility::Restricted(within) => !within.path.is_ident("self"),
        Visibility::Public(_) => true,
    }
}

/// Returns the imports of a `use` declaration; none for a path that begins with `::`, which is in
/// another crate.
pub(crate) fn imports(item: &ItemUse) -> Vec<Import> {
    let mut found = Vec::new();
    if item.leading_colon.is_none() {
        flatten(&item.tree, &mut Vec::new(), &mut found);
    }
    found
}

fn flatten(tree: &UseTree, prefix: &mut Vec<String>, found: &mut Vec<Import>) {
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, found);
            prefix.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, prefix, found);
            }
        }
        UseTree::Name(name) => {
            let path = whole(prefix, &name.ident);
            let line = name.ident.span().start().line;
            found.push(Import {
                name: path.last().cloned(),
                path,
                line,
            });
        }
        UseTree::Rename(rename) => found.push(Import {
            path: whole(prefix, &rename.ident),
            name: Some(rename.rename.to_string()),
            line: rename.ident.span().start().line,
        }),
        UseTree::Glob(glob) => found.push(Import {
            path: prefix.clone(),
            name: None,
            line: glob
                .star_token
                .spans
                .first()
                .map_or(0, |span| span.start().line),
        }),
    }
}

/// Joins a prefix and a last segment, where `self` in a group means the prefix.
fn whole(prefix: &[String], last: &syn::Ident) -> Vec<String> {
    let mut path = prefix.to_vec();
    if last != "self" || prefix.is_empty() {
        path.push(last.to_string());
    }
    path
}
