//! Signed headers: both forms, and what authorises nobody.

use super::*;
use proptest::prelude::*;

const NOW: Duration = Duration::from_secs(1_700_000_000);
const SKEW: Duration = Duration::from_secs(300);
const PUT: SignedMessage<'static> = SignedMessage {
    method: "PUT",
    bucket: BucketId(7),
};

fn pair(suri: &str) -> sr25519::Pair {
    sr25519::Pair::from_string(suri, None).unwrap()
}

fn header(pair: &sr25519::Pair, seconds: &str, text: &str) -> String {
    let signature = pair.sign(text.as_bytes());
    let (key, signature) = (hex::encode(pair.public().0), hex::encode(signature.0));
    format!("{SCHEME}0x{key}:0x{signature}:{seconds}")
}

fn verified(header: &str, message: SignedMessage<'_>) -> Result<AccountId, MemberError> {
    SignedHeader::parse(header)?.verify(message, NOW, SKEW)
}

#[test]
fn both_forms_of_a_signature_are_taken() {
    let alice = pair("//Alice");
    let seconds = NOW.as_secs().to_string();
    let raw = PUT.at(&seconds);
    assert_eq!(raw, "web3storage:PUT:7:1700000000");
    for text in [raw.clone(), format!("<Bytes>{raw}</Bytes>")] {
        let header = header(&alice, &seconds, &text);
        let account = Ok(AccountId(alice.public().0));
        assert_eq!(verified(&header, PUT), account);
        assert_eq!(verified(&header.replace("0x", ""), PUT), account);
    }
}

#[test]
fn another_request_or_time_is_refused() {
    let alice = pair("//Alice");
    let at = |seconds: u64| {
        let seconds = seconds.to_string();
        header(&alice, &seconds, &PUT.at(&seconds))
    };
    let now = NOW.as_secs();
    for other in [
        SignedMessage {
            method: "GET",
            ..PUT
        },
        SignedMessage {
            bucket: BucketId(8),
            ..PUT
        },
    ] {
        assert_eq!(verified(&at(now), other), Err(MemberError::AuthRequired));
    }
    assert!(verified(&at(now - 300), PUT).is_ok());
    assert!(verified(&at(now + 300), PUT).is_ok());
    for expired in [now - 301, now + 301, 0, u64::MAX] {
        assert_eq!(
            verified(&at(expired), PUT),
            Err(MemberError::TimestampExpired)
        );
    }
    // The time is signed as it is written.
    let other_text = at(now).replace(&format!(":{now}"), &format!(":0{now}"));
    assert_eq!(verified(&other_text, PUT), Err(MemberError::AuthRequired));
}

#[test]
fn malformed_headers_are_refused() {
    let good = header(&pair("//Alice"), "1", "text");
    for wrong in [
        "",
        "Web3Storage",
        "Web3Storage ",
        "Web3Storage ::",
        "Bearer token",
        &good.replace("Web3Storage", "web3storage"),
        &good.replace("0x", "0x00"),
        &good.replace("0x", "0X"),
        &format!(" {good}"),
    ] {
        assert!(SignedHeader::parse(wrong).is_err(), "{wrong}");
    }
    for time in ["", "+1", "-1", " 1", "1:", "18446744073709551616"] {
        let header = format!("{}:{time}", good.strip_suffix(":1").unwrap());
        let refused = SignedHeader::parse(&header);
        assert_eq!(refused, Err(MemberError::TimestampExpired), "{time}");
    }
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in ".*", tail in "[0-9a-fx:]{0,220}") {
        let _ = SignedHeader::parse(&text);
        let _ = SignedHeader::parse(&format!("{SCHEME}{tail}"));
    }

    #[test]
    fn a_built_header_is_parsed_as_it_was_built(
        key in any::<[u8; 32]>(),
        (one, two) in any::<([u8; 32], [u8; 32])>(),
        time in any::<u64>(),
        prefix in "(0x)?",
    ) {
        let signature: [u8; 64] = [one, two].concat().try_into().unwrap();
        let (key_text, signature_text) = (hex::encode(key), hex::encode(signature));
        let text = format!("{SCHEME}{prefix}{key_text}:{prefix}{signature_text}:{time}");
        let seconds = time.to_string();
        let expected = SignedHeader { key, signature, seconds: &seconds, time };
        prop_assert_eq!(SignedHeader::parse(&text), Ok(expected));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_header_with_another_digit_authorises_nobody(at in 0usize..194, to in 0u8..16) {
        let seconds = NOW.as_secs().to_string();
        let alice = pair("//Alice");
        let good = header(&alice, &seconds, &PUT.at(&seconds));
        let digits: Vec<usize> = good
            .char_indices()
            .skip(SCHEME.len())
            .filter(|(_, letter)| letter.is_ascii_hexdigit())
            .map(|(at, _)| at)
            .collect();
        let at = digits[at % digits.len()];
        let digit = char::from_digit(to.into(), 16).unwrap().to_string();
        prop_assume!(good[at..=at] != digit);
        let mut other = good.clone();
        other.replace_range(at..=at, &digit);
        prop_assert!(verified(&other, PUT).is_err(), "{}", other);
    }
}
