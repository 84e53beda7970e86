//! The signed header: `Web3Storage <key>:<signature>:<seconds>`.
//!
//! The signature is by sr25519 over `web3storage:<METHOD>:<bucket>:<seconds>`, or over that between
//! `<Bytes>` and `</Bytes>`, as wallets sign.

use super::MemberError;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::AccountId;
use sp_core::{Pair, sr25519};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) const SCHEME: &str = "Web3Storage ";

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
pub struct SignedHeader<'h> {
    key: [u8; 32],
    signature: [u8; 64],
    /// The time as it is signed: `07` and `7` are different messages.
    seconds: &'h str,
    time: u64,
}

impl<'h> SignedHeader<'h> {
    /// Parses the value of an `Authorization` header.
    ///
    /// # Errors
    ///
    /// [`MemberError`] where it is none of the scheme, or has no time.
    pub fn parse(text: &'h str) -> Result<Self, MemberError> {
        let parts = text.strip_prefix(SCHEME).map(|parts| parts.splitn(3, ':'));
        let mut parts = parts.ok_or(MemberError::AuthRequired)?;
        let (Some(key), Some(signature), Some(seconds)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(MemberError::AuthRequired);
        };
        let is_number = seconds.bytes().all(|byte| byte.is_ascii_digit());
        let time = seconds.parse().ok().filter(|_| is_number);
        let time = time.ok_or(MemberError::TimestampExpired)?;
        Ok(Self {
            key: hex_array(key).ok_or(MemberError::AuthRequired)?,
            signature: hex_array(signature).ok_or(MemberError::AuthRequired)?,
            seconds,
            time,
        })
    }

    /// Returns the account that the header names. Only [`SignedHeader::verify`] tells that it has
    /// signed.
    pub const fn account(&self) -> AccountId {
        AccountId(self.key)
    }

    /// Checks that the header's time is within `max_skew` of this machine's.
    ///
    /// # Errors
    ///
    /// [`MemberError::TimestampExpired`] otherwise.
    pub fn check_time(&self, max_skew: Duration) -> Result<(), MemberError> {
        self.check_time_at(unix_time(), max_skew)
    }

    fn check_time_at(&self, now: Duration, max_skew: Duration) -> Result<(), MemberError> {
        match now.as_secs().abs_diff(self.time) > max_skew.as_secs() {
            true => Err(MemberError::TimestampExpired),
            false => Ok(()),
        }
    }

    /// Returns the account that signed a message at a time within `max_skew` of `now`.
    ///
    /// # Errors
    ///
    /// [`MemberError`] where the time is another, or the signature is not of this message.
    pub fn verify(
        &self,
        message: SignedMessage<'_>,
        now: Duration,
        max_skew: Duration,
    ) -> Result<AccountId, MemberError> {
        self.check_time_at(now, max_skew)?;
        let key = sr25519::Public::from_raw(self.key);
        let signature = sr25519::Signature::from_raw(self.signature);
        let raw = message.at(self.seconds);
        let wrapped = format!("<Bytes>{raw}</Bytes>");
        let is_signed = [raw, wrapped]
            .iter()
            .any(|text| sr25519::Pair::verify(&signature, text.as_bytes(), &key));
        match is_signed {
            true => Ok(AccountId(self.key)),
            false => Err(MemberError::AuthRequired),
        }
    }
}

/// Returns this machine's time since 1970.
pub(crate) fn unix_time() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default()
}

/// Decodes `N` bytes of hex, with or without `0x`.
fn hex_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut bytes = [0; N];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests;
