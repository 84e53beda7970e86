//! Damage that a disk may do to a bucket.

use cairn_engine::layout::{BUCKETS_DIR, bucket_dir_name};
use cairn_engine::{Access, DamagedLog, Durability, Engine, Family, SharedResources};
use cairn_primitives::BucketId;
use std::path::Path;

/// Writes garbage over a record of a bucket's tree. The bucket must not be open.
pub fn overwrite(base: &Path, id: BucketId, key: impl AsRef<[u8]>) {
    let path = base.join(BUCKETS_DIR).join(bucket_dir_name(id));
    let (access, shared) = (Access::ReadWrite, SharedResources::default());
    let engine = Engine::open(&path, access, &shared, DamagedLog::Refuse).unwrap();
    let mut batch = engine.batch();
    batch.put(Family::Tree, key, b"garbage");
    engine.write(batch, Durability::Synced).unwrap();
}
