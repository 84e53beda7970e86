//! The demo on a smaller scale: a node on disk that loads Cairn, a standalone provider,
//! real files, checkpoints signed by them, challenges, a prune while a provider is down,
//! and a dishonest provider. The chain's records at the end are asserted.

use cairn_demo::{Scale, Scenario, Verdict};
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn two_providers_defend_every_challenge_and_the_liar_is_slashed() {
    // The programs are built into the same folder as this one.
    let programs = Path::new(env!("CARGO_BIN_EXE_cairn-demo"))
        .parent()
        .unwrap();
    // Read at run time: working copies may share one build.
    let crate_folder = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let repository = Path::new(&crate_folder).join("../..");
    let folder = tempfile::tempdir().unwrap();
    let play = Scenario {
        cairn: programs.join("cairn"),
        devnode: programs.join("cairn-devnode"),
        folder: folder.path().join("play"),
        files: repository.join("node-ext"),
        variant: "leaf-binding".into(),
        scale: Scale {
            max_files: 120,
            max_bytes: 10_000_000,
            challenges: 12,
            block_ms: 400,
        },
        seed: 7,
        report: Box::new(|what| println!("{what}")),
    };
    let summary = play.run().await.unwrap();
    assert_eq!(
        (summary.challenges, summary.defended, summary.lost),
        (12, 12, 0)
    );
    assert_eq!(summary.stake_decrease, summary.stake_for_answers);
    // Three buckets of each, before the prune and after.
    assert_eq!(summary.checkpoints, 12);
    assert_eq!(summary.answer_delays.len(), 12);
    let Verdict::Slashed { reason, amount } = summary.verdict else {
        panic!("{:?}", summary.verdict);
    };
    assert_eq!(reason, "InvalidProof");
    assert!(amount > 0);
}
