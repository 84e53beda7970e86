//! Who may call unsafe methods: what changes buckets, and what writes to the
//! provider's disk. The convention is that of `sc-rpc-api`, but for one thing: to
//! come from this machine is not enough, since a proxy on it does, and anyone who
//! else is on it.
//!
//! | `--rpc-methods` | the listener is | who may                                   |
//! |-----------------|-----------------|-------------------------------------------|
//! | `safe`          | anywhere        | nobody                                    |
//! | `auto`          | anywhere        | anyone who has the token                     |
//! | `unsafe`        | on loopback     | these, and anyone who comes without a proxy  |
//! | `unsafe`        | reached by all  | everybody                                 |
//!
//! A website may never, unless the operator has named its origin.

use jsonrpsee::Extensions;
use std::str::FromStr;
use std::sync::Arc;

/// Whether unsafe methods are refused, of one request. The standalone provider's
/// listener puts it beside each request, as a Substrate node does with its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenyUnsafe {
    /// They are refused.
    Yes,
    /// All may be called.
    No,
}

/// What `--rpc-methods` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RpcMethods {
    /// Unsafe methods for anyone who has the token.
    #[default]
    Auto,
    /// No unsafe methods.
    Safe,
    /// All methods, for anyone who reaches the listener without a proxy; through
    /// one as well, where the listener is not on loopback.
    Unsafe,
}

impl FromStr for RpcMethods {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "safe" => Ok(Self::Safe),
            "unsafe" => Ok(Self::Unsafe),
            _ => Err("it is one of auto, safe and unsafe".to_owned()),
        }
    }
}

/// The marks of a request's origin.
#[cfg(any(feature = "listener", test))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) has_token: bool,
    /// A proxy has handed it on.
    pub(crate) is_forwarded: bool,
    /// A website makes it that the operator has not named.
    pub(crate) is_foreign: bool,
}

#[cfg(any(feature = "listener", test))]
impl RpcMethods {
    /// What holds for a request at a listener. Its address alone lets nobody.
    pub(crate) fn of(self, on_loopback: bool, caller: Caller) -> DenyUnsafe {
        let may = !caller.is_foreign
            && match self {
                Self::Safe => false,
                Self::Auto => caller.has_token,
                Self::Unsafe => caller.has_token || !on_loopback || !caller.is_forwarded,
            };
        if may { DenyUnsafe::No } else { DenyUnsafe::Yes }
    }
}

/// Decides for each request whether it may call unsafe methods, by what its
/// listener has put beside it.
#[derive(Clone)]
pub struct Policy(Arc<dyn Fn(&Extensions) -> bool + Send + Sync>);

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Policy")
    }
}

impl Policy {
    /// As a function of what is beside the request says. A Substrate node asks
    /// for its own `sc_rpc_api::DenyUnsafe`.
    pub fn of(may: impl Fn(&Extensions) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(may))
    }

    pub(crate) fn allows_unsafe(&self, extensions: &Extensions) -> bool {
        self.0(extensions)
    }
}

impl Default for Policy {
    /// By [`DenyUnsafe`], as [`serve`](crate::serve) puts it there. Without
    /// one, unsafe methods are refused.
    fn default() -> Self {
        Self::of(|extensions| extensions.get() == Some(&DenyUnsafe::No))
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
        methods.of(on_loopback, caller) == DenyUnsafe::No
    }

    #[test]
    fn s7a_what_a_proxy_hands_on_is_never_taken_for_the_operators() {
        for on_loopback in [true, false] {
            assert!(!may(Auto, on_loopback, FORWARDED));
            assert!(!may(Safe, on_loopback, FORWARDED));
        }
        assert!(!may(Unsafe, true, FORWARDED));
        // Said twice on the command line, and meant for everybody.
        assert!(may(Unsafe, false, FORWARDED));
    }

    #[test]
    fn s7c_an_address_lets_nobody_and_the_token_does() {
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
    fn s7c_a_website_that_nobody_has_named_may_not_whatever_it_has() {
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

    #[test]
    fn what_no_listener_has_spoken_for_is_refused() {
        let policy = Policy::default();
        let mut extensions = Extensions::new();
        assert!(!policy.allows_unsafe(&extensions));
        extensions.insert(DenyUnsafe::Yes);
        assert!(!policy.allows_unsafe(&extensions));
        extensions.insert(DenyUnsafe::No);
        assert!(policy.allows_unsafe(&extensions));
    }
}
