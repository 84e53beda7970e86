//! A write of unknown outcome poisons the bucket.

use super::*;
use crate::bucket::commit::{GroupError, Request};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

#[test]
fn a_writer_that_panics_poisons_the_bucket() {
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let bucket = fixture.bucket();
    let request = || Request {
        leaves: vec![],
        expected: None,
        durability: Durability::Synced,
        signed_ms: None,
    };
    let panics = |_: &[_]| resume_unwind(Box::new("as the test has it"));
    let run = || bucket.commits.run(request(), panics, || bucket.abandoned());
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
    bucket.check_writable().unwrap_err();
    let next = bucket.write_with_others(request());
    assert!(matches!(next, Err(GroupError::Poisoned(_))));
}
