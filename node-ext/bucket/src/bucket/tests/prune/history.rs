//! Random histories, compared with the model.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Commit {
        contents: Vec<Vec<u8>>,
        signed: bool,
    },
    Upload(Vec<u8>),
    /// Prunes to a sequence between the start and the end.
    Prune(proptest::sample::Index),
    Release(proptest::sample::Index),
    Reopen,
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0u8..3, 1..6)
}

fn step() -> impl Strategy<Value = Step> {
    let contents = proptest::collection::vec(content(), 1..4);
    prop_oneof![
        4 => (contents, any::<bool>()).prop_map(|(contents, signed)| Step::Commit { contents, signed }),
        2 => content().prop_map(Step::Upload),
        3 => any::<proptest::sample::Index>().prop_map(Step::Prune),
        3 => any::<proptest::sample::Index>().prop_map(Step::Release),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn i10_any_history_matches_its_replay(
        tagged: bool,
        steps in proptest::collection::vec(step(), 1..16),
    ) {
        let mut model = ModelledBucket::new(PROFILES[usize::from(tagged)]);
        model.commit(&[&[0, 1], &[2]], true);
        for step in steps {
            match step {
                Step::Commit { contents, signed } => {
                    let contents: Vec<_> = contents.iter().map(Vec::as_slice).collect();
                    model.commit(&contents, signed);
                }
                Step::Upload(content) => {
                    model.upload(&content);
                }
                Step::Prune(place) => {
                    let leaves = (model.end() - model.current) as usize;
                    if leaves > 0 {
                        let dropped = place.index(leaves) as u64 + 1;
                        model.prune(model.current + dropped);
                    }
                }
                Step::Release(place) => {
                    let retired = model.bucket().retired_trees().unwrap();
                    if !retired.is_empty() {
                        let tree = retired[place.index(retired.len())].commitment.start_seq;
                        model.release(tree.0);
                    }
                }
                Step::Reopen => model.fixture.reopen(),
            }
        }
        model.check();
        model.fixture.reopen();
        model.check();
    }
}
