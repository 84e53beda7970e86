//! Tells the provider that has a bucket open of its events.

use super::{Bucket, BucketEvent, EventListener};

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
