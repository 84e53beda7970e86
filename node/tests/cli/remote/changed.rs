//! Files that change while they are sent to a running provider.

use super::fixture::Fixture;
use crate::support::{FAILED, bytes};

/// A file with more bytes than its reported length, like one that grows.
const GROWING_FILE: &str = "/proc/version";

#[test]
fn put_over_rpc_notices_growing_files_too() {
    let fixture = Fixture::new();
    fixture.run(["bucket", "create", "1"]).succeeds();
    let file = fixture.provider.file("a", &bytes(1, 400_000));
    let ended = fixture.run([
        "put",
        "1",
        GROWING_FILE,
        file.to_str().unwrap(),
        GROWING_FILE,
    ]);
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
