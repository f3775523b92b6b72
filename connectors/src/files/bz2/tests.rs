//! The library that packs is the oracle of what is unpacked.

use std::io::{Cursor, Read, Write};

use bzip2::Compression;
use bzip2::bufread::MultiBzDecoder;
use bzip2::write::BzEncoder;
use proptest::prelude::*;

use super::{Blocks, Text};

/// Packs each text as a stream.
fn pack(texts: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let stream = |(level, text): &(u32, Vec<u8>)| {
        let mut encoder = BzEncoder::new(Vec::new(), Compression::new(*level));
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    texts.iter().flat_map(stream).collect()
}

fn by_the_library(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    MultiBzDecoder::new(bytes).read_to_end(&mut text).ok().map(|_| text)
}

/// What the readers of all parts read together; `None` if one fails.
fn in_parts(bytes: &[u8], cuts: &[u64]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let mut last = None;
    for pair in cuts.windows(2) {
        let reader = Cursor::new(bytes);
        let blocks = if pair[0] == 0 { Blocks::of(reader).map(Some) } else { Blocks::within(reader, pair[0]..pair[1]) };
        let Some(mut blocks) = blocks.ok()? else { continue };
        while let Some(Text { block, bytes }) = blocks.next(pair[1]).ok()? {
            assert!((pair[0]..pair[1]).contains(&block) && last < Some(block), "block {block} of {pair:?}");
            last = Some(block);
            text.extend(bytes);
        }
    }
    Some(text)
}

fn cuts(size: usize, shares: &[u16]) -> Vec<u64> {
    let cut = |share: &u16| size as u64 * u64::from(*share) / u64::from(u16::MAX);
    let mut cuts: Vec<u64> = shares.iter().map(cut).chain([0, size as u64]).collect();
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

/// Texts from all the same to random; large ones make several blocks at low levels.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![3 => 0_usize..300, 2 => 0_usize..350_000];
    (length, 1_u32..=256, 1_u64..9, any::<u64>()).prop_map(|(length, values, run, seed)| {
        let mut state = seed | 1;
        let mut text = Vec::with_capacity(length);
        while text.len() < length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let times = if state >> 60 == 0 { state >> 40 & 1023 } else { state >> 50 & run };
            let byte = ((state >> 33) as u32 % values) as u8;
            text.resize((text.len() + times as usize + 1).min(length), byte);
        }
        text
    })
}

fn streams() -> impl Strategy<Value = Vec<(u32, Vec<u8>)>> {
    proptest::collection::vec((1_u32..=9, text()), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn parts_make_the_whole(texts in streams(), shares in proptest::collection::vec(any::<u16>(), 0..6)) {
        let bytes = pack(&texts);
        let whole: Vec<u8> = texts.into_iter().flat_map(|(_, text)| text).collect();
        prop_assert!(in_parts(&bytes, &cuts(bytes.len(), &shares)).unwrap() == whole);
    }

    #[test]
    fn damage_is_an_error_where_it_is_one_for_the_library(
        texts in streams(), shares in proptest::collection::vec(any::<u16>(), 0..4), at: u32, bits in 1_u8..=255, cut: bool,
    ) {
        let mut bytes = pack(&texts);
        let at = at as usize % bytes.len();
        if cut {
            bytes.truncate(at);
        } else {
            // The level of a stream in whose midst a part begins is not looked at.
            prop_assume!(at <= 3 || &bytes[at - 3..at] != b"BZh");
            bytes[at] ^= bits;
        }
        prop_assume!(!bytes.is_empty());
        let found = in_parts(&bytes, &cuts(bytes.len(), &shares));
        prop_assert!(found == by_the_library(&bytes), "byte {at}");
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 1..300), shares: [u16; 2]) {
        let bytes = [b"BZh9\x31\x41\x59\x26\x53\x59", &bytes[..]].concat();
        prop_assert_eq!(in_parts(&bytes, &cuts(bytes.len(), &shares)), by_the_library(&bytes));
    }
}

/// An over-full code that no symbol has was damage to us, and none to the library: a table that nobody uses may be anything.
#[test]
fn of_a_short_file_each_bit_is_flipped() {
    for text in [&b"a"[..], b"abcabcabcabd", b"a stitch in time saves nine"] {
        let sound = pack(&[(1, text.to_vec())]);
        // Behind the header, whose level is not looked at, and but for the bit that old programs set.
        for bit in (32..sound.len() * 8).filter(|bit| *bit != 32 + 48 + 32) {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 128 >> (bit % 8);
            assert_eq!(in_parts(&bytes, &[0, bytes.len() as u64]), by_the_library(&bytes), "{text:?}, bit {bit}");
        }
    }
}

/// The bits of a stream up to its padding.
fn bits_of(bytes: &[u8]) -> Vec<bool> {
    let mut bits: Vec<bool> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
    let end = number_bits(0x1772_4538_5090, 48);
    let at = bits.windows(48).collect::<Vec<_>>().iter().rposition(|window| *window == end).unwrap();
    bits.truncate(at + 48 + 32);
    bits
}

fn number_bits(number: u64, count: u32) -> Vec<bool> {
    (0..count).rev().map(|bit| number >> bit & 1 == 1).collect()
}

/// Puts the magic number of a block into the first block of a stream, as selectors that nothing needs: any bits without
/// long runs of ones are selectors. The text stays as it is. With the byte in which that magic number begins.
fn plant(bytes: &[u8]) -> (Vec<u8>, u64) {
    let mut bits = bits_of(bytes);
    let value = |bits: &[bool]| bits.iter().fold(0_usize, |value, bit| value << 1 | usize::from(*bit));
    let values = 32 + 48 + 32 + 1 + 24;
    let tables = values + 16 + 16 * bits[values..values + 16].iter().filter(|bit| **bit).count();
    assert!(value(&bits[tables..tables + 3]) > 2, "runs of two ones must be selectors");
    let count = value(&bits[tables + 3..tables + 18]);
    let zeros = bits.iter().enumerate().skip(tables + 18).filter(|(_, bit)| !**bit);
    let end = zeros.map(|(at, _)| at + 1).nth(count - 1).unwrap();
    let planted = [number_bits(0x3141_5926_5359, 48), vec![false]].concat();
    let more = planted.iter().filter(|bit| !**bit).count();
    bits.splice(end..end, planted);
    bits.splice(tables + 3..tables + 18, number_bits((count + more) as u64, 15));
    let bytes =
        bits.chunks(8).map(|byte| byte.iter().enumerate().fold(0, |sum, (at, bit)| sum | u8::from(*bit) << (7 - at)));
    (bytes.collect(), end as u64 / 8)
}

#[test]
fn a_magic_number_by_chance_only_costs_time() {
    let text: Vec<u8> = (0..40_000_u32).flat_map(|number| number.wrapping_mul(40_503).to_le_bytes()).collect();
    let (bytes, planted) = plant(&pack(&[(1, text.clone())]));
    assert_eq!(by_the_library(&bytes).as_ref(), Some(&text), "it is a sound file");
    // Who begins before it meets it first; who begins behind it, in the second block, meets it in the stream's CRC.
    let size = bytes.len() as u64;
    for cut in [1, planted - 1, planted, planted + 1, size / 2, size * 5 / 8, size - 9] {
        assert!(in_parts(&bytes, &[0, cut, size]).as_ref() == Some(&text), "cut at {cut}, planted at {planted}");
    }
    let two = [&bytes[..], &bytes[..]].concat();
    let twice = [&text[..], &text[..]].concat();
    for cut in [planted, size * 5 / 8, size + 2, size + planted, size + size * 5 / 8] {
        assert!(in_parts(&two, &[0, cut, 2 * size]).as_ref() == Some(&twice), "cut at {cut}");
    }
}
