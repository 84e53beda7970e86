//! Checks of the buckets, and of the provider that serves them.

use super::evidence::{Evidence, RunningProvider, Store};
use super::{Check, Finding};
use crate::describe::counted;
use cairn_primitives::BucketId;

/// A deadline is near if fewer anchor blocks are left: an hour of 6 s blocks, in which an
/// operator can still act.
const NEAR_DEADLINE: u64 = 600;

/// Returns the finding of a check of the buckets.
pub(super) fn find(check: Check, evidence: &Evidence) -> Option<Finding> {
    if matches!(check, Check::Running | Check::Ready) {
        return Some(running(check, evidence));
    }
    let of_store: fn(Check, &Store) -> Finding = match check {
        Check::Store => {
            |check, store| Finding::sound(check, counted(store.buckets.len(), "bucket"))
        }
        Check::Quarantine => |check, store| {
            let all = store.quarantined.iter();
            let texts: Vec<_> = all
                .map(|(bucket, reason)| format!("bucket {bucket}: {reason}"))
                .collect();
            listed(check, &texts, Finding::danger, "no bucket is")
        },
        Check::LostBuckets => {
            |check, store| listed(check, &named(&store.lost), Finding::danger, "none is gone")
        }
        Check::UnprovableLeaves => unprovable_leaves,
        Check::SignedRoots => signed_roots,
        Check::Signing => |check, store| match &store.signing_off {
            None => Finding::sound(check, "it is on"),
            Some(reason) => Finding::warning(check, reason.clone()),
        },
        Check::Deadlines => return Some(deadlines(evidence)),
        _ => return None,
    };
    Some(match (&evidence.store, check) {
        (Ok(store), _) => of_store(check, store),
        (Err(reason), Check::Store) => Finding::danger(check, reason.clone()),
        (Err(_), _) => Finding::unknown(check, "the buckets cannot be read"),
    })
}

fn named(buckets: &[BucketId]) -> Vec<String> {
    let all = buckets.iter();
    all.map(|bucket| format!("bucket {bucket}")).collect()
}

fn listed(
    check: Check,
    found: &[String],
    severe: fn(Check, String) -> Finding,
    sound: &str,
) -> Finding {
    match found {
        [] => Finding::sound(check, sound),
        found => severe(check, found.join("; ")),
    }
}

fn unprovable_leaves(check: Check, store: &Store) -> Finding {
    let all = store.unprovable.iter();
    let texts: Vec<_> = all
        .map(|(bucket, leaves)| format!("bucket {bucket}: {leaves} leaves"))
        .collect();
    match store.uncounted.as_slice() {
        uncounted if texts.is_empty() && !uncounted.is_empty() => Finding::unknown(
            check,
            format!("they are not counted in {}", named(uncounted).join("; ")),
        ),
        _ => listed(check, &texts, Finding::warning, "all leaves can be proven"),
    }
}

fn signed_roots(check: Check, store: &Store) -> Finding {
    let mut texts = Vec::new();
    for bucket in store.missing_roots.iter().flatten() {
        texts.push(format!(
            "bucket {bucket} lacks a signed root that the chain has"
        ));
    }
    if !texts.is_empty() {
        return Finding::danger(check, texts.join("; "));
    }
    for bucket in &store.let_go {
        texts.push(format!("signed roots of bucket {bucket} were let go"));
    }
    if texts.is_empty() && store.missing_roots.is_none() {
        return Finding::unknown(
            check,
            "only a running provider compares them with the chain, and none was asked",
        );
    }
    listed(check, &texts, Finding::warning, "nothing signed is missing")
}

fn running(check: Check, evidence: &Evidence) -> Finding {
    match (&evidence.running, check) {
        (None, Check::Running) => Finding::warning(check, "no provider has locked the base path"),
        (None, _) => Finding::unknown(check, "no provider runs"),
        (Some(Err(reason)), Check::Running) => Finding::danger(check, reason.clone()),
        (Some(Err(_)), _) => Finding::unknown(check, "the provider does not answer"),
        (Some(Ok(running)), Check::Running) => {
            Finding::sound(check, format!("it answers at {}", running.url))
        }
        (Some(Ok(running)), _) => match &running.not_ready {
            None => Finding::sound(check, "it follows the chain and takes requests"),
            Some(reason) => Finding::danger(check, reason.clone()),
        },
    }
}

fn deadlines(evidence: &Evidence) -> Finding {
    let check = Check::Deadlines;
    if let Some(Ok(running)) = &evidence.running {
        return deadlines_of(check, running);
    }
    match evidence.store.as_ref().ok().and_then(|store| store.duties) {
        None => Finding::unknown(check, "the recorded challenges cannot be read"),
        Some(0) => Finding::sound(check, "no challenge is recorded"),
        Some(count) => Finding::danger(
            check,
            format!("{count} challenges are recorded, and no provider runs to answer them"),
        ),
    }
}

fn deadlines_of(check: Check, running: &RunningProvider) -> Finding {
    let (open, left) = (running.open, running.nearest_deadline);
    let evidence = format!(
        "{open} open challenges, of which {} need the operator; {left} anchor blocks are left to \
         the nearest deadline without an answer",
        running.alarmed
    );
    match open {
        0 => Finding::sound(check, "no challenge is open"),
        _ if running.alarmed > 0 || left < NEAR_DEADLINE => Finding::danger(check, evidence),
        _ => Finding::note(check, evidence),
    }
}
