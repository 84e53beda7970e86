//! Extrinsics and calls, decoded by the real chain's layout and not by the program's code.

use cairn_chain::ProviderCall;
use cairn_chain_metadata::testing::PALLET_INDEX;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{ProviderSettings, RegisteredKey};
use codec::{Compact, Decode};

/// Decodes a signed extrinsic, by the extensions of the metadata.
pub(super) fn decode_extrinsic(bytes: &[u8]) -> (AccountId, ProviderCall) {
    let body: Vec<u8> = Decode::decode(&mut &*bytes).unwrap();
    let input = &mut body.as_slice();
    assert_eq!(
        u8::decode(input).unwrap(),
        0x84,
        "a signed extrinsic of version 4"
    );
    let (kind, account) = <(u8, [u8; 32])>::decode(input).unwrap();
    assert_eq!(kind, 0);
    // Signature, lifetime, nonce, tip, and no hash of the metadata.
    let _ = <(u8, [u8; 64], [u8; 2])>::decode(input).unwrap();
    let _ = <(Compact<u32>, Compact<u128>, u8)>::decode(input).unwrap();
    (AccountId(account), decode_call(input))
}

/// Decodes a call of the storage pallet.
pub(crate) fn decode_call(mut bytes: &[u8]) -> ProviderCall {
    let input = &mut bytes;
    let (pallet, call) = <(u8, u8)>::decode(input).unwrap();
    assert_eq!(pallet, PALLET_INDEX);
    let call = match call {
        0 => {
            let (multiaddr, key, stake) = <(Vec<u8>, Vec<u8>, u128)>::decode(input).unwrap();
            ProviderCall::Register {
                multiaddr: String::from_utf8(multiaddr).unwrap(),
                public_key: RegisteredKey(key),
                stake,
            }
        }
        1 => ProviderCall::AddStake(Decode::decode(input).unwrap()),
        2 => ProviderCall::AnnounceDeregister,
        3 => ProviderCall::UpdateSettings(ProviderSettings::decode(input).unwrap()),
        5 => {
            let multiaddr = Vec::<u8>::decode(input).unwrap();
            ProviderCall::UpdateMultiaddr(String::from_utf8(multiaddr).unwrap())
        }
        6 => ProviderCall::CompleteDeregister,
        7 => ProviderCall::CancelDeregister,
        26 => ProviderCall::ClaimExpiredAgreement(BucketId(Decode::decode(input).unwrap())),
        other => panic!("call {other}"),
    };
    assert!(input.is_empty(), "nothing follows the call");
    call
}
