//! The metadata of the runtime is pinned as a file, so that readers can be tested without it.

/// Regenerates the file instead of comparing it.
const REGENERATE: &str = "CAIRN_REGENERATE";

#[test]
fn the_pinned_metadata_is_the_runtimes() {
    // Constants that a root call can set are read from the state.
    let metadata = sp_io::TestExternalities::new_empty()
        .execute_with(|| crate::Runtime::metadata_at_version(15))
        .unwrap();
    let file = std::path::Path::new(env!("CAIRN_METADATA"));
    if std::env::var_os(REGENERATE).is_some() {
        std::fs::write(file, &*metadata).unwrap();
    }
    let pinned = std::fs::read(file).unwrap();
    assert!(
        pinned == *metadata,
        "{} is not the runtime's: set {REGENERATE}=1 to write it again",
        file.display()
    );
}
