//! The modules of one crate: which file each is in, and which names it defines and imports.
//!
//! Modules and items that only tests have are left out.

use super::cfg::is_test_only;
use super::imports::{Import, imports};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::{Attribute, Expr, Item, ItemMod, Lit, Meta};

/// A module, by its place in [`Modules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ModuleId(usize);

/// A source file, by its place in [`Modules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId(usize);

/// The meaning of a name in a module.
#[derive(Debug, Clone)]
pub(crate) enum Binding {
    /// A child module.
    Module(ModuleId),
    /// An item that is defined in the module.
    Item,
    /// An import, by its path.
    Import(Vec<String>),
}

/// One module.
#[derive(Debug)]
pub(crate) struct Module {
    /// The enclosing module; `None` for the root.
    pub(crate) parent: Option<ModuleId>,
    /// The file with its items.
    pub(crate) file: FileId,
    /// The names in it. A name may stand for a module and for an item.
    pub(crate) names: BTreeMap<String, Vec<Binding>>,
    /// The paths of its glob imports.
    pub(crate) globs: Vec<Vec<String>>,
    /// Identifiers in calls of macros that may define items: `number!(BucketId)`.
    pub(crate) macro_names: BTreeSet<String>,
}

/// A parsed file.
pub(crate) struct SourceFile {
    /// The path that it was read from.
    pub(crate) path: PathBuf,
    /// The module that the file is.
    pub(crate) module: ModuleId,
    /// The number of its lines.
    pub(crate) lines: usize,
    /// The syntax tree.
    pub(crate) syntax: syn::File,
}

/// All modules of a crate.
#[derive(Default)]
pub(crate) struct Modules {
    modules: Vec<Module>,
    files: Vec<SourceFile>,
}

/// A crate's modules cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModulesError {
    /// A file that a `mod` declaration names is missing.
    #[error("{}: no file for `mod {name};`", parent.display())]
    Missing {
        /// The file with the declaration.
        parent: PathBuf,
        /// The module's name.
        name: String,
    },
    /// A file is not Rust.
    #[error("{}:{}: {source}", path.display(), source.span().start().line)]
    Parse {
        /// The file.
        path: PathBuf,
        /// The parser's message.
        source: syn::Error,
    },
}

/// Reads a file; `None` if there is none.
pub(crate) type Read<'r> = &'r dyn Fn(&Path) -> Option<String>;

impl Modules {
    /// Reads the modules of the crate with this root file.
    ///
    /// # Errors
    /// If a file is missing or cannot be parsed.
    pub(crate) fn load(root: &Path, read: Read<'_>) -> Result<Self, ModulesError> {
        let mut modules = Self::default();
        let text = read(root).ok_or_else(|| ModulesError::Missing {
            parent: root.to_owned(),
            name: "crate".to_owned(),
        })?;
        let folder = root.parent().unwrap_or(Path::new("")).to_owned();
        modules.add_file(None, root, &text, &folder, read)?;
        Ok(modules)
    }

    /// Returns a module.
    #[expect(
        clippy::indexing_slicing,
        reason = "ids are made by `add_module` alone"
    )]
    pub(crate) fn module(&self, id: ModuleId) -> &Module {
        &self.modules[id.0]
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "ids are made by `add_module` alone"
    )]
    fn module_mut(&mut self, id: ModuleId) -> &mut Module {
        &mut self.modules[id.0]
    }

    /// Returns a file.
    #[expect(clippy::indexing_slicing, reason = "ids are made by `add_file` alone")]
    pub(crate) fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0]
    }

    /// Returns all files.
    pub(crate) fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files
            .iter()
            .enumerate()
            .map(|(at, file)| (FileId(at), file))
    }

    /// Returns the name of the module that a file is; `crate` for the root.
    pub(crate) fn name_of(&self, file: FileId) -> String {
        let id = self.file(file).module;
        let parent = self.module(id).parent.map(|parent| self.module(parent));
        let is_own = |bindings: &Vec<Binding>| {
            bindings
                .iter()
                .any(|binding| matches!(binding, Binding::Module(child) if *child == id))
        };
        parent
            .and_then(|parent| parent.names.iter().find(|(_, bindings)| is_own(bindings)))
            .map_or_else(|| "crate".to_owned(), |(name, _)| name.clone())
    }

    /// Returns the crate's root, which every crate has.
    pub(crate) fn root(&self) -> ModuleId {
        ModuleId(0)
    }

    /// Returns the child module of a name.
    pub(crate) fn child(&self, module: ModuleId, name: &str) -> Option<ModuleId> {
        self.module(module)
            .names
            .get(name)?
            .iter()
            .find_map(|binding| match binding {
                Binding::Module(id) => Some(*id),
                _ => None,
            })
    }

    /// Returns the files of the modules from the root down to a file, itself the last.
    pub(crate) fn way_to(&self, file: FileId) -> Vec<FileId> {
        let mut way = vec![file];
        let mut at = self.module(self.file(file).module).parent;
        while let Some(id) = at {
            let module = self.module(id);
            if way.last() != Some(&module.file) {
                way.push(module.file);
            }
            at = module.parent;
        }
        way.reverse();
        way
    }

    fn add_module(&mut self, parent: Option<ModuleId>, file: FileId) -> ModuleId {
        let id = ModuleId(self.modules.len());
        self.modules.push(Module {
            parent,
            file,
            names: BTreeMap::new(),
            globs: Vec::new(),
            macro_names: BTreeSet::new(),
        });
        id
    }

    /// Adds a file as a module; `folder` is where the files of its child modules are.
    fn add_file(
        &mut self,
        parent: Option<ModuleId>,
        path: &Path,
        text: &str,
        folder: &Path,
        read: Read<'_>,
    ) -> Result<ModuleId, ModulesError> {
        let syntax = syn::parse_file(text).map_err(|source| ModulesError::Parse {
            path: path.to_owned(),
            source,
        })?;
        let file = FileId(self.files.len());
        let module = self.add_module(parent, file);
        let items = syntax.items.clone();
        self.files.push(SourceFile {
            path: path.to_owned(),
            module,
            lines: text.lines().count(),
            syntax,
        });
        self.add_items(module, &items, folder, read)?;
        Ok(module)
    }

    fn add_items(
        &mut self,
        module: ModuleId,
        items: &[Item],
        folder: &Path,
        read: Read<'_>,
    ) -> Result<(), ModulesError> {
        for item in items {
            match item {
                Item::Mod(child) => self.add_child(module, child, folder, read)?,
                Item::Use(declaration) if !is_test_only(&declaration.attrs) => {
                    for import in imports(declaration) {
                        self.add_import(module, import);
                    }
                }
                Item::Macro(call) if !is_test_only(&call.attrs) => match &call.ident {
                    Some(name) => {
                        self.bind(module, name, Binding::Item);
                        if call.attrs.iter().any(|a| a.path().is_ident("macro_export")) {
                            self.bind(self.root(), name, Binding::Item);
                        }
                    }
                    None => identifiers(
                        call.mac.tokens.clone(),
                        &mut self.module_mut(module).macro_names,
                    ),
                },
                other => {
                    if let Some((name, attributes)) = defined(other)
                        && !is_test_only(attributes)
                    {
                        self.bind(module, name, Binding::Item);
                    }
                }
            }
        }
        Ok(())
    }

    fn add_import(&mut self, module: ModuleId, import: Import) {
        match import.name {
            Some(name) => self.bind(module, &name, Binding::Import(import.path)),
            None => self.module_mut(module).globs.push(import.path),
        }
    }

    fn bind(&mut self, module: ModuleId, name: &impl ToString, binding: Binding) {
        self.module_mut(module)
            .names
            .entry(name.to_string())
            .or_default()
            .push(binding);
    }

    fn add_child(
        &mut self,
        module: ModuleId,
        child: &ItemMod,
        folder: &Path,
        read: Read<'_>,
    ) -> Result<(), ModulesError> {
        let name = child.ident.to_string();
        if is_test_only(&child.attrs) || name == "tests" {
            return Ok(());
        }
        let file = self.module(module).file;
        let id = if let Some((_, items)) = &child.content {
            let id = self.add_module(Some(module), file);
            self.add_items(id, items, &folder.join(&name), read)?;
            id
        } else {
            let (path, text, folder) = self.child_file(module, child, folder, read)?;
            self.add_file(Some(module), &path, &text, &folder, read)?
        };
        self.bind(module, &name, Binding::Module(id));
        Ok(())
    }

    /// Finds the file of a `mod name;`: its path, its text, and the folder of its own children.
    fn child_file(
        &self,
        module: ModuleId,
        child: &ItemMod,
        folder: &Path,
        read: Read<'_>,
    ) -> Result<(PathBuf, String, PathBuf), ModulesError> {
        let name = child.ident.to_string();
        let parent = &self.file(self.module(module).file).path;
        let mut candidates = Vec::new();
        if let Some(path) = path_attribute(&child.attrs) {
            let base = parent.parent().unwrap_or(Path::new(""));
            let path = base.join(path);
            let own = path.parent().unwrap_or(Path::new("")).to_owned();
            candidates.push((path, own));
        } else {
            candidates.push((folder.join(format!("{name}.rs")), folder.join(&name)));
            candidates.push((folder.join(&name).join("mod.rs"), folder.join(&name)));
        }
        candidates
            .into_iter()
            .find_map(|(path, own)| read(&path).map(|text| (path, text, own)))
            .ok_or_else(|| ModulesError::Missing {
                parent: parent.clone(),
                name,
            })
    }
}

/// Returns the value of `#[path = "…"]`.
fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes
        .iter()
        .find_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                Expr::Lit(literal) => match &literal.lit {
                    Lit::Str(text) => Some(text.value()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        })
}

/// Returns the name that an item defines, and its attributes.
fn defined(item: &Item) -> Option<(&syn::Ident, &[Attribute])> {
    match item {
        Item::Const(item) => Some((&item.ident, &item.attrs)),
        Item::Enum(item) => Some((&item.ident, &item.attrs)),
        Item::Fn(item) => Some((&item.sig.ident, &item.attrs)),
        Item::Static(item) => Some((&item.ident, &item.attrs)),
        Item::Struct(item) => Some((&item.ident, &item.attrs)),
        Item::Trait(item) => Some((&item.ident, &item.attrs)),
        Item::TraitAlias(item) => Some((&item.ident, &item.attrs)),
        Item::Type(item) => Some((&item.ident, &item.attrs)),
        Item::Union(item) => Some((&item.ident, &item.attrs)),
        _ => None,
    }
}

/// Collects the identifiers of a macro's arguments.
fn identifiers(tokens: TokenStream, found: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) => {
                found.insert(name.to_string());
            }
            TokenTree::Group(group) => identifiers(group.stream(), found),
            _ => {}
        }
    }
}
