//! How records stand in a file: TFRecord's framing, one after the other.
//!
//! Length (u64), checksum of the length, data, checksum of the data, all little endian. A checksum is
//! CRC-32C (Castagnoli), rotated and offset, so that data that holds checksums itself has no
//! checksum that is easily right by chance (TensorFlow, `lib/io/record_writer.h`, `lib/hash/crc32c.h`).

/// CRC-32C, masked.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Makes `frame` the record of what `encode` appends to it; its memory is used again.
pub(crate) fn frame(frame: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) {
    frame.clear();
    frame.extend([0; 12]);
    encode(frame);
    let length = ((frame.len() - 12) as u64).to_le_bytes();
    frame[..8].copy_from_slice(&length);
    frame[8..12].copy_from_slice(&masked_crc(&length).to_le_bytes());
    frame.extend(masked_crc(&frame[12..]).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, appendix B.4; and the check value of the catalogue of parametrised CRCs.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_record_is_length_data_and_a_checksum_of_each() {
        let mut record = vec![9; 3];
        frame(&mut record, |data| data.extend(b"\x1a\x11CRC test, one two"));
        let mut expected = vec![0x13, 0, 0, 0, 0, 0, 0, 0, 0x0c, 0x91, 0x32, 0x1b];
        expected.extend(b"\x1a\x11CRC test, one two");
        expected.extend([0x8a, 0xd0, 0x94, 0x57]);
        assert_eq!(record, expected);
    }
}
