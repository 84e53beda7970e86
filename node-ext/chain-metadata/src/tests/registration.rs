//! Calls for signing elsewhere decode to what was asked for, and the rules are the block's.

use super::node::MemoryNode;
use super::{VARIANTS, state};
use crate::testing::{Options, PALLET_INDEX};
use cairn_chain::{ProviderCall, Submission};
use cairn_primitives::H256;
use cairn_primitives::onchain::{ProviderSettings, RegisteredKey};
use codec::Encode;
use sp_crypto_hashing::twox_128;

const SETTINGS: ProviderSettings = ProviderSettings {
    min_duration: 10,
    max_duration: 20,
    price_per_byte: 3,
    accepting_primary: true,
    replica_sync_price: Some(4),
    accepting_extensions: false,
    max_capacity: 5,
};

async fn call_data(node: &MemoryNode, at: H256, call: ProviderCall) -> Vec<u8> {
    let submission = Submission::Provider(call);
    state(node).call_data(at, &submission).await.unwrap()
}

#[tokio::test]
async fn call_data_is_the_call_as_the_chain_decodes_it() {
    for options in VARIANTS {
        let node = MemoryNode::new(options);
        let at = node.best_hash();
        let register = ProviderCall::Register {
            multiaddr: "/dns4/a.example/tcp/443".to_owned(),
            public_key: RegisteredKey::from([9; 32]),
            stake: 77,
        };
        let expected = (
            [PALLET_INDEX, 0],
            "/dns4/a.example/tcp/443".as_bytes().to_vec(),
            vec![9_u8; 32],
            77_u128,
        );
        assert_eq!(call_data(&node, at, register).await, expected.encode());
        let update = ProviderCall::UpdateSettings(SETTINGS);
        let expected = ([PALLET_INDEX, 3], SETTINGS).encode();
        assert_eq!(call_data(&node, at, update).await, expected);
        let announce = ProviderCall::AnnounceDeregister;
        assert_eq!(call_data(&node, at, announce).await, [PALLET_INDEX, 2]);
    }
}

#[tokio::test]
async fn rules_are_those_of_the_block_and_not_of_the_metadata() {
    let node = MemoryNode::new(Options::CURRENT);
    let at = node.best_hash();
    let rules = state(&node).registration_rules(at).await.unwrap();
    assert_eq!(rules.min_stake, 1_000_000_000_000_000);
    assert_eq!(rules.max_multiaddr_bytes, 128);
    assert_eq!(rules.settlement_period, 14_400);
    assert_eq!(rules.anchor_block_millis, Some(6_000));
    let key = twox_128(b":DeregisterAnnouncementPeriod:").to_vec();
    node.put(key, 12_u32);
    let changed = state(&node).registration_rules(at).await.unwrap();
    assert_eq!(changed.deregister_notice, 12);
}
