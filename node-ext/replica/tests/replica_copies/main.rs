//! Copies of a bucket from peers that are honest, faulty, or on the way to the next fault.

mod fixture;
mod healing;
mod over_http;
mod peers;
mod targets;
