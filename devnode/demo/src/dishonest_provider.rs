//! A dishonest provider, which answers a challenge with another chunk.

use crate::error::DemoError;
use cairn_devnode_user::{
    Chain, ChallengeId, Commitment, Key, Location, OneLeaf, UserError, values,
};

/// The content that it signs a commitment to.
const SIGNED_CONTENT: &[u8] = b"what was promised";
/// The content in its answer.
const FALSE_CONTENT: &[u8] = b"what is left of it";

/// The chain's verdict on a false answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It took the stake.
    Slashed {
        /// The reason, as the chain names it.
        reason: String,
        /// The amount, in the smallest unit.
        amount: u128,
    },
    /// It refused the answer, as the deployed chain does: the stake goes at the deadline.
    Refused {
        /// The error, as the chain names it.
        error: String,
    },
}

/// Has `liar` sign a commitment, challenges it, and answers with false content.
pub(crate) async fn answer_falsely(
    chain: &Chain,
    admin: &Key,
    liar: &Key,
    bucket: u64,
) -> Result<Verdict, DemoError> {
    let promised = OneLeaf(SIGNED_CONTENT);
    let takes_leaf_counts = chain
        .has_argument("challenge_offchain", "commitment")
        .await?;
    let commitment = Commitment {
        // The deployed chain takes none, and verifies the signature of a commitment with 0.
        leaf_count: u64::from(takes_leaf_counts),
        ..promised.commitment()
    };
    let nonce = match chain.signs_nonces().await? {
        true => Some(chain.anchor().await?.into()),
        false => None,
    };
    let signature = liar.sign(&Chain::commitment_message(bucket, &commitment, nonce));
    let location = Location {
        leaf_index: 0,
        chunk_index: 0,
    };
    let sent = chain
        .challenge_offchain(
            admin,
            bucket,
            liar.account(),
            &commitment,
            nonce,
            &signature,
            location,
        )
        .await?;
    let asked = chain.included(&sent).await?;
    let id = ChallengeId::of_event(asked.storage_event("ChallengeCreated")?)?;
    match chain
        .respond(liar, id, promised.answer(FALSE_CONTENT))
        .await
    {
        Ok(judged) => {
            let slash = &judged.storage_event("ChallengeSlashed")?.fields;
            Ok(Verdict::Slashed {
                reason: values::variant(values::inside(slash, "reason")?)?.to_owned(),
                amount: values::number_in(slash, "slashed_amount")?,
            })
        }
        Err(UserError::Failed { error, .. }) => Ok(Verdict::Refused { error }),
        Err(error) => Err(error.into()),
    }
}
