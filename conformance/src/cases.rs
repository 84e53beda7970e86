//! The cases, a file for each part of the API.

mod auth;
mod challenge;
mod commit;
mod commitment;
mod deletion;
mod encoding;
mod file;
mod folder;
mod identity;
mod lookup;
mod node;
mod object;
mod object_list;
mod proof;
mod rate;
mod read;
mod refused_node;
mod refused_terms;
mod replica;
mod rust_sdk;
mod script_sdk;
mod terms;
mod web;

use crate::case::Case;

/// All cases, in the order in which they are tried. The rate comes last, since it makes a provider
/// refuse for a while; deletion comes late, since it takes leaves away.
pub(crate) const ALL: &[&[Case]] = &[
    identity::CASES,
    encoding::CASES,
    web::CASES,
    auth::CASES,
    node::CASES,
    refused_node::CASES,
    lookup::CASES,
    commit::CASES,
    commitment::CASES,
    read::CASES,
    proof::CASES,
    replica::CASES,
    object::CASES,
    object_list::CASES,
    file::CASES,
    folder::CASES,
    rust_sdk::CASES,
    script_sdk::CASES,
    challenge::CASES,
    terms::CASES,
    refused_terms::CASES,
    deletion::CASES,
    rate::CASES,
];
