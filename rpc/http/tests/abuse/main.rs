//! Abuse over a socket: slow, lying, endless, oversized and malformed requests, replayed headers,
//! rights that end in the middle of an upload, and crowds. Each costs the provider bounded memory,
//! none stops it, and nothing that it has acknowledged is lost.

#![forbid(unsafe_code)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "a test that truncates fails, as it should"
)]

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod crowd;
#[cfg(test)]
#[path = "../face/fixture.rs"]
#[expect(dead_code, reason = "shared with other tests, which use more of it")]
mod fixture;
#[cfg(test)]
mod framing;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod stage;

/// The suite `face` holds answers to the OpenAPI document. Here, any refusal is right.
#[cfg(test)]
fn check_answer(_: &axum::http::Method, _: &str, _: &fixture::Answer) {}
