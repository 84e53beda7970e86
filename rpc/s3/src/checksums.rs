//! Checksums that a client sends with a body, before it or after it: a body that does not have them
//! is not taken.

use bytes::Bytes;
use futures::Stream;
use futures::stream;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Error, S3ErrorCode, S3Result, TrailingHeaders};
use std::fmt;

/// The text of an error of a wrong checksum.
pub(crate) const WRONG: &str = "a checksum of the body is wrong";

/// The headers of checksums, by what they are called at the end of a body.
const NAMES: [&str; 5] = [
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
];

/// The checksums of a body by its client.
#[derive(Default)]
pub(crate) struct Expected {
    /// The checksums before the body.
    pub(crate) before: Checksum,
    /// The MD5 in base64.
    pub(crate) md5: Option<String>,
    /// The names of the headers after the body, as `x-amz-trailer` lists them.
    pub(crate) announced: String,
    /// The headers after the body.
    pub(crate) after: Option<TrailingHeaders>,
}

/// An error of a body.
#[derive(Debug)]
pub(crate) enum BodyFault {
    Broken(s3s::StdError),
    Wrong,
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => error.fmt(f),
            Self::Wrong => f.write_str(WRONG),
        }
    }
}

struct Checking {
    body: StreamingBlob,
    hasher: ChecksumHasher,
    md5: Option<Md5>,
    expected: Expected,
    is_ended: bool,
}

/// Returns a body that ends with an error if a checksum is wrong.
pub(crate) fn checked(
    body: StreamingBlob,
    expected: Expected,
) -> impl Stream<Item = Result<Bytes, BodyFault>> {
    let before = &expected.before;
    let wants = |given: &Option<String>, name: &str| {
        given.is_some() || expected.announced.split(',').any(|one| one.trim() == name)
    };
    let [crc32, crc32c, crc64, sha1, sha256] = NAMES;
    let hasher = ChecksumHasher {
        crc32: wants(&before.checksum_crc32, crc32).then(Crc32::new),
        crc32c: wants(&before.checksum_crc32c, crc32c).then(Crc32c::new),
        crc64nvme: wants(&before.checksum_crc64nvme, crc64).then(Crc64Nvme::new),
        sha1: wants(&before.checksum_sha1, sha1).then(Sha1::new),
        sha256: wants(&before.checksum_sha256, sha256).then(Sha256::new),
    };
    let checking = Checking {
        md5: expected.md5.is_some().then(Md5::new),
        body,
        hasher,
        expected,
        is_ended: false,
    };
    stream::unfold(checking, |mut checking| async move {
        use futures::StreamExt;
        if checking.is_ended {
            return None;
        }
        match checking.body.next().await {
            Some(Ok(bytes)) => {
                checking.hasher.update(&bytes);
                if let Some(md5) = &mut checking.md5 {
                    md5.update(&bytes);
                }
                Some((Ok(bytes), checking))
            }
            Some(Err(error)) => {
                checking.is_ended = true;
                Some((Err(BodyFault::Broken(error)), checking))
            }
            None => {
                checking.is_ended = true;
                match checking.is_right() {
                    true => None,
                    false => Some((Err(BodyFault::Wrong), checking)),
                }
            }
        }
    })
}

impl Checking {
    /// Returns whether the whole body has all checksums that were told or announced.
    fn is_right(&mut self) -> bool {
        let found = std::mem::take(&mut self.hasher).finalize();
        let after = self.expected.after.as_ref();
        let is = |found: &Option<String>, before: &Option<String>, name: &str| {
            let Some(found) = found else {
                return true;
            };
            let told = before.clone().or_else(|| {
                let header = after?.read(|headers| headers.get(name).cloned())?;
                header?.to_str().ok().map(str::to_owned)
            });
            told.as_deref() == Some(found)
        };
        let before = &self.expected.before;
        let [crc32, crc32c, crc64, sha1, sha256] = NAMES;
        let md5 = self.md5.take().map(|md5| base64(md5.finalize().as_ref()));
        is(&found.checksum_crc32, &before.checksum_crc32, crc32)
            && is(&found.checksum_crc32c, &before.checksum_crc32c, crc32c)
            && is(&found.checksum_crc64nvme, &before.checksum_crc64nvme, crc64)
            && is(&found.checksum_sha1, &before.checksum_sha1, sha1)
            && is(&found.checksum_sha256, &before.checksum_sha256, sha256)
            && md5 == self.expected.md5.clone().filter(|_| md5.is_some())
    }
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Returns the body of a request, which must have one.
pub(crate) fn body(body: Option<StreamingBlob>) -> S3Result<StreamingBlob> {
    body.ok_or_else(|| S3Error::new(S3ErrorCode::IncompleteBody))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{StreamExt, pin_mut};

    async fn through(expected: Expected) -> bool {
        let pieces = ["123456", "789"].map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)));
        let body = StreamingBlob::wrap(stream::iter(pieces));
        let checked = checked(body, expected);
        pin_mut!(checked);
        let mut is_right = true;
        while let Some(piece) = checked.next().await {
            is_right &= piece.is_ok();
        }
        is_right
    }

    #[tokio::test]
    async fn a_body_has_the_checksums_that_were_told() {
        let crc32 = |text: &str| Expected {
            before: Checksum {
                checksum_crc32: Some(text.to_owned()),
                ..Checksum::default()
            },
            ..Expected::default()
        };
        let md5 = |text: &str| Expected {
            md5: Some(text.to_owned()),
            ..Expected::default()
        };
        assert!(through(Expected::default()).await);
        // The check value of CRC-32, and the MD5 of the same digits.
        assert!(through(crc32("y/Q5Jg==")).await);
        assert!(!through(crc32("y/Q5Jw==")).await);
        assert!(through(md5("JfnnlDI7RTiF9RgfG2JNCw==")).await);
        assert!(!through(md5("JfnnlDI7RTiF9RgfG2JNCA==")).await);
        // One that was announced must come.
        let announced = Expected {
            announced: "x-amz-checksum-crc32".to_owned(),
            ..Expected::default()
        };
        assert!(!through(announced).await);
    }
}
