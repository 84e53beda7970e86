//! How many lines of a file only tests have.

use super::cfg::is_test_only;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item};

/// Returns the number of lines of the items that only tests have, their attributes and doc
/// comments among them.
pub(crate) fn lines_for_tests(file: &syn::File) -> usize {
    let mut counter = Counter { lines: 0 };
    counter.visit_file(file);
    counter.lines
}

struct Counter {
    lines: usize,
}

impl Counter {
    /// Counts a node that only tests have; returns whether it is one.
    fn count(&mut self, attributes: &[Attribute], node: &impl Spanned) -> bool {
        let is_for_tests = is_test_only(attributes);
        if is_for_tests {
            let span = node.span();
            self.lines += span.end().line.saturating_sub(span.start().line) + 1;
        }
        is_for_tests
    }
}

impl<'ast> Visit<'ast> for Counter {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Const(item) => &item.attrs,
            Item::Enum(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Macro(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Static(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Trait(item) => &item.attrs,
            Item::Type(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !self.count(attributes, item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            _ => return visit::visit_impl_item(self, item),
        };
        if !self.count(attributes, item) {
            visit::visit_impl_item(self, item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lines_for_tests;

    #[test]
    fn items_for_tests_are_counted_once_with_their_attributes() {
        let text = "struct A;
            #[cfg(test)]
            use b::B;
            impl A {
                fn f() {}
                /// For tests.
                #[cfg(test)]
                fn g() {
                }
            }
            #[cfg(test)]
            mod tests {
                #[test]
                fn t() {}
            }
            #[cfg(any(test, unix))]
            fn h() {}";
        let file = syn::parse_file(text).unwrap();
        assert_eq!(lines_for_tests(&file), 2 + 4 + 5);
    }
}
