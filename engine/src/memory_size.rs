//! An amount of memory as people write it.

use std::fmt;
use std::str::FromStr;

use bytesize::ByteSize;
use thiserror::Error;

/// Bytes of memory, at least 1. `K`, `M`, `G` and `T` are powers of 1,024, as in Java's `-Xmx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemorySize(pub u64);

/// A text that is no amount of memory.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no amount of memory: write 512M, 1.5G or 2G")]
pub struct NoSize(String);

impl MemorySize {
    const MEBIBYTE: u64 = 1 << 20;
    const GIBIBYTE: u64 = 1 << 30;

    /// The next round amount from here on: of two to three digits in its unit.
    #[must_use]
    pub fn rounded_up(self) -> Self {
        let steps = [10, 50, 100, 500, 1024].map(|mebibytes| mebibytes * Self::MEBIBYTE);
        // At most a tenth more, but for the smallest.
        let step = steps.into_iter().rfind(|step| self.0 / step >= 10).unwrap_or(steps[0]);
        Self(self.0.div_ceil(step).saturating_mul(step))
    }
}

impl FromStr for MemorySize {
    type Err = NoSize;

    fn from_str(text: &str) -> Result<Self, NoSize> {
        let trimmed = text.trim();
        // To `ByteSize` a lone M is a million.
        let binary = trimmed.ends_with(['k', 'K', 'm', 'M', 'g', 'G', 't', 'T']);
        let size = if binary { format!("{trimmed}iB").parse() } else { trimmed.parse::<ByteSize>() };
        let bytes = size.ok().map(|size| size.as_u64()).filter(|bytes| (1..u64::MAX).contains(bytes));
        bytes.map(Self).ok_or_else(|| NoSize(text.to_owned()))
    }
}

/// In whole mebibytes or gibibytes, rounded up: what is shown is never too little when it is given.
impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= Self::GIBIBYTE && self.0.is_multiple_of(Self::GIBIBYTE) {
            write!(f, "{}G", self.0 / Self::GIBIBYTE)
        } else {
            write!(f, "{}M", self.0.div_ceil(Self::MEBIBYTE))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        const K: u64 = 1024;
        for (text, bytes) in [
            ("2G", 2 * K * K * K),
            ("512M", 512 * K * K),
            ("1.5g", 3 * K * K * K / 2),
            (" 64k ", 64 * K),
            ("1T", K * K * K * K),
            ("1 T", K * K * K * K),
            ("2GiB", 2 * K * K * K),
            ("512 MiB", 512 * K * K),
            ("100MB", 100_000_000),
            ("4096", 4096),
        ] {
            assert_eq!(text.parse(), Ok(MemorySize(bytes)), "{text}");
        }
        for text in ["", "G", "much", "-1G", "0", "0M", "2X", "NaN", "infG", "1e400G", "2G2", "99999999999999T"] {
            assert!(text.parse::<MemorySize>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_as_no_less_and_hardly_more(bytes in 1_u64..1 << 50) {
            let size = MemorySize(bytes);
            let again: MemorySize = size.to_string().parse().unwrap();
            prop_assert!(again >= size && again.0 < bytes + (1 << 20));
        }

        #[test]
        fn a_round_size_is_no_less_and_at_most_a_tenth_or_ten_mebibytes_more(bytes in 1_u64..1 << 50) {
            let round = MemorySize(bytes).rounded_up();
            prop_assert!(round.0 >= bytes && round.0 - bytes <= (bytes / 10).max(10 << 20));
            prop_assert_eq!(round.to_string().parse(), Ok(round));
        }
    }
}
