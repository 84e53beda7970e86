//! The scheduler against a scripted chain: single scenes, random weather, and
//! real buckets on disk.

mod alone;
mod answers;
mod claims;
mod model;
mod play;
mod provider;
mod scenes;
mod weather;
