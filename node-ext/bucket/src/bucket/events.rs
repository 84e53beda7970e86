//! Events of a bucket, for the provider that has it open.

use super::{Bucket, SignedRoot};
use cairn_primitives::BucketId;
use std::sync::Arc;

/// An event of a bucket.
#[derive(Clone, Copy, Debug)]
pub enum BucketEvent {
    /// A signed root was recorded durably.
    RootSigned(SignedRoot),
    /// A write failed, so that the bucket takes no more writes.
    WriteFailed,
}

/// A listener for a bucket's events. It runs on the thread that causes the event, and
/// must not block.
pub type EventListener = Arc<dyn Fn(BucketId, BucketEvent) + Send + Sync>;

impl Bucket {
    /// Sets the listener for the bucket's events.
    pub fn set_listener(&self, listener: EventListener) {
        // A bucket is opened for one provider, which sets it once.
        let _ = self.listener.set(listener);
    }

    pub(super) fn emit(&self, event: BucketEvent) {
        if let Some(listener) = self.listener.get() {
            listener(self.id, event);
        }
    }
}
