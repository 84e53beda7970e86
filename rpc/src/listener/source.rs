//! Where connections come from, as far as one holder of addresses is told from
//! another.

use std::net::{IpAddr, Ipv4Addr};

/// One holder of addresses: an IPv4 address, or the 64 bits of an IPv6 address
/// that a provider of access gives to a customer, who has all of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

impl Source {
    pub(super) fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                Self::V6([a, b, c, d])
            }
        }
    }

    /// Whether it is this machine: its operator, or a proxy for many others, so that
    /// it is not held to what one stranger may have.
    pub(super) fn is_this_machine(self) -> bool {
        match self {
            Self::V4(ip) => ip.is_loopback(),
            // The 64 bits of ::1.
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
        // As an IPv4 address comes to a listener for both.
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        for here in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(of(here).is_this_machine(), "{here}");
        }
        for there in ["192.0.2.1", "10.0.0.1", "fe80::1", "2001:db8::1"] {
            assert!(!of(there).is_this_machine(), "{there}");
        }
    }
}
