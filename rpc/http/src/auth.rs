//! Authorisation: a signed header says who asks, and the chain says what they may do.

mod header;
mod members;

pub use header::SignedMessage;
pub(crate) use members::Memberships;

use crate::error::HttpError;
use axum::http::{HeaderMap, header::AUTHORIZATION};
use cairn_primitives::BucketId;
use cairn_primitives::challenge::{AccountId, Role};
use header::SignedHeader;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The header that names the block a client acted on. Only its form is checked.
pub(crate) const CONTEXT: &str = "x-web3storage-context";

/// A right in a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// To read: members of any role.
    Read,
    /// To store and commit: writers and admins.
    Write,
}

impl Right {
    const fn is_of(self, role: Role) -> bool {
        match self {
            Self::Read => true,
            Self::Write => matches!(role, Role::Writer | Role::Admin),
        }
    }
}

/// Returns the account that has signed a request's header for a bucket.
pub(crate) fn signer_of(
    headers: &HeaderMap,
    method: &str,
    bucket: BucketId,
    max_skew: Duration,
) -> Result<AccountId, HttpError> {
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
    let text = header.to_str().map_err(|_| HttpError::AuthRequired)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let message = SignedMessage { method, bucket };
    SignedHeader::parse(text)?.verify(message, now.unwrap_or_default(), max_skew)
}

/// Returns whether a text is a block's number and hash.
fn is_context(text: &str) -> bool {
    text.split_once(':').is_some_and(|(number, hash)| {
        number.parse::<u32>().is_ok() && crate::hex_text::array::<32>(hash).is_some()
    })
}

/// Checks that a role has a right. An account may be listed more than once.
pub(crate) fn check(
    members: &[(AccountId, Role)],
    account: &AccountId,
    right: Right,
) -> Result<(), HttpError> {
    let mut roles = members.iter().filter(|(member, _)| member == account);
    match roles.any(|(_, role)| right.is_of(*role)) {
        true => Ok(()),
        false => Err(HttpError::InsufficientRole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_its_rights() {
        let account = AccountId([7; 32]);
        let allowed = |role, right| check(&[(account, role)], &account, right).is_ok();
        for (role, may_write) in [
            (Role::Reader, false),
            (Role::Writer, true),
            (Role::Admin, true),
        ] {
            assert!(allowed(role, Right::Read));
            assert_eq!(allowed(role, Right::Write), may_write, "{role:?}");
        }
        let other = AccountId([8; 32]);
        let refused = check(&[(account, Role::Admin)], &other, Right::Read);
        assert_eq!(refused, Err(HttpError::InsufficientRole));
    }

    #[test]
    fn a_context_is_a_number_and_a_hash() {
        let hash = "07".repeat(32);
        assert!(is_context(&format!("4213:0x{hash}")));
        for text in ["", "4213", "4213:", "x:0x00", "4213:0x1234", "-1:0x00"] {
            assert!(!is_context(text), "{text:?}");
        }
        assert!(!is_context(&format!("4294967296:0x{hash}")));
    }
}
