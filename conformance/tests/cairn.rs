//! The suite against Cairn in this process, over a simulated chain: every rule holds, or is broken
//! exactly as the list of known differences says; every known difference is seen.

#![forbid(unsafe_code)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "a test that truncates fails, as it should"
)]

#[cfg(test)]
#[path = "../../rpc/http/tests/face/fixture.rs"]
#[expect(dead_code, reason = "shared with other tests, which use more of it")]
mod fixture;

/// The suite itself judges the answers.
fn check_answer(_: &axum::http::Method, _: &str, _: &fixture::Answer) {}

use cairn_conformance::{Difference, Key, Report, Subject, Verdict, run};
use cairn_gadget::{ExtensionConfig, TermsPolicy};
use cairn_http::{HttpConfig, HttpHandle, serve};
use cairn_primitives::BucketId;
use cairn_primitives::challenge::{AccountId, Role};
use cairn_primitives::onchain::{Agreement, RegisteredKey};
use fixture::{BUCKET, Face, account, quick};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A bucket with an agreement, for content that is not the suite's bucket's.
const OTHER: u64 = 8;
/// A bucket with an agreement in which nothing is committed.
const EMPTY: u64 = 9;
/// A bucket of another provider.
const FOREIGN: u64 = 10;

/// Cases that the first provider gives no ground for; the second and the third do.
const SKIPPED: &[&str] = &["cors.listed-origin", "cors.context-header"];

#[cfg(test)]
fn key(suri: &str) -> Key {
    Key::from_suri(suri).unwrap()
}

/// Adds buckets in each of the states that cases ask for.
#[cfg(test)]
fn add_buckets(face: &Face) {
    let own = face.handle.account;
    face.chain.edit(move |pallet| {
        let settings = &mut pallet.providers.get_mut(&own.0).unwrap().settings;
        settings.max_capacity = 1 << 40;
        let other = AccountId([7; 32]);
        pallet.register(other, RegisteredKey::from(other.0));
        for (bucket, provider) in [(OTHER, own), (EMPTY, own), (FOREIGN, other)] {
            let id = BucketId(bucket);
            let agreement = Agreement::primary(account("//Owner"), 1 << 20, 1_000);
            pallet.add_bucket(id, provider, agreement);
            let members = &mut pallet.buckets.get_mut(&id).unwrap().members;
            members.push((account("//Writer"), Role::Writer));
        }
    });
    face.chain.advance();
}

/// Waits until the agreement worker has made the buckets.
#[cfg(test)]
async fn follow(face: &Face) {
    face.follow().await;
    for bucket in [OTHER, EMPTY] {
        let mut tries = 0;
        while face
            .handle
            .provider
            .quick_summary(BucketId(bucket))
            .is_err()
        {
            assert!(tries < 2_000, "bucket {bucket} is not made");
            tries += 1;
            face.chain.advance();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A provider that listens, over a chain that goes on.
struct Listening {
    /// Kept alive: its workers end with it.
    _face: Arc<Face>,
    served: HttpHandle,
    blocks: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.blocks.abort();
    }
}

#[cfg(test)]
impl Listening {
    async fn new(config: HttpConfig, workers: ExtensionConfig) -> Self {
        // As `cairn run` does without `--allow-padding`.
        let refusing = |rpc: cairn_rpc_server::ProviderRpc| rpc.refusing_padding();
        let face = Face::with(config.clone(), workers, refusing).await;
        add_buckets(&face);
        follow(&face).await;
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let served = serve(socket, face.rpc.clone(), config).unwrap();
        let face = Arc::new(face);
        let chain = face.clone();
        let blocks = tokio::spawn(async move {
            // A provider has few nonces for terms in each block.
            loop {
                chain.chain.advance();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Self {
            _face: face,
            served,
            blocks,
        }
    }

    fn subject(&self) -> Subject {
        let url = format!("http://{}", self.served.address());
        Subject {
            admin: Some(key("//Owner")),
            reader: Some(key("//Reader")),
            other_bucket: Some(OTHER),
            empty_bucket: Some(EMPTY),
            foreign_bucket: Some(FOREIGN),
            may_delete: true,
            ..Subject::new(url.parse().unwrap(), BUCKET.0, key("//Writer"))
        }
    }
}

#[cfg(test)]
fn offering() -> ExtensionConfig {
    ExtensionConfig {
        terms: TermsPolicy {
            accepts_primary: true,
            price_per_byte: Some(3),
            min_duration: 1,
            min_bucket_bytes: 1,
            validity: 50,
            ..TermsPolicy::default()
        },
        ..ExtensionConfig::default()
    }
}

/// Returns the names of the cases with matching verdicts.
#[cfg(test)]
fn named(report: &Report, matches: impl Fn(&Verdict) -> bool) -> Vec<&'static str> {
    let matching = report.cases.iter().filter(|one| matches(&one.verdict));
    matching.map(|one| one.name).collect()
}

#[cfg(test)]
fn nothing_failed(report: &Report) {
    let failed = named(report, |one| matches!(one, Verdict::Failed { .. }));
    assert!(failed.is_empty(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cairn_keeps_every_rule_but_those_that_it_breaks_on_purpose() {
    let provider = Listening::new(quick(), offering()).await;
    let report = run(provider.subject(), &[]).await.unwrap();
    nothing_failed(&report);
    assert!(report.not_served().is_empty(), "{report}");
    let skipped = named(&report, |one| matches!(one, Verdict::Skipped { .. }));
    assert_eq!(skipped, SKIPPED, "{report}");
    let mut seen: BTreeSet<_> = report.differences().into_iter().collect();

    let silent = Listening::new(quick(), ExtensionConfig::default()).await;
    let only = ["terms.".to_owned()];
    let report = run(silent.subject(), &only).await.unwrap();
    nothing_failed(&report);
    seen.extend(report.differences());

    let origin = "https://one.example";
    let config = HttpConfig {
        origins: origin.parse().unwrap(),
        ..quick()
    };
    let listing = Listening::new(config, ExtensionConfig::default()).await;
    let subject = Subject {
        listed_origin: Some(origin.to_owned()),
        ..listing.subject()
    };
    let report = run(subject, &["cors.".to_owned()]).await.unwrap();
    nothing_failed(&report);
    seen.extend(report.differences());

    // Seen or not by when the index is written.
    seen.insert(Difference::ListDelay);
    let all: BTreeSet<_> = Difference::ALL.into_iter().collect();
    assert_eq!(seen, all, "a known difference is no longer one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_over_the_same_bucket_has_the_same_verdicts() {
    let provider = Listening::new(quick(), offering()).await;
    let only = ["commit".to_owned(), "rust.".to_owned(), "node.".to_owned()];
    let first = run(provider.subject(), &only).await.unwrap();
    let second = run(provider.subject(), &only).await.unwrap();
    nothing_failed(&first);
    assert_eq!(first.cases, second.cases);
}

/// A case that passes here looks at nothing but the status.
const STATUS_ALONE: &[&str] = &[
    "body.large",
    "cors.context-header",
    "auth.raw",
    "auth.wrapped",
    "auth.prefix-optional",
    "auth.within-skew",
    "auth.repeated",
    "auth.two-headers",
    "auth.context",
    "auth.context-malformed",
    "member.writer",
    "member.admin",
    "member.open-reads",
    "node.put-again",
    "node.put-inner",
    "node.children-absent",
    "node.any-data",
    "node.long-chunk",
    "node.shared-content",
    "node.first-write",
    "script.blob",
    "script.repeated-put",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_one_answer_to_everything_is_found_out() {
    let router = axum::Router::new().fallback(|| async { r#"{"status":"healthy"}"# });
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(socket, router).await });
    let subject = Subject {
        admin: Some(key("//Owner")),
        reader: Some(key("//Reader")),
        other_bucket: Some(OTHER),
        empty_bucket: Some(EMPTY),
        foreign_bucket: Some(FOREIGN),
        may_delete: true,
        listed_origin: Some("https://one.example".to_owned()),
        ..Subject::new(url.parse().unwrap(), BUCKET.0, key("//Writer"))
    };
    let report = run(subject, &[]).await.unwrap();
    let passed = named(&report, |one| matches!(one, Verdict::Passed));
    assert_eq!(passed, STATUS_ALONE);
    assert!(!report.is_conforming());
}
