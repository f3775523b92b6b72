//! Bits of a slice of compressed bytes, most significant first.
//!
//! Beyond the slice's end bits are 0, so that a decoder need not look for the end at each symbol: it asks
//! [`Bits::has_overrun`] now and then, and what it read since the end is void.

/// A place in a slice of bytes, to the bit.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next byte that goes into `ahead`; runs on beyond the slice's end.
    next: usize,
    /// The next bits, flush left. Those below the first `count` are 0, or as they stand in the slice.
    ahead: u64,
    /// How many bits of `ahead` were taken from the slice.
    count: u32,
}

impl<'a> Bits<'a> {
    /// The bits of `bytes` from bit number `at` on.
    pub(super) fn at(bytes: &'a [u8], at: usize) -> Self {
        let mut bits = Self { bytes, next: at / 8, ahead: 0, count: 0 };
        bits.refill();
        bits.skip((at % 8) as u32);
        bits
    }

    /// Makes at least 56 bits ready for [`Bits::peek`].
    #[inline]
    pub(super) fn refill(&mut self) {
        if let Some(word) = self.bytes.get(self.next..).and_then(<[u8]>::first_chunk::<8>) {
            self.ahead |= u64::from_be_bytes(*word) >> self.count;
            let taken = (63 - self.count) / 8;
            self.next += taken as usize;
            self.count += taken * 8;
        } else {
            self.refill_at_the_end();
        }
    }

    #[cold]
    fn refill_at_the_end(&mut self) {
        while self.count <= 56 {
            let byte = self.bytes.get(self.next).copied().unwrap_or(0);
            self.ahead |= u64::from(byte) << (56 - self.count);
            self.next += 1;
            self.count += 8;
        }
    }

    /// The next `count` bits, 1 to 32 and no more than are ready, without taking them.
    #[inline]
    pub(super) fn peek(&self, count: u32) -> u32 {
        (self.ahead >> (64 - count)) as u32
    }

    /// Takes `count` of the bits that are ready.
    #[inline]
    pub(super) fn skip(&mut self, count: u32) {
        self.ahead <<= count;
        self.count -= count;
    }

    /// Takes the next `count` bits, 1 to 32, as a number.
    pub(super) fn take(&mut self, count: u32) -> u32 {
        self.refill();
        let number = self.peek(count);
        self.skip(count);
        number
    }

    /// Takes one bit.
    pub(super) fn flag(&mut self) -> bool {
        self.take(1) == 1
    }

    /// Number of the next bit in the slice.
    pub(super) fn position(&self) -> usize {
        self.next * 8 - self.count as usize
    }

    /// Whether bits beyond the slice's end were taken.
    pub(super) fn has_overrun(&self) -> bool {
        self.position() > self.bytes.len() * 8
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_are_those_of_the_bytes(
            bytes in proptest::collection::vec(any::<u8>(), 0..40), at in 0_usize..330, counts in proptest::collection::vec(1_u32..=32, 0..20),
        ) {
            let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
            let mut bits = Bits::at(&bytes, at);
            let mut place = at;
            for count in counts {
                let expected = (place..place + count as usize).fold(0_u64, |number, at| number << 1 | u64::from(bit(at)));
                prop_assert_eq!(u64::from(bits.take(count)), expected);
                place += count as usize;
                prop_assert_eq!(bits.position(), place);
                prop_assert_eq!(bits.has_overrun(), place > bytes.len() * 8);
            }
        }
    }
}
