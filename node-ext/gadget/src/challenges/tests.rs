//! Tests of the scheduler against a simulated chain: single scenarios, random faults, and real
//! buckets on disk.

mod alone;
mod answers;
mod claims;
mod model;
mod play;
mod provider;
mod scenes;
mod weather;
