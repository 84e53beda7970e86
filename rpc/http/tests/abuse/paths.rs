//! Paths, queries and keys that mean to lead somewhere else.

use crate::fixture::*;
use crate::stage::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Returns the names of all files in a folder and below it.
fn files(folder: &Path) -> BTreeMap<PathBuf, bool> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let is_folder = path.is_dir();
            if is_folder {
                open.push(path.clone());
            }
            found.insert(path, is_folder);
        }
    }
    found
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_the_routes() {
    let stage = Stage::new(short()).await;
    let attack = async {
        for path in [
            "/../node",
            "/./health/",
            "//health",
            "/health/../info",
            "/%2e%2e/health",
            "/..%2f..%2fetc%2fpasswd",
            "/%2e%2e%2f%2e%2e%2fetc/passwd",
            "/..%5c..%5c",
            "/node%00",
            "/node;a=b",
            "/node/",
            "/NODE",
            "/%",
            "/%zz",
            "/%ff%fe",
            "/\u{fffd}",
            "http://other/../health",
            "*",
            "/keys",
            "/base/keys",
            "/s3/../health",
            "/s3/7/object?key=../../../../etc/passwd",
            "/fs/7/file?path=/../../etc/passwd",
            "/metrics",
            "/.git/config",
        ] {
            let answer = stage.exchange(get(path).as_bytes()).await;
            let told = statuses(&answer);
            let is_refused = |one: &u16| (400..500).contains(one);
            assert!(told.iter().all(is_refused), "{path}: {answer}");
            assert!(!answer.contains("root:"), "{path}: {answer}");
        }
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_query_unfolds_into_more_than_it_is() {
    let stage = Stage::new(short()).await;
    let attack = async {
        let encoded = |text: &str, times: usize| {
            // Encoded again and again: decoded once, and no further.
            let mut text = text.to_owned();
            for _ in 0..times {
                text = text.replace('%', "%25");
            }
            text
        };
        let root = hex::encode(stage.root);
        let twice = format!("{}&hash={root}", root);
        for query in [
            format!("/node?hash={}", "%25".repeat(50_000)),
            format!("/node?hash={}", encoded("%41", 60)),
            format!("/node?hash={}", "%00".repeat(1_000)),
            format!("/node?hash={}", "..%2f".repeat(10_000)),
            format!("/node?hash=%ff{root}"),
            format!("/node?hash={twice}"),
            format!("/node?{}", "a=b&".repeat(20_000)),
            format!("/node?{}", "hash[]=".repeat(5_000)),
            format!("/node?hash={root}{root}"),
            "/node?hash=0x0x00".to_owned(),
            "/node?hash=../../keys".to_owned(),
            format!("/read?data_root={root}&offset=1e9&length=1"),
            format!("/read?data_root={root}&offset=0&length=-1"),
            format!("/mmr_proof?bucket_id={}&leaf_index=0", "9".repeat(10_000)),
            "/mmr_proof?bucket_id=0x7&leaf_index=0".to_owned(),
            "/mmr_proof?bucket_id=7&leaf_index=%00".to_owned(),
        ] {
            let answer = stage.exchange(get(&query).as_bytes()).await;
            let short: String = query.chars().take(60).collect();
            let told = statuses(&answer);
            let is_refused = |one: &u16| (400..500).contains(one);
            assert!(told.iter().all(is_refused), "{short}: {answer}");
            assert!(answer.len() < query.len() + 4_096, "{short} unfolds");
        }
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_at_their_ends_are_answered_and_tell_nothing_of_the_machine() {
    let stage = Stage::new(short()).await;
    let root = stage.root;
    let attack = async {
        let most = u64::MAX;
        for path in [
            format!("/read?data_root={root:?}&offset={most}&length={most}"),
            format!("/read?data_root={root:?}&offset=0&length={most}"),
            format!("/read?data_root={root:?}&offset={most}&length=0"),
            format!("/chunk_proof?data_root={root:?}&chunk_index={most}"),
            format!("/mmr_proof?bucket_id={most}&leaf_index={most}"),
            format!("/mmr_proof?bucket_id=7&leaf_index={most}"),
            format!("/mmr_proof?bucket_id=7&leaf_index={}", 1u64 << 62),
            format!("/commitment?bucket_id={most}"),
            format!("/checkpoint-signature?bucket_id={most}&nonce={most}"),
            format!("/mmr_peaks?bucket_id={most}"),
            "/node?hash=00".to_owned(),
        ] {
            let answer = stage.exchange(get(&path).as_bytes()).await;
            let told = statuses(&answer);
            let is_meant = told.iter().all(|one| [200, 400, 404].contains(one));
            assert!(is_meant && told.len() == 1, "{path}: {answer}");
            for secret in ["/tmp", "rocksdb", "src/", "panicked", "Corruption"] {
                assert!(!answer.contains(secret), "{path}: {answer}");
            }
        }
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_never_names_a_file() {
    let stage = Stage::new(short()).await;
    let folder = stage.face.handle.provider.path().to_owned();
    let before = files(&folder);
    let attack = async {
        for chunk in ["../../evil", "\0", "/etc/passwd", "C:\\evil"] {
            stage.put_until_stored(chunk.as_bytes()).await;
        }
    };
    stage.during(attack).await;
    let is_evil = |path: &&PathBuf| path.to_string_lossy().contains("evil");
    let after = files(&folder);
    assert!(after.keys().find(is_evil).is_none());
    // The bucket's own files may come and go; other folders do not.
    let folders = |all: &BTreeMap<PathBuf, bool>| {
        let folders = all.iter().filter(|(_, is_folder)| **is_folder);
        folders.map(|(path, _)| path.clone()).collect::<Vec<_>>()
    };
    assert_eq!(folders(&before), folders(&after));
    assert_eq!(BUCKET.0, 7);
}
