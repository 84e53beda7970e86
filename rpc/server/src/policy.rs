//! The policy of unsafe methods: those that change buckets, or write to the provider's disk.

use jsonrpsee::Extensions;
use std::sync::Arc;

/// The decision about unsafe methods for one request. The standalone listener puts it into the
/// request's extensions, as a Substrate node does with its own type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenyUnsafe {
    /// Unsafe methods are refused.
    Yes,
    /// All methods may be called.
    No,
}

/// Decides for each request whether it may call unsafe methods, by the extensions that its
/// listener has set.
#[derive(Clone)]
pub struct Policy(Arc<dyn Fn(&Extensions) -> bool + Send + Sync>);

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Policy")
    }
}

impl Policy {
    /// Decides by a function of the request's extensions. A Substrate node checks its own
    /// `sc_rpc_api::DenyUnsafe`.
    pub fn new(allows: impl Fn(&Extensions) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(allows))
    }

    pub(crate) fn allows_unsafe(&self, extensions: &Extensions) -> bool {
        self.0(extensions)
    }
}

impl Default for Policy {
    /// Decides by [`DenyUnsafe`]. Without one, unsafe methods are refused.
    fn default() -> Self {
        Self::new(|extensions| extensions.get() == Some(&DenyUnsafe::No))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_listeners_decision_unsafe_methods_are_refused() {
        let policy = Policy::default();
        let mut extensions = Extensions::new();
        assert!(!policy.allows_unsafe(&extensions));
        extensions.insert(DenyUnsafe::Yes);
        assert!(!policy.allows_unsafe(&extensions));
        extensions.insert(DenyUnsafe::No);
        assert!(policy.allows_unsafe(&extensions));
    }
}
