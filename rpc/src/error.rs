//! Why a method says no: one table of codes.
//!
//! | code             | meaning                                                    |
//! |------------------|------------------------------------------------------------|
//! | [`UNDECODABLE`]  | the SCALE in a parameter is not of the type that is needed |
//! | [`REFUSED`]` + n`| nothing is signed: the [`Refusal`] with SCALE index `n`, which is the error's data, in hex |
//!
//! Messages help a client, and tell a stranger nothing about the machine.

use cairn_node_ext::schedule::Refusal;
use codec::{DecodeAll, Encode};
use jsonrpsee::types::{ErrorObject, ErrorObjectOwned};
use sp_core::Bytes;

/// Where this API's codes begin, past those of Substrate's own.
pub const BASE: i32 = 12_000;
/// The SCALE in a parameter is not of the type that is needed.
pub const UNDECODABLE: i32 = BASE + 1;
/// Nothing is signed. The reason's SCALE index is added.
pub const REFUSED: i32 = BASE + 100;

/// Why a method says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A parameter's SCALE cannot be decoded.
    #[error("{parameter} is no {ty} in SCALE: is it of this version of the API?")]
    Undecodable {
        /// The parameter.
        parameter: &'static str,
        /// What it should be.
        ty: &'static str,
    },
    /// Nothing is signed.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<Error> for ErrorObjectOwned {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Undecodable { .. } => ErrorObject::owned(UNDECODABLE, message, None::<()>),
            Error::Refused(refusal) => {
                let bytes = refusal.encode();
                let index = bytes.first().copied().unwrap_or_default();
                let code = REFUSED.saturating_add(i32::from(index));
                ErrorObject::owned(code, message, Some(Bytes(bytes)))
            }
        }
    }
}

/// The refusal that an error tells of, if it does.
pub fn refusal_in(error: &ErrorObject<'_>) -> Option<Refusal> {
    let bytes: Bytes = serde_json::from_str(error.data()?.get()).ok()?;
    let refusal = Refusal::decode_all(&mut bytes.0.as_slice()).ok()?;
    let expected = ErrorObjectOwned::from(Error::Refused(refusal)).code();
    (error.code() == expected).then_some(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_primitives::LeafCount;

    #[test]
    fn a_refusal_is_told_by_its_code_and_read_back_whole() {
        let leaf_count = LeafCount::new(5).unwrap();
        let refusals = [
            (Refusal::NotReady, 12_100),
            (Refusal::Behind { leaf_count }, 12_110),
            (Refusal::Unable, 12_117),
        ];
        for (refusal, code) in refusals {
            let error = ErrorObjectOwned::from(Error::from(refusal));
            assert_eq!(error.code(), code);
            assert_eq!(error.message(), refusal.to_string());
            assert_eq!(refusal_in(&error), Some(refusal));
        }
    }

    #[test]
    fn what_is_no_refusal_is_none() {
        let undecodable = Error::Undecodable {
            parameter: "ask",
            ty: "Ask",
        };
        let error = ErrorObjectOwned::from(undecodable);
        assert_eq!(error.code(), UNDECODABLE);
        assert_eq!(refusal_in(&error), None);
        let data = Some(Bytes(Refusal::Unable.encode()));
        let other = ErrorObject::owned(-32000, "busy", data);
        assert_eq!(refusal_in(&other), None);
    }
}
