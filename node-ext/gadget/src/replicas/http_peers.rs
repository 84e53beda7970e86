//! Primary providers as peers over HTTP, at the endpoints that they have registered.

use super::ReplicaPeers;
use cairn_chain::endpoint::http_url;
use cairn_replica::{HttpPeer, HttpPeerLimits, Peer};
use std::sync::Arc;

/// Peers over HTTP.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpReplicaPeers {
    /// The limits of requests to each.
    pub limits: HttpPeerLimits,
}

impl ReplicaPeers for HttpReplicaPeers {
    fn peer(&self, endpoint: &[u8]) -> Result<Arc<dyn Peer>, String> {
        let url = http_url(endpoint).map_err(|error| error.to_string())?;
        let peer = HttpPeer::new(&url, self.limits).map_err(|error| error.to_string())?;
        Ok(Arc::new(peer))
    }
}
