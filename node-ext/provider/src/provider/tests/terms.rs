//! Terms are signed with a nonce that was durable before: across kills, restored backups and
//! copies no nonce is signed twice.

use super::*;
use cairn_keys::ReservedTerms;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::terms::{AgreementTerms, BucketTarget, ReplayWindow};

const NONE_REDEEMED: ReplayWindow = ReplayWindow {
    highest: 0,
    redeemed: [0; 32],
};

fn terms(valid_until: u32) -> AgreementTerms {
    AgreementTerms {
        owner: AccountId([1; 32]),
        max_bytes: 1 << 30,
        duration: 100,
        price_per_byte: 2,
        valid_until,
        nonce: 0,
        bucket: BucketTarget::New,
        replica: None,
    }
}

/// Starts a provider, and lets an anchor block pass.
fn start_at(path: &Path, anchor: u32) -> Provider {
    let provider = start(path);
    provider.observe_anchor(anchor - 1);
    provider
}

fn sign(provider: &Provider, anchor: u32) -> Result<u64, SignTermsError> {
    let signed = provider.sign_terms(terms(anchor + 50), anchor, &NONE_REDEEMED, &signer());
    signed.map(|signed| signed.terms.nonce)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn terms_are_signed_with_one_nonce_each() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start_at(folder.path(), 10);
    let nonces = [(); 3].map(|()| sign(&provider, 10).unwrap());
    assert_eq!(nonces, [10 << 20, (10 << 20) + 1, (10 << 20) + 2]);
    let open = provider.redeemable_terms(10, &NONE_REDEEMED).unwrap();
    assert_eq!(open.len(), 3);
}

#[test]
fn a_nonce_that_was_reserved_before_a_kill_is_not_signed() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start_at(folder.path(), 10);
    let reserved = provider.reserve_terms(terms(60), 10, &NONE_REDEEMED);
    let reserved: ReservedTerms = reserved.unwrap();
    let lost = reserved.terms().nonce;
    // The process dies before it signs: the same anchor block is seen again.
    drop((reserved, provider));
    let provider = start_at(folder.path(), 10);
    assert_eq!(sign(&provider, 10).unwrap(), lost + 1);
    // What was reserved counts as signed.
    let open = provider.redeemable_terms(10, &NONE_REDEEMED).unwrap();
    assert_eq!(open[0].nonce, lost);
}

#[test]
fn a_restored_backup_skips_what_it_cannot_know() {
    let (folder, backup) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let provider = start_at(folder.path(), 10);
    let known = sign(&provider, 10).unwrap();
    drop(provider);
    copy(folder.path(), backup.path());
    let provider = start_at(folder.path(), 10);
    let signed: HashSet<_> = [(); 5].map(|()| sign(&provider, 10).unwrap()).into();
    drop(provider);
    // The backup is started while the anchor block is still the same.
    let provider = start(backup.path());
    provider.observe_anchor(10);
    let refused = sign(&provider, 10).unwrap_err();
    assert!(matches!(
        refused,
        SignTermsError::Nonce(NonceError::JustStarted)
    ));
    let restored = sign(&provider, 11).unwrap();
    assert!(
        restored > known && !signed.contains(&restored),
        "{restored}"
    );
    assert_eq!(restored, 11 << 20);
}

#[test]
fn an_index_that_is_lost_loses_no_nonce() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start_at(folder.path(), 10);
    let before = sign(&provider, 10).unwrap();
    drop(provider);
    std::fs::remove_dir_all(folder.path().join(INDEX_DIR)).unwrap();
    let provider = start_at(folder.path(), 11);
    assert!(sign(&provider, 11).unwrap() > before);
}

#[test]
fn a_copy_that_is_not_accepted_signs_no_terms() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(start_at(folder.path(), 10));
    copy(folder.path(), other.path());
    let provider = start_with(other.path(), ProviderOptions::default());
    provider.observe_anchor(9);
    let refused = sign(&provider, 10).unwrap_err();
    assert!(matches!(refused, SignTermsError::Refused(_)), "{refused}");
    let open = provider.redeemable_terms(10, &NONE_REDEEMED).unwrap();
    assert!(open.is_empty(), "it used up a nonce");
}

#[test]
fn terms_are_forgotten_once_they_cannot_be_redeemed() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start_at(folder.path(), 10);
    let first = sign(&provider, 10).unwrap();
    let second = sign(&provider, 20).unwrap();
    let mut nonces = ReplayWindow::default();
    nonces.redeem(second).unwrap();
    let open = |anchor, nonces| {
        let open = provider.redeemable_terms(anchor, nonces).unwrap();
        open.iter().map(|terms| terms.nonce).collect::<Vec<_>>()
    };
    assert_eq!(open(60, &nonces), [first]);
    assert!(open(61, &nonces).is_empty());
    let signed = provider.sign_terms(terms(200), 61, &nonces, &signer());
    let third = signed.unwrap().terms.nonce;
    let kept = provider.index().reserved_terms().unwrap();
    assert_eq!(
        kept.iter().map(|terms| terms.nonce).collect::<Vec<_>>(),
        [third]
    );
}

#[test]
fn another_chain_has_nonces_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start_at(folder.path(), 900);
    provider
        .follow(H256::repeat_byte(1), OnOtherChain::Refuse)
        .unwrap();
    sign(&provider, 900).unwrap();
    provider
        .follow(H256::repeat_byte(1), OnOtherChain::Adopt)
        .unwrap();
    assert_eq!(sign(&provider, 900).unwrap(), (900 << 20) + 1);
    provider
        .follow(H256::repeat_byte(2), OnOtherChain::Adopt)
        .unwrap();
    assert!(
        sign(&provider, 8).is_err(),
        "no anchor block has passed on it"
    );
    provider.observe_anchor(7);
    assert_eq!(sign(&provider, 8).unwrap(), 8 << 20);
    assert_eq!(
        provider.redeemable_terms(8, &NONE_REDEEMED).unwrap().len(),
        1
    );
}
