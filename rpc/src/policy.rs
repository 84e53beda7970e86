//! Who may call unsafe methods: what changes buckets, and what writes to the
//! provider's disk. The convention is that of `sc-rpc-api`.

use jsonrpsee::Extensions;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

/// Whether unsafe methods are refused, of one listener. The standalone provider's
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
    /// Unsafe methods where only this machine reaches the listener.
    #[default]
    Auto,
    /// No unsafe methods.
    Safe,
    /// All methods, for whoever reaches the listener.
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

impl RpcMethods {
    /// What holds at a listener. By its own address and not by its clients': one
    /// that others reach too may have a proxy before it.
    pub fn at(self, listener: &SocketAddr) -> DenyUnsafe {
        match self {
            Self::Unsafe => DenyUnsafe::No,
            Self::Auto if listener.ip().is_loopback() => DenyUnsafe::No,
            Self::Auto | Self::Safe => DenyUnsafe::Yes,
        }
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

    #[test]
    fn unsafe_methods_are_for_loopback_alone_unless_somebody_says_otherwise() {
        let at = |address: &str, methods: &str| {
            let methods: RpcMethods = methods.parse().unwrap();
            methods.at(&address.parse().unwrap())
        };
        for address in ["127.0.0.1:9955", "127.9.9.9:1", "[::1]:9955"] {
            assert_eq!(at(address, "auto"), DenyUnsafe::No, "{address}");
        }
        for address in [
            "0.0.0.0:9955",
            "10.0.0.1:9955",
            "[::]:9955",
            "[2001:db8::1]:1",
        ] {
            assert_eq!(at(address, "auto"), DenyUnsafe::Yes, "{address}");
            assert_eq!(at(address, "unsafe"), DenyUnsafe::No, "{address}");
        }
        assert_eq!(at("127.0.0.1:1", "safe"), DenyUnsafe::Yes);
        assert!("Auto".parse::<RpcMethods>().is_err());
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
