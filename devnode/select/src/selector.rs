//! Walks a module and removes what the variant does not have.

use std::collections::BTreeMap;
use std::mem;
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, FnArg, ImplItem, Item, Meta, Token, TraitItem};

/// The traits, and whether the variant has each.
pub(crate) struct Selector {
    traits: BTreeMap<String, bool>,
}

impl Selector {
    /// Reads traits from `name=true,name=false`.
    pub(crate) fn new(listed: &str) -> Self {
        let traits = listed
            .split(',')
            .filter_map(|entry| entry.split_once('='))
            .map(|(name, has)| (name.to_owned(), has == "true"))
            .collect();
        Self { traits }
    }

    /// Returns whether all known predicates among the attributes hold, and removes those.
    fn keeps(&self, attributes: &mut Vec<Attribute>) -> bool {
        let mut kept = true;
        attributes.retain(|attribute| match self.of_attribute(attribute) {
            Some(holds) => {
                kept &= holds;
                false
            }
            None => true,
        });
        kept
    }

    fn of_attribute(&self, attribute: &Attribute) -> Option<bool> {
        if !attribute.path().is_ident("cfg") {
            return None;
        }
        self.evaluate(&attribute.parse_args::<Meta>().ok()?)
    }

    /// Evaluates a predicate; `None` if it mentions anything but traits.
    fn evaluate(&self, predicate: &Meta) -> Option<bool> {
        match predicate {
            Meta::Path(path) => self.traits.get(&path.get_ident()?.to_string()).copied(),
            Meta::NameValue(_) => None,
            Meta::List(list) => {
                let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
                let inner = list.parse_args_with(parser).ok()?;
                let values: Option<Vec<bool>> =
                    inner.iter().map(|meta| self.evaluate(meta)).collect();
                let values = values?;
                match list.path.get_ident()?.to_string().as_str() {
                    "not" => values.first().map(|value| !value),
                    "all" => Some(values.iter().all(|value| *value)),
                    "any" => Some(values.iter().any(|value| *value)),
                    _ => None,
                }
            }
        }
    }

    fn keep_in<I>(
        &self,
        list: &mut Punctuated<I, Token![,]>,
        attributes: fn(&mut I) -> Option<&mut Vec<Attribute>>,
    ) {
        let kept = mem::take(list).into_iter().filter_map(|mut item| {
            let keeps = attributes(&mut item).is_none_or(|found| self.keeps(found));
            keeps.then_some(item)
        });
        *list = kept.collect();
    }
}

impl VisitMut for Selector {
    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain_mut(|item| of_item(item).is_none_or(|found| self.keeps(found)));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, implementation: &mut syn::ItemImpl) {
        implementation
            .items
            .retain_mut(|item| of_impl_item(item).is_none_or(|found| self.keeps(found)));
        visit_mut::visit_item_impl_mut(self, implementation);
    }

    fn visit_item_trait_mut(&mut self, declaration: &mut syn::ItemTrait) {
        declaration
            .items
            .retain_mut(|item| of_trait_item(item).is_none_or(|found| self.keeps(found)));
        visit_mut::visit_item_trait_mut(self, declaration);
    }

    fn visit_item_enum_mut(&mut self, declaration: &mut syn::ItemEnum) {
        self.keep_in(&mut declaration.variants, |variant| {
            Some(&mut variant.attrs)
        });
        visit_mut::visit_item_enum_mut(self, declaration);
    }

    fn visit_fields_named_mut(&mut self, fields: &mut syn::FieldsNamed) {
        self.keep_in(&mut fields.named, |field| Some(&mut field.attrs));
        visit_mut::visit_fields_named_mut(self, fields);
    }

    fn visit_signature_mut(&mut self, signature: &mut syn::Signature) {
        self.keep_in(&mut signature.inputs, |argument| match argument {
            FnArg::Typed(typed) => Some(&mut typed.attrs),
            FnArg::Receiver(_) => None,
        });
    }
}

fn of_item(item: &mut Item) -> Option<&mut Vec<Attribute>> {
    match item {
        Item::Const(found) => Some(&mut found.attrs),
        Item::Enum(found) => Some(&mut found.attrs),
        Item::Fn(found) => Some(&mut found.attrs),
        Item::Impl(found) => Some(&mut found.attrs),
        Item::Struct(found) => Some(&mut found.attrs),
        Item::Trait(found) => Some(&mut found.attrs),
        Item::Type(found) => Some(&mut found.attrs),
        Item::Use(found) => Some(&mut found.attrs),
        _ => None,
    }
}

fn of_impl_item(item: &mut ImplItem) -> Option<&mut Vec<Attribute>> {
    match item {
        ImplItem::Const(found) => Some(&mut found.attrs),
        ImplItem::Fn(found) => Some(&mut found.attrs),
        ImplItem::Type(found) => Some(&mut found.attrs),
        _ => None,
    }
}

fn of_trait_item(item: &mut TraitItem) -> Option<&mut Vec<Attribute>> {
    match item {
        TraitItem::Const(found) => Some(&mut found.attrs),
        TraitItem::Fn(found) => Some(&mut found.attrs),
        TraitItem::Type(found) => Some(&mut found.attrs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::{ToTokens, quote};

    fn selected(traits: &str, module: proc_macro2::TokenStream) -> String {
        let mut module: syn::ItemMod = syn::parse2(module).unwrap();
        Selector::new(traits).visit_item_mod_mut(&mut module);
        module.into_token_stream().to_string()
    }

    #[test]
    fn items_variants_fields_and_arguments_follow_the_traits() {
        let module = quote! {
            mod pallet {
                #[cfg(old)] enum E { A }
                #[cfg(not(old))] enum E { A, #[cfg(tiers)] B { #[cfg(not(tiers))] x: u8, y: u8 } }
                trait Config { #[cfg(old)] type X; type Y; }
                impl P { fn f(a: u8, #[cfg(old)] b: u8, #[cfg(any(old, tiers))] c: u8) {} }
            }
        };
        let expected = quote! {
            mod pallet {
                enum E { A, B { y: u8 } }
                trait Config { type Y; }
                impl P { fn f(a: u8, c: u8) {} }
            }
        };
        let expected: syn::ItemMod = syn::parse2(expected).unwrap();
        let found: syn::ItemMod =
            syn::parse_str(&selected("old=false,tiers=true", module)).unwrap();
        assert_eq!(
            found.into_token_stream().to_string(),
            expected.into_token_stream().to_string()
        );
    }

    #[test]
    fn other_predicates_stay_for_the_compiler() {
        let module = quote! { mod m { #[cfg(test)] fn f() {} #[cfg(all(old, test))] fn g() {} } };
        let found = selected("old=false", module);
        assert!(found.contains("cfg (test)"), "{found}");
        assert!(found.contains("cfg (all (old , test))"), "{found}");
    }
}
