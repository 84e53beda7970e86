//! `cairn bucket sign-unprovable`: allows or forbids signing for a bucket with leaves that
//! cannot answer a challenge.

use crate::failure::Failure;
use crate::globals::Globals;
use crate::provider_args::open_provider;
use crate::quantity;
use cairn_engine::Access;
use cairn_primitives::BucketId;
use serde::Serialize;
use std::fmt;

#[derive(Serialize)]
struct UnprovableSummary {
    bucket: u64,
    unprovable_leaves: u64,
    signed_for: bool,
}

impl fmt::Display for UnprovableSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            bucket,
            unprovable_leaves,
            signed_for,
        } = *self;
        let leaves = quantity::format_count_as(unprovable_leaves, "leaf", "leaves");
        match (unprovable_leaves, signed_for) {
            (0, _) => write!(f, "bucket {bucket} has no leaf that cannot be proven"),
            (_, true) => write!(
                f,
                "bucket {bucket} is signed for from now on, although it has {leaves} that cannot be \
                 proven: a challenge of one of them costs the stake"
            ),
            (_, false) => write!(
                f,
                "bucket {bucket} is no longer signed for: it has {leaves} that cannot be proven. \
                 Earlier signatures stay valid"
            ),
        }
    }
}

pub(super) fn run(id: BucketId, no_more: bool, globals: &Globals) -> Result<(), Failure> {
    let provider = open_provider(globals.open(Access::ReadWrite)?)?;
    let unprovable_leaves = provider.allow_unprovable(id, !no_more)?;
    globals.output().answer(&UnprovableSummary {
        bucket: id.0,
        unprovable_leaves,
        signed_for: !no_more,
    })
}
