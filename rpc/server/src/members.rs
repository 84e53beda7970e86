//! Members of buckets: a signed header says who asks, and the chain says what they may do.
//!
//! The HTTP API and the JSON-RPC check the same header against the same members.

mod cache;
mod guard;
mod header;

pub use cache::{BucketMembers, Members};
pub use guard::{GuardError, MemberGuard};
pub use header::{SignedHeader, SignedMessage};

use crate::rate_limit::Rate;
use cairn_primitives::challenge::{AccountId, Role};
use cairn_rpc_api::{Code, Error, ErrorData};
use std::num::NonZeroU32;
use std::time::Duration;

/// The requests of one account in a second.
const DEFAULT_RATE: NonZeroU32 = NonZeroU32::MIN.saturating_add(3_999);
/// When an account that exceeds its rate may ask again.
const RATE_RETRY_DELAY: Duration = Duration::from_secs(1);

/// The limits within which members are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberLimits {
    /// How far the time of a signed header may be from this machine's: 300 seconds, as at today's
    /// provider.
    pub max_skew: Duration,
    /// For how long members that were read from the chain count while it does not answer: 300
    /// seconds, as at today's provider.
    pub max_stale: Duration,
    /// How long a request waits for a bucket that the finalized chain does not have yet. None by
    /// default.
    pub finality_grace: Duration,
    /// The rate of one account: 4,000 requests in a second, which upload a gigabyte.
    pub rate: Rate,
}

impl Default for MemberLimits {
    fn default() -> Self {
        Self {
            max_skew: Duration::from_secs(300),
            max_stale: Duration::from_secs(300),
            finality_grace: Duration::ZERO,
            rate: Rate::per_second(DEFAULT_RATE),
        }
    }
}

/// A right in a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To read: members of any role.
    Read,
    /// To store and commit: writers and admins.
    Write,
    /// To delete: admins.
    Admin,
}

impl Right {
    const fn is_of(self, role: Role) -> bool {
        match self {
            Self::Read => true,
            Self::Write => matches!(role, Role::Writer | Role::Admin),
            Self::Admin => matches!(role, Role::Admin),
        }
    }
}

/// The reason why a request is not a member's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// The signed header is missing or malformed, or has not signed this request.
    #[error("Authentication required")]
    AuthRequired,
    /// The signed header has another time than now.
    #[error("Request timestamp expired")]
    TimestampExpired,
    /// The account has no role in the bucket that allows this.
    #[error("Insufficient role")]
    InsufficientRole,
    /// The chain does not tell the members.
    #[error("Membership lookup failed: chain unavailable: {0}")]
    Unavailable(&'static str),
    /// The account sends too many requests.
    #[error("the account exceeds its request rate")]
    TooOften,
}

impl From<MemberError> for Error {
    fn from(error: MemberError) -> Self {
        let code = match error {
            MemberError::AuthRequired | MemberError::TimestampExpired => Code::AuthRequired,
            MemberError::InsufficientRole => Code::InsufficientRole,
            MemberError::Unavailable(_) => Code::MembershipUnavailable,
            MemberError::TooOften => {
                let data = ErrorData::retry_after(RATE_RETRY_DELAY);
                return Self::with_data(Code::TooOften, error.to_string(), data);
            }
        };
        Self::new(code, error.to_string())
    }
}

/// The one signed header of a request, as its listener found it. The listener puts it into the
/// request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberHeader(pub String);

impl MemberHeader {
    /// The beginning of the header.
    pub const SCHEME: &'static str = header::SCHEME;
}

/// Checks that a role has a right. An account may be listed more than once.
///
/// # Errors
///
/// [`MemberError::InsufficientRole`].
pub fn check_right(
    members: &[(AccountId, Role)],
    account: &AccountId,
    right: Right,
) -> Result<(), MemberError> {
    let mut roles = members.iter().filter(|(member, _)| member == account);
    match roles.any(|(_, role)| right.is_of(*role)) {
        true => Ok(()),
        false => Err(MemberError::InsufficientRole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_its_rights() {
        let account = AccountId([7; 32]);
        let allowed = |role, right| check_right(&[(account, role)], &account, right).is_ok();
        for (role, may_write, may_delete) in [
            (Role::Reader, false, false),
            (Role::Writer, true, false),
            (Role::Admin, true, true),
        ] {
            assert!(allowed(role, Right::Read));
            assert_eq!(allowed(role, Right::Write), may_write, "{role:?}");
            assert_eq!(allowed(role, Right::Admin), may_delete, "{role:?}");
        }
        let other = AccountId([8; 32]);
        let refused = check_right(&[(account, Role::Admin)], &other, Right::Read);
        assert_eq!(refused, Err(MemberError::InsufficientRole));
        let roles = [(account, Role::Reader), (account, Role::Writer)];
        assert_eq!(check_right(&roles, &account, Right::Write), Ok(()));
    }
}
