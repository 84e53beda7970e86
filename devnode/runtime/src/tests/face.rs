//! The runtime's metadata has the chain's face, which is written out as data in `face/*.toml`
//! from the chain's own sources. So the pallet and its readers cannot drift together.

mod render;

use frame_metadata::v15::{RuntimeMetadataV15, StorageEntryModifier};
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use render::Renderer;
use std::collections::BTreeSet;

const PALLET: &str = "StorageProvider";

/// The letter of the variant in the data.
const LETTER: &str = if cfg!(deployed) {
    "D"
} else if cfg!(commitment_nonce) {
    "N"
} else if cfg!(leaf_binding) {
    "L"
} else {
    "C"
};

/// Returns the entries of a list in a file that are this variant's.
fn expected(file: &str, list: &str) -> Vec<String> {
    let path = std::path::Path::new(env!("CAIRN_FACE")).join(file);
    let table: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
    let entries = table[list].as_array().unwrap();
    entries
        .iter()
        .filter(|entry| entry["in"].as_str().unwrap().contains(LETTER))
        .map(|entry| entry["is"].as_str().unwrap().to_owned())
        .collect()
}

/// Compares two sets, and prints what only one of them has.
fn assert_same(what: &str, expected: &[String], found: &[String]) {
    let wanted: BTreeSet<_> = expected.iter().collect();
    let got: BTreeSet<_> = found.iter().collect();
    assert_eq!(
        wanted.len(),
        expected.len(),
        "{what}: the data repeats itself"
    );
    let missing: Vec<_> = wanted.difference(&got).collect();
    let surplus: Vec<_> = got.difference(&wanted).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "{what}\nonly in the data: {missing:#?}\nonly in the metadata: {surplus:#?}"
    );
}

fn metadata() -> RuntimeMetadataV15 {
    let bytes = sp_io::TestExternalities::new_empty()
        .execute_with(|| crate::Runtime::metadata_at_version(15))
        .unwrap();
    let prefixed: RuntimeMetadataPrefixed = codec::Decode::decode(&mut &bytes[..]).unwrap();
    let RuntimeMetadata::V15(metadata) = prefixed.1 else {
        panic!("not of version 15");
    };
    metadata
}

/// Returns a pallet's storage items.
fn storage(metadata: &RuntimeMetadataV15, pallet: &str, renderer: &mut Renderer) -> Vec<String> {
    let pallet = metadata.pallets.iter().find(|p| p.name == pallet).unwrap();
    let storage = pallet.storage.as_ref().unwrap();
    let entries = storage.entries.iter().map(|entry| {
        let (keys, value) = renderer.storage(&entry.ty);
        let value = match entry.modifier {
            StorageEntryModifier::Optional => format!("Option<{value}>"),
            StorageEntryModifier::Default => value,
        };
        format!("{}({keys}) -> {value}", entry.name)
    });
    entries.collect()
}

#[test]
fn calls_storage_events_errors_and_types_are_the_chains() {
    let metadata = metadata();
    let mut renderer = Renderer::new(&metadata.types);
    let pallet = metadata.pallets.iter().find(|p| p.name == PALLET).unwrap();

    let calls = renderer.variants(pallet.calls.as_ref().unwrap().ty.id);
    let calls: Vec<_> = calls
        .into_iter()
        .map(|(index, name, fields)| format!("{index} {name}({fields})"))
        .collect();
    assert_same("calls", &expected("calls.toml", "calls"), &calls);

    let events = renderer.variants(pallet.event.as_ref().unwrap().ty.id);
    let events: Vec<_> = events
        .into_iter()
        .map(|(_, name, fields)| format!("{name} {{ {fields} }}"))
        .collect();
    assert_same("events", &expected("events.toml", "events"), &events);

    let items = storage(&metadata, PALLET, &mut renderer);
    assert_same("storage", &expected("storage.toml", "storage"), &items);

    let errors = renderer.variants(pallet.error.as_ref().unwrap().ty.id);
    let errors: Vec<_> = errors.into_iter().map(|(_, name, _)| name).collect();
    let names: Vec<String> = expected("events.toml", "errors")
        .iter()
        .flat_map(|line| line.split(' ').map(str::to_owned))
        .collect();
    assert_same("errors", &names, &errors);

    let types: Vec<_> = ["calls.toml", "storage.toml", "events.toml"]
        .into_iter()
        .flat_map(|file| expected(file, "types"))
        .collect();
    assert_same("types", &types, &renderer.into_types());
}

#[test]
fn constants_are_the_chains() {
    let metadata = metadata();
    let mut renderer = Renderer::new(&metadata.types);
    let pallet = metadata.pallets.iter().find(|p| p.name == PALLET).unwrap();
    let constants = pallet.constants.iter().map(|constant| {
        let ty = renderer.name(constant.ty.id);
        let mut bytes = [0; 16];
        bytes[..constant.value.len()].copy_from_slice(&constant.value);
        format!("{}: {ty} = {}", constant.name, u128::from_le_bytes(bytes))
    });
    let constants: Vec<_> = constants.collect();
    assert_same(
        "constants",
        &expected("storage.toml", "constants"),
        &constants,
    );
}

#[test]
fn the_runtime_api_is_the_chains() {
    let metadata = metadata();
    let mut renderer = Renderer::new(&metadata.types);
    let api = |name| metadata.apis.iter().find(|api| api.name == name).unwrap();
    let methods = |name, renderer: &mut Renderer| -> Vec<String> {
        let methods = api(name).methods.iter().map(|method| {
            let inputs: Vec<_> = method
                .inputs
                .iter()
                .map(|input| format!("{}: {}", input.name, renderer.name(input.ty.id)))
                .collect();
            let output = renderer.name(method.output.id);
            format!("{}({}) -> {output}", method.name, inputs.join(", "))
        });
        methods.collect()
    };
    let found = methods("StorageProviderApi", &mut renderer);
    assert_same("api", &expected("runtime.toml", "api"), &found);

    // What the pallet's storage has as well is compared there.
    let mut of_storage = Renderer::new(&metadata.types);
    storage(&metadata, PALLET, &mut of_storage);
    let of_storage = of_storage.into_types();
    let mut types = renderer.into_types();
    types.retain(|definition| !of_storage.contains(definition));
    assert_same("types", &expected("runtime.toml", "types"), &types);

    let mut others = Renderer::new(&metadata.types);
    let dry_run = methods("DryRunApi", &mut others);
    assert_eq!(dry_run[..1], expected("runtime.toml", "dry_run"));

    let id = sp_crypto_hashing::blake2_64(b"StorageProviderApi");
    let version = crate::VERSION.apis.iter().find(|(api, _)| *api == id);
    let version = version.map(|(_, version)| version.to_string());
    assert_eq!(version, expected("runtime.toml", "api_version").pop());
}

#[test]
fn versions_pallets_and_extensions_are_the_chains() {
    let metadata = metadata();
    let versions = format!(
        "{}/{}",
        crate::VERSION.spec_version,
        crate::VERSION.transaction_version
    );
    assert_eq!(expected("runtime.toml", "versions"), [versions]);

    let pallets: Vec<_> = metadata
        .pallets
        .iter()
        .map(|pallet| format!("{} {}", pallet.index, pallet.name))
        .collect();
    assert_eq!(expected("runtime.toml", "pallets"), [pallets.join(", ")]);

    let extensions = metadata.extrinsic.signed_extensions.iter();
    let extensions: Vec<_> = extensions.map(|one| one.identifier.clone()).collect();
    assert_eq!(
        expected("runtime.toml", "extensions"),
        [extensions.join(" ")]
    );

    let mut renderer = Renderer::new(&metadata.types);
    let relay = storage(&metadata, "ParachainSystem", &mut renderer);
    assert!(relay.contains(&expected("runtime.toml", "relay_number")[0]));
}
