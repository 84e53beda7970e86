//! Tests of the scheduler against a simulated chain: single scenarios, random faults, and real
//! buckets on disk.

mod answers;
mod chain_faults;
mod claim_model;
mod claims;
mod harness;
mod isolation;
mod oldest_chain;
mod on_disk;
mod scenarios;
