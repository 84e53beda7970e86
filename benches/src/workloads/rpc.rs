//! W14: requests over a WebSocket: proofs compared with an echo of the same size on the same
//! server; and W7 and W12 over the wire.

mod burst;
mod clients;
mod echo;
mod fixture;
mod load;

use super::Setup;
use crate::Fallible;
use crate::figures::Section;

pub(super) fn run(setup: &Setup) -> Fallible<Section> {
    let mut section = Section {
        id: "W14",
        title: "Over the RPC",
        method: "A provider behind its own listener, with two threads of its own, and clients in \
                 this process, on the same two cores. Each request is one WebSocket message, \
                 answered before the next of its connection is sent; clients do not parse what \
                 they are given. Limits are the library's, but for the pace of one connection."
            .to_owned(),
        tables: Vec::new(),
        plots: Vec::new(),
        targets: Vec::new(),
        remarks: Vec::new(),
    };
    echo::measure(setup, &mut section)?;
    load::measure(setup, &mut section)?;
    burst::measure(setup, &mut section)?;
    Ok(section)
}
