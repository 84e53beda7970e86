//! Evaluates the `cfg` attributes of a pallet's variant before FRAME's macros see them.
//!
//! FRAME's macros run on unexpanded code. They carry `cfg` over for storage items, calls and
//! errors, but not for events, constants and arguments, and they refuse two calls with one
//! index even if only one of them is compiled. So [`macro@select`] removes what the variant
//! does not have. It knows only the traits that the build script lists in `CAIRN_TRAITS`;
//! every other `cfg` stays for the compiler.

#![forbid(unsafe_code)]

mod selector;

use proc_macro::TokenStream;
use quote::ToTokens;
use selector::Selector;
use syn::visit_mut::VisitMut;

/// Evaluates the traits of the variant in a module: on items, on items of traits and
/// implementations, on fields, enum variants and arguments.
///
/// # Errors
///
/// Stops the compilation if the build script did not set `CAIRN_TRAITS`.
#[proc_macro_attribute]
pub fn select(_arguments: TokenStream, module: TokenStream) -> TokenStream {
    let mut module = syn::parse_macro_input!(module as syn::ItemMod);
    let Ok(traits) = std::env::var("CAIRN_TRAITS") else {
        let error = syn::Error::new_spanned(&module.ident, "the build script sets no traits");
        return error.to_compile_error().into();
    };
    Selector::new(&traits).visit_item_mod_mut(&mut module);
    module.into_token_stream().into()
}
