//! A client's script against the provider of today, and after `import-legacy` against Cairn on the same
//! port: it runs unchanged, and is answered the same.
//!
//! The provider of today is played by a model of its routes that read, after its source, over the
//! content of its database, which is written in each of its four eras.

#![forbid(unsafe_code)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "a test that truncates fails, as it should"
)]

#[cfg(test)]
mod client;
#[cfg(test)]
mod new_provider;
#[cfg(test)]
mod old_provider;
#[cfg(test)]
#[path = "../../../tests/tests/legacy_import/writer.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "shared with the importer's tests, which use more of it"
)]
mod writer;

#[cfg(test)]
mod tests {
    use crate::client::{Client, Recorded};
    use crate::new_provider::NewProvider;
    use crate::old_provider::{Content, Database, OldProvider};
    use crate::writer::ERAS;
    use cairn_engine::SharedResources;
    use cairn_legacy_import::{LegacyImport, LegacyMode, LegacySource};
    use std::sync::Arc;
    use tempfile::tempdir;

    /// Buckets with leaves of one chunk, of several, and of padded trees.
    fn fill(database: &Database) {
        for (bucket, sizes) in [
            (7, &[1usize, 262_144, 262_145, 4 * 262_144][..]),
            (8, &[3 * 262_144 + 9, 64, 262_144][..]),
            (1 << 40, &[5][..]),
        ] {
            for (number, size) in sizes.iter().enumerate() {
                let content = Content::new(bucket, number as u64, *size);
                database.commit(bucket, content);
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_script_runs_unchanged_after_the_import_on_the_same_port() {
        for era in ERAS {
            let folder = tempdir().unwrap();
            let source = folder.path().join("old");
            let database = Arc::new(Database::create(&source, era));
            fill(&database);

            let old = OldProvider::start(database.clone()).await;
            let client = Client::new(old.port(), era);
            // Others commit meanwhile.
            let busy = database.clone();
            let load = tokio::task::spawn_blocking(move || {
                for number in 0..30 {
                    busy.commit(9, Content::new(9, number, 1_000));
                }
            });
            let before = client.run(&database.buckets(&[7, 8, 1 << 40])).await;
            load.await.unwrap();
            let late = client.run(&database.buckets(&[9])).await;
            let script = database.buckets(&[7, 8, 1 << 40]);
            let late_script = database.buckets(&[9]);
            let port = old.stop().await;
            // Nothing is flushed: what it holds is in its log.
            drop(Arc::into_inner(database).expect("the old provider is still there"));

            let base = NewProvider::create_base(&folder.path().join("new"));
            let legacy = LegacySource::open(&source).unwrap();
            let report = LegacyImport::new(&legacy, base.path(), LegacyMode::Import)
                .import_all(&SharedResources::default(), |_, _| {})
                .unwrap();
            assert!(!report.has_findings(), "{era:?}: {:?}", report.summary);
            drop(legacy);

            let new = NewProvider::start(base, era, port).await;
            let same = |before: &[Recorded], after: &[Recorded]| {
                assert_eq!(before.len(), after.len());
                for (before, after) in before.iter().zip(after) {
                    assert_eq!(before, after, "{era:?}");
                }
            };
            same(&before, &client.run(&script).await);
            same(&late, &client.run(&late_script).await);
            // The same client goes on where it was.
            client.commits(7, 4).await;
            new.stop().await;
        }
    }

    /// The comparison can fail: another leaf gives other answers.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_script_over_other_content_is_answered_otherwise() {
        let folder = tempdir().unwrap();
        let record = async |number: u64| {
            let source = folder.path().join(format!("old-{number}"));
            let database = Arc::new(Database::create(&source, ERAS[1]));
            database.commit(7, Content::new(7, number, 100));
            let old = OldProvider::start(database.clone()).await;
            let client = Client::new(old.port(), ERAS[1]);
            let recorded = client.run(&database.buckets(&[7])).await;
            old.stop().await;
            recorded
        };
        assert_ne!(record(1).await, record(2).await);
    }
}
