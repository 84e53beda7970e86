//! The routes, by subject. Each has its request and its response as today's provider has them.

pub(crate) mod buckets;
pub(crate) mod commit;
pub(crate) mod commitment;
pub(crate) mod delete;
pub(crate) mod files;
pub(crate) mod info;
pub(crate) mod negotiate;
pub(crate) mod nodes;
mod number_text;
pub(crate) mod object_body;
pub(crate) mod objects;
pub(crate) mod proofs;
mod ranges;
pub(crate) mod read;
pub(crate) mod replica;
pub(crate) mod subtree;
