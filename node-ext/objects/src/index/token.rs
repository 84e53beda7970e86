//! Continuation tokens: where a page of a listing has ended, in base64 for URLs.
//!
//! Clients return them as they are. A name may have any characters, and some clients and proxies
//! change those of a query.

use crate::error::ObjectError;
use crate::name::{MAX_NAME_BYTES, Space};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The most bytes of a token: the space and the longest name, 4 digits for 3 bytes.
const MAX_TOKEN_BYTES: usize = (1 + MAX_NAME_BYTES).div_ceil(3) * 4;

/// Returns the token that continues a listing after a name or a group, as [`Listing::next`] does:
/// for a client that names where a page has ended, such as by S3's `marker`.
///
/// [`Listing::next`]: crate::Listing::next
pub fn list_token(space: Space, name: &str) -> String {
    URL_SAFE_NO_PAD.encode([&[space.tag()], name.as_bytes()].concat())
}

/// Returns the name or the group of a token.
pub(super) fn parse(space: Space, token: &str) -> Result<String, ObjectError> {
    let bytes = match token.len() <= MAX_TOKEN_BYTES {
        true => URL_SAFE_NO_PAD.decode(token).ok(),
        false => None,
    };
    let name = bytes.and_then(|bytes| {
        let (tag, name) = bytes.split_first()?;
        let name = std::str::from_utf8(name).ok()?;
        (*tag == space.tag()).then(|| name.to_owned())
    });
    name.ok_or(ObjectError::Token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_of_another_listing_or_of_no_use_is_refused() {
        let token = list_token(Space::Keys, "a/b");
        assert_eq!(parse(Space::Keys, &token).unwrap(), "a/b");
        let longest = "\u{10000}".repeat(MAX_NAME_BYTES / 4);
        let long = list_token(Space::Keys, &longest);
        assert_eq!(parse(Space::Keys, &long).unwrap(), longest);
        let padded = format!("{token}==");
        let not_text = URL_SAFE_NO_PAD.encode([b'k', 0xff]);
        let too_long = list_token(Space::Keys, &"k".repeat(MAX_NAME_BYTES + 3));
        for wrong in ["", "a/b", "ä", &padded, &not_text, &too_long] {
            let refused = parse(Space::Keys, wrong);
            assert!(matches!(refused, Err(ObjectError::Token)), "{wrong:?}");
        }
        let other = parse(Space::Paths, &token);
        assert!(matches!(other, Err(ObjectError::Token)));
    }

    proptest! {
        #[test]
        fn any_name_comes_back_in_letters_of_a_query(name in "\\PC{0,40}|[\\x00-\\x7f]{0,40}") {
            let token = list_token(Space::Paths, &name);
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            prop_assert!(token.bytes().all(is_plain));
            prop_assert_eq!(parse(Space::Paths, &token).unwrap(), name);
        }

        #[test]
        fn any_text_is_a_token_or_an_error(text in "\\PC{0,60}") {
            if let Ok(name) = parse(Space::Keys, &text) {
                prop_assert_eq!(list_token(Space::Keys, &name), text);
            }
        }
    }
}
