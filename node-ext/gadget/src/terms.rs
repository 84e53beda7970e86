//! Terms of new agreements: the operator's policy, the offer that follows from it, and the
//! signatures of terms that clients ask for.
//!
//! Signed terms are a promise: their owner may redeem them until they expire, and the provider
//! must then store the bytes. So each counts as used space until the chain shows that it was
//! redeemed or cannot be any more. By default nothing is offered.

mod offer;
mod policy;
mod quoter;
#[cfg(test)]
mod tests;

pub use offer::{Offer, ReplicaOffer, TermsRequest};
pub use policy::{OwnerRule, PriceMismatch, TermsPolicy, TermsPolicyError};
pub(crate) use quoter::QuoterInputs;
pub use quoter::{Quoter, TermsStatistics};
