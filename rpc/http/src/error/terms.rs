//! Refused terms of an agreement, as today's provider answers them.

use super::Answer;
use axum::http::StatusCode;
use cairn_primitives::terms::TermsRefusal;
use serde_json::json;

/// Refused terms, with the numbers of the request that today's provider repeats.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{refusal}")]
pub(crate) struct RefusedTerms {
    pub(crate) refusal: TermsRefusal,
    pub(crate) is_replica: bool,
    pub(crate) max_bytes: u64,
    pub(crate) duration: u32,
    pub(crate) price_per_byte: u128,
    /// The bytes that the provider's agreements add up to, if known.
    pub(crate) committed: u64,
}

impl RefusedTerms {
    pub(super) fn answer(&self) -> Answer {
        let message = Some(json!({ "message": self.to_string() }));
        let reason = Some(json!({ "reason": self.to_string() }));
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
        let bounds = |min: u32, max: u32| {
            let details = json!({ "duration": self.duration, "min": min, "max": max });
            (unprocessable, "duration_out_of_bounds", Some(details))
        };
        let price = |listed: u128| {
            let proposed = self.price_per_byte.to_string();
            let details = json!({ "proposed": proposed, "listed": listed.to_string() });
            (unprocessable, "price_below_listed", Some(details))
        };
        let capacity = |committed: u64, max_capacity: u64| {
            let details = json!({
                "requested": self.max_bytes,
                "committed": committed,
                "max_capacity": max_capacity,
            });
            (unprocessable, "capacity_exceeded", Some(details))
        };
        match self.refusal {
            TermsRefusal::NotReady => (unavailable, "chain_state_not_ready", message),
            TermsRefusal::NotRegistered => (unavailable, "provider_info_unavailable", message),
            TermsRefusal::Leaving { .. } => (unavailable, "provider_deregistering", message),
            TermsRefusal::Unable => (unavailable, "signing_unavailable", message),
            TermsRefusal::TooMany { .. } => (unavailable, "nonce_counter_unavailable", message),
            TermsRefusal::NoReplica => (unprocessable, "not_accepting_replicas", None),
            TermsRefusal::NotOffered if self.is_replica => {
                (unprocessable, "not_accepting_replicas", None)
            }
            TermsRefusal::NotOffered | TermsRefusal::NoPrimary => {
                (unprocessable, "not_accepting_primary", None)
            }
            TermsRefusal::NoBytes | TermsRefusal::TooSmall { .. } => {
                (unprocessable, "invalid_max_bytes_request", message)
            }
            TermsRefusal::TooLarge { most } => capacity(0, most),
            TermsRefusal::Capacity { available } => {
                capacity(self.committed, self.committed.saturating_add(available))
            }
            TermsRefusal::Duration { min, max } => bounds(min, max),
            TermsRefusal::Price { price: listed } => price(listed),
            TermsRefusal::Owner
            | TermsRefusal::Target
            | TermsRefusal::Payment
            | TermsRefusal::SyncPrice { .. }
            | TermsRefusal::SyncInterval { .. } => {
                (StatusCode::FORBIDDEN, "not_authorized", reason)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_terms_have_the_codes_of_todays_provider() {
        let refused = |refusal| RefusedTerms {
            refusal,
            is_replica: false,
            max_bytes: 9,
            duration: 7,
            price_per_byte: 1,
            committed: 100,
        };
        let (status, code, details) = refused(TermsRefusal::Price { price: u128::MAX }).answer();
        assert_eq!((status.as_u16(), code), (422, "price_below_listed"));
        let listed = u128::MAX.to_string();
        assert_eq!(details, Some(json!({ "proposed": "1", "listed": listed })));
        let (_, code, details) = refused(TermsRefusal::Capacity { available: 5 }).answer();
        let expected = json!({ "requested": 9, "committed": 100, "max_capacity": 105 });
        assert_eq!((code, details), ("capacity_exceeded", Some(expected)));
        let (_, code, details) = refused(TermsRefusal::Duration { min: 8, max: 9 }).answer();
        let expected = json!({ "duration": 7, "min": 8, "max": 9 });
        assert_eq!((code, details), ("duration_out_of_bounds", Some(expected)));
        let codes = [
            (TermsRefusal::NotReady, 503, "chain_state_not_ready"),
            (
                TermsRefusal::NotRegistered,
                503,
                "provider_info_unavailable",
            ),
            (
                TermsRefusal::Leaving { at: 1 },
                503,
                "provider_deregistering",
            ),
            (TermsRefusal::NotOffered, 422, "not_accepting_primary"),
            (TermsRefusal::NoReplica, 422, "not_accepting_replicas"),
            (TermsRefusal::NoBytes, 422, "invalid_max_bytes_request"),
            (TermsRefusal::Owner, 403, "not_authorized"),
        ];
        for (refusal, expected, name) in codes {
            let (status, code, _) = refused(refusal).answer();
            assert_eq!((status.as_u16(), code), (expected, name));
        }
    }
}
