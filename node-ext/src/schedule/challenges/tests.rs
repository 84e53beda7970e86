//! The scheduler against a scripted chain: single scenes, random weather, and
//! real buckets on disk.

mod answers;
mod play;
mod provider;
mod scenes;
mod weather;
