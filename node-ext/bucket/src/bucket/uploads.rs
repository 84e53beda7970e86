//! Counts the uploads under way: those that began before the newest release, and later
//! ones. A release waits for the earlier ones, since nothing has recorded the content that
//! they rely on. That content is recorded for later uploads, so they do not delay it.

/// Counts of the uploads under way.
#[derive(Debug, Default)]
pub(super) struct UploadCounts {
    /// The number of releases that have begun.
    releases: u64,
    before_release: u32,
    since_release: u32,
}

/// An upload under way, with the number of releases that began before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct UploadEpoch(u64);

impl UploadCounts {
    pub(super) fn begin(&mut self) -> UploadEpoch {
        self.since_release = self.since_release.saturating_add(1);
        UploadEpoch(self.releases)
    }

    pub(super) fn end(&mut self, UploadEpoch(releases): UploadEpoch) {
        let count = if releases == self.releases {
            &mut self.since_release
        } else {
            &mut self.before_release
        };
        *count = count.saturating_sub(1);
    }

    /// Records that a release begins: uploads under way now began before it.
    pub(super) fn begin_release(&mut self) {
        self.releases = self.releases.saturating_add(1);
        self.before_release = self.before_release.saturating_add(self.since_release);
        self.since_release = 0;
    }

    #[cfg(test)]
    pub(super) fn under_way(&self) -> u32 {
        self.before_release.saturating_add(self.since_release)
    }

    /// The number of uploads under way that began before the newest release.
    pub(super) fn before_release(&self) -> u32 {
        self.before_release
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn uploads_before_the_newest_release_are_counted(
            steps in proptest::collection::vec(any::<Option<prop::sample::Index>>(), 1..60),
            releases in proptest::collection::vec(any::<bool>(), 60),
        ) {
            let mut uploads = UploadCounts::default();
            // Each upload under way, and whether a release has begun since.
            let mut under_way: Vec<(UploadEpoch, bool)> = vec![];
            for (step, release) in steps.into_iter().zip(releases) {
                match step {
                    _ if release => {
                        uploads.begin_release();
                        under_way.iter_mut().for_each(|(_, before)| *before = true);
                    }
                    Some(which) if !under_way.is_empty() => {
                        let (mark, _) = under_way.swap_remove(which.index(under_way.len()));
                        uploads.end(mark);
                    }
                    _ => under_way.push((uploads.begin(), false)),
                }
                let before = under_way.iter().filter(|(_, before)| *before).count();
                prop_assert_eq!(uploads.before_release() as usize, before);
            }
        }
    }
}
