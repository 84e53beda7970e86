//! The checksum in RocksDB's own files: CRC-32C, rotated and offset ("masked") so
//! that data which contains checksums does not checksum to one of them.

use crc::{CRC_32_ISCSI, Crc, Table};

static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// Returns the masked checksum of `bytes`, as RocksDB stores it.
pub(crate) fn masked(bytes: &[u8]) -> u32 {
    masked_of(&[bytes])
}

/// Returns the masked checksum of consecutive parts, as RocksDB stores it.
pub(crate) fn masked_of(parts: &[&[u8]]) -> u32 {
    let mut digest = CRC.digest();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_checksum_of_rfc_3720_masked() {
        let crc = |bytes: &[u8]| CRC.checksum(bytes);
        assert_eq!(crc(b"123456789"), 0xe306_9283);
        assert_eq!(crc(&[0; 32]), 0x8a91_36aa);
        let masked_again = 0xe306_9283u32.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(masked_of(&[b"1234", b"", b"56789"]), masked_again);
    }
}
