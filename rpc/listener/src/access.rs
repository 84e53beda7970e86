//! Which requests may call unsafe methods at the standalone listener. The convention is that of
//! `sc-rpc-api` with one difference: a loopback address is not enough, since a proxy on this
//! machine has one, and so have its other users.
//!
//! | `--rpc-methods` | the listener is | who may call unsafe methods                         |
//! |-----------------|-----------------|-----------------------------------------------------|
//! | `safe`          | anywhere        | nobody                                              |
//! | `auto`          | anywhere        | requests with the token                             |
//! | `unsafe`        | on loopback     | requests with the token, and those without a proxy  |
//! | `unsafe`        | elsewhere       | everybody                                           |
//!
//! A website may never, unless the operator has listed its origin.
//!
//! Except with `safe`, a request may also carry the signed header of a bucket's member, who may then
//! call the methods that change this bucket alone. Whether the member may is decided by the methods.

use cairn_rpc_server::DenyUnsafe;
use std::str::FromStr;

/// The operator's choice of who may call unsafe methods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RpcMethods {
    /// Requests with the token may.
    #[default]
    Auto,
    /// Nobody may, and no member of a bucket either.
    Safe,
    /// Every request without a proxy may; on a listener that is not on loopback, every request.
    Unsafe,
}

impl FromStr for RpcMethods {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "safe" => Ok(Self::Safe),
            "unsafe" => Ok(Self::Unsafe),
            _ => Err("expected auto, safe or unsafe".to_owned()),
        }
    }
}

/// The marks of a request's origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) has_token: bool,
    /// A proxy has forwarded the request.
    pub(crate) is_forwarded: bool,
    /// A website that the operator has not listed makes the request.
    pub(crate) is_foreign: bool,
}

impl RpcMethods {
    /// Decides for a request. Its address alone permits nothing.
    pub(crate) fn deny_unsafe(self, on_loopback: bool, caller: Caller) -> DenyUnsafe {
        let may = !caller.is_foreign
            && match self {
                Self::Safe => false,
                Self::Auto => caller.has_token,
                Self::Unsafe => caller.has_token || !on_loopback || !caller.is_forwarded,
            };
        if may { DenyUnsafe::No } else { DenyUnsafe::Yes }
    }

    /// Returns whether a request may be one of a bucket's member.
    pub(crate) fn allows_members(self, caller: Caller) -> bool {
        !caller.is_foreign && self != Self::Safe
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RpcMethods::{Auto, Safe, Unsafe};

    const PLAIN: Caller = Caller {
        has_token: false,
        is_forwarded: false,
        is_foreign: false,
    };
    const FORWARDED: Caller = Caller {
        is_forwarded: true,
        ..PLAIN
    };

    fn may(methods: RpcMethods, on_loopback: bool, caller: Caller) -> bool {
        methods.deny_unsafe(on_loopback, caller) == DenyUnsafe::No
    }

    #[test]
    fn s7a_a_proxied_request_is_never_the_operators() {
        for on_loopback in [true, false] {
            assert!(!may(Auto, on_loopback, FORWARDED));
            assert!(!may(Safe, on_loopback, FORWARDED));
        }
        assert!(!may(Unsafe, true, FORWARDED));
        // Two flags on the command line say so.
        assert!(may(Unsafe, false, FORWARDED));
    }

    #[test]
    fn s7c_the_token_permits_and_an_address_does_not() {
        for on_loopback in [true, false] {
            assert!(!may(Auto, on_loopback, PLAIN));
            for caller in [PLAIN, FORWARDED] {
                let with_token = Caller {
                    has_token: true,
                    ..caller
                };
                assert!(may(Auto, on_loopback, with_token));
                assert!(may(Unsafe, on_loopback, with_token));
                assert!(!may(Safe, on_loopback, with_token));
            }
        }
        assert!(may(Unsafe, true, PLAIN));
        for wrong in ["Auto", "", "all"] {
            assert!(wrong.parse::<RpcMethods>().is_err());
        }
    }

    #[test]
    fn members_are_heard_unless_nobody_may_or_a_website_asks() {
        for caller in [PLAIN, FORWARDED] {
            assert!(Auto.allows_members(caller));
            assert!(Unsafe.allows_members(caller));
            assert!(!Safe.allows_members(caller));
        }
        let foreign = Caller {
            is_foreign: true,
            ..PLAIN
        };
        assert!(!Auto.allows_members(foreign));
        assert!(!Unsafe.allows_members(foreign));
    }

    #[test]
    fn s7c_an_unlisted_website_may_not_even_with_the_token() {
        for methods in [Auto, Safe, Unsafe] {
            for on_loopback in [true, false] {
                let caller = Caller {
                    has_token: true,
                    is_foreign: true,
                    ..PLAIN
                };
                assert!(!may(methods, on_loopback, caller));
            }
        }
    }
}
