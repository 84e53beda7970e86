//! Signatures and submissions, as the log of a game names them.

use crate::signature_log::KnownSignature;
use cairn_chain::Submission;
use cairn_primitives::challenge::ChallengeResponse;

/// Describes a signature.
pub(super) fn describe_signature(signed: &KnownSignature) -> String {
    let KnownSignature {
        bucket,
        commitment,
        window,
        nonce,
        ..
    } = signed;
    let window = window.map_or(String::new(), |window| format!(" for window {window}"));
    let nonce = nonce.map_or(String::new(), |nonce| format!(", nonce {nonce}"));
    format!(
        "bucket {bucket}, {} leaves from {} under {:?}{window}{nonce}",
        commitment.leaf_count, commitment.start_seq, commitment.mmr_root
    )
}

/// Describes a submission.
pub(super) fn describe_submission(submission: &Submission) -> String {
    match submission {
        Submission::Response { id, response } => {
            let what = match **response {
                ChallengeResponse::Proof { .. } => "a proof",
                ChallengeResponse::Deleted { .. } => "`Deleted`",
                ChallengeResponse::Superseded => "`Superseded`",
            };
            format!("{what} for the challenge due at {}", id.deadline)
        }
        Submission::Checkpoint {
            bucket,
            commitment,
            window,
            ..
        } => {
            let window = window.map_or(String::new(), |window| format!(" in window {window}"));
            format!(
                "our checkpoint of bucket {bucket}, {} leaves from {}{window}",
                commitment.leaf_count, commitment.start_seq
            )
        }
        Submission::ConfirmSync(confirmation) => {
            format!(
                "the confirmation of a replica of bucket {}",
                confirmation.bucket
            )
        }
        Submission::Provider(call) => format!("{call:?}"),
    }
}
