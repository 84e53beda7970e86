//! The HTTP face over a real provider in a folder of its own, and a simulated chain: each route
//! with its bodies as bytes, its errors, and the limits of strangers.

#![forbid(unsafe_code)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "a test that truncates fails, as it should"
)]

#[cfg(test)]
mod authorisation;
#[cfg(test)]
mod buckets;
#[cfg(test)]
mod content;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod deletion;
#[cfg(test)]
mod files;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod legacy;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod members_of_rpc;
#[cfg(test)]
mod object_proofs;
#[cfg(test)]
mod objects;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod replica;
#[cfg(test)]
mod server;
#[cfg(test)]
mod terms;

#[cfg(test)]
use contract::check as check_answer;
