//! The source of a connection: the holder of its address.

use std::net::{IpAddr, Ipv4Addr};

/// One holder of addresses: an IPv4 address, or the 64-bit network of an IPv6 address, which an
/// access provider assigns to one customer as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

impl Source {
    pub(crate) fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                Self::V6([a, b, c, d])
            }
        }
    }

    /// Returns whether it is this machine: its operator, or a proxy for many others. The limits of
    /// one stranger do not apply to it.
    pub(crate) fn is_this_machine(self) -> bool {
        match self {
            Self::V4(ip) => ip.is_loopback(),
            // The network of ::1.
            Self::V6(network) => network == [0; 4],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ip: &str) -> Source {
        Source::of(ip.parse().unwrap())
    }

    #[test]
    fn s11_one_holder_of_addresses_is_one_source() {
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        // The form of an IPv4 address at a listener for both versions.
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        for here in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(of(here).is_this_machine(), "{here}");
        }
        for there in ["192.0.2.1", "10.0.0.1", "fe80::1", "2001:db8::1"] {
            assert!(!of(there).is_this_machine(), "{there}");
        }
    }
}
