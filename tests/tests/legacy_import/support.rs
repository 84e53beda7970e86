//! A source, a base path to import into, and functions that inspect both.

use crate::writer::{Era, Writer};
use cairn_bucket::Bucket;
use cairn_engine::{Access, SharedResources};
use cairn_legacy_import::{
    LegacyBucketReport, LegacyImport, LegacyMode, LegacyReport, LegacySource,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::TempDir;

pub struct LegacyFixture {
    folder: TempDir,
}

impl LegacyFixture {
    /// Creates a source with the database that `write` writes.
    pub fn new(era: Era, write: impl FnOnce(&Writer)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("base/buckets")).unwrap();
        let fixture = Self { folder };
        fixture.write(era, write);
        fixture
    }

    pub fn write(&self, era: Era, write: impl FnOnce(&Writer)) {
        write(&Writer::create(&self.source(), era));
    }

    pub fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    pub fn base(&self) -> PathBuf {
        self.folder.path().join("base")
    }

    pub fn bucket_path(&self, id: u64) -> PathBuf {
        self.base().join(format!("buckets/{id:016x}"))
    }

    pub fn run(&self, mode: LegacyMode) -> LegacyReport {
        let source = LegacySource::open(&self.source()).unwrap();
        LegacyImport::new(&source, &self.base(), mode)
            .import_all(&SharedResources::default(), |_, _| {})
            .unwrap()
    }

    pub fn import(&self) -> LegacyReport {
        self.run(LegacyMode::Import)
    }

    pub fn open(&self, id: u64, access: Access) -> Bucket {
        Bucket::open(&self.bucket_path(id), access, &SharedResources::default()).unwrap()
    }

    /// Returns the names in the folder of all buckets.
    pub fn bucket_folders(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.base().join("buckets")).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// The metadata of a folder entry.
pub fn entry(report: &LegacyReport, id: u64) -> &LegacyBucketReport {
    let mut entries = report.buckets.iter();
    entries.find(|entry| entry.bucket == id).unwrap()
}

/// Returns every file under a folder, with its bytes and its modification time.
pub fn listing(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let written = |path: &Path| path.metadata().unwrap().modified().unwrap();
        files.insert(folder.clone(), (vec![], written(&folder)));
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(
                    path.clone(),
                    (std::fs::read(&path).unwrap(), written(&path)),
                );
            }
        }
    }
    files
}

/// Returns bytes without repetition.
pub fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    ChaCha8Rng::seed_from_u64(seed).fill(&mut bytes[..]);
    bytes
}
