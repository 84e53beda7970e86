//! Copies of a bucket from peers that are honest, faulty, or on the way to the next fault.

#![forbid(unsafe_code)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "a test that truncates fails, as it should"
)]

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod healing;
#[cfg(test)]
mod over_http;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod targets;
