//! The S3 dialect over a real provider on a simulated chain, by a client that signs as AWS
//! describes it. `scripts/test-s3.sh` drives it with clients that are not ours.

#![forbid(unsafe_code)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "a test that truncates fails, as it should"
)]

#[cfg(test)]
mod client;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod objects;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod provider;
