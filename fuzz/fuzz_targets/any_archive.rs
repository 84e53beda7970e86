//! Arbitrary bytes as the manifest and as the archive of an exported bucket: reading must not
//! panic, leave files behind, or adopt a bucket that does not match its manifest.
#![no_main]

use cairn_bucket::{ImportCheck, ImportSource, Manifest, import_bucket};
use cairn_engine::SharedResources;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::parse(bytes) {
        let sizes = manifest.files().iter().map(|file| file.size());
        assert_eq!(manifest.bytes(), sizes.sum::<u64>());
        assert!(
            manifest
                .files()
                .iter()
                .all(|file| !file.name().contains('/'))
        );
    }
    // In memory, if TMPDIR names a folder there.
    let folder = tempfile::tempdir().expect("a folder for buckets");
    let source = ImportSource::Archive(&mut &bytes[..]);
    let imported = import_bucket(
        source,
        folder.path(),
        ImportCheck::Full,
        &SharedResources::default(),
        &mut |_| {},
    );
    let left = std::fs::read_dir(folder.path())
        .expect("the folder of buckets")
        .count();
    assert_eq!(left, usize::from(imported.is_ok()));
});
