//! Agreements: an owner redeems terms that a provider signed, which makes a bucket; extends them,
//! ends them early, and settles them after their end.

use super::{REQUEST_TIMEOUT, SETTLEMENT, World};
use crate::actors::Actor;
use crate::calls::Call;
use crate::game_result::Violation;
use crate::root::RootAction;
use cairn_chain::ChainClient;
use cairn_primitives::BucketId;
use cairn_primitives::terms::{AgreementTerms, BucketTarget};

/// The most buckets on chain.
const MAX_BUCKETS: u64 = 6;

/// Returns terms for a new bucket of the admin.
fn terms(anchor: u32, nonce: u64, duration: u32) -> AgreementTerms {
    AgreementTerms {
        owner: Actor::Admin.account(),
        max_bytes: 1 << 30,
        duration,
        price_per_byte: 0,
        valid_until: anchor + REQUEST_TIMEOUT / 2,
        nonce,
        bucket: BucketTarget::New,
        replica: None,
    }
}

/// Returns the call that redeems terms of the accomplice.
pub(super) fn accomplice_terms(anchor: u32, nonce: u64, duration: u32) -> Call {
    let terms = terms(anchor, nonce, duration);
    Call::Establish {
        provider: Actor::Accomplice.account(),
        terms,
        signature: Actor::Accomplice.sign_bytes(&terms.signing_hash().0),
        is_private: false,
    }
}

impl World {
    /// Makes a bucket: by an agreement with the provider, or with the accomplice.
    pub(super) fn create_on_chain(&mut self, a: u8, b: u8) {
        if self.chain.lock().bucket_count() >= MAX_BUCKETS {
            return;
        }
        let duration = 10 + 10 * u32::from(b % 8);
        if a % 4 == 3 {
            self.accomplice_nonce += 1;
            let anchor = self.chain.lock().best().anchor;
            let call = accomplice_terms(anchor, self.accomplice_nonce, duration);
            self.log_event("a bucket on chain, of the accomplice");
            return self.call(Actor::Admin, call);
        }
        let Some(process) = &self.process else { return };
        let head = self.chain.lock().reported_head();
        let rules = self.runtime.block_on(process.chain.terms_rules(head.hash));
        let asked = terms(head.anchor, 0, duration);
        let signed = rules.map_err(|error| error.to_string()).and_then(|rules| {
            let provider = process.provider();
            let signed = provider.sign_terms(asked, head.anchor, &rules.nonces, &process.signer);
            signed.map_err(|error| error.to_string())
        });
        let signed = match signed {
            Ok(signed) => signed,
            Err(refused) => return self.log_event(format!("no terms are signed: {refused}")),
        };
        let nonce = signed.terms.nonce;
        let used = self.terms.iter().any(|before| before.terms.nonce == nonce);
        if used {
            let what = format!("terms with nonce {nonce}, twice");
            self.fail(Violation::Contradiction { what });
        }
        self.log_event(format!("terms for {duration} blocks are signed"));
        self.terms.push(signed);
        self.redeem(self.terms.len() - 1, b >= 128);
    }

    fn redeem(&mut self, place: usize, is_private: bool) {
        let Some(signed) = self.terms.get(place).cloned() else {
            return;
        };
        let call = Call::Establish {
            provider: Actor::Us.account(),
            terms: signed.terms,
            signature: signed.signature,
            is_private,
        };
        self.call(Actor::Admin, call);
    }

    /// Redeems terms again, which the chain refuses.
    pub(super) fn redeem_again(&mut self, a: u8) {
        if !self.terms.is_empty() {
            self.redeem(usize::from(a) % self.terms.len(), false);
        }
    }

    /// Extends an agreement, or makes a new one.
    pub(super) fn agree(&mut self, a: u8, b: u8) {
        let bucket = self.bucket(a);
        let provider = Actor::Us.account();
        let agreement = self.chain.lock().rows().agreement(bucket, &provider);
        let duration = 10 + 10 * u32::from(b % 8);
        if agreement.is_none() {
            return self.create_on_chain(0, b);
        }
        let who = match b % 3 {
            0 => Actor::Stranger,
            _ => Actor::Admin,
        };
        self.log_event(format!(
            "{who:?} extends the agreement of bucket {bucket} by {duration} blocks"
        ));
        let call = Call::ExtendAgreement {
            bucket,
            provider,
            duration,
        };
        self.call(who, call);
    }

    /// Adds to an agreement's quota.
    pub(super) fn top_up(&mut self, a: u8) {
        let call = Call::TopUp {
            bucket: self.bucket(a),
            provider: Actor::Us.account(),
            bytes: 1 << 20,
        };
        self.call(Actor::Admin, call);
    }

    /// Makes the accomplice a second primary provider, as there are in rows from before.
    pub(super) fn accomplice_agrees(&mut self, a: u8, b: u8) {
        let bucket = self.bucket(a);
        let expires_at = self.chain.lock().best().anchor + 40 + 10 * u32::from(b % 8);
        self.log_event(format!(
            "the accomplice becomes a primary provider of bucket {bucket} to {expires_at}"
        ));
        let accomplice = Actor::Accomplice.account();
        let action = RootAction::AddPrimary(bucket, accomplice, expires_at);
        self.chain.lock().root(action);
        if b % 4 == 3 {
            self.call(Actor::Admin, Call::SetMinProviders(bucket, 2));
        }
    }

    /// Ends an agreement early, or settles it after its end: by its owner, then by the provider.
    pub(super) fn end_agreement(&mut self, a: u8, b: u8) {
        let bucket = self.bucket(a);
        let who = match b % 4 {
            0 => Actor::Accomplice,
            _ => Actor::Us,
        };
        let provider = who.account();
        let (agreement, now) = {
            let chain = self.chain.lock();
            (
                chain.rows().agreement(bucket, &provider),
                chain.best().anchor,
            )
        };
        let is_passed = agreement.is_some_and(|one| now > one.expires_at + SETTLEMENT);
        self.log_event(format!(
            "the agreement of {who:?} with bucket {bucket} is ended"
        ));
        match is_passed {
            true => self.call(who, Call::ClaimExpired(bucket)),
            false => self.call(Actor::Admin, Call::EndAgreement { bucket, provider }),
        }
    }

    /// Lets blocks pass until an agreement, its settlement and a challenge period are over.
    pub(super) fn wait_out(&mut self, a: u8, b: u8) {
        let id: BucketId = self.bucket(a);
        let (agreement, now) = {
            let chain = self.chain.lock();
            let agreement = chain.rows().agreement(id, &Actor::Us.account());
            (agreement, chain.best().anchor)
        };
        let period = self.chain.lock().rows().period("ChallengeTimeout");
        let over = agreement.map_or(now, |agreement| agreement.expires_at.max(now));
        let settles = b.is_multiple_of(2);
        let until = over + period + 3 + u32::from(b % 4);
        self.log_event(format!("blocks to {until}"));
        let mut is_settled = false;
        while self.chain.lock().best().anchor < until && !self.is_over() {
            if settles && !is_settled && self.chain.lock().best().anchor > over + SETTLEMENT {
                is_settled = true;
                self.call(Actor::Us, Call::ClaimExpired(id));
            }
            self.block(1);
        }
    }
}
