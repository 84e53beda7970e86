//! Edges between files: which file names an item that another one defines, and on which line.

use crate::source::{FileId, ModuleId, Modules, imports, is_reexport, is_test_only};
use proc_macro2::{Spacing, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Item, ItemMod, ItemUse, Macro, Meta, Path, Stmt};

/// The first place in a file that names an item of another file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    /// The line, from 1.
    pub(crate) line: usize,
    /// The path as it is written.
    pub(crate) path: String,
}

/// The edges of a crate, from the file that names to the file that defines.
pub(crate) type Edges = BTreeMap<(FileId, FileId), Mention>;

/// Finds the edges of a crate.
pub(crate) fn edges(modules: &Modules) -> Edges {
    let mut edges = Edges::new();
    for (id, file) in modules.files() {
        let mut finder = Finder {
            modules,
            file: id,
            module: file.module,
            locals: Vec::new(),
            edges: &mut edges,
        };
        finder.visit_file(&file.syntax);
    }
    edges
}

/// Walks one file.
struct Finder<'m> {
    modules: &'m Modules,
    file: FileId,
    module: ModuleId,
    /// Names that blocks around the current place import (with their paths) or define (without).
    locals: Vec<BTreeMap<String, Option<Vec<String>>>>,
    edges: &'m mut Edges,
}

impl Finder<'_> {
    /// Notes the files that define what a path leads to.
    fn mention(&mut self, path: &[String], line: usize) {
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        let local = self.locals.iter().rev().find_map(|names| names.get(first));
        let files = match local {
            Some(None) => BTreeSet::new(),
            Some(Some(start)) => {
                let whole: Vec<String> = start.iter().chain(rest).cloned().collect();
                self.modules.files_of(self.module, &whole)
            }
            None => self.modules.files_of(self.module, path),
        };
        for file in files {
            if file != self.file {
                let new = Mention {
                    line,
                    path: path.join("::"),
                };
                let old = self
                    .edges
                    .entry((self.file, file))
                    .or_insert_with(|| new.clone());
                if new.line < old.line {
                    *old = new;
                }
            }
        }
    }

    /// Notes the paths in the arguments of a macro or an attribute.
    fn mention_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        let (mut colons, mut after_dot, mut dollar) = (0, false, false);
        let mut joint_dot = false;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons < 2 {
                        self.mention(&std::mem::take(&mut path), line);
                    }
                    if path.is_empty() {
                        line = name.span().start().line;
                    }
                    if !after_dot && (!dollar || name == "crate") {
                        path.push(name.to_string());
                    }
                    (colons, after_dot, dollar) = (0, false, false);
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    after_dot = false;
                }
                TokenTree::Punct(punct) => {
                    self.mention(&std::mem::take(&mut path), line);
                    colons = 0;
                    // A field or a method comes after one dot, a path may come after `..`.
                    let joint = punct.spacing() == Spacing::Joint;
                    let dot = punct.as_char() == '.';
                    after_dot = dot && !joint && !joint_dot;
                    joint_dot = dot && joint;
                    dollar = punct.as_char() == '$';
                }
                TokenTree::Group(group) => {
                    self.mention(&std::mem::take(&mut path), line);
                    (colons, after_dot, dollar) = (0, false, false);
                    self.mention_tokens(group.stream());
                }
                TokenTree::Literal(literal) => {
                    self.mention(&std::mem::take(&mut path), line);
                    (colons, after_dot, dollar) = (0, false, false);
                    self.mention_text(&literal);
                }
            }
        }
        self.mention(&path, line);
    }

    /// Notes a path that stands in a string, as in `#[serde(with = "crate::hex")]`.
    fn mention_text(&mut self, literal: &proc_macro2::Literal) {
        let line = literal.span().start().line;
        let text = literal.to_string();
        let Some(text) = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
        else {
            return;
        };
        if text.contains("::") && syn::parse_str::<Path>(text).is_ok() {
            let path: Vec<String> = text
                .split("::")
                .map(|part| part.trim().to_owned())
                .collect();
            self.mention(&path, line);
        }
    }

    /// Collects the names that a block imports and defines.
    fn block_names(block: &Block) -> BTreeMap<String, Option<Vec<String>>> {
        let mut names = BTreeMap::new();
        for statement in &block.stmts {
            match statement {
                Stmt::Item(Item::Use(item)) => {
                    for import in imports(item) {
                        if let Some(name) = import.name {
                            names.insert(name, Some(import.path));
                        }
                    }
                }
                Stmt::Item(Item::Fn(item)) => {
                    names.insert(item.sig.ident.to_string(), None);
                }
                Stmt::Item(Item::Struct(item)) => {
                    names.insert(item.ident.to_string(), None);
                }
                Stmt::Item(Item::Enum(item)) => {
                    names.insert(item.ident.to_string(), None);
                }
                Stmt::Item(Item::Const(item)) => {
                    names.insert(item.ident.to_string(), None);
                }
                _ => {}
            }
        }
        names
    }
}

/// Skips a node that only tests have.
macro_rules! skip_tests {
    ($($method:ident: $node:ty),* $(,)?) => {
        $(fn $method(&mut self, node: &'ast $node) {
            if !is_test_only(&node.attrs) {
                visit::$method(self, node);
            }
        })*
    };
}

impl<'ast> Visit<'ast> for Finder<'_> {
    skip_tests! {
        visit_item_const: syn::ItemConst,
        visit_item_enum: syn::ItemEnum,
        visit_item_fn: syn::ItemFn,
        visit_item_impl: syn::ItemImpl,
        visit_item_macro: syn::ItemMacro,
        visit_item_static: syn::ItemStatic,
        visit_item_struct: syn::ItemStruct,
        visit_item_trait: syn::ItemTrait,
        visit_item_type: syn::ItemType,
        visit_impl_item_const: syn::ImplItemConst,
        visit_impl_item_fn: syn::ImplItemFn,
        visit_impl_item_type: syn::ImplItemType,
        visit_trait_item_fn: syn::TraitItemFn,
        visit_field: syn::Field,
        visit_field_value: syn::FieldValue,
        visit_variant: syn::Variant,
        visit_arm: syn::Arm,
        visit_local: syn::Local,
        visit_expr_block: syn::ExprBlock,
        visit_expr_call: syn::ExprCall,
        visit_expr_method_call: syn::ExprMethodCall,
        visit_stmt_macro: syn::StmtMacro,
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let Some((_, items)) = &item.content else {
            return;
        };
        // A module that only tests have was not loaded.
        let Some(inner) = self.modules.child(self.module, &item.ident.to_string()) else {
            return;
        };
        let outer = std::mem::replace(&mut self.module, inner);
        for item in items {
            self.visit_item(item);
        }
        self.module = outer;
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if is_reexport(item) || is_test_only(&item.attrs) {
            return;
        }
        for import in imports(item) {
            self.mention(&import.path, import.line);
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        self.locals.push(Self::block_names(block));
        visit::visit_block(self, block);
        self.locals.pop();
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() {
            let segments: Vec<String> = path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string())
                .collect();
            let line = path
                .segments
                .first()
                .map_or(0, |first| first.ident.span().start().line);
            self.mention(&segments, line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        visit::visit_macro(self, call);
        self.mention_tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        match &attribute.meta {
            Meta::List(list) if !list.path.is_ident("cfg") => {
                self.mention_tokens(list.tokens.clone());
            }
            _ => {}
        }
    }
}
