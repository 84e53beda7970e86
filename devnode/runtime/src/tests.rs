//! Tests of the assembled runtime.

mod blocks;
mod face;
mod metadata;
