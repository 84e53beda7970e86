//! The `Range` header: one range of bytes. Others are answered with the whole content, as the
//! standard permits.

use crate::error::{HttpError, ObjectFault};
use axum::http::{HeaderMap, header::RANGE};
use cairn_object_store::ByteRange;

/// Returns the range that a request asks for; `None` for the whole content.
pub(super) fn asked(headers: &HeaderMap, size: u64) -> Result<Option<ByteRange>, HttpError> {
    let text = headers.get(RANGE).and_then(|range| range.to_str().ok());
    let Some((first, last)) = text.and_then(bounds) else {
        return Ok(None);
    };
    let (start, end) = match (first, last) {
        (Some(first), Some(last)) => (first, last.saturating_add(1).min(size)),
        (Some(first), None) => (first, size),
        // The number of bytes at the end.
        (None, Some(count)) => (size.saturating_sub(count), size),
        (None, None) => return Ok(None),
    };
    match start < end {
        true => Ok(Some(ByteRange { start, end })),
        false => Err(ObjectFault::Range { size }.into()),
    }
}

/// Parses `bytes=first-last`, of which one may be missing.
fn bounds(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(Some(digits.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    };
    let (first, last) = (number(first)?, number(last)?);
    let is_turned = matches!((first, last), (Some(first), Some(last)) if last < first);
    (!is_turned).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_taken_and_others_are_the_whole() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, text.parse().unwrap());
            let range = asked(&headers, 10).ok();
            range.map(|range| range.map(|range| (range.start, range.end)))
        };
        assert_eq!(of("bytes=0-0"), Some(Some((0, 1))));
        assert_eq!(of("bytes=2-5"), Some(Some((2, 6))));
        assert_eq!(of("bytes=2-"), Some(Some((2, 10))));
        assert_eq!(of("bytes=-3"), Some(Some((7, 10))));
        assert_eq!(of("bytes=-30"), Some(Some((0, 10))));
        assert_eq!(of("bytes=9-99999999999999999999999"), Some(Some((9, 10))));
        for whole in [
            "bytes=-",
            "bytes=5-2",
            "lines=1-2",
            "bytes=1-2,4-5",
            "bytes=+1-2",
            "",
        ] {
            assert_eq!(of(whole), Some(None), "{whole}");
        }
        for outside in ["bytes=10-", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(of(outside), None, "{outside}");
        }
        assert_eq!(asked(&HeaderMap::new(), 10).unwrap(), None);
    }
}
