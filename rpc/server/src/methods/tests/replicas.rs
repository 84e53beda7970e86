//! Nobody writes to the copy of a replica, and the status has its state.

use super::*;
use crate::convert::replica_info;
use cairn_gadget::{ReplicaReport, ReplicaState};
use cairn_provider::DutyKind;
use cairn_rpc_api::ReplicaStateInfo;

#[test]
fn the_copy_of_a_replica_takes_no_writes() {
    let rpc = TestRpc::new();
    let chunk = [7_u8; 3];
    let hash = HashingProfile::Plain.chunk(&chunk);
    let put = || {
        let params = json!([BUCKET.0, hash, format!("0x{}", hex::encode(chunk))]);
        rpc.call("cairnWrite_v1_putChunk", &params)
    };
    put().unwrap();
    // An agreement as a replica that was seen before the start. No agreement is read yet.
    let record = (1_u8, [3_u8; 32], 1_u64 << 30, 9_u32, true, false, true).encode();
    let change = (BUCKET.0.to_be_bytes().to_vec(), Some(record));
    let index = rpc.fixture.provider.index();
    index.write_duties(DutyKind::Agreement, &[change]).unwrap();
    let refused = put().unwrap_err();
    assert_eq!(refused.code(), Code::Invalid.number());
    assert!(refused.message().contains("a replica"), "{refused:?}");
}

/// A copy that is being made comes before anything else, and the reasons stay in the log.
#[test]
fn the_status_has_each_state_of_a_replica() {
    let info_of = |state: ReplicaState, is_syncing| {
        let report = ReplicaReport {
            state,
            last_sync: Some(4),
            is_missing: true,
        };
        let info = replica_info(BUCKET, &report, is_syncing);
        assert_eq!(info.bucket.0, BUCKET.0);
        assert_eq!((info.is_missing, info.last_confirmation), (true, Some(4)));
        info.state
    };
    let wanted = Sequence(3);
    let (price, balance) = (2, 1);
    for (state, expected) in [
        (ReplicaState::Synced, ReplicaStateInfo::Synced),
        (ReplicaState::Due, ReplicaStateInfo::Behind),
        (
            ReplicaState::TooSoon { blocks: 9 },
            ReplicaStateInfo::Behind,
        ),
        (ReplicaState::Off, ReplicaStateInfo::NotEnabled),
        (ReplicaState::NoCheckpoint, ReplicaStateInfo::NoCheckpoint),
        (ReplicaState::Ended, ReplicaStateInfo::Ended),
        (
            ReplicaState::Unpaid { price, balance },
            ReplicaStateInfo::Unpaid,
        ),
        (ReplicaState::Missing, ReplicaStateInfo::Missing),
        (
            ReplicaState::LeftBehind { wanted },
            ReplicaStateInfo::LeftBehind,
        ),
        (
            ReplicaState::Waiting("a secret".into()),
            ReplicaStateInfo::Waiting,
        ),
        (
            ReplicaState::Failed("a secret".into()),
            ReplicaStateInfo::Failed,
        ),
    ] {
        assert_eq!(info_of(state.clone(), false), expected);
        assert_eq!(info_of(state, true), ReplicaStateInfo::Syncing);
    }
}
