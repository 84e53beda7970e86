//! The signed header of a request. The members of buckets, and what they may do, are those of the
//! JSON-RPC.

use crate::error::HttpError;
use axum::http::{HeaderMap, header::AUTHORIZATION};

/// The header that names the block a client acted on. Only its form is checked.
pub(crate) const CONTEXT: &str = "x-web3storage-context";

/// Returns the one `Authorization` header of a request.
pub(crate) fn signed_header(headers: &HeaderMap) -> Result<&str, HttpError> {
    if let Some(context) = headers.get(CONTEXT)
        && !context.to_str().is_ok_and(is_context)
    {
        return Err(HttpError::AuthRequired);
    }
    let mut given = headers.get_all(AUTHORIZATION).iter();
    // Of two headers, one would be checked and a proxy might have checked the other.
    let (Some(header), None) = (given.next(), given.next()) else {
        return Err(HttpError::AuthRequired);
    };
    header.to_str().map_err(|_| HttpError::AuthRequired)
}

/// Returns whether a text is a block's number and hash.
fn is_context(text: &str) -> bool {
    text.split_once(':').is_some_and(|(number, hash)| {
        number.parse::<u32>().is_ok() && crate::hex_text::array::<32>(hash).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_a_number_and_a_hash() {
        let hash = "07".repeat(32);
        assert!(is_context(&format!("4213:0x{hash}")));
        for text in ["", "4213", "4213:", "x:0x00", "4213:0x1234", "-1:0x00"] {
            assert!(!is_context(text), "{text:?}");
        }
        assert!(!is_context(&format!("4294967296:0x{hash}")));
    }

    #[test]
    fn one_header_counts_and_two_do_not() {
        let mut headers = HeaderMap::new();
        assert_eq!(signed_header(&headers), Err(HttpError::AuthRequired));
        headers.append(AUTHORIZATION, "one".parse().unwrap());
        assert_eq!(signed_header(&headers), Ok("one"));
        headers.append(AUTHORIZATION, "two".parse().unwrap());
        assert_eq!(signed_header(&headers), Err(HttpError::AuthRequired));
    }
}
