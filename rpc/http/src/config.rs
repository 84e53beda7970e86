//! The configuration of the HTTP face, each limit with its reason.

pub use cairn_rpc_server::AllowedOrigins;

use crate::metrics::HttpMetrics;
use cairn_rpc_server::{MemberLimits, Rate};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// The clients that may read content and proofs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadAccess {
    /// Everybody, as at today's provider and at the JSON-RPC.
    #[default]
    Everyone,
    /// Members of the bucket by the chain, in any role, with a signed header.
    Members,
}

impl FromStr for ReadAccess {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "everyone" => Ok(Self::Everyone),
            "members" => Ok(Self::Members),
            _ => Err(format!("{text:?} is neither `everyone` nor `members`")),
        }
    }
}

/// The limits of connections, bodies and waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// The most connections at once: 256. Each takes a file descriptor.
    pub connections: NonZeroU32,
    /// The most connections at once of one IPv4 address or one IPv6 network of 64 bits: 64. This
    /// machine is not counted: a proxy on it speaks for many. An IPv6 network of 48 bits may have
    /// twice as many. When all places
    /// are taken, the one of them with most loses one to one that has fewer.
    pub per_source: NonZeroU32,
    /// The most bytes of a body: 1 MiB. A chunk takes 342 KiB in base64, and 8,192 hashes 560 KiB.
    pub body_bytes: u32,
    /// The most bytes of all bodies that are in memory at once: 64 MiB, of which one source may have
    /// a quarter.
    pub all_body_bytes: u32,
    /// How long a request's head may take, and a connection may be without a byte: 30 seconds. In the
    /// same time, a body must bring four KiB for each second, or its end.
    pub idle: Duration,
    /// How long a request may take until its response begins: two minutes, in which a line of
    /// 10 KB/s sends the largest body. A commit that has begun is completed in any case.
    pub request_time: Duration,
    /// How far the time of a signed header may be from this machine's: 300 seconds, as at today's
    /// provider.
    pub max_skew: Duration,
    /// For how long members that were read from the chain count while it does not answer: 300
    /// seconds, as at today's provider.
    pub max_stale: Duration,
    /// How long a request waits for a bucket that the finalized chain does not have yet: 12
    /// seconds, as at today's provider.
    pub finality_grace: Duration,
    /// The most requests in a second of one account, and of one IPv4 address or one IPv6 network of
    /// 64 bits: 4,000, which upload a gigabyte. As many may be sent at once. This machine is not
    /// counted as an address.
    pub per_second: NonZeroU32,
}

impl HttpLimits {
    pub(crate) fn rate(&self) -> Rate {
        Rate::per_second(self.per_second)
    }

    /// Returns the limits within which members are known.
    pub(crate) fn of_members(&self) -> MemberLimits {
        MemberLimits {
            max_skew: self.max_skew,
            max_stale: self.max_stale,
            finality_grace: self.finality_grace,
            rate: self.rate(),
        }
    }
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections: NonZeroU32::MIN.saturating_add(255),
            per_source: NonZeroU32::MIN.saturating_add(63),
            body_bytes: 1 << 20,
            all_body_bytes: 64 << 20,
            idle: Duration::from_secs(30),
            request_time: Duration::from_secs(120),
            max_skew: Duration::from_secs(300),
            max_stale: Duration::from_secs(300),
            finality_grace: Duration::from_secs(12),
            per_second: NonZeroU32::MIN.saturating_add(3_999),
        }
    }
}

/// The configuration of the HTTP face.
#[derive(Clone, Debug, Default)]
pub struct HttpConfig {
    /// Its limits.
    pub limits: HttpLimits,
    /// The origins of web pages that may use it: all by default, as at today's provider. A page's rights
    /// depend on the signed header alone, which no browser adds by itself.
    pub origins: AllowedOrigins,
    /// The clients that may read.
    pub reads: ReadAccess,
    /// True if a signed header deletes from a bucket that has other primary providers too. The header
    /// names no provider, so each of them can send it to the others while its time lasts.
    pub deletes_shared: bool,
    /// The counts of connections and requests, if any.
    pub metrics: Option<HttpMetrics>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_parsed_or_refused() {
        assert_eq!("everyone".parse(), Ok(ReadAccess::Everyone));
        assert_eq!("members".parse(), Ok(ReadAccess::Members));
        assert!("nobody".parse::<ReadAccess>().is_err());
    }
}
