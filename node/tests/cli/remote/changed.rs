//! Files that change while they are sent to a running provider.

use super::house::House;
use crate::support::{FAILED, bytes};

/// A file with more bytes than its reported length, like one that grows.
const GROWS: &str = "/proc/version";

#[test]
fn put_to_a_provider_that_runs_notices_such_files_too() {
    let fixture = House::new();
    fixture.run(["bucket", "create", "1"]).succeeds();
    let file = fixture.provider.file("a", &bytes(1, 400_000));
    let ended = fixture.run(["put", "1", GROWS, file.to_str().unwrap(), GROWS]);
    assert_eq!(ended.code, Some(FAILED), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 3, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("2 files changed while being read and were not stored")
    );
    let info = fixture.json(["bucket", "info", "1"]).remove(0);
    assert_eq!(
        (&info["leaf_count"], &info["total_size"]),
        (&1.into(), &400_000.into())
    );
}
