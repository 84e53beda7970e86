//! Tests of the assembled runtime.

mod metadata;
