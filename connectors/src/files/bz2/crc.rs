//! The CRC-32 of bzip2: the polynomial of Ethernet, most significant bit first.

/// By byte and by how many bytes follow it in a step of eight.
const TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut step = 1;
    while step < 8 {
        let mut byte = 0;
        while byte < 256 {
            let crc: u32 = tables[step - 1][byte];
            tables[step][byte] = crc << 8 ^ tables[0][(crc >> 24) as usize];
            byte += 1;
        }
        step += 1;
    }
    tables
}

/// The CRC of a text.
pub(super) fn crc(text: &[u8]) -> u32 {
    let (eights, rest) = text.as_chunks::<8>();
    let crc = eights.iter().fold(u32::MAX, |crc, bytes| {
        let word = u64::from_be_bytes(*bytes) ^ u64::from(crc) << 32;
        word.to_be_bytes().iter().zip(TABLES.iter().rev()).fold(0, |crc, (byte, table)| crc ^ table[usize::from(*byte)])
    });
    !rest.iter().fold(crc, |crc, byte| crc << 8 ^ TABLES[0][usize::from((crc >> 24) as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(crc(b"123456789"), 0xfc89_1918);
    }

    proptest! {
        #[test]
        fn eight_bytes_at_once_are_eight_steps(text in proptest::collection::vec(any::<u8>(), 0..60)) {
            let bitwise = text.iter().fold(u32::MAX, |crc, byte| {
                (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 })
            });
            prop_assert_eq!(crc(&text), !bitwise);
        }
    }
}
