//! The signed header: `Web3Storage <key>:<signature>:<seconds>`.
//!
//! The signature is by sr25519 over `web3storage:<METHOD>:<bucket>:<seconds>`, or over that between
//! `<Bytes>` and `</Bytes>`, as wallets sign.

use crate::error::HttpError;
use crate::hex_text;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::AccountId;
use sp_core::{Pair, sr25519};
use std::time::Duration;

const SCHEME: &str = "Web3Storage ";

/// The message that a client signs, without the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedMessage<'m> {
    /// The request's method, in capitals.
    pub method: &'m str,
    /// The bucket that the request is for.
    pub bucket: BucketId,
}

impl SignedMessage<'_> {
    /// Returns the text to sign at a time, in seconds since 1970, as it stands in the header.
    pub fn at(&self, seconds: &str) -> String {
        let Self { method, bucket } = self;
        format!("web3storage:{method}:{bucket}:{seconds}")
    }
}

/// A parsed header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignedHeader<'h> {
    key: [u8; 32],
    signature: [u8; 64],
    /// The time as it is signed: `07` and `7` are different messages.
    seconds: &'h str,
    time: u64,
}

impl<'h> SignedHeader<'h> {
    pub(super) fn parse(text: &'h str) -> Result<Self, HttpError> {
        let parts = text.strip_prefix(SCHEME).map(|parts| parts.splitn(3, ':'));
        let mut parts = parts.ok_or(HttpError::AuthRequired)?;
        let (Some(key), Some(signature), Some(seconds)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(HttpError::AuthRequired);
        };
        let is_number = seconds.bytes().all(|byte| byte.is_ascii_digit());
        let time = seconds.parse().ok().filter(|_| is_number);
        let time = time.ok_or(HttpError::TimestampExpired)?;
        Ok(Self {
            key: hex_text::array(key).ok_or(HttpError::AuthRequired)?,
            signature: hex_text::array(signature).ok_or(HttpError::AuthRequired)?,
            seconds,
            time,
        })
    }

    /// Returns the account that signed a message at a time within `max_skew` of `now`.
    pub(super) fn verify(
        &self,
        message: SignedMessage<'_>,
        now: Duration,
        max_skew: Duration,
    ) -> Result<AccountId, HttpError> {
        if now.as_secs().abs_diff(self.time) > max_skew.as_secs() {
            return Err(HttpError::TimestampExpired);
        }
        let key = sr25519::Public::from_raw(self.key);
        let signature = sr25519::Signature::from_raw(self.signature);
        let raw = message.at(self.seconds);
        let wrapped = format!("<Bytes>{raw}</Bytes>");
        let is_signed = [raw, wrapped]
            .iter()
            .any(|text| sr25519::Pair::verify(&signature, text.as_bytes(), &key));
        match is_signed {
            true => Ok(AccountId(self.key)),
            false => Err(HttpError::AuthRequired),
        }
    }
}

#[cfg(test)]
mod tests;
