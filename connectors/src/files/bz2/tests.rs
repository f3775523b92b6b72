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
            prop_assume!(at == 3 || at < 3 || &bytes[at - 3..at] != b"BZh");
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

/// A packed file that holds, as text that can't be packed any further, another packed file and so its magic numbers.
fn nested() -> (Vec<u8>, Vec<u8>) {
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let noise: Vec<u8> = (0..250_000).map(|_| random()).collect();
    let bytes = pack(&[(1, noise.clone())]);
    (noise, bytes)
}

#[test]
fn a_magic_number_by_chance_only_costs_time() {
    let (noise, packed) = nested();
    // A file whose first part is another format's: the reader of the second part must not believe the first magic
    // number it sees, which here is damaged on purpose, without having asked from the start.
    let blocks = Blocks::within(Cursor::new(&packed), 1..packed.len() as u64).unwrap();
    let first = blocks.expect("blocks begin there").next(u64::MAX).unwrap();
    assert!(first.expect("a block").block > 1);
    for plant in [4, 60_000, 110_000, 111_111] {
        let mut bytes = packed.clone();
        bytes[plant..plant + 6].copy_from_slice(b"\x31\x41\x59\x26\x53\x59");
        // The library tells that the data are damaged, and so must whoever begins at the false magic number.
        let found = in_parts(&bytes, &cuts(bytes.len(), &[(plant * 65_535 / bytes.len()) as u16]));
        assert_eq!(found, by_the_library(&bytes).filter(|text| *text == noise), "planted at {plant}");
    }
}
