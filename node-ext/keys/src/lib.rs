//! Provider keys, and the gate through which every signature of a provider passes.
//!
//! ```text
//! KeyFolder ─► Signer ───────────────────────────────┐
//!                                                    ├─► Permit ─┐
//! SigningFacts ─► Gate: may this root be signed? ────┘           ├─► SignedCommitment
//! bucket's record, synced ─► DurableCommitment ──────────────────┘
//! nonce, synced ─► ReservedTerms ─► TermsPermit ────► SignedTerms
//! ```
//!
//! **It is** the only crate that signs bytes. A signature needs a [`Permit`], which only a
//! [`Gate`] creates, and a [`DurableCommitment`], which stands for a record that is synced.
//!
//! **It is not** a keystore: keys are in a folder of a Substrate node's format ([`KeyFolder`])
//! or in the node's own keystore.
//!
//! ```
//! use cairn_keys::KeyFolder;
//! # let folder = tempfile::tempdir()?;
//! let keys = KeyFolder::new(folder.path());
//! let public = keys.insert("//Alice")?;
//! assert_eq!(keys.list()?, [public]);
//!
//! let signer = keys.signer(None)?;
//! assert_eq!(signer.public(), public);
//! // An extrinsic cannot carry a commitment: its bytes are refused.
//! let extrinsic = signer.sign_extrinsic(b"the payload of an extrinsic")?;
//! # let _ = extrinsic;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod keystore;
mod signing;

// Keys.
pub use keystore::{KeyError, KeyFolder};
pub use signing::{KEY_TYPE, Signer};
// Signatures.
pub use signing::{
    DurableCommitment, Permit, ReservedTerms, SignError, SignedCommitment, TermsPermit,
};
// The decision whether a root may be signed.
pub use signing::{ChainRules, Gate, SigningFacts, SigningRefused};
