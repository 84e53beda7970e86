//! Parsing a provider's account.

use crate::hex_text;
use sp_core::crypto::Ss58Codec;
use sp_core::sr25519;

/// Parses a public key, in hex or SS58.
pub(crate) fn account(text: &str) -> Result<[u8; 32], String> {
    let text = text.trim();
    match sr25519::Public::from_ss58check(text) {
        Ok(public) => Ok(public.0),
        Err(_) => hex_text::bytes32(text)
            .map_err(|error| format!("neither an SS58 address nor a public key: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";

    #[test]
    fn an_account_is_named_as_address_or_as_key() {
        let address = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
        for text in [address, ALICE, &format!("0x{ALICE}")] {
            assert_eq!(hex::encode(account(text).unwrap()), ALICE, "{text}");
        }
        // The last letter is part of its checksum.
        let mistyped = address.replace("QY", "QX");
        for text in [&mistyped, "0x12", "", "//Alice"] {
            assert!(account(text).is_err(), "{text}");
        }
    }
}
