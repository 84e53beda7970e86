//! Attributes that keep code out of every build but tests.

use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token};

/// Returns whether the attributes leave an item to tests: `#[test]`, or a `#[cfg(…)]` that holds
/// with `test` only.
pub(crate) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        if let Meta::Path(path) = &attribute.meta {
            return path
                .segments
                .last()
                .is_some_and(|last| last.ident == "test");
        }
        let path = attribute.path();
        if path.segments.len() > 1 && path.segments.last().is_some_and(|s| s.ident == "test") {
            // `#[tokio::test(…)]`
            return true;
        }
        path.is_ident("cfg")
            && attribute
                .parse_args::<Meta>()
                .is_ok_and(|meta| needs_test(&meta))
    })
}

/// Returns whether a condition holds with `test` only.
fn needs_test(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => {
            let parse = Punctuated::<Meta, Token![,]>::parse_terminated;
            let Ok(parts) = list.parse_args_with(parse) else {
                return false;
            };
            if list.path.is_ident("all") {
                parts.iter().any(needs_test)
            } else if list.path.is_ident("any") {
                !parts.is_empty() && parts.iter().all(needs_test)
            } else {
                false
            }
        }
        Meta::NameValue(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_test_only;

    fn of(attribute: &str) -> bool {
        let item: syn::Item = syn::parse_str(&format!("{attribute} fn f() {{}}")).unwrap();
        let syn::Item::Fn(item) = item else {
            panic!("not a function")
        };
        is_test_only(&item.attrs)
    }

    #[test]
    fn only_conditions_that_need_test_are_for_tests() {
        for attribute in [
            "#[test]",
            "#[tokio::test]",
            "#[tokio::test(flavor = \"multi_thread\")]",
            "#[cfg(test)]",
            "#[cfg(all(unix, test))]",
            "#[cfg(any(test, all(test, unix)))]",
        ] {
            assert!(of(attribute), "{attribute}");
        }
        for attribute in [
            "",
            "#[inline]",
            "#[cfg(unix)]",
            "#[cfg(not(test))]",
            "#[cfg(any(test, feature = \"testing\"))]",
            "#[cfg(feature = \"test\")]",
            "#[cfg_attr(test, inline)]",
        ] {
            assert!(!of(attribute), "{attribute}");
        }
    }
}
