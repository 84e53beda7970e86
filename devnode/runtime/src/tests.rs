//! Tests of the assembled runtime.

mod blocks;
mod client;
mod face;
mod metadata;
