//! The pallet's calls, named as in its metadata, with SCALE-encoded arguments: a chunk of
//! 262,144 bytes must not become as many dynamic values.

use super::capabilities::PALLET;
use cairn_chain::Submission;
use codec::Encode;
use subxt::ext::scale_encode::{EncodeAsFields, Error, FieldIter, TypeResolver};
use subxt::transactions::Payload;

/// A call of the storage pallet.
pub(super) struct Call {
    pub(super) name: &'static str,
    arguments: Arguments,
}

/// SCALE-encoded arguments, in the call's order.
pub(super) struct Arguments(Vec<u8>);

impl Call {
    pub(super) fn from_submission(submission: &Submission) -> Self {
        match submission {
            Submission::Response { id, response } => Self {
                name: "respond_to_challenge",
                arguments: Arguments((id, response).encode()),
            },
            Submission::Checkpoint {
                bucket,
                commitment,
                window: None,
                signatures,
            } => Self {
                name: "checkpoint",
                arguments: Arguments((bucket, commitment, signatures).encode()),
            },
            Submission::Checkpoint {
                bucket,
                commitment,
                window: Some(window),
                signatures,
            } => Self {
                name: "provider_checkpoint",
                arguments: Arguments((bucket, commitment, window, signatures).encode()),
            },
        }
    }
}

impl Payload for Call {
    type CallData = Arguments;

    fn pallet_name(&self) -> &str {
        PALLET
    }

    fn call_name(&self) -> &str {
        self.name
    }

    fn call_data(&self) -> &Arguments {
        &self.arguments
    }
}

impl EncodeAsFields for Arguments {
    // The types were compared when the runtime was loaded: see `offers`.
    fn encode_as_fields_to<R: TypeResolver>(
        &self,
        _fields: &mut dyn FieldIter<'_, R::TypeId>,
        _types: &R,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        out.extend_from_slice(&self.0);
        Ok(())
    }
}
