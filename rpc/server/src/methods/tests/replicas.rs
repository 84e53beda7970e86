//! Nobody writes to the copy of a replica.

use super::*;
use cairn_provider::DutyKind;

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
