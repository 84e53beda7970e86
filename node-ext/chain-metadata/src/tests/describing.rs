//! Descriptions of runtimes: of made-up ones, of those of the chain in `devnode`, and of a chain
//! that is another.

use super::*;
use crate::{Capability, Description, Features, Support, Variant};

fn describe(options: Options) -> Description {
    Description::of_metadata(&crate::testing::metadata(options)).unwrap()
}

fn refusal(description: &Description, capability: Capability) -> Option<&str> {
    let found = description
        .capabilities
        .iter()
        .find(|one| one.capability == capability)
        .unwrap();
    match &found.support {
        Support::Supported => None,
        Support::NotOffered(why) | Support::Refused(why) => Some(why),
    }
}

/// The metadata of the chain in `devnode`, which is written from its pallet's source.
const DEVNODE: [(Variant, &[u8]); 4] = [
    (
        Variant::Deployed,
        include_bytes!("../../../../devnode/runtime/metadata/deployed.scale"),
    ),
    (
        Variant::Nonce,
        include_bytes!("../../../../devnode/runtime/metadata/nonce.scale"),
    ),
    (
        Variant::Current,
        include_bytes!("../../../../devnode/runtime/metadata/current.scale"),
    ),
    (
        Variant::LeafBinding,
        include_bytes!("../../../../devnode/runtime/metadata/leaf-binding.scale"),
    ),
];

#[test]
fn each_variant_is_told_by_its_metadata_and_is_served() {
    let made_up = [
        Variant::Deployed,
        Variant::Nonce,
        Variant::Current,
        Variant::LeafBinding,
    ];
    for (variant, options) in made_up.into_iter().zip(VARIANTS) {
        let described = describe(options);
        assert_eq!(described.variant, Some(variant));
        assert!(described.missing().is_empty(), "{:?}", described.missing());
        assert_eq!(refusal(&described, Capability::DryRun), None);
    }
}

#[test]
fn both_sources_of_metadata_have_the_same_features() {
    for ((variant, metadata), options) in DEVNODE.into_iter().zip(VARIANTS) {
        let described = Description::of_metadata(metadata).unwrap();
        assert_eq!(described.variant, Some(variant));
        let refused: Vec<_> = described
            .capabilities
            .iter()
            .filter(|one| matches!(one.support, Support::Refused(_)))
            .filter(|one| (variant, one.capability) != (Variant::Nonce, Capability::ClaimDeleted))
            .collect();
        assert!(refused.is_empty(), "{variant:?}: {refused:?}");
        assert!(described.missing().is_empty(), "{variant:?}");
        // The number of arguments depends on the SDK, not on the pallet.
        let dry_run_arguments = described.features.as_ref().unwrap().dry_run_arguments;
        let made_up = Features {
            dry_run_arguments,
            ..describe(options).features.unwrap()
        };
        assert_eq!(described.features, Some(made_up), "{variant:?}");
    }
}
