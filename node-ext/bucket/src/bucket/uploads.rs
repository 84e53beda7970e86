//! Counts the uploads under way. A release waits for uploads that began before it,
//! since the content that they rely on was not recorded. Later uploads do not delay it,
//! even if there is always one.

/// Counts of the uploads under way.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    /// The number of releases that have begun.
    releases: u64,
    before_the_newest: u32,
    since: u32,
}

/// An upload under way, with the number of releases that began before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct UploadMark(u64);

impl Uploads {
    pub(super) fn begin(&mut self) -> UploadMark {
        self.since = self.since.saturating_add(1);
        UploadMark(self.releases)
    }

    pub(super) fn end(&mut self, UploadMark(releases): UploadMark) {
        let count = if releases == self.releases {
            &mut self.since
        } else {
            &mut self.before_the_newest
        };
        *count = count.saturating_sub(1);
    }

    /// Records that a release begins: uploads under way now began before it.
    pub(super) fn release_begins(&mut self) {
        self.releases = self.releases.saturating_add(1);
        self.before_the_newest = self.before_the_newest.saturating_add(self.since);
        self.since = 0;
    }

    #[cfg(test)]
    pub(super) fn under_way(&self) -> u32 {
        self.before_the_newest.saturating_add(self.since)
    }

    /// The number of uploads under way that began before the newest release.
    pub(super) fn before_release(&self) -> u32 {
        self.before_the_newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn those_are_counted_that_began_before_the_newest_release(
            steps in proptest::collection::vec(any::<Option<prop::sample::Index>>(), 1..60),
            releases in proptest::collection::vec(any::<bool>(), 60),
        ) {
            let mut uploads = Uploads::default();
            // Each upload under way, and whether a release has begun since.
            let mut under_way: Vec<(UploadMark, bool)> = vec![];
            for (step, release) in steps.into_iter().zip(releases) {
                match step {
                    _ if release => {
                        uploads.release_begins();
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
