//! Judges a storage provider from outside: whether it serves the HTTP API that its clients expect.
//!
//! ```text
//! Subject: address, bucket, keys ─► run ─► each case: requests ─► its rule ─► verdict ─► Report
//! ```
//!
//! **It is** one case a rule of the API of today's provider, with the requests of its clients as
//! they write them, for any provider: that one, Cairn, or another. **It is not** a client: it shares
//! no code with the provider that it judges but the chain's arithmetic.
//!
//! What Cairn does otherwise on purpose is listed in [`Difference`]. Such a case accepts today's answer
//! and that one, and no third.
//!
//! ```no_run
//! use cairn_conformance::{Key, Subject, run};
//!
//! # async fn judge() -> Result<(), Box<dyn std::error::Error>> {
//! let writer = Key::from_suri("//Writer")?;
//! let subject = Subject::new("http://127.0.0.1:3333".parse()?, 7, writer);
//! let report = run(subject, &[]).await?;
//! println!("{report}");
//! assert!(report.is_conforming());
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![expect(
    clippy::indexing_slicing,
    reason = "only JSON is indexed: an absent field reads as null, and what is written is an object"
)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod case;
mod cases;
mod client;
mod content;
mod context;
mod difference;
mod fields;
mod key;
mod outcome;
mod report;
mod subject;
mod suite;

pub use client::{Endpoint, NotAnEndpoint};
pub use difference::Difference;
pub use key::{Key, NotAKey};
pub use report::{CaseReport, Report, Verdict};
pub use subject::Subject;
pub use suite::{rules, run};
